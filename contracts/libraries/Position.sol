// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @notice One holder's part of one series in one word.
/// @dev Bits from the lowest: units 64, milli 32, used 64, end 40, flags 8.
type Position is uint256;

/// @title Arithmetic on a position's word
library PositionLib {
    /// No more will be used.
    uint256 internal constant FINAL = 1;

    uint256 private constant USED_MASK = uint256(type(uint64).max) << 96;

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
        return uint8(Position.unwrap(position) >> 200);
    }

    function isFinal(Position position) internal pure returns (bool) {
        return flags(position) & FINAL != 0;
    }

    /// @dev All fills and transfers of a series keep milli within the lanes of one provider and class.
    function add(Position position, uint256 units_, uint256 milli_, uint256 end_) internal pure returns (Position) {
        uint256 kept = Position.unwrap(position) & ~(uint256(type(uint40).max) << 160);
        return Position.wrap((kept + units_ + (milli_ << 64)) | (end_ << 160));
    }

    /// @dev The caller has checked the units; an empty position is forgotten.
    function remove(Position position, uint256 units_, uint256 milli_) internal pure returns (Position) {
        if (units(position) == units_) return Position.wrap(0);
        return Position.wrap(Position.unwrap(position) - units_ - (milli_ << 64));
    }

    function use(Position position, uint256 used_, bool final_) internal pure returns (Position) {
        uint256 word = (Position.unwrap(position) & ~USED_MASK) | (used_ << 96);
        return Position.wrap(final_ ? word | (FINAL << 200) : word);
    }
}
