// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title What governance may set, within caps that the code fixes
/// @notice Every setter belongs to `GOVERNOR_ROLE`, which the timelock holds: a change is announced on chain for
/// the timelock's delay before it counts. No value here can move anybody's funds. The fee and the arbiter set of a
/// lease are fixed when its terms are registered, and arbiter sets are never changed; minimum bonds count for later
/// fills. Treasury, role bond and dispute fee count for what happens after they are set, in leases sold before too:
/// that is why they are capped, and who gets the fee is nothing to those who pay it.
/// @dev Roles are OpenZeppelin's `AccessControlDefaultAdminRules`; the timelock is the default admin. It passes
/// that role on in two steps, `ADMIN_DELAY` apart, on top of its own delay; and may replace the pauser. Whomever it
/// grants the governor's role changes values without delay: watch `RoleGranted` among what is announced.
/// Assumption: the timelock's delay is long enough for those who disagree to leave.
interface IParameters {
    /// @notice What a deployment starts with; the caps hold for it too.
    struct Initial {
        uint16 feeBps;
        address treasury;
        address[] auditors;
        uint8 auditorThreshold;
        /// For every class without a minimum of its own.
        uint64 minBondPerMilli;
        uint64 roleBond;
        uint64 attestationFee;
        uint64 disputeFee;
        /// Empty: no set yet, and the threshold is ignored. Otherwise they become set 1.
        address[] arbiters;
        uint8 arbiterThreshold;
    }

    error FeeTooHigh(uint256 feeBps, uint256 limit);
    error AttestationFeeTooHigh(uint256 fee, uint256 limit);
    error DisputeFeeTooHigh(uint256 fee, uint256 limit);
    error RoleBondTooHigh(uint256 roleBond, uint256 limit);
    error ZeroAddress();
    /// @notice An auditor is zero or listed twice.
    error BadAuditor(uint256 index, address auditor);
    /// @notice An arbiter is zero or listed twice.
    error BadArbiter(uint256 index, address arbiter);
    error TooManyMembers(uint256 members, uint256 limit);
    /// @notice The threshold is zero or above the number of members.
    error BadThreshold(uint256 threshold, uint256 members);
    /// @notice A pause lasts from one second to the limit.
    error PauseOutOfRange(uint256 duration, uint256 limit);
    error NotPaused(uint256 pausedUntil, uint256 timestamp);

    event FeeSet(uint16 feeBps);
    event TreasurySet(address indexed treasury);
    /// @notice The whole list: whoever is not in it audits no longer.
    event AuditorsSet(address[] auditors, uint8 threshold);
    event ArbiterSetAdded(uint32 indexed number, address[] arbiters, uint8 threshold);
    event DefaultMinBondSet(uint64 minBondPerMilli);
    /// @notice `isSet` false: the default counts again for the class.
    event MinBondSet(bytes32 indexed deviceClass, uint64 minBondPerMilli, bool isSet);
    event RoleBondSet(uint64 roleBond);
    event FeesSet(uint64 attestationFee, uint64 disputeFee);
    event Paused(address indexed account, uint40 until);
    event Unpaused(address indexed account);

    // ------------------------------------------------------------------ the timelock's calls

    /// @notice Share of the payments of terms that are registered from now on.
    function setFee(uint16 newFeeBps) external;

    /// @notice Whom all payments from now on credit, those of leases sold before included.
    function setTreasury(address newTreasury) external;

    /// @notice Replace all auditors; what they attested before stands until it expires.
    function setAuditors(address[] calldata newAuditors, uint8 threshold) external;

    /// @notice Add arbiters under the next number, which terms may name from now on.
    function addArbiterSet(address[] calldata arbiters, uint8 threshold) external returns (uint32 number);

    /// @notice Minimum for every class without one of its own; counts at the next attestation or removal of a device.
    function setDefaultMinBond(uint64 newMinBondPerMilli) external;

    /// @notice Minimum of one class, 0 included; `isSet` false gives the class back to the default.
    function setMinBond(bytes32 deviceClass, uint64 newMinBondPerMilli, bool isSet) external;

    /// @notice Free bond without which an auditor's or arbiter's signature does not count.
    function setRoleBond(uint64 newRoleBond) external;

    /// @notice What an auditor gets for a signature and the arbiters together for a verdict.
    function setFees(uint64 newAttestationFee, uint64 newDisputeFee) external;

    // ------------------------------------------------------------------ the pauser's calls

    /// @notice Stop fills and resales for `duration` seconds from now, 7 days at most; replaces a pause that runs.
    function pause(uint32 duration) external;

    /// @notice End a pause; the pauser's or the timelock's call.
    function unpause() external;

    // ------------------------------------------------------------------ views

    /// @notice Ten-thousandths.
    function MAX_FEE_BPS() external view returns (uint256);

    function MAX_ATTESTATION_FEE() external view returns (uint256);

    function MAX_DISPUTE_FEE() external view returns (uint256);

    function MAX_ROLE_BOND() external view returns (uint256);

    /// @notice Seconds.
    function MAX_PAUSE() external view returns (uint256);

    /// @notice Seconds between the two steps that pass on the default admin's role, at the start.
    function ADMIN_DELAY() external view returns (uint48);

    function GOVERNOR_ROLE() external view returns (bytes32);

    function PAUSER_ROLE() external view returns (bytes32);

    /// @notice Whether new fills and resales are refused; nothing else ever is.
    function paused() external view returns (bool);

    /// @notice First second after the latest pause; in the past where none runs.
    function pausedUntil() external view returns (uint40);

    /// @notice Share of each payment that the treasury gets, in ten-thousandths, rounded down; fixed for terms when
    /// they are registered.
    function feeBps() external view returns (uint16);

    /// @notice Whose market account the fees are credited to, at the time of each payment.
    function treasury() external view returns (address);

    /// @notice Everyone whose signature counts in an attestation.
    function auditors() external view returns (address[] memory);

    /// @notice Place of an auditor in the list, from 1; 0 for anybody else.
    function auditorIndex(address auditor) external view returns (uint256);

    /// @notice How many distinct auditors an attestation needs.
    function auditorThreshold() external view returns (uint8);

    /// @notice Bond that a provider needs for each attested milli of a class.
    function minBondPerMilli(bytes32 deviceClass) external view returns (uint64);

    /// @notice Free bond that an auditor or arbiter needs.
    function roleBond() external view returns (uint64);

    /// @notice What each signing auditor gets for an attestation.
    function attestationFee() external view returns (uint64);

    /// @notice What the signing arbiters of a verdict share, and the least bond of a claim.
    function disputeFee() external view returns (uint64);

    /// @notice How many arbiter sets there are; the numbers run from 1.
    function arbiterSetCount() external view returns (uint32);

    /// @notice How many distinct arbiters of the set a verdict needs; 0 for an unknown set.
    function arbiterThresholdOf(uint32 set) external view returns (uint8);

    /// @notice Place of an arbiter in the set, from 1; 0 for anybody else.
    function arbiterIndex(uint32 set, address arbiter) external view returns (uint256);

    /// @notice Members of the set, in order; empty for an unknown set.
    function arbitersOf(uint32 set) external view returns (address[] memory);
}
