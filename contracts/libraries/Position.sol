// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @notice One holder's part of one series in one word.
/// @dev Bits from the lowest: units 64, milli 32, used 64, end 40, flags 8, missed 32.
type Position is uint256;

/// @title Arithmetic on a position's word
library PositionLib {
    /// No more will be used: closes without waiting for its end.
    uint256 internal constant FINAL = 1;
    /// Ends before the window in its id does: split, released or interrupted.
    uint256 internal constant CUT = 2;
    /// A case is open: closing waits for it.
    uint256 internal constant CASE = 4;
    /// The one claim that the agent may make alone is spent.
    uint256 internal constant AGENT_CLAIMED = 8;
    /// The provider failed: it earned no reservation fee.
    uint256 internal constant FAULT = 16;

    uint256 private constant USED_MASK = uint256(type(uint64).max) << 96;
    uint256 private constant END_MASK = uint256(type(uint40).max) << 160;
    uint256 private constant FLAGS_SHIFT = 200;
    uint256 private constant MISSED_SHIFT = 208;

    function units(Position position) internal pure returns (uint256) {
        return uint64(Position.unwrap(position));
    }

    function milli(Position position) internal pure returns (uint256) {
        return uint32(Position.unwrap(position) >> 64);
    }

    function used(Position position) internal pure returns (uint256) {
        return uint64(Position.unwrap(position) >> 96);
    }

    function end(Position position) internal pure returns (uint256) {
        return uint40(Position.unwrap(position) >> 160);
    }

    function flags(Position position) internal pure returns (uint256) {
        return uint8(Position.unwrap(position) >> FLAGS_SHIFT);
    }

    /// @notice Receipt intervals that the provider did not serve.
    function missed(Position position) internal pure returns (uint256) {
        return Position.unwrap(position) >> MISSED_SHIFT;
    }

    function has(Position position, uint256 flag) internal pure returns (bool) {
        return flags(position) & flag != 0;
    }

    /// @dev All fills and transfers of a series keep milli within the lanes of one provider and class.
    function add(Position position, uint256 units_, uint256 milli_, uint256 end_) internal pure returns (Position) {
        return withEnd(Position.wrap(Position.unwrap(position) + units_ + (milli_ << 64)), end_);
    }

    /// @dev The caller has checked the units; an empty position is forgotten.
    function remove(Position position, uint256 units_, uint256 milli_) internal pure returns (Position) {
        if (units(position) == units_) return Position.wrap(0);
        return Position.wrap(Position.unwrap(position) - units_ - (milli_ << 64));
    }

    function use(Position position, uint256 used_) internal pure returns (Position) {
        return Position.wrap((Position.unwrap(position) & ~USED_MASK) | (used_ << 96));
    }

    /// @dev The caller has checked that `missed_` fits and is not less than before.
    function miss(Position position, uint256 missed_) internal pure returns (Position) {
        uint256 low = Position.unwrap(position) & ((1 << MISSED_SHIFT) - 1);
        return Position.wrap(low | (missed_ << MISSED_SHIFT));
    }

    function mark(Position position, uint256 flags_) internal pure returns (Position) {
        return Position.wrap(Position.unwrap(position) | (flags_ << FLAGS_SHIFT));
    }

    function unmark(Position position, uint256 flags_) internal pure returns (Position) {
        return Position.wrap(Position.unwrap(position) & ~(flags_ << FLAGS_SHIFT));
    }

    function withEnd(Position position, uint256 end_) internal pure returns (Position) {
        return Position.wrap((Position.unwrap(position) & ~END_MASK) | (end_ << 160));
    }
}
