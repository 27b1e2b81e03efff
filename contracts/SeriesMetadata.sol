// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Base64} from "@openzeppelin/contracts/utils/Base64.sol";
import {Strings} from "@openzeppelin/contracts/utils/Strings.sol";
import {IProviderRegistry} from "./interfaces/IProviderRegistry.sol";
import {ISeriesMetadata} from "./interfaces/ISeriesMetadata.sol";
import {SeriesId} from "./libraries/SeriesId.sol";
import {SeriesPicture} from "./libraries/SeriesPicture.sol";
import {SeriesText, ShownSeries} from "./libraries/SeriesText.sol";

/// @title Token URIs of the series
contract SeriesMetadata is ISeriesMetadata {
    uint256 private constant MAX_NAME = 96;
    /// What an id packs; no fill makes one above.
    uint256 private constant ID_BITS = 184;
    /// A unit is 0.001 GPU-hour.
    string private constant DECIMALS = "3";

    IProviderRegistry private immutable _registry;
    mapping(bytes32 deviceClass => string name) private _names;

    constructor(address registry_) {
        if (registry_ == address(0)) revert ZeroAddress();
        _registry = IProviderRegistry(registry_);
    }

    /// @inheritdoc ISeriesMetadata
    function nameClass(string calldata name) external returns (bytes32 deviceClass) {
        _checkName(bytes(name));
        deviceClass = keccak256(bytes(name));
        if (bytes(_names[deviceClass]).length != 0) return deviceClass;
        _names[deviceClass] = name;
        emit ClassNamed(deviceClass, name);
    }

    /// @inheritdoc ISeriesMetadata
    function uri(uint256 series) external view returns (string memory) {
        uint64 number = SeriesId.terms(series);
        bool known = number != 0 && number <= _registry.termsCount() && series >> ID_BITS == 0;
        return known ? _known(series, number) : _unknown(series);
    }

    /// @inheritdoc ISeriesMetadata
    function nameOf(bytes32 deviceClass) external view returns (string memory) {
        return _names[deviceClass];
    }

    /// @inheritdoc ISeriesMetadata
    function registry() external view returns (address) {
        return address(_registry);
    }

    function _checkName(bytes calldata name) private pure {
        if (name.length == 0 || name.length > MAX_NAME) revert BadNameLength(name.length, MAX_NAME);
        for (uint256 i = 0; i < name.length; ++i) {
            bytes1 c = name[i];
            bool letter = c >= "a" && c <= "z";
            bool digit = c >= "0" && c <= "9";
            if (!letter && !digit && c != "." && c != "/" && c != "-") revert BadNameCharacter(i, c);
        }
    }

    function _known(uint256 series, uint64 number) private view returns (string memory) {
        ShownSeries memory shown;
        (shown.terms, shown.provider,) = _registry.termsOf(number);
        (shown.number, shown.start) = (number, SeriesId.start(series));
        (shown.duration, shown.ticks) = (SeriesId.duration(series), SeriesId.ticks(series));
        (shown.deviceClass, shown.shortClass) = _classText(shown.terms.deviceClass);
        return _json(
            SeriesText.name(shown),
            SeriesText.description(shown),
            SeriesPicture.draw(shown),
            SeriesText.attributes(shown)
        );
    }

    function _classText(bytes32 deviceClass) private view returns (string memory full, string memory short) {
        full = _names[deviceClass];
        if (bytes(full).length != 0) return (full, full);
        full = Strings.toHexString(uint256(deviceClass), 32);
        short = string.concat(Strings.toHexString(uint256(deviceClass) >> 224, 4), "...");
    }

    /// @dev A wallet drops a token whose URI reverts, and its owner would never learn why.
    function _unknown(uint256 series) private pure returns (string memory) {
        string memory id = Strings.toHexString(series);
        return _json(
            "GPU time of unknown terms",
            string.concat("No terms are registered for series ", id, "; nobody can hold it."),
            SeriesPicture.drawUnknown("unknown terms"),
            string.concat("[", SeriesText.attribute("Series", id), "]")
        );
    }

    function _json(string memory name, string memory description, string memory svg, string memory attributes)
        private
        pure
        returns (string memory)
    {
        bytes memory json = bytes.concat(
            '{"name":"', bytes(name), '","description":"', bytes(description), '","decimals":', bytes(DECIMALS),
            ',"image":"data:image/svg+xml;base64,', bytes(Base64.encode(bytes(svg))), '","attributes":',
            bytes(attributes), "}"
        );
        return string.concat("data:application/json;base64,", Base64.encode(json));
    }
}
