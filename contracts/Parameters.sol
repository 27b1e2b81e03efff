// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IParameters} from "./interfaces/IParameters.sol";

/// @title Fee, treasury, auditors and minimum bond, fixed at deployment
contract Parameters is IParameters {
    /// @notice 10 %.
    uint256 public constant MAX_FEE_BPS = 1_000;
    uint256 private constant MAX_AUDITORS = 255;

    /// @inheritdoc IParameters
    uint16 public immutable feeBps;
    /// @inheritdoc IParameters
    uint8 public immutable auditorThreshold;
    /// @inheritdoc IParameters
    address public immutable treasury;
    /// @inheritdoc IParameters
    mapping(address auditor => uint256 index) public auditorIndex;

    uint64 private immutable _minBondPerMilli;
    address[] private _auditors;

    constructor(
        uint16 feeBps_,
        address treasury_,
        address[] memory auditors_,
        uint8 threshold,
        uint64 minBondPerMilli_
    ) {
        if (feeBps_ > MAX_FEE_BPS) revert FeeTooHigh(feeBps_, MAX_FEE_BPS);
        if (treasury_ == address(0)) revert ZeroAddress();
        if (threshold == 0 || threshold > auditors_.length) revert BadThreshold(threshold, auditors_.length);
        for (uint256 i = 0; i < auditors_.length; ++i) {
            address auditor = auditors_[i];
            if (i == MAX_AUDITORS || auditor == address(0) || auditorIndex[auditor] != 0) {
                revert BadAuditor(i, auditor);
            }
            auditorIndex[auditor] = i + 1;
        }
        feeBps = feeBps_;
        treasury = treasury_;
        auditorThreshold = threshold;
        _minBondPerMilli = minBondPerMilli_;
        _auditors = auditors_;
        emit ParametersSet(feeBps_, treasury_, auditors_, threshold, minBondPerMilli_);
    }

    /// @inheritdoc IParameters
    function auditors() external view returns (address[] memory) {
        return _auditors;
    }

    /// @inheritdoc IParameters
    function minBondPerMilli(bytes32) external view returns (uint64) {
        return _minBondPerMilli;
    }
}
