// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {IGpuMarket} from "./interfaces/IGpuMarket.sol";
import {IParameters} from "./interfaces/IParameters.sol";
import {IProviderRegistry} from "./interfaces/IProviderRegistry.sol";
import {AttestationRules} from "./libraries/AttestationRules.sol";
import {Bonds} from "./libraries/Bonds.sol";
import {Fleet, FleetLib} from "./libraries/Fleet.sol";
import {Lanes} from "./libraries/Lanes.sol";
import {TermsRules} from "./libraries/TermsRules.sol";
import {Attestation, AttestationLib} from "./types/Attestation.sol";
import {Revocation, RevocationLib} from "./types/Revocation.sol";
import {PayTerms, PayTermsLib, RegisteredTerms, SaleTerms, Terms} from "./types/Terms.sol";
import {Timing, TimingLib} from "./types/Timing.sol";

/// @title Providers, terms, devices, sold hours and bonds
contract ProviderRegistry is IProviderRegistry, EIP712 {
    using Bonds for Bond;
    using FleetLib for Fleet;
    using Lanes for mapping(uint256 slot => uint256 word);
    using TimingLib for Timing;

    /// @inheritdoc IProviderRegistry
    address public constant BURNED = 0x000000000000000000000000000000000000dEaD;

    /// @inheritdoc IProviderRegistry
    uint256 public constant MAX_VALIDITY = AttestationRules.MAX_VALIDITY;

    /// @inheritdoc IProviderRegistry
    address public immutable market;
    /// @inheritdoc IProviderRegistry
    address public immutable arbitration;
    IParameters private immutable _parameters;
    /// @inheritdoc IProviderRegistry
    uint32 public immutable REDEEM_GRACE;
    uint32 private immutable _longestCase;
    /// @inheritdoc IProviderRegistry
    bool public immutable ALLOW_SIMULATED;

    /// @inheritdoc IProviderRegistry
    uint64 public termsCount;
    mapping(uint64 number => RegisteredTerms terms) private _terms;
    /// @inheritdoc IProviderRegistry
    mapping(address provider => address agent) public agentOf;
    mapping(address provider => mapping(address agent => uint256 until)) private _replacedUntil;
    Fleet private _fleet;

    modifier onlyMarket() {
        if (msg.sender != market) revert OnlyMarket(market, msg.sender);
        _;
    }

    modifier onlyArbitration() {
        if (msg.sender != arbitration) revert OnlyArbitration(arbitration, msg.sender);
        _;
    }

    constructor(
        address market_,
        address arbitration_,
        IParameters parameters_,
        Timing memory timing,
        bool allowSimulated
    ) EIP712("GPU Bourse", "1") {
        if (market_ == address(0) || arbitration_ == address(0)) revert ZeroAddress();
        timing.check();
        market = market_;
        arbitration = arbitration_;
        _parameters = parameters_;
        REDEEM_GRACE = timing.redeemGrace;
        _longestCase = timing.longestCase();
        ALLOW_SIMULATED = allowSimulated;
    }

    // ------------------------------------------------------------------ the provider's calls

    /// @inheritdoc IProviderRegistry
    function register(address agent) external {
        if (agent == address(0)) revert ZeroAddress();
        if (agentOf[msg.sender] != address(0)) revert AlreadyRegistered(msg.sender);
        agentOf[msg.sender] = agent;
        emit ProviderRegistered(msg.sender, agent);
    }

    /// @inheritdoc IProviderRegistry
    function setAgent(address agent) external {
        if (agent == address(0)) revert ZeroAddress();
        address previous = _registered(msg.sender);
        if (agent == previous) return;
        uint256 until = block.timestamp + REDEEM_GRACE;
        agentOf[msg.sender] = agent;
        _replacedUntil[msg.sender][previous] = until;
        emit AgentChanged(msg.sender, agent, previous, until);
    }

    /// @inheritdoc IProviderRegistry
    function registerTerms(Terms calldata terms) external returns (uint64 number) {
        _registered(msg.sender);
        TermsRules.check(terms, _parameters.arbiterSetCount());
        uint16 feeBps = _parameters.feeBps();
        number = ++termsCount;
        RegisteredTerms storage stored = _terms[number];
        stored.deviceClass = terms.deviceClass;
        stored.pay = PayTermsLib.pack(msg.sender, feeBps, terms);
        (stored.isolation, stored.interruptible, stored.notice) =
            (terms.isolation, terms.interruptible, terms.notice);
        (stored.unsignedIntervals, stored.arbiterSet) = (terms.unsignedIntervals, terms.arbiterSet);
        emit TermsRegistered(number, msg.sender, feeBps, terms);
    }

    /// @inheritdoc IProviderRegistry
    function requestUnbonding(uint64 amount) external {
        Bond storage bond = _fleet.bonds[msg.sender];
        if (amount == 0) revert ZeroAmount();
        if (amount > bond.bonded) revert InsufficientBond(bond.bonded, amount);
        uint256 last = _lastSoldEnd(msg.sender);
        uint40 ends = uint40((last > block.timestamp ? last : block.timestamp) + REDEEM_GRACE + _longestCase);
        bond.bonded -= amount;
        bond.unbonding += amount;
        bond.unbondingEnds = ends;
        emit UnbondingRequested(msg.sender, amount, bond.unbonding, ends);
    }

    // ------------------------------------------------------------------ devices

    /// @inheritdoc IProviderRegistry
    function attest(Attestation[] calldata attestations, bytes[][] calldata signatures) external {
        _checkLengths(attestations.length, signatures.length);
        for (uint256 i = 0; i < attestations.length; ++i) {
            address provider = attestations[i].provider;
            _registered(provider);
            AttestationRules.checkFields(attestations[i], ALLOW_SIMULATED);
            address[] memory auditors = _auditors(AttestationLib.hash(attestations[i]), signatures[i]);
            bool isNew = _fleet.enrol(_parameters, attestations[i]);
            if (isNew) _checkShares(provider);
            _payAuditors(auditors);
        }
    }

    /// @inheritdoc IProviderRegistry
    function revoke(Revocation[] calldata revocations, bytes[][] calldata signatures) external {
        _checkLengths(revocations.length, signatures.length);
        for (uint256 i = 0; i < revocations.length; ++i) {
            _auditors(RevocationLib.hash(revocations[i]), signatures[i]);
            _fleet.revoke(_parameters, revocations[i]);
        }
    }

    function _checkLengths(uint256 statements, uint256 signatures) private pure {
        if (statements != signatures) revert LengthMismatch(statements, signatures);
    }

    function _auditors(bytes32 structHash, bytes[] calldata signatures) private view returns (address[] memory) {
        return AttestationRules.checkAuditors(_parameters, _hashTypedDataV4(structHash), signatures, _fleet.bonds);
    }

    /// @dev More devices make the shares of sold leases smaller: while one may still claim, the bond must do for all.
    function _checkShares(address provider) private view {
        Bond storage bond = _fleet.bonds[provider];
        if (bond.bonded >= bond.required) return;
        uint256 lastClaim = _lastSoldEnd(provider) + REDEEM_GRACE + _longestCase;
        if (block.timestamp < lastClaim) revert BondTooLow(bond.bonded, bond.required);
    }

    function _payAuditors(address[] memory auditors) private {
        uint64 fee = _parameters.attestationFee();
        if (fee == 0) return;
        for (uint256 i = 0; i < auditors.length; ++i) IGpuMarket(market).pay(msg.sender, auditors[i], fee);
    }

    /// @inheritdoc IProviderRegistry
    function removeDevice(bytes32 device) external {
        _fleet.remove(_parameters, device);
    }

    // ------------------------------------------------------------------ the market's hooks

    /// @inheritdoc IProviderRegistry
    function reserve(uint64 terms, uint32 milli, uint40 start, uint40 end)
        external
        onlyMarket
        returns (bytes4 reason)
    {
        RegisteredTerms storage stored = _terms[terms];
        PayTerms pay = stored.pay;
        (address provider, bytes32 deviceClass) = (pay.provider(), stored.deviceClass);
        Capacity memory capacity = _fleet.capacity[provider][deviceClass];
        if (capacity.lanes == 0) return NotAttested.selector;
        if (block.timestamp >= capacity.expiry) return AttestationExpired.selector;
        if (pay.step() % capacity.laneMilli != 0) return StepMismatch.selector;
        if (_fleet.bonds[provider].bonded < _fleet.bonds[provider].required) return BondTooLow.selector;

        uint256 wanted = milli / capacity.laneMilli;
        if (wanted > capacity.lanes) return OverCapacity.selector;
        (uint256 from, uint256 to) = Lanes.hoursOf(start, end);
        mapping(uint256 slot => uint256 word) storage calendar = _fleet.calendar[provider][deviceClass];
        if (!calendar.within(from, to, capacity.lanes - wanted)) return OverCapacity.selector;
        calendar.charge(from, to, wanted);
        if (end > capacity.lastSoldEnd) _fleet.capacity[provider][deviceClass].lastSoldEnd = end;
    }

    /// @inheritdoc IProviderRegistry
    function release(uint64 terms, uint32 milli, uint40 start, uint40 end) external onlyMarket {
        RegisteredTerms storage stored = _terms[terms];
        (address provider, bytes32 deviceClass) = (stored.pay.provider(), stored.deviceClass);
        uint256 running = start > block.timestamp ? start : block.timestamp;
        (uint256 from, uint256 to) = Lanes.hoursOf(running, end);
        // No lane changes its size before the last sold hour is over, so this is what was charged.
        uint256 lanes = milli / _fleet.capacity[provider][deviceClass].laneMilli;
        _fleet.calendar[provider][deviceClass].free(from, to, lanes);
    }

    /// @inheritdoc IProviderRegistry
    function addBond(address account, uint64 amount) external onlyMarket {
        uint64 bonded = _fleet.bonds[account].bonded + amount;
        _fleet.bonds[account].bonded = bonded;
        emit BondAdded(account, amount, bonded);
    }

    /// @inheritdoc IProviderRegistry
    function takeUnbonded(address account) external onlyMarket returns (uint64 amount) {
        Bond storage bond = _fleet.bonds[account];
        amount = bond.unbonding;
        if (amount == 0) revert NothingUnbonding(account);
        if (block.timestamp < bond.unbondingEnds) revert UnbondingNotOver(bond.unbondingEnds, block.timestamp);
        bond.unbonding = 0;
        bond.unbondingEnds = 0;
        emit BondTaken(account, amount);
    }

    /// @inheritdoc IProviderRegistry
    function takeBond(address provider, uint256 milli, uint256 amount) external onlyMarket returns (uint256 taken) {
        Bond storage bond = _fleet.bonds[provider];
        uint256 share = bond.share(milli);
        taken = bond.take(amount < share ? amount : share);
        emit CreditTaken(provider, uint64(taken));
    }

    /// @inheritdoc IProviderRegistry
    function slash(address account, uint256 amount, address victim, uint256 victimPart, bytes32 evidence)
        external
        onlyArbitration
        returns (uint256 taken)
    {
        if (evidence == 0) revert NoEvidence();
        taken = _fleet.bonds[account].take(amount);
        uint256 toVictim = victimPart < taken ? victimPart : taken;
        emit Slashed(account, victim, uint64(taken), uint64(toVictim), evidence);
        if (toVictim != 0) IGpuMarket(market).creditFromBond(victim, toVictim);
        if (taken != toVictim) IGpuMarket(market).creditFromBond(BURNED, taken - toVictim);
    }

    // ------------------------------------------------------------------ views

    /// @inheritdoc IProviderRegistry
    function isAgent(address provider, address key) external view returns (bool) {
        if (key == address(0)) return false;
        return key == agentOf[provider] || block.timestamp <= _replacedUntil[provider][key];
    }

    /// @inheritdoc IProviderRegistry
    function wasAgent(address provider, address key, uint256 at) external view returns (bool) {
        if (key == address(0)) return false;
        uint256 until = _replacedUntil[provider][key];
        return key == agentOf[provider] || (until != 0 && at <= until);
    }

    /// @inheritdoc IProviderRegistry
    function termsOf(uint64 number)
        external
        view
        returns (Terms memory terms, address provider, uint16 feeBps)
    {
        RegisteredTerms storage stored = _terms[number];
        PayTerms pay = stored.pay;
        if (pay.provider() == address(0)) revert UnknownTerms(number);
        (terms.deviceClass, terms.isolation, terms.step) = (stored.deviceClass, stored.isolation, uint16(pay.step()));
        (terms.reservationFeeBps, terms.slaCreditBps) = (uint16(pay.reservationFeeBps()), uint16(pay.slaCreditBps()));
        (terms.interruptible, terms.notice) = (stored.interruptible, stored.notice);
        (terms.receiptInterval, terms.unsignedIntervals) = (uint32(pay.receiptInterval()), stored.unsignedIntervals);
        terms.arbiterSet = stored.arbiterSet;
        return (terms, pay.provider(), uint16(pay.feeBps()));
    }

    /// @inheritdoc IProviderRegistry
    function saleTerms(uint64 number) external view returns (SaleTerms memory terms) {
        RegisteredTerms storage stored = _terms[number];
        (terms.pay, terms.deviceClass, terms.isolation) = (stored.pay, stored.deviceClass, stored.isolation);
        (terms.interruptible, terms.notice, terms.arbiterSet) =
            (stored.interruptible, stored.notice, stored.arbiterSet);
    }

    /// @inheritdoc IProviderRegistry
    function payTerms(uint64 number) external view returns (PayTerms) {
        return _terms[number].pay;
    }

    /// @inheritdoc IProviderRegistry
    function isLapsed(uint64 number) external view returns (bool) {
        RegisteredTerms storage stored = _terms[number];
        Capacity storage capacity = _fleet.capacity[stored.pay.provider()][stored.deviceClass];
        return capacity.lanes == 0 || block.timestamp >= capacity.expiry;
    }

    /// @inheritdoc IProviderRegistry
    function capacityOf(address provider, bytes32 deviceClass) external view returns (Capacity memory) {
        return _fleet.capacity[provider][deviceClass];
    }

    /// @inheritdoc IProviderRegistry
    function soldLanes(address provider, bytes32 deviceClass, uint256 hour) external view returns (uint256) {
        return _fleet.calendar[provider][deviceClass].sold(hour);
    }

    /// @inheritdoc IProviderRegistry
    function peakLanes(address provider, bytes32 deviceClass, uint40 start, uint40 end)
        external
        view
        returns (uint256)
    {
        return _fleet.peakLanes(provider, deviceClass, start, end);
    }

    /// @inheritdoc IProviderRegistry
    function classesOf(address provider) external view returns (bytes32[] memory) {
        return _fleet.classes[provider];
    }

    /// @inheritdoc IProviderRegistry
    function devicesOf(address provider, bytes32 deviceClass) external view returns (bytes32[] memory) {
        return _fleet.devicesOf[provider][deviceClass];
    }

    /// @inheritdoc IProviderRegistry
    function deviceOf(bytes32 device) external view returns (Device memory) {
        return _fleet.devices[device];
    }

    /// @inheritdoc IProviderRegistry
    function bondOf(address account) external view returns (Bond memory) {
        return _fleet.bonds[account];
    }

    /// @inheritdoc IProviderRegistry
    function freeBond(address account) external view returns (uint256) {
        return _fleet.bonds[account].free();
    }

    /// @inheritdoc IProviderRegistry
    function leaseBond(address provider, uint256 milli) external view returns (uint256) {
        return _fleet.bonds[provider].share(milli);
    }

    function _lastSoldEnd(address provider) private view returns (uint256 last) {
        bytes32[] storage classes = _fleet.classes[provider];
        for (uint256 i = 0; i < classes.length; ++i) {
            uint256 end = _fleet.capacity[provider][classes[i]].lastSoldEnd;
            if (end > last) last = end;
        }
    }

    function _registered(address provider) private view returns (address agent) {
        agent = agentOf[provider];
        if (agent == address(0)) revert NotRegistered(provider);
    }
}
