// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Calendar} from "../libraries/Calendar.sol";
import {SeriesText} from "../libraries/SeriesText.sol";
import {Terms} from "../types/Terms.sol";

/// @title A registry with any terms at all, and the words of the metadata, for the tests
contract MetadataHarness {
    uint64 public termsCount;
    mapping(uint64 number => Terms terms) private _terms;
    mapping(uint64 number => address provider) private _providers;

    /// @notice Terms `number` and no later ones.
    function setTerms(uint64 number, address provider, Terms calldata terms) external {
        termsCount = number;
        _terms[number] = terms;
        _providers[number] = provider;
    }

    function termsOf(uint64 number) external view returns (Terms memory, address, uint16) {
        return (_terms[number], _providers[number], 0);
    }

    function iso(uint256 time) external pure returns (string memory) {
        return Calendar.iso(time);
    }

    function readable(uint256 time) external pure returns (string memory) {
        return Calendar.readable(time);
    }

    function span(uint256 duration) external pure returns (string memory) {
        return Calendar.span(duration);
    }

    function price(uint256 ticks) external pure returns (string memory) {
        return SeriesText.price(ticks);
    }

    function percent(uint256 bps) external pure returns (string memory) {
        return SeriesText.percent(bps);
    }
}
