// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title The calendar of one provider and class: lanes sold in each hour, one word a day
/// @dev A word is 24 counters of 10 bits and, in the top 16 bits, the day that it speaks of. The words are reused as
/// a ring of 128 days, longer than the 97 days that a window can reach ahead: a word with another day's tag
/// counts as empty. Counters stay below 512, so that 24 comparisons are one addition: adding `511 - limit` to
/// each carries into its own top bit exactly where the counter exceeds the limit, and never into its neighbour.
library Lanes {
    uint256 internal constant MAX_LANES = 511;
    uint256 private constant RING = 128;
    uint256 private constant BITS = 10;
    uint256 private constant HOURS = 24;
    /// One in each of the 24 counters.
    uint256 private constant ONES = ((1 << (BITS * HOURS)) - 1) / ((1 << BITS) - 1);

    /// @notice Every hour that the seconds [start, end) touch, as [from, to).
    function hoursOf(uint256 start, uint256 end) internal pure returns (uint256 from, uint256 to) {
        return (start / 1 hours, (end + 1 hours - 1) / 1 hours);
    }

    /// @notice Whether no counter of the hours [from, to) exceeds `limit`.
    function within(
        mapping(uint256 slot => uint256 word) storage calendar,
        uint256 from,
        uint256 to,
        uint256 limit
    ) internal view returns (bool) {
        for (uint256 hour = from; hour < to; hour = _nextDay(hour)) {
            uint256 ones = _ones(hour, to);
            uint256 counters = _counters(calendar, hour / HOURS) & (ones * MAX_LANES);
            if ((counters + ones * (MAX_LANES - limit)) & (ones << (BITS - 1)) != 0) return false;
        }
        return true;
    }

    /// @notice Add lanes to the hours [from, to). The caller has checked that none exceeds the limit.
    function charge(
        mapping(uint256 slot => uint256 word) storage calendar,
        uint256 from,
        uint256 to,
        uint256 lanes
    ) internal {
        for (uint256 hour = from; hour < to; hour = _nextDay(hour)) {
            uint256 day = hour / HOURS;
            calendar[day % RING] = (_counters(calendar, day) + _ones(hour, to) * lanes) | (uint256(uint16(day)) << 240);
        }
    }

    /// @notice Take lanes from the hours [from, to), which were charged before and are not past.
    function free(
        mapping(uint256 slot => uint256 word) storage calendar,
        uint256 from,
        uint256 to,
        uint256 lanes
    ) internal {
        for (uint256 hour = from; hour < to; hour = _nextDay(hour)) {
            calendar[(hour / HOURS) % RING] -= _ones(hour, to) * lanes;
        }
    }

    function sold(mapping(uint256 slot => uint256 word) storage calendar, uint256 hour)
        internal
        view
        returns (uint256)
    {
        return (_counters(calendar, hour / HOURS) >> (BITS * (hour % HOURS))) & MAX_LANES;
    }

    function peak(mapping(uint256 slot => uint256 word) storage calendar, uint256 from, uint256 to)
        internal
        view
        returns (uint256 most)
    {
        for (uint256 hour = from; hour < to; ++hour) {
            uint256 lanes = sold(calendar, hour);
            if (lanes > most) most = lanes;
        }
    }

    function _counters(mapping(uint256 slot => uint256 word) storage calendar, uint256 day)
        private
        view
        returns (uint256)
    {
        uint256 word = calendar[day % RING];
        return word >> 240 == uint16(day) ? word & ((1 << 240) - 1) : 0;
    }

    /// @dev A one in each counter of the day of `hour`, from `hour` to `to` or midnight.
    function _ones(uint256 hour, uint256 to) private pure returns (uint256) {
        uint256 first = hour % HOURS;
        uint256 last = to < _nextDay(hour) ? to - (hour - first) : HOURS;
        return (ONES << (BITS * first)) & ((1 << (BITS * last)) - 1);
    }

    function _nextDay(uint256 hour) private pure returns (uint256) {
        return (hour / HOURS + 1) * HOURS;
    }
}
