// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Attestation} from "../types/Attestation.sol";
import {Revocation} from "../types/Revocation.sol";
import {PayTerms, SaleTerms, Terms} from "../types/Terms.sol";

/// @title Who provides, on which terms, with which devices and for which hours
/// @notice Holds no money: the bonds that it counts lie in the market.
/// @dev Assumptions: auditors attest what they verified; `k` of them do not collude. The market is trusted and
/// is the only caller of the hooks, which never revert on a refused fill but return the selector of the error
/// that describes the refusal.
interface IProviderRegistry {
    /// @notice What a provider may sell of one class.
    struct Capacity {
        /// Lanes attested; each is `laneMilli` of one device.
        uint16 lanes;
        uint16 laneMilli;
        /// The earliest expiry among the devices, zero where one is revoked; no fill from then on.
        uint40 expiry;
        /// End of the latest window ever sold.
        uint40 lastSoldEnd;
        /// Bond for each attested milli, as of the last attestation or removal.
        uint64 minBondPerMilli;
    }

    /// @notice Anybody's collateral: a provider's, an auditor's, an arbiter's, an operator's.
    struct Bond {
        /// Counts towards the minimum.
        uint64 bonded;
        /// On its way out: still held, counts no more.
        uint64 unbonding;
        uint40 unbondingEnds;
        /// Minimum for a fill: attested milli times the class's minimum, over all classes.
        uint64 required;
        /// Milli of all attested devices: a lease's share of the bond is milli / attestedMilli.
        uint32 attestedMilli;
    }

    /// @notice One device, or one slice of a device.
    struct Device {
        /// Zero when the device is not enrolled.
        address provider;
        /// Of the latest attestation; kept after removal, so that an older attestation cannot be replayed.
        uint40 expiry;
        /// Enrolled slices that name this device as their parent.
        uint16 slices;
        /// Place in the provider's list of the class.
        uint16 index;
        bool simulated;
        /// Auditors ended its attestation early; a later one counts again.
        bool revoked;
        bytes32 deviceClass;
        bytes32 parent;
    }

    error OnlyMarket(address market, address caller);
    error OnlyArbitration(address arbitration, address caller);
    /// @notice Of an attestation, a revocation or a slash.
    error NoEvidence();
    /// @notice An auditor's bond is below `parameters.roleBond()`.
    error RoleBondTooLow(address member, uint256 bonded, uint256 required);
    error ZeroAddress();
    error ZeroAmount();
    error LengthMismatch(uint256 statements, uint256 signatures);
    error AlreadyRegistered(address provider);
    error NotRegistered(address provider);
    error BpsTooHigh(uint256 bps, uint256 limit);
    /// @notice Terms allow interruption exactly where they give notice of it, for a window's length at most.
    error BadNotice(uint256 notice, uint256 limit);
    error UnknownArbiterSet(uint32 arbiterSet, uint32 sets);
    error BadClass(bytes32 deviceClass);
    error BadIsolation(uint256 isolation, uint256 strongest);
    /// @notice The step is zero, no divisor of 1000, or not 1000 for an isolation that cannot be divided.
    error BadStep(uint256 step, uint256 isolation);
    /// @notice The interval, the number of unsigned intervals or the product of both (in seconds) is out of range.
    error BadReceiptInterval(uint256 unsignedSeconds, uint256 limit);
    error UnknownTerms(uint64 terms);
    error SimulatedRefused(bytes32 device);
    error NotAuditor(address signer);
    error AuditorRepeated(address signer);
    error TooFewAuditors(uint256 given, uint256 needed);
    error BadDevice(bytes32 device, bytes32 parent);
    /// @notice Enrolled by another owner, in another class or under another parent: it must be removed first.
    error DeviceTaken(bytes32 device, address provider);
    error DeviceUnknown(bytes32 device);
    /// @notice The parent is enrolled as a whole device.
    error ParentEnrolled(bytes32 device, bytes32 parent);
    /// @notice Slices of this device are enrolled.
    error SlicesEnrolled(bytes32 device, uint256 slices);
    /// @notice The attestation is expired, or not newer than the one that counted last for this device.
    error StaleAttestation(uint256 expiry, uint256 newest);
    error AttestationTooLong(uint256 expiry, uint256 limit);
    /// @notice The revocation names another attestation than the one that counts, or that was revoked before.
    error NotRevocable(bytes32 device, uint256 given, uint256 expiry);
    /// @notice Lanes of a class are alike: remove its devices before attesting another lane.
    error LaneMismatch(uint256 given, uint256 current);
    error BadLane(uint256 laneMilli, uint256 whole);
    error TooManyLanes(uint256 lanes, uint256 limit);
    error TooManyClasses(uint256 classes, uint256 limit);
    /// @notice Only the owner removes a device before its attestation expired or was revoked.
    error NotRemovable(bytes32 device, uint256 expiry);
    /// @notice Hours that need the device are sold.
    error HoursSold(uint256 remainingLanes, uint256 soldLanes);
    error InsufficientBond(uint256 bonded, uint256 wanted);
    error NothingUnbonding(address provider);
    error UnbondingNotOver(uint256 ends, uint256 timestamp);
    error BondOverflow(uint256 bonded, uint256 limit);

    /// @notice Refusals that `reserve` returns.
    error NotAttested(address provider, bytes32 deviceClass);
    error AttestationExpired(uint256 expiry, uint256 timestamp);
    /// @notice The step of the terms is no multiple of the attested lane.
    error StepMismatch(uint256 step, uint256 laneMilli);
    /// @dev Also the error of a device that enters while hours are sold.
    error BondTooLow(uint256 bonded, uint256 required);
    error OverCapacity(uint256 lanes, uint256 wanted);

    event ProviderRegistered(address indexed provider, address indexed agent);
    event AgentChanged(address indexed provider, address indexed agent, address previous, uint256 previousUntil);
    event TermsRegistered(uint64 indexed number, address indexed provider, uint16 feeBps, Terms terms);
    event DeviceAttested(
        address indexed provider,
        bytes32 indexed device,
        bytes32 indexed deviceClass,
        bytes32 parent,
        uint16 laneMilli,
        uint40 expiry,
        bytes32 evidence,
        bool simulated
    );
    event DeviceRevoked(
        address indexed provider, bytes32 indexed device, bytes32 indexed deviceClass, uint40 expiry, bytes32 evidence
    );
    event DeviceRemoved(address indexed provider, bytes32 indexed device, bytes32 indexed deviceClass);
    event CapacityChanged(
        address indexed provider, bytes32 indexed deviceClass, uint16 lanes, uint16 laneMilli, uint40 expiry
    );
    event BondAdded(address indexed account, uint64 amount, uint64 bonded);
    event UnbondingRequested(address indexed account, uint64 amount, uint64 unbonding, uint40 ends);
    event BondTaken(address indexed account, uint64 amount);
    /// @notice Left the bond for the holder of a lease, as the terms' SLA credit.
    event CreditTaken(address indexed provider, uint64 amount);
    /// @notice `toVictim` went to the victim's account, the rest is burned.
    event Slashed(
        address indexed account, address indexed victim, uint64 amount, uint64 toVictim, bytes32 indexed evidence
    );

    // ------------------------------------------------------------------ the provider's calls

    /// @notice Become a provider; the caller is the owner key, `agent` the hot key that signs receipts only.
    function register(address agent) external;

    /// @notice Replace the agent key; the old one still counts for `REDEEM_GRACE`: in
    /// final vouchers, in those with missed intervals and in usage claims.
    function setAgent(address agent) external;

    /// @notice Register terms under the next number; immutable, with the fee of this moment.
    function registerTerms(Terms calldata terms) external returns (uint64 number);

    /// @notice Start taking `amount` out of the caller's bond. It stops counting now, can still be slashed, and leaves by
    /// the market's `releaseBond` after the last hour sold so far, `REDEEM_GRACE` and the longest case. Requests add
    /// up and the end moves.
    function requestUnbonding(uint64 amount) external;

    // ------------------------------------------------------------------ anybody's calls

    /// @notice Enrol or renew devices, each signed by at least the threshold of distinct auditors.
    /// @dev All or nothing. A whole device and its slices exclude each other. Each auditor must be bonded and gets
    /// `parameters.attestationFee()` from the caller's market account. Whoever sold hours that may still claim on its
    /// bond adds a device only with the bond for all: more devices make the shares of sold leases smaller.
    function attest(Attestation[] calldata attestations, bytes[][] calldata signatures) external;

    /// @notice End attestations before their expiry, each signed by at least the threshold of distinct bonded auditors.
    /// @dev All or nothing. Fills of the class stop until the device is removed or attested anew; sold hours stay, and
    /// their holders may close them before the start with a full refund.
    function revoke(Revocation[] calldata revocations, bytes[][] calldata signatures) external;

    /// @notice Take a device out: its owner at any time, anybody after its attestation expired or was revoked, and
    /// only where the lanes that stay cover every hour already sold.
    function removeDevice(bytes32 device) external;

    // ------------------------------------------------------------------ the market's hooks

    /// @notice Charge `milli` of the terms' class to each hour that [start, end) touches.
    /// @return reason Zero when done, else the selector of the error that describes the refusal; nothing changed.
    function reserve(uint64 terms, uint32 milli, uint40 start, uint40 end) external returns (bytes4 reason);

    /// @notice Give back what `reserve` charged for [start, end), but for the hours that are past.
    function release(uint64 terms, uint32 milli, uint40 start, uint40 end) external;

    /// @notice Count a bond that the market took.
    function addBond(address account, uint64 amount) external;

    /// @notice Stop counting a bond whose unbonding is over; the market pays it out.
    function takeUnbonded(address account) external returns (uint64 amount);

    /// @notice Take an SLA credit of a lease of `milli` out of the bond, at most the lease's share; the market pays it.
    function takeBond(address provider, uint256 milli, uint256 amount) external returns (uint256 taken);

    /// @notice Take up to `amount` out of a bond, unbonding included: the victim gets up to `victimPart` first, the
    /// rest is burned (credited to an account that nobody holds the key of).
    function slash(address account, uint256 amount, address victim, uint256 victimPart, bytes32 evidence)
        external
        returns (uint256 taken);

    // ------------------------------------------------------------------ views

    function market() external view returns (address);

    function arbitration() external view returns (address);

    /// @notice The account that burned money is credited to.
    function BURNED() external view returns (address);

    /// @notice Seconds that an attestation may be valid for at most.
    function MAX_VALIDITY() external view returns (uint256);

    function REDEEM_GRACE() external view returns (uint32);

    /// @notice Whether simulated devices may be enrolled; false on any market but a local one.
    function ALLOW_SIMULATED() external view returns (bool);

    function agentOf(address provider) external view returns (address);

    /// @notice Whether `key` is the provider's agent key, or was until less than `REDEEM_GRACE` ago.
    function isAgent(address provider, address key) external view returns (bool);

    /// @notice Whether `key` is the provider's agent key, or was one and still counted (`isAgent`) at the time `at`.
    function wasAgent(address provider, address key, uint256 at) external view returns (bool);

    /// @notice How many terms are registered; the numbers run from 1.
    function termsCount() external view returns (uint64);

    function termsOf(uint64 number)
        external
        view
        returns (Terms memory terms, address provider, uint16 feeBps);

    /// @notice What a fill needs of the terms; zeros for an unknown number.
    function saleTerms(uint64 number) external view returns (SaleTerms memory);

    /// @notice What a redemption or a closing needs of the terms; zeros for an unknown number.
    function payTerms(uint64 number) external view returns (PayTerms);

    /// @notice Whether the class of the terms has no attested lane any more, or an attestation expired or was revoked.
    function isLapsed(uint64 number) external view returns (bool);

    function capacityOf(address provider, bytes32 deviceClass) external view returns (Capacity memory);

    /// @notice Lanes sold in the hour that begins at `hour * 3600`.
    function soldLanes(address provider, bytes32 deviceClass, uint256 hour) external view returns (uint256);

    /// @notice Most lanes sold in any hour that [start, end) touches.
    function peakLanes(address provider, bytes32 deviceClass, uint40 start, uint40 end)
        external
        view
        returns (uint256);

    function classesOf(address provider) external view returns (bytes32[] memory);

    function devicesOf(address provider, bytes32 deviceClass) external view returns (bytes32[] memory);

    function deviceOf(bytes32 device) external view returns (Device memory);

    function bondOf(address account) external view returns (Bond memory);

    /// @notice What is bonded beyond the minimum that a provider needs.
    function freeBond(address account) external view returns (uint256);

    /// @notice The most that one lease of `milli` may cost the bond: bond x milli / attested milli.
    function leaseBond(address provider, uint256 milli) external view returns (uint256);
}
