// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title What the operator may set, within caps that the code fixes
/// @notice Set at deployment and fixed in this version; no value here can move anybody's funds.
interface IParameters {
    error FeeTooHigh(uint256 feeBps, uint256 limit);
    error ZeroAddress();
    /// @notice An auditor is zero, listed twice, or there are more than 255.
    error BadAuditor(uint256 index, address auditor);
    error BadThreshold(uint256 threshold, uint256 auditors);

    event ParametersSet(
        uint16 feeBps, address indexed treasury, address[] auditors, uint8 threshold, uint64 minBondPerMilli
    );

    /// @notice Share of each payment that the treasury gets, in ten-thousandths, rounded down.
    function feeBps() external view returns (uint16);

    /// @notice Whose market account the fees are credited to.
    function treasury() external view returns (address);

    /// @notice Everyone whose signature counts in an attestation.
    function auditors() external view returns (address[] memory);

    /// @notice Place of an auditor in the list, from 1; 0 for anybody else.
    function auditorIndex(address auditor) external view returns (uint256);

    /// @notice How many distinct auditors an attestation needs.
    function auditorThreshold() external view returns (uint8);

    /// @notice Bond that a provider needs for each attested milli of a class.
    /// @dev The same for every class in this version.
    function minBondPerMilli(bytes32 deviceClass) external view returns (uint64);
}
