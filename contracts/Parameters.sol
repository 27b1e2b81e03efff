// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {
    AccessControlDefaultAdminRules
} from "@openzeppelin/contracts/access/extensions/AccessControlDefaultAdminRules.sol";
import {IParameters} from "./interfaces/IParameters.sol";

/// @title Fees, treasury, auditors, arbiters, minimum bonds and the pause
contract Parameters is IParameters, AccessControlDefaultAdminRules {
    /// @dev `isSet` tells a minimum of 0 from none.
    struct ClassBond {
        uint64 minBondPerMilli;
        bool isSet;
    }

    uint256 private constant TOKEN = 1e6;
    uint256 private constant MAX_MEMBERS = 255;

    /// @inheritdoc IParameters
    uint256 public constant MAX_FEE_BPS = 1_000;
    /// @inheritdoc IParameters
    uint256 public constant MAX_ATTESTATION_FEE = 100 * TOKEN;
    /// @inheritdoc IParameters
    uint256 public constant MAX_DISPUTE_FEE = 1_000 * TOKEN;
    /// @inheritdoc IParameters
    /// @dev Without a cap, a bond that nobody can raise would silence the arbiters of leases already sold.
    uint256 public constant MAX_ROLE_BOND = 100_000 * TOKEN;
    /// @inheritdoc IParameters
    uint256 public constant MAX_PAUSE = 7 days;
    /// @inheritdoc IParameters
    uint48 public constant ADMIN_DELAY = 3 days;
    /// @inheritdoc IParameters
    bytes32 public constant GOVERNOR_ROLE = keccak256("GOVERNOR_ROLE");
    /// @inheritdoc IParameters
    bytes32 public constant PAUSER_ROLE = keccak256("PAUSER_ROLE");

    // What the market and the registry read at each fill, payment and attestation shares one slot.
    /// @inheritdoc IParameters
    address public treasury;
    /// @inheritdoc IParameters
    uint40 public pausedUntil;
    /// @inheritdoc IParameters
    uint16 public feeBps;
    /// @inheritdoc IParameters
    uint8 public auditorThreshold;
    /// @inheritdoc IParameters
    uint32 public arbiterSetCount;
    // And what bonds and fees are, the next.
    uint64 private _defaultMinBond;
    /// @inheritdoc IParameters
    uint64 public roleBond;
    /// @inheritdoc IParameters
    uint64 public attestationFee;
    /// @inheritdoc IParameters
    uint64 public disputeFee;

    mapping(bytes32 deviceClass => ClassBond bond) private _classBonds;
    /// @inheritdoc IParameters
    mapping(address auditor => uint256 index) public auditorIndex;
    /// @inheritdoc IParameters
    mapping(uint32 set => mapping(address arbiter => uint256 index)) public arbiterIndex;
    /// @inheritdoc IParameters
    mapping(uint32 set => uint8 threshold) public arbiterThresholdOf;
    mapping(uint32 set => address[] arbiters) private _arbiters;
    address[] private _auditors;

    constructor(address timelock, address pauser, Initial memory initial)
        AccessControlDefaultAdminRules(ADMIN_DELAY, timelock)
    {
        if (pauser == address(0)) revert ZeroAddress();
        _grantRole(GOVERNOR_ROLE, timelock);
        _grantRole(PAUSER_ROLE, pauser);
        _setFee(initial.feeBps);
        _setTreasury(initial.treasury);
        _setAuditors(initial.auditors, initial.auditorThreshold);
        _setDefaultMinBond(initial.minBondPerMilli);
        _setRoleBond(initial.roleBond);
        _setFees(initial.attestationFee, initial.disputeFee);
        if (initial.arbiters.length != 0) _addArbiterSet(initial.arbiters, initial.arbiterThreshold);
    }

    // ------------------------------------------------------------------ the timelock's calls

    /// @inheritdoc IParameters
    function setFee(uint16 newFeeBps) external onlyRole(GOVERNOR_ROLE) {
        _setFee(newFeeBps);
    }

    /// @inheritdoc IParameters
    function setTreasury(address newTreasury) external onlyRole(GOVERNOR_ROLE) {
        _setTreasury(newTreasury);
    }

    /// @inheritdoc IParameters
    function setAuditors(address[] calldata newAuditors, uint8 threshold) external onlyRole(GOVERNOR_ROLE) {
        _setAuditors(newAuditors, threshold);
    }

    /// @inheritdoc IParameters
    function addArbiterSet(address[] calldata arbiters, uint8 threshold)
        external
        onlyRole(GOVERNOR_ROLE)
        returns (uint32 number)
    {
        return _addArbiterSet(arbiters, threshold);
    }

    /// @inheritdoc IParameters
    function setDefaultMinBond(uint64 newMinBondPerMilli) external onlyRole(GOVERNOR_ROLE) {
        _setDefaultMinBond(newMinBondPerMilli);
    }

    /// @inheritdoc IParameters
    function setMinBond(bytes32 deviceClass, uint64 newMinBondPerMilli, bool isSet)
        external
        onlyRole(GOVERNOR_ROLE)
    {
        // What was given for a class that goes back to the default would only mislead whoever reads the event.
        uint64 value = isSet ? newMinBondPerMilli : 0;
        _classBonds[deviceClass] = ClassBond(value, isSet);
        emit MinBondSet(deviceClass, value, isSet);
    }

    /// @inheritdoc IParameters
    function setRoleBond(uint64 newRoleBond) external onlyRole(GOVERNOR_ROLE) {
        _setRoleBond(newRoleBond);
    }

    /// @inheritdoc IParameters
    function setFees(uint64 newAttestationFee, uint64 newDisputeFee) external onlyRole(GOVERNOR_ROLE) {
        _setFees(newAttestationFee, newDisputeFee);
    }

    // ------------------------------------------------------------------ the pauser's calls

    /// @inheritdoc IParameters
    function pause(uint32 duration) external onlyRole(PAUSER_ROLE) {
        if (duration == 0 || duration > MAX_PAUSE) revert PauseOutOfRange(duration, MAX_PAUSE);
        uint40 until = uint40(block.timestamp + duration);
        pausedUntil = until;
        emit Paused(msg.sender, until);
    }

    /// @inheritdoc IParameters
    function unpause() external {
        if (!hasRole(GOVERNOR_ROLE, msg.sender)) _checkRole(PAUSER_ROLE);
        if (!paused()) revert NotPaused(pausedUntil, block.timestamp);
        pausedUntil = uint40(block.timestamp);
        emit Unpaused(msg.sender);
    }

    // ------------------------------------------------------------------ views

    /// @inheritdoc IParameters
    function paused() public view returns (bool) {
        return block.timestamp < pausedUntil;
    }

    /// @inheritdoc IParameters
    function auditors() external view returns (address[] memory) {
        return _auditors;
    }

    /// @inheritdoc IParameters
    function minBondPerMilli(bytes32 deviceClass) external view returns (uint64) {
        ClassBond memory bond = _classBonds[deviceClass];
        return bond.isSet ? bond.minBondPerMilli : _defaultMinBond;
    }

    /// @inheritdoc IParameters
    function arbitersOf(uint32 set) external view returns (address[] memory) {
        return _arbiters[set];
    }

    // ------------------------------------------------------------------ what the constructor sets too

    function _setFee(uint16 newFeeBps) private {
        if (newFeeBps > MAX_FEE_BPS) revert FeeTooHigh(newFeeBps, MAX_FEE_BPS);
        feeBps = newFeeBps;
        emit FeeSet(newFeeBps);
    }

    function _setTreasury(address newTreasury) private {
        if (newTreasury == address(0)) revert ZeroAddress();
        treasury = newTreasury;
        emit TreasurySet(newTreasury);
    }

    function _setAuditors(address[] memory newAuditors, uint8 threshold) private {
        _checkMembers(threshold, newAuditors.length);
        for (uint256 i = 0; i < _auditors.length; ++i) {
            delete auditorIndex[_auditors[i]];
        }
        for (uint256 i = 0; i < newAuditors.length; ++i) {
            address auditor = newAuditors[i];
            if (auditor == address(0) || auditorIndex[auditor] != 0) revert BadAuditor(i, auditor);
            auditorIndex[auditor] = i + 1;
        }
        _auditors = newAuditors;
        auditorThreshold = threshold;
        emit AuditorsSet(newAuditors, threshold);
    }

    function _addArbiterSet(address[] memory arbiters, uint8 threshold) private returns (uint32 number) {
        _checkMembers(threshold, arbiters.length);
        number = ++arbiterSetCount;
        mapping(address arbiter => uint256 index) storage indexes = arbiterIndex[number];
        for (uint256 i = 0; i < arbiters.length; ++i) {
            address arbiter = arbiters[i];
            if (arbiter == address(0) || indexes[arbiter] != 0) revert BadArbiter(i, arbiter);
            indexes[arbiter] = i + 1;
        }
        _arbiters[number] = arbiters;
        arbiterThresholdOf[number] = threshold;
        emit ArbiterSetAdded(number, arbiters, threshold);
    }

    function _checkMembers(uint256 threshold, uint256 members) private pure {
        if (members > MAX_MEMBERS) revert TooManyMembers(members, MAX_MEMBERS);
        if (threshold == 0 || threshold > members) revert BadThreshold(threshold, members);
    }

    function _setDefaultMinBond(uint64 newMinBondPerMilli) private {
        _defaultMinBond = newMinBondPerMilli;
        emit DefaultMinBondSet(newMinBondPerMilli);
    }

    function _setRoleBond(uint64 newRoleBond) private {
        if (newRoleBond > MAX_ROLE_BOND) revert RoleBondTooHigh(newRoleBond, MAX_ROLE_BOND);
        roleBond = newRoleBond;
        emit RoleBondSet(newRoleBond);
    }

    function _setFees(uint64 newAttestationFee, uint64 newDisputeFee) private {
        if (newAttestationFee > MAX_ATTESTATION_FEE) {
            revert AttestationFeeTooHigh(newAttestationFee, MAX_ATTESTATION_FEE);
        }
        if (newDisputeFee > MAX_DISPUTE_FEE) revert DisputeFeeTooHigh(newDisputeFee, MAX_DISPUTE_FEE);
        attestationFee = newAttestationFee;
        disputeFee = newDisputeFee;
        emit FeesSet(newAttestationFee, newDisputeFee);
    }
}
