// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title What a wallet shows of a series
/// @notice Everything is computed from the token id and its terms: no server can change or take away what a holder
/// sees. A class appears by its name once anybody has told it, and by its hash until then.
/// @dev Text is ASCII, because browsers decode base64 byte by byte, and needs no escapes: names of classes have none
/// but harmless characters, everything else is numbers, addresses and words of the code.
interface ISeriesMetadata {
    error ZeroAddress();
    error BadNameLength(uint256 length, uint256 limit);
    /// @notice Allowed are a to z, 0 to 9, dot, slash and hyphen.
    error BadNameCharacter(uint256 index, bytes1 character);

    event ClassNamed(bytes32 indexed deviceClass, string name);

    /// @notice Tell the name whose keccak256 terms carry as their class; anybody's call, and the same for all time.
    function nameClass(string calldata name) external returns (bytes32 deviceClass);

    /// @notice JSON of ERC-1155 metadata, with an SVG picture in it, as a data URI. Never reverts: an id of terms that
    /// nobody registered is shown as unknown.
    /// @dev The window and the price are the id's: a lease that ended early, or whose tail was split off, has an
    /// earlier end in the market.
    function uri(uint256 series) external view returns (string memory);

    /// @notice Name of a class; empty while nobody told it.
    function nameOf(bytes32 deviceClass) external view returns (string memory);

    /// @notice Whose terms the ids name.
    function registry() external view returns (address);
}
