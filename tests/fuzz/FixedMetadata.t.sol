// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Base64} from "@openzeppelin/contracts/utils/Base64.sol";
import {ISeriesMetadata} from "../../contracts/interfaces/ISeriesMetadata.sol";
import {Terms} from "../../contracts/types/Terms.sol";
import {Id} from "./Typed.sol";
import {World} from "./World.sol";
import {vm} from "./Vm.sol";

interface IMetadataHarness {
    function setTerms(uint64 number, address provider, Terms calldata terms) external;
    function iso(uint256 time) external pure returns (string memory);
    function readable(uint256 time) external pure returns (string memory);
    function span(uint256 duration) external pure returns (string memory);
    function price(uint256 ticks) external pure returns (string memory);
    function percent(uint256 bps) external pure returns (string memory);
}

/// @title The words, dates and pictures of series, to the letter
contract FixedMetadata is World {
    /// 2026-11-24 14:00 UTC.
    uint256 private constant START = 1_795_528_800;
    string private constant NAME = "nvidia/h100/80gb/sxm";
    address private constant PROVIDER = 0x52908400098527886E0F7030069857D2E4169EE7;

    IMetadataHarness private _words;
    ISeriesMetadata private _metadata;

    function setUp() external {
        _words = IMetadataHarness(_create("MetadataHarness.sol:MetadataHarness", ""));
        _metadata = ISeriesMetadata(_create("SeriesMetadata.sol:SeriesMetadata", abi.encode(_words)));
    }

    function _same(string memory found, string memory expected) private pure {
        require(keccak256(bytes(found)) == keccak256(bytes(expected)), string.concat(found, " is not ", expected));
    }

    // ------------------------------------------------------------------ dates

    /// @dev Counted month by month, through a whole cycle of the calendar and a part of the next.
    function test_dates__ofTheMonthsEnds__areThoseOfTheCalendar() external view {
        uint256 day;
        for (uint256 year = 1970; year < 2410; ++year) {
            for (uint256 month = 1; month <= 12; ++month) {
                uint256 last = _daysIn(year, month);
                // Of other years the end of February says what may be wrong.
                if (month != 2 && (year + 3) % 100 > 6) {
                    day += last;
                    continue;
                }
                _same(_words.iso(day * 1 days), string.concat(_date(year, month, 1), "T00:00:00Z"));
                uint256 end = (day + last) * 1 days - 1;
                _same(_words.iso(end), string.concat(_date(year, month, last), "T23:59:59Z"));
                day += last;
            }
        }
    }

    function test_dates__ofEveryDay__areThoseOfTheCalendar() external view {
        uint256 day = 10_957; // 2000-01-01
        for (uint256 year = 2000; year < 2004; ++year) {
            for (uint256 month = 1; month <= 12; ++month) {
                for (uint256 date = 1; date <= _daysIn(year, month); ++date) {
                    _same(_words.iso(day++ * 1 days), string.concat(_date(year, month, date), "T00:00:00Z"));
                }
            }
        }
        _same(_words.iso(253_402_300_800), "10000-01-01T00:00:00Z");
    }

    function _daysIn(uint256 year, uint256 month) private pure returns (uint256) {
        if (month == 2) return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28;
        return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
    }

    function _date(uint256 year, uint256 month, uint256 day) private pure returns (string memory) {
        return string.concat(vm.toString(year), "-", _two(month), "-", _two(day));
    }

    function _two(uint256 value) private pure returns (string memory) {
        return string.concat(vm.toString(value / 10), vm.toString(value % 10));
    }

    function test_times__ofADay__areTold() external view {
        for (uint256 second = 0; second < 1 days; second += 599) {
            string memory clock = string.concat(_two(second / 3_600), ":", _two(second / 60 % 60));
            string memory full = string.concat(clock, ":", _two(second % 60));
            _same(_words.iso(START - 14 hours + second), string.concat("2026-11-24T", full, "Z"));
            string memory short = second % 60 == 0 ? clock : full;
            _same(_words.readable(START - 14 hours + second), string.concat("2026-11-24 ", short, " UTC"));
        }
    }

    function test_spans__byParts__leaveZerosOut() external view {
        _same(_words.span(0), "0 s");
        _same(_words.span(1), "1 s");
        _same(_words.span(36), "36 s");
        _same(_words.span(60), "1 min");
        _same(_words.span(72), "1 min 12 s");
        _same(_words.span(3_599), "59 min 59 s");
        _same(_words.span(3_600), "1 h");
        _same(_words.span(3_636), "1 h 36 s");
        _same(_words.span(5_400), "1 h 30 min");
        _same(_words.span(86_400), "24 h");
        _same(_words.span(2 ** 24 - 1), "4660 h 20 min 15 s");
    }

    function test_numbers__ofMoneyAndShares__haveTheirDecimals() external view {
        for (uint256 ticks = 0; ticks < 2_200; ++ticks) {
            string memory part = string.concat(vm.toString(ticks / 100 % 10), _two(ticks % 100));
            _same(_words.price(ticks), string.concat(vm.toString(ticks / 1_000), ".", part));
        }
        for (uint256 bps = 0; bps < 1_300; bps += 7) {
            _same(_words.percent(bps), string.concat(vm.toString(bps / 100), ".", _two(bps % 100), " %"));
        }
    }

    // ------------------------------------------------------------------ names

    function test_names__ofEveryCharacter__areTakenOrRefused() external {
        bytes memory allowed = "abcdefghijklmnopqrstuvwxyz0123456789./-";
        bool[256] memory isAllowed;
        for (uint256 i = 0; i < allowed.length; ++i) isAllowed[uint8(allowed[i])] = true;
        for (uint256 i = 0; i < 256; ++i) {
            string memory name = string(bytes.concat("gpu/", bytes1(uint8(i))));
            (bool done, bytes memory result) =
                address(_metadata).call(abi.encodeCall(ISeriesMetadata.nameClass, (name)));
            require(done == isAllowed[i], "character");
            bytes memory refusal = abi.encodeWithSelector(
                ISeriesMetadata.BadNameCharacter.selector, 4, bytes1(uint8(i))
            );
            require(done || keccak256(result) == keccak256(refusal), "reason");
        }
    }

    function test_names__ofTheLongest__areTaken() external {
        bytes memory name = new bytes(96);
        for (uint256 i = 0; i < 96; ++i) name[i] = "z";
        require(_metadata.nameClass(string(name)) == keccak256(name), "hash");
        _same(_metadata.nameOf(keccak256(name)), string(name));
        require(_metadata.registry() == address(_words), "registry");
    }

    function test_names__ofNoLengthOrTooLong__areRefused() external {
        for (uint256 length = 0; length < 98; length += 97) {
            bytes memory data = abi.encodeCall(ISeriesMetadata.nameClass, (string(new bytes(length))));
            (bool done, bytes memory result) = address(_metadata).call(data);
            bytes memory refusal = abi.encodeWithSelector(ISeriesMetadata.BadNameLength.selector, length, 96);
            require(!done && keccak256(result) == keccak256(refusal), "length");
        }
    }

    // ------------------------------------------------------------------ the document

    function _terms(bytes32 deviceClass, uint8 isolation) private pure returns (Terms memory terms) {
        (terms.deviceClass, terms.isolation, terms.step) = (deviceClass, isolation, 1_000);
        (terms.reservationFeeBps, terms.slaCreditBps) = (500, 1_005);
    }

    function _isDocument(uint256 series, string[4] memory parts) private view {
        bytes memory json = bytes.concat('{"name":"', bytes(parts[0]), '","description":"', bytes(parts[1]));
        json = bytes.concat(json, '","decimals":3,"image":"data:image/svg+xml;base64,');
        json = bytes.concat(json, bytes(Base64.encode(bytes(parts[2]))), '","attributes":[', bytes(parts[3]), "]}");
        _same(_metadata.uri(series), string.concat("data:application/json;base64,", Base64.encode(json)));
    }

    function _line(string memory y, string memory size, string memory text) private pure returns (string memory) {
        return string.concat('<text x="28" y="', y, '" font-size="', size, '">', text, "</text>");
    }

    function _picture(string memory lines) private pure returns (string memory) {
        return string.concat(
            '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 400 400" font-family="monospace" fill="#f4f7fa">',
            '<rect width="400" height="400" rx="20" fill="#12283a"/>',
            _line("52", "28", "GPU time"),
            lines,
            "</svg>"
        );
    }

    function _facts(string memory deviceClass, string memory isolation, string memory ending)
        private
        pure
        returns (string memory)
    {
        string memory window = string.concat(
            '{"trait_type":"Class","value":"', deviceClass,
            '"},{"trait_type":"Start","value":"2026-11-24T14:00:00Z"},',
            '{"trait_type":"End","value":"2026-11-24T15:30:00Z"},',
            '{"display_type":"date","trait_type":"Start time","value":1795528800},',
            '{"display_type":"date","trait_type":"End time","value":1795534200},',
            '{"trait_type":"Duration","value":"1 h 30 min"},'
        );
        string memory sale = string.concat(
            '{"trait_type":"Price per GPU-hour","value":"2.500"},',
            '{"trait_type":"Provider","value":"0x52908400098527886E0F7030069857D2E4169EE7"},',
            '{"display_type":"number","trait_type":"Terms","value":17},'
        );
        string memory rules = string.concat(
            '{"trait_type":"Isolation","value":"', isolation, '"},',
            '{"display_type":"number","trait_type":"Step (milli)","value":1000},',
            '{"trait_type":"Reservation fee","value":"5.00 %"},{"trait_type":"SLA credit","value":"10.05 %"},'
        );
        return string.concat(window, sale, rules, ending);
    }

    function _tells(string memory full, string[2] memory short, string memory isolation, string memory more)
        private
        pure
        returns (string[4] memory parts)
    {
        parts[0] = string.concat("GPU time ", short[0], " 2026-11-24 14:00 UTC, 1 h 30 min");
        parts[1] = string.concat(
            "1.000 is one GPU-hour of ", full, ", isolation ", isolation,
            ", between 2026-11-24 14:00 UTC and 2026-11-24 15:30 UTC. It cost 2.500 per GPU-hour",
            " in the market's payment token; what is not used is refunded less a reservation fee of 5.00 %.",
            " Transferable in steps of 1000 milli until shortly before the start."
        );
        string memory lines = string.concat(
            short[1],
            _line("232", "20", "2026-11-24 14:00 UTC"),
            _line("264", "20", "for 1 h 30 min"),
            _line("296", "20", "2.500 per GPU-hour"),
            _line("340", "14", string.concat("isolation ", isolation, more)),
            _line("368", "14", "terms 17")
        );
        parts[2] = _picture(lines);
    }

    function test_uri__ofANamedClass__tellsEveryFact() external {
        _metadata.nameClass(NAME);
        Terms memory terms = _terms(keccak256(bytes(NAME)), 4);
        (terms.interruptible, terms.notice) = (true, 120);
        _words.setTerms(17, PROVIDER, terms);
        string[4] memory parts = _tells(NAME, [NAME, _line("92", "20", NAME)], "device", ", interruptible");
        string memory ending =
            '{"trait_type":"Interruptible","value":"yes"},{"trait_type":"Notice","value":"2 min"}';
        parts[3] = _facts(NAME, "device", ending);
        _isDocument(Id.pack(START, 5_400, 2_500, 1_000, 17), parts);
    }

    function test_uri__ofEveryFence__namesIt() external {
        string[7] memory fences = ["0", "timeslice", "mps", "mig", "device", "host", "6"];
        string memory ending = '{"trait_type":"Interruptible","value":"no"},{"trait_type":"Notice","value":"0 s"}';
        bytes32 unnamed = bytes32(uint256(0x0123456789abcdef) << 192 | 7);
        string memory full = "0x0123456789abcdef000000000000000000000000000000000000000000000007";
        string memory short = "0x01234567...";
        for (uint8 i = 0; i < 7; ++i) {
            _words.setTerms(17, PROVIDER, _terms(unnamed, i));
            string[4] memory parts = _tells(full, [short, _line("92", "20", short)], fences[i], "");
            parts[3] = _facts(full, fences[i], ending);
            _isDocument(Id.pack(START, 5_400, 2_500, 1_000, 17), parts);
        }
    }

    /// @dev 56 characters fill two lines, and one more begins a third.
    function test_uri__ofLongNames__breaksLines() external {
        string memory one = "abcdefghijklmnopqrstuvwxyz01";
        string memory two = "zyxwvutsrqponmlkjihgfedcba98";
        string memory lines = string.concat(_line("92", "20", one), _line("116", "20", two));
        _breaks(string.concat(one, two), lines);
        _breaks(string.concat(one, two, "x"), string.concat(lines, _line("140", "20", "x")));
    }

    function _breaks(string memory name, string memory lines) private {
        _metadata.nameClass(name);
        _words.setTerms(17, PROVIDER, _terms(keccak256(bytes(name)), 5));
        string[4] memory parts = _tells(name, [name, lines], "host", "");
        string memory ending = '{"trait_type":"Interruptible","value":"no"},{"trait_type":"Notice","value":"0 s"}';
        parts[3] = _facts(name, "host", ending);
        _isDocument(Id.pack(START, 5_400, 2_500, 1_000, 17), parts);
    }

    function test_uri__ofUnknownTerms__saysSo() external {
        _words.setTerms(17, PROVIDER, _terms(H100, 4));
        _isUnknown(0x1234, "0x1234");
        string memory zeros = "000000000000000000000000000000";
        _isUnknown(Id.pack(0, 0, 0, 0, 18), string.concat("0x12", zeros));
        _isUnknown(Id.pack(0, 0, 0, 0, 17) + 2 ** 184, string.concat("0x010000000000000011", zeros));
    }

    function _isUnknown(uint256 series, string memory id) private view {
        string[4] memory parts;
        parts[0] = "GPU time of unknown terms";
        parts[1] = string.concat("No terms are registered for series ", id, "; nobody can hold it.");
        parts[2] = _picture(_line("92", "20", "unknown terms"));
        parts[3] = string.concat('{"trait_type":"Series","value":"', id, '"}');
        _isDocument(series, parts);
    }
}
