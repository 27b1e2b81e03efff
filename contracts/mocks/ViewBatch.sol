// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title Many views in one call, for tests that compare the whole state
contract ViewBatch {
    function read(address[] calldata targets, bytes[] calldata calls) external view returns (bytes[] memory answers) {
        answers = new bytes[](calls.length);
        for (uint256 i = 0; i < calls.length; ++i) {
            bool done;
            (done, answers[i]) = targets[i].staticcall(calls[i]);
            require(done, "a view reverted");
        }
    }
}
