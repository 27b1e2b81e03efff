// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ERC1155Holder} from "@openzeppelin/contracts/token/ERC1155/utils/ERC1155Holder.sol";

/// @title A holder of units that calls back into a target when it receives some
contract HostileReceiver is ERC1155Holder {
    address public target;
    bytes public attack;
    bool public refuses;
    bool public attackSucceeded;

    function arm(address target_, bytes calldata data) external {
        (target, attack, attackSucceeded) = (target_, data, false);
    }

    function refuse(bool refuses_) external {
        refuses = refuses_;
    }

    /// @notice Call anything as this contract.
    function run(address to, bytes calldata data) external {
        (bool done,) = to.call(data);
        require(done, "run failed");
    }

    function onERC1155Received(address operator, address from, uint256 id, uint256 value, bytes memory data)
        public
        override
        returns (bytes4)
    {
        if (refuses) return 0xffffffff;
        if (target != address(0)) {
            address once = target;
            target = address(0);
            (attackSucceeded,) = once.call(attack);
        }
        return super.onERC1155Received(operator, from, id, value, data);
    }
}
