// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Strings} from "@openzeppelin/contracts/utils/Strings.sol";
import {Terms} from "../types/Terms.sol";
import {Calendar} from "./Calendar.sol";

/// @notice A series with its terms, ready to be written down.
struct ShownSeries {
    /// The class by name, else by hash.
    string deviceClass;
    /// The same for a title, where a hash would not fit.
    string shortClass;
    address provider;
    uint64 number;
    uint256 start;
    uint256 duration;
    uint256 ticks;
    Terms terms;
}

/// @title The words of a series: name, description and attributes
/// @dev See `ISeriesMetadata` for why nothing is escaped.
library SeriesText {
    using Strings for uint256;

    function name(ShownSeries memory series) internal pure returns (string memory) {
        string memory window =
            string.concat(Calendar.readable(series.start), ", ", Calendar.span(series.duration));
        return string.concat("GPU time ", series.shortClass, " ", window);
    }

    function description(ShownSeries memory series) internal pure returns (string memory) {
        string memory what = string.concat(
            "1.000 is one GPU-hour of ", series.deviceClass, ", isolation ", isolation(series.terms.isolation)
        );
        string memory when = string.concat(
            ", between ", Calendar.readable(series.start), " and ", Calendar.readable(series.start + series.duration)
        );
        string memory howMuch = string.concat(
            ". It cost ", price(series.ticks), " per GPU-hour in the market's payment token; what is not used is "
        );
        string memory back = string.concat(
            "refunded less a reservation fee of ", percent(series.terms.reservationFeeBps),
            ". Transferable in steps of ", uint256(series.terms.step).toString(),
            " milli until shortly before the start."
        );
        return string.concat(what, when, howMuch, back);
    }

    /// @notice A JSON array of what wallets list below the picture.
    function attributes(ShownSeries memory series) internal pure returns (string memory) {
        return string.concat("[", _ofWindow(series), ",", _ofSale(series), ",", _ofTerms(series.terms), "]");
    }

    /// @notice One text attribute.
    function attribute(string memory trait, string memory value) internal pure returns (string memory) {
        return string.concat('{"trait_type":"', trait, '","value":"', value, '"}');
    }

    /// @notice One number, shown as a date or as it is.
    function number(string memory trait, string memory display, uint256 value) internal pure returns (string memory) {
        return string.concat(
            '{"display_type":"', display, '","trait_type":"', trait, '","value":', value.toString(), "}"
        );
    }

    /// @notice `2.500`: a tick is 0.001 token.
    function price(uint256 ticks) internal pure returns (string memory) {
        uint256 thousandths = ticks % 1_000;
        string memory zeros = thousandths < 10 ? "00" : thousandths < 100 ? "0" : "";
        return string.concat((ticks / 1_000).toString(), ".", zeros, thousandths.toString());
    }

    /// @notice `2.50 %` of 250 basis points.
    function percent(uint256 bps) internal pure returns (string memory) {
        return string.concat((bps / 100).toString(), ".", Calendar.twoDigits(bps % 100), " %");
    }

    /// @notice The word for a fence.
    function isolation(uint256 level) internal pure returns (string memory) {
        if (level == 1) return "timeslice";
        if (level == 2) return "mps";
        if (level == 3) return "mig";
        if (level == 4) return "device";
        if (level == 5) return "host";
        return level.toString();
    }

    function _ofWindow(ShownSeries memory series) private pure returns (string memory) {
        uint256 end = series.start + series.duration;
        string memory times = string.concat(
            attribute("Start", Calendar.iso(series.start)), ",", attribute("End", Calendar.iso(end)), ","
        );
        string memory dates = string.concat(
            number("Start time", "date", series.start), ",", number("End time", "date", end), ","
        );
        string memory class = attribute("Class", series.deviceClass);
        return string.concat(class, ",", times, dates, attribute("Duration", Calendar.span(series.duration)));
    }

    function _ofSale(ShownSeries memory series) private pure returns (string memory) {
        return string.concat(
            attribute("Price per GPU-hour", price(series.ticks)),
            ",",
            attribute("Provider", Strings.toChecksumHexString(series.provider)),
            ",",
            number("Terms", "number", series.number)
        );
    }

    function _ofTerms(Terms memory terms) private pure returns (string memory) {
        string memory share = string.concat(
            attribute("Isolation", isolation(terms.isolation)), ",", number("Step (milli)", "number", terms.step), ","
        );
        string memory shares = string.concat(
            attribute("Reservation fee", percent(terms.reservationFeeBps)),
            ",",
            attribute("SLA credit", percent(terms.slaCreditBps)),
            ","
        );
        string memory ending = string.concat(
            attribute("Interruptible", terms.interruptible ? "yes" : "no"),
            ",",
            attribute("Notice", Calendar.span(terms.notice))
        );
        return string.concat(share, shares, ending);
    }
}
