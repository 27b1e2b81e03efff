// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// @title A token that keeps a fee of each transfer and calls a target in the middle of it
contract HostileToken is ERC20 {
    uint256 public feeBps;
    address public target;
    bytes public attack;
    bool public attackSucceeded;
    bytes public attackResult;

    constructor() ERC20("Hostile", "HOST") {}

    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }

    function setFee(uint256 bps) external {
        feeBps = bps;
    }

    /// @notice Call `target` with `data` once, in the next transfer.
    function arm(address target_, bytes calldata data) external {
        (target, attack, attackSucceeded) = (target_, data, false);
        delete attackResult;
    }

    function _update(address from, address to, uint256 value) internal override {
        uint256 fee = from == address(0) ? 0 : (value * feeBps) / 10_000;
        super._update(from, to, value - fee);
        if (fee != 0) super._update(from, address(this), fee);
        if (target != address(0) && from != address(0)) {
            address once = target;
            target = address(0);
            (attackSucceeded, attackResult) = once.call(attack);
        }
    }
}
