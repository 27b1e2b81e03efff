// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @notice The time constants of one deployment, in seconds.
struct Timing {
    /// How long after its start a window may still be filled.
    uint32 startGrace;
    /// How long before its start units stop being transferable.
    uint32 freeze;
    /// How long after the end nobody can close (so that usage is paid first) and a case may be opened, and how long a
    /// replaced key still counts.
    uint32 redeemGrace;
    /// How long the holder may challenge usage that the agent alone claims.
    uint32 challenge;
    /// How long the provider may answer a no-show claim.
    uint32 response;
    /// How long the arbiters may take over a disputed case.
    uint32 verdict;
}

library TimingLib {
    uint256 internal constant MAX_START_GRACE = 10 minutes;
    uint256 internal constant MAX_FREEZE = 1 days;
    /// From the end of a lease until the last open case is over.
    uint256 internal constant MAX_EXIT = 6 days;

    error TimingOutOfRange(uint256 given, uint256 limit);

    /// @notice Longest time that a case opened at the last moment stays open.
    function longestCase(Timing memory timing) internal pure returns (uint32) {
        return (timing.challenge > timing.response ? timing.challenge : timing.response) + timing.verdict;
    }

    /// @notice Refuse constants with which money could stay longer than the protocol promises.
    function check(Timing memory timing) internal pure {
        _atMost(timing.startGrace, MAX_START_GRACE);
        _atMost(timing.freeze, MAX_FREEZE);
        _atMost(uint256(timing.challenge) + timing.verdict, MAX_EXIT);
        _atMost(uint256(timing.response) + timing.verdict, MAX_EXIT);
        _atMost(uint256(timing.redeemGrace) + longestCase(timing), MAX_EXIT);
        // Without time to challenge, answer or decide, one side would set the number alone.
        bool missing = timing.redeemGrace == 0 || timing.challenge == 0 || timing.response == 0 || timing.verdict == 0;
        if (missing) revert TimingOutOfRange(0, MAX_EXIT);
    }

    function _atMost(uint256 given, uint256 limit) private pure {
        if (given > limit) revert TimingOutOfRange(given, limit);
    }
}
