// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// @title A token that lies, takes a fee of each transfer, and changes balances by itself
contract FickleToken is ERC20 {
    enum Manner {
        HONEST,
        LIES,
        SAYS_NOTHING
    }

    Manner public manner;
    uint256 public feeBps;

    constructor() ERC20("Fickle", "FICK") {}

    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }

    function behave(Manner manner_) external {
        manner = manner_;
    }

    function setFee(uint256 bps) external {
        feeBps = bps;
    }

    /// @notice Give an account another balance.
    function rebase(address account, uint256 amount) external {
        uint256 current = balanceOf(account);
        if (amount > current) _mint(account, amount - current);
        else _burn(account, current - amount);
    }

    /// @dev One that lies answers false; one that says nothing answers true. Neither moves anything.
    function transfer(address to, uint256 value) public override returns (bool) {
        if (manner != Manner.HONEST) return manner == Manner.SAYS_NOTHING;
        return super.transfer(to, value);
    }

    function transferFrom(address from, address to, uint256 value) public override returns (bool) {
        if (manner != Manner.HONEST) return manner == Manner.SAYS_NOTHING;
        return super.transferFrom(from, to, value);
    }

    function _update(address from, address to, uint256 value) internal override {
        uint256 fee = from == address(0) || to == address(0) ? 0 : (value * feeBps) / 10_000;
        super._update(from, to, value - fee);
        if (fee != 0) super._update(from, address(this), fee);
    }
}
