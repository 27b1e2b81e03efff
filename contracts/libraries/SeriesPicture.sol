// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Strings} from "@openzeppelin/contracts/utils/Strings.sol";
import {Calendar} from "./Calendar.sol";
import {SeriesText, ShownSeries} from "./SeriesText.sol";

/// @title A ticket for a window of GPU time, as an SVG
/// @dev See `ISeriesMetadata` for why nothing is escaped.
library SeriesPicture {
    /// Characters of a class name that fit beside each other.
    uint256 private constant LINE = 28;
    uint256 private constant LINE_HEIGHT = 24;

    function draw(ShownSeries memory series) internal pure returns (string memory) {
        return string.concat(
            _frame("GPU time"),
            _wrapped(bytes(series.shortClass), 92),
            _line(232, 20, Calendar.readable(series.start)),
            _line(264, 20, string.concat("for ", Calendar.span(series.duration))),
            _line(296, 20, string.concat(SeriesText.price(series.ticks), " per GPU-hour")),
            _line(340, 14, _conditions(series)),
            _line(368, 14, string.concat("terms ", Strings.toString(series.number))),
            "</svg>"
        );
    }

    function drawUnknown(string memory text) internal pure returns (string memory) {
        return string.concat(_frame("GPU time"), _line(92, 20, text), "</svg>");
    }

    function _conditions(ShownSeries memory series) private pure returns (string memory) {
        string memory fence = string.concat("isolation ", SeriesText.isolation(series.terms.isolation));
        return string.concat(fence, series.terms.interruptible ? ", interruptible" : "");
    }

    function _frame(string memory title) private pure returns (string memory) {
        return string.concat(
            '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 400 400" font-family="monospace" fill="#f4f7fa">',
            '<rect width="400" height="400" rx="20" fill="#12283a"/>',
            _line(52, 28, title)
        );
    }

    function _line(uint256 y, uint256 size, string memory text) private pure returns (string memory) {
        return string.concat(
            '<text x="28" y="', Strings.toString(y), '" font-size="', Strings.toString(size), '">', text, "</text>"
        );
    }

    function _wrapped(bytes memory text, uint256 y) private pure returns (string memory lines) {
        for (uint256 from = 0; from < text.length; from += LINE) {
            lines = string.concat(lines, _line(y, 20, _slice(text, from)));
            y += LINE_HEIGHT;
        }
    }

    /// @dev OpenZeppelin's slice needs an instruction newer than shanghai.
    function _slice(bytes memory text, uint256 from) private pure returns (string memory) {
        uint256 length = text.length - from < LINE ? text.length - from : LINE;
        bytes memory part = new bytes(length);
        for (uint256 i = 0; i < length; ++i) {
            part[i] = text[from + i];
        }
        return string(part);
    }
}
