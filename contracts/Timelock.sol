// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";

/// @title OpenZeppelin's timelock, nothing changed
/// @notice Holds the governor's role of `Parameters`. Whoever proposes waits for the delay; with the zero address as
/// executor anybody may execute what has waited. It administers itself: a shorter delay waits for the longer one.
/// @dev Exists only so that the build has an artefact to deploy.
contract Timelock is TimelockController {
    constructor(uint256 delay, address[] memory proposers, address[] memory executors, address admin)
        TimelockController(delay, proposers, executors, admin)
    {}
}
