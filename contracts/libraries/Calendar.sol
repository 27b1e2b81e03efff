// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Strings} from "@openzeppelin/contracts/utils/Strings.sol";

/// @title Unix times as people write them, in UTC
/// @dev Years after 9999 have five digits; leap seconds do not exist in Unix time.
library Calendar {
    /// Days from 0000-03-01 to 1970-01-01: a year that begins in March has its leap day at the end.
    uint256 private constant DAYS_TO_1970 = 719_468;
    uint256 private constant DAYS_IN_4_YEARS = 1_461;
    uint256 private constant DAYS_IN_100_YEARS = 36_524;
    uint256 private constant DAYS_IN_400_YEARS = 146_097;

    /// @notice ISO 8601: `2026-11-24T14:00:00Z`.
    function iso(uint256 time) internal pure returns (string memory) {
        return string.concat(_date(time), "T", _hourAndMinute(time), ":", twoDigits(time % 60), "Z");
    }

    /// @notice For a title: `2026-11-24 14:00 UTC`, with seconds where there are any.
    function readable(uint256 time) internal pure returns (string memory) {
        uint256 second = time % 60;
        string memory tail = second == 0 ? "" : string.concat(":", twoDigits(second));
        return string.concat(_date(time), " ", _hourAndMinute(time), tail, " UTC");
    }

    /// @notice `1 h`, `1 h 30 min`, `36 s`; hours are not made into days.
    function span(uint256 duration) internal pure returns (string memory text) {
        (uint256 hour, uint256 minute, uint256 second) = (duration / 3600, (duration / 60) % 60, duration % 60);
        if (hour != 0) text = string.concat(Strings.toString(hour), " h");
        if (minute != 0) text = _append(text, minute, " min");
        if (second != 0 || duration == 0) text = _append(text, second, " s");
    }

    /// @notice Year, month and day of the month, from 1, of a day counted from 1970-01-01.
    function civil(uint256 day) internal pure returns (uint256 year, uint256 month, uint256 dayOfMonth) {
        uint256 shifted = day + DAYS_TO_1970;
        uint256 ofCycle = shifted % DAYS_IN_400_YEARS;
        // Without the leap days before it, a day's number divides evenly into years.
        uint256 leapDays = ofCycle / (DAYS_IN_4_YEARS - 1) + ofCycle / (DAYS_IN_400_YEARS - 1);
        uint256 yearOfCycle = (ofCycle + ofCycle / DAYS_IN_100_YEARS - leapDays) / 365;
        uint256 ofYear = ofCycle - (365 * yearOfCycle + yearOfCycle / 4 - yearOfCycle / 100);
        // From March on, five months have 153 days, twice and then cut off by the year's end.
        uint256 fromMarch = (5 * ofYear + 2) / 153;
        dayOfMonth = ofYear - (153 * fromMarch + 2) / 5 + 1;
        month = fromMarch < 10 ? fromMarch + 3 : fromMarch - 9;
        year = yearOfCycle + (shifted / DAYS_IN_400_YEARS) * 400 + (month <= 2 ? 1 : 0);
    }

    /// @dev The caller has checked that it is below 100.
    function twoDigits(uint256 value) internal pure returns (string memory) {
        return string.concat(value < 10 ? "0" : "", Strings.toString(value));
    }

    function _date(uint256 time) private pure returns (string memory) {
        (uint256 year, uint256 month, uint256 day) = civil(time / 1 days);
        return string.concat(Strings.toString(year), "-", twoDigits(month), "-", twoDigits(day));
    }

    function _hourAndMinute(uint256 time) private pure returns (string memory) {
        return string.concat(twoDigits((time / 3600) % 24), ":", twoDigits((time / 60) % 60));
    }

    function _append(string memory text, uint256 value, string memory unit) private pure returns (string memory) {
        return string.concat(text, bytes(text).length == 0 ? "" : " ", Strings.toString(value), unit);
    }
}
