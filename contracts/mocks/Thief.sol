// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC1271} from "@openzeppelin/contracts/interfaces/IERC1271.sol";
import {ERC1155Holder} from "@openzeppelin/contracts/token/ERC1155/utils/ERC1155Holder.sol";

/// @title A contract that takes prepared steps whenever somebody calls it: as a receiver, as a wallet, by hand
contract Thief is ERC1155Holder {
    address[] private _targets;
    bytes[] private _steps;
    /// How often it struck.
    uint256 public strikes;
    /// Which steps went through.
    bool[] public went;

    /// @notice Prepare what to do at the next call.
    function arm(address[] calldata targets, bytes[] calldata steps) external {
        (_targets, _steps, strikes) = (targets, steps, 0);
        delete went;
    }

    /// @notice Call anything as this contract.
    function run(address to, bytes calldata data) external {
        (bool done,) = to.call(data);
        require(done, "run failed");
    }

    /// @notice Take the steps, once.
    function strike() public {
        if (_steps.length == 0 || strikes != 0) return;
        ++strikes;
        for (uint256 i = 0; i < _steps.length; ++i) {
            (bool done,) = _targets[i].call(_steps[i]);
            went.push(done);
        }
    }

    function onERC1155Received(address operator, address from, uint256 id, uint256 value, bytes memory data)
        public
        override
        returns (bytes4)
    {
        strike();
        return super.onERC1155Received(operator, from, id, value, data);
    }

    function onERC1155BatchReceived(
        address operator,
        address from,
        uint256[] memory ids,
        uint256[] memory values,
        bytes memory data
    ) public override returns (bytes4) {
        strike();
        return super.onERC1155BatchReceived(operator, from, ids, values, data);
    }

    /// @notice Says yes to everything. Asked by a static call, it tries its steps in vain.
    function isValidSignature(bytes32, bytes calldata) external returns (bytes4) {
        try this.strike{gas: 20_000}() {} catch {}
        return IERC1271.isValidSignature.selector;
    }
}
