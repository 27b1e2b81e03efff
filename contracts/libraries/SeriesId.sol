// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title What one token id says
/// @dev Bits from the lowest: start 40, duration 24, price in ticks 40, step 16, number of the terms 64. The twin
/// of `contracts/protocol/series.py`.
library SeriesId {
    uint256 internal constant MAX_TICKS = type(uint40).max;

    /// @dev The caller has checked that every part fits.
    function pack(
        uint256 start_,
        uint256 duration_,
        uint256 ticks_,
        uint256 step_,
        uint256 terms_
    ) internal pure returns (uint256) {
        return start_ | (duration_ << 40) | (ticks_ << 64) | (step_ << 104) | (terms_ << 120);
    }

    function start(uint256 id) internal pure returns (uint256) {
        return uint40(id);
    }

    function duration(uint256 id) internal pure returns (uint256) {
        return uint24(id >> 40);
    }

    function ticks(uint256 id) internal pure returns (uint256) {
        return uint40(id >> 64);
    }

    function step(uint256 id) internal pure returns (uint256) {
        return uint16(id >> 104);
    }

    function terms(uint256 id) internal pure returns (uint64) {
        return uint64(id >> 120);
    }

    /// @notice The id of an item of a usage group: its window and price below, step and terms of the group above.
    function compose(uint256 item, uint256 step_, uint256 terms_) internal pure returns (uint256) {
        return uint104(item) | (step_ << 104) | (terms_ << 120);
    }

    /// @notice The cumulative GPU-ms of an item of a usage group.
    function usedOf(uint256 item) internal pure returns (uint256) {
        return item >> 104;
    }
}
