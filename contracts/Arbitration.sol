// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {IArbitration} from "./interfaces/IArbitration.sol";
import {IGpuMarket} from "./interfaces/IGpuMarket.sol";
import {IParameters} from "./interfaces/IParameters.sol";
import {IProviderRegistry} from "./interfaces/IProviderRegistry.sol";
import {CaseRules, Lease, Modules, Settlement} from "./libraries/CaseRules.sol";
import {Equivocation} from "./libraries/Equivocation.sol";
import {PositionLib} from "./libraries/Position.sol";
import {RoleProofs} from "./libraries/RoleProofs.sol";
import {SeriesId} from "./libraries/SeriesId.sol";
import {Acknowledgement} from "./types/Acknowledgement.sol";
import {Ask} from "./types/Ask.sol";
import {Attestation} from "./types/Attestation.sol";
import {Bid} from "./types/Bid.sol";
import {Receipt} from "./types/Receipt.sol";
import {Timing, TimingLib} from "./types/Timing.sol";
import {Verdict, VerdictLib} from "./types/Verdict.sol";
import {Voucher} from "./types/Voucher.sol";

/// @title Cases between holders and providers
contract Arbitration is IArbitration, EIP712 {
    using CaseRules for Lease;
    using SeriesId for uint256;
    using TimingLib for Timing;

    /// @inheritdoc IArbitration
    IGpuMarket public immutable market;
    /// @inheritdoc IArbitration
    IProviderRegistry public immutable registry;
    /// @inheritdoc IArbitration
    IParameters public immutable parameters;
    /// @inheritdoc IArbitration
    uint32 public immutable REDEEM_GRACE;
    /// @inheritdoc IArbitration
    uint32 public immutable CHALLENGE;
    /// @inheritdoc IArbitration
    uint32 public immutable RESPONSE;
    /// @inheritdoc IArbitration
    uint32 public immutable VERDICT;

    mapping(uint256 series => mapping(address holder => Case state)) private _cases;
    /// @inheritdoc IArbitration
    mapping(bytes32 proof => bool proven) public isProven;

    constructor(IGpuMarket market_, IProviderRegistry registry_, IParameters parameters_, Timing memory timing)
        EIP712("GPU Bourse", "1")
    {
        timing.check();
        if (address(market_) == address(0) || address(parameters_) == address(0)) revert ZeroAddress();
        bool fits = registry_.market() == address(market_) && registry_.arbitration() == address(this);
        if (!fits || registry_.REDEEM_GRACE() != timing.redeemGrace) revert WiringMismatch(address(registry_));
        market = market_;
        registry = registry_;
        parameters = parameters_;
        REDEEM_GRACE = timing.redeemGrace;
        CHALLENGE = timing.challenge;
        RESPONSE = timing.response;
        VERDICT = timing.verdict;
    }

    // ------------------------------------------------------------------ the provider's calls

    /// @inheritdoc IArbitration
    function claimUsage(Voucher calldata voucher, bytes calldata agentSignature) external {
        Lease memory lease = _lease(voucher.series, voucher.holder);
        _onlyProvider(lease.provider);
        lease.checkClaimable(REDEEM_GRACE);
        (uint64 target, bytes32 claimed) = lease.claim(_modules(), voucher, agentSignature);
        Case storage opened = _open(lease, Kind.USAGE, CHALLENGE);
        (opened.base, opened.target) = (lease.position.used, target);
        emit UsageClaimed(voucher.series, voucher.holder, opened.number, target, claimed, opened.deadline);
        market.openCase(voucher.series, voucher.holder, true);
    }

    /// @inheritdoc IArbitration
    function answer(
        uint256 series,
        address holder,
        bytes32 evidence,
        Voucher calldata voucher,
        bytes calldata agentSignature
    ) external {
        if (evidence == 0) revert NoEvidence();
        Lease memory lease = _lease(series, holder);
        _onlyProvider(lease.provider);
        Case storage opened = _undisputed(series, holder, Kind.NO_SHOW);
        bool claims = agentSignature.length != 0;
        if (claims) {
            if (voucher.series != series || voucher.holder != holder) revert OtherLease(voucher.series, voucher.holder);
            (opened.target,) = lease.claim(_modules(), voucher, agentSignature);
            opened.base = lease.position.used;
        }
        _dispute(opened, lease);
        emit Answered(series, holder, opened.number, opened.target, evidence, opened.deadline);
        if (claims) market.openCase(series, holder, true);
    }

    /// @inheritdoc IArbitration
    function release(uint256 series, address holder, bytes32 evidence) external {
        if (evidence == 0) revert NoEvidence();
        Lease memory lease = _lease(series, holder);
        _onlyProvider(lease.provider);
        lease.checkNotFinal();
        if (lease.has(PositionLib.CASE)) revert IGpuMarket.CaseOpen(series, holder);
        uint256 unsigned = uint256(lease.terms.receiptInterval) * lease.terms.unsignedIntervals;
        uint256 earliest = series.start() + unsigned;
        if (block.timestamp < earliest) revert ReleaseTooEarly(earliest, block.timestamp);
        if (block.timestamp >= lease.position.end) revert LeaseOver(lease.position.end, block.timestamp);
        emit Released(series, holder, uint40(block.timestamp), evidence);
        market.shorten(series, holder, uint40(block.timestamp));
    }

    /// @inheritdoc IArbitration
    function interrupt(uint256 series, address holder) external {
        Lease memory lease = _lease(series, holder);
        _onlyProvider(lease.provider);
        lease.checkNotFinal();
        if (!lease.terms.interruptible) revert NotInterruptible(series.terms());
        uint256 end = block.timestamp + lease.terms.notice;
        if (end < series.start()) end = series.start();
        if (end >= lease.position.end) revert LeaseOver(lease.position.end, end);
        emit Interrupted(series, holder, uint40(end));
        market.shorten(series, holder, uint40(end));
    }

    // ------------------------------------------------------------------ the holder's calls

    /// @inheritdoc IArbitration
    function challenge(uint256 series, address holder, bytes32 evidence) external {
        Lease memory lease = _byHolder(series, holder, evidence);
        Case storage opened = _undisputed(series, holder, Kind.USAGE);
        _dispute(opened, lease);
        uint64 bond = _takeBond(opened, lease, opened.target);
        emit Challenged(series, holder, opened.number, msg.sender, bond, evidence, opened.deadline);
        _pay(msg.sender, address(this), bond);
    }

    /// @inheritdoc IArbitration
    function claimNoShow(uint256 series, address holder, bytes32 evidence) external {
        Lease memory lease = _byHolder(series, holder, evidence);
        lease.checkClaimable(REDEEM_GRACE);
        Case storage opened = _open(lease, Kind.NO_SHOW, RESPONSE);
        uint64 bond = _takeBond(opened, lease, lease.window(lease.position.end));
        emit NoShowClaimed(series, holder, opened.number, msg.sender, bond, evidence, opened.deadline);
        market.openCase(series, holder, false);
        _pay(msg.sender, address(this), bond);
    }

    // ------------------------------------------------------------------ anybody's calls

    /// @inheritdoc IArbitration
    function decide(Verdict calldata verdict, bytes[] calldata signatures) external {
        Case storage opened = _cases[verdict.series][verdict.holder];
        if (opened.kind == Kind.NONE || opened.number != verdict.number) {
            revert NoCase(verdict.series, verdict.holder, verdict.number, opened.number);
        }
        if (!opened.disputed) revert WrongStage(opened.kind, false);
        if (block.timestamp >= opened.deadline) revert StageOver(opened.deadline, block.timestamp);
        bool known = verdict.outcome != 0 && verdict.outcome <= uint8(Outcome.INCONCLUSIVE);
        if (!known) revert BadOutcome(verdict.outcome);
        if (verdict.evidence == 0) revert NoEvidence();
        Lease memory lease = _lease(verdict.series, verdict.holder);
        bytes32 digest = _hashTypedDataV4(VerdictLib.hash(verdict));
        address[] memory arbiters =
            CaseRules.arbiters(_modules(), lease.terms.arbiterSet, opened.roleBond, digest, signatures);
        _end(lease, Outcome(verdict.outcome), verdict.evidence, arbiters);
    }

    /// @inheritdoc IArbitration
    function resolve(uint256 series, address holder) external {
        Case storage opened = _cases[series][holder];
        if (opened.kind == Kind.NONE) revert NoCase(series, holder, 0, opened.number);
        Lease memory lease = _lease(series, holder);
        Outcome outcome = Outcome.AGREED;
        if (opened.disputed || !lease.has(PositionLib.FINAL)) {
            if (block.timestamp < opened.deadline) revert StageNotOver(opened.deadline, block.timestamp);
            outcome = opened.kind == Kind.USAGE ? Outcome.UNCHALLENGED : Outcome.UNANSWERED;
            if (opened.disputed) outcome = Outcome.SILENT;
        }
        _end(lease, outcome, 0, new address[](0));
    }

    // ------------------------------------------------------------------ equivocation

    /// @inheritdoc IArbitration
    function proveReceipts(
        Receipt calldata first,
        bytes calldata firstSignature,
        Receipt calldata second,
        bytes calldata secondSignature
    ) external {
        if (first.series != second.series || first.holder != second.holder) {
            revert OtherLease(second.series, second.holder);
        }
        Lease memory lease = _leaseOrNone(first.series, first.holder);
        bytes32 one = lease.signedReceipt(_modules(), first, firstSignature);
        bytes32 two = lease.signedReceipt(_modules(), second, secondSignature);
        if (!Equivocation.contradict(first, second)) revert NoContradiction();
        if (lease.position.units == 0) revert IGpuMarket.NoPosition(first.series, first.holder);
        lease.checkStarted();
        if (!_convict(lease, keccak256(abi.encode(one, two)))) revert AlreadySlashed(first.series, first.holder);
    }

    /// @inheritdoc IArbitration
    function proveOverlap(
        Receipt calldata first,
        bytes calldata firstSignature,
        Receipt calldata second,
        bytes calldata secondSignature
    ) external {
        if (first.series == second.series && first.holder == second.holder) {
            revert OtherLease(second.series, second.holder);
        }
        Lease memory lease = _leaseOrNone(first.series, first.holder);
        Lease memory other = _leaseOrNone(second.series, second.holder);
        if (lease.provider != other.provider) revert DifferentProviders(lease.provider, other.provider);
        bytes32 one = lease.signedReceipt(_modules(), first, firstSignature);
        bytes32 two = other.signedReceipt(_modules(), second, secondSignature);
        if (!Equivocation.overlap(first, lease, second, other)) revert NoContradiction();
        bytes32 evidence = keccak256(abi.encode(one, two));
        bool convicted = _convict(lease, evidence);
        if (!_convict(other, evidence) && !convicted) revert NothingToSlash(lease.provider);
    }

    /// @inheritdoc IArbitration
    function proveCancelledBid(Bid calldata bid, Acknowledgement calldata acknowledgement, bytes calldata signature)
        external
    {
        RoleProofs.cancelledBid(isProven, _modules(), bid, acknowledgement, signature);
    }

    /// @inheritdoc IArbitration
    function proveCancelledAsk(Ask calldata ask, Acknowledgement calldata acknowledgement, bytes calldata signature)
        external
    {
        RoleProofs.cancelledAsk(isProven, _modules(), ask, acknowledgement, signature);
    }

    /// @inheritdoc IArbitration
    function proveVerdicts(
        Verdict calldata first,
        bytes calldata firstSignature,
        Verdict calldata second,
        bytes calldata secondSignature
    ) external {
        bytes32 domain = _domainSeparatorV4();
        RoleProofs.verdicts(isProven, _modules(), domain, first, firstSignature, second, secondSignature);
    }

    /// @inheritdoc IArbitration
    function proveAttestations(
        Attestation calldata first,
        bytes calldata firstSignature,
        Attestation calldata second,
        bytes calldata secondSignature
    ) external {
        RoleProofs.attestations(isProven, _modules(), first, firstSignature, second, secondSignature);
    }

    // ------------------------------------------------------------------ views

    /// @inheritdoc IArbitration
    function DOMAIN_SEPARATOR() external view returns (bytes32) {
        return _domainSeparatorV4();
    }

    /// @inheritdoc IArbitration
    function caseOf(uint256 series, address holder) external view returns (Case memory) {
        return _cases[series][holder];
    }

    /// @inheritdoc IArbitration
    function caseNumberOf(uint256 series, address holder) external view returns (uint32) {
        return _cases[series][holder].number;
    }

    // ------------------------------------------------------------------ who and what

    function _leaseOrNone(uint256 series, address holder) private view returns (Lease memory lease) {
        (lease.series, lease.holder) = (series, holder);
        lease.position = market.positionOf(series, holder);
        (lease.terms, lease.provider,) = registry.termsOf(series.terms());
    }

    function _lease(uint256 series, address holder) private view returns (Lease memory lease) {
        lease = _leaseOrNone(series, holder);
        if (lease.position.units == 0) revert IGpuMarket.NoPosition(series, holder);
    }

    function _byHolder(uint256 series, address holder, bytes32 evidence) private view returns (Lease memory) {
        if (evidence == 0) revert NoEvidence();
        if (!market.isDelegate(holder, msg.sender)) revert OnlyHolder(holder, msg.sender);
        return _lease(series, holder);
    }

    /// @dev A replaced agent key, which may be a stolen one, signs for a while but gives no orders.
    function _onlyProvider(address provider) private view {
        if (msg.sender == provider || msg.sender == registry.agentOf(provider)) return;
        revert OnlyProvider(provider, msg.sender);
    }

    // ------------------------------------------------------------------ steps of a case

    function _open(Lease memory lease, Kind kind, uint256 time) private returns (Case storage opened) {
        opened = _cases[lease.series][lease.holder];
        ++opened.number;
        opened.kind = kind;
        opened.deadline = uint40(block.timestamp + time);
        opened.disputeFee = parameters.disputeFee();
        opened.roleBond = parameters.roleBond();
    }

    function _undisputed(uint256 series, address holder, Kind kind) private view returns (Case storage opened) {
        opened = _cases[series][holder];
        if (opened.kind != kind || opened.disputed) revert WrongStage(opened.kind, opened.disputed);
        if (block.timestamp >= opened.deadline) revert StageOver(opened.deadline, block.timestamp);
    }

    /// @dev Terms without arbiters have nobody to wait for.
    function _dispute(Case storage opened, Lease memory lease) private {
        opened.disputed = true;
        opened.deadline = uint40(block.timestamp + (lease.terms.arbiterSet == 0 ? 0 : VERDICT));
    }

    function _takeBond(Case storage opened, Lease memory lease, uint256 used) private returns (uint64 bond) {
        bond = lease.bond(used, opened.disputeFee);
        (opened.claimant, opened.bond) = (msg.sender, bond);
    }

    /// @dev Never reverts for want of money: what a bond lacks is not taken, and the claim bond covers the fee.
    function _end(Lease memory lease, Outcome outcome, bytes32 evidence, address[] memory arbiters) private {
        Case storage state = _cases[lease.series][lease.holder];
        Case memory ended = state;
        delete _cases[lease.series][lease.holder];
        (state.number, state.slashed) = (ended.number, ended.slashed || CaseRules.isFraud(outcome));
        if (ended.kind != Kind.NONE) {
            emit CaseEnded(lease.series, lease.holder, ended.number, outcome, evidence, arbiters);
        }
        Settlement memory settled = lease.settlement(ended, outcome);
        market.settleCase(
            lease.series, lease.holder, settled.usedGpuMs, settled.missedIntervals, settled.flags
        );
        uint256 each = arbiters.length == 0 ? 0 : ended.disputeFee / arbiters.length;
        uint256 fee = each * arbiters.length;
        uint256 back = ended.bond + _slash(lease, outcome, evidence, fee) - fee;
        for (uint256 i = 0; i < arbiters.length; ++i) _pay(address(this), arbiters[i], each);
        _pay(address(this), outcome == Outcome.HONEST ? lease.provider : ended.claimant, back);
    }

    /// @notice Take from the provider's bond what the outcome costs it.
    /// @return taken What is there for the arbiters.
    function _slash(Lease memory lease, Outcome outcome, bytes32 evidence, uint256 fee)
        private
        returns (uint256 taken)
    {
        bool fraud = CaseRules.isFraud(outcome);
        if (!fraud && outcome != Outcome.FAULT) return 0;
        uint256 room = registry.leaseBond(lease.provider, lease.position.milli);
        if (fraud) {
            uint256 cost = lease.cost();
            uint256 paid = lease.paid(lease.position.used);
            room -= registry.slash(lease.provider, cost < room ? cost : room, lease.holder, paid, evidence);
        }
        if (fee > room) fee = room;
        return fee == 0 ? 0 : registry.slash(lease.provider, fee, address(this), fee, evidence);
    }

    function _pay(address from, address to, uint256 amount) private {
        if (amount != 0) market.pay(from, to, amount);
    }

    function _convict(Lease memory lease, bytes32 evidence) private returns (bool) {
        if (lease.position.units == 0 || block.timestamp < lease.series.start()) return false;
        if (_cases[lease.series][lease.holder].slashed) return false;
        emit EquivocationProven(lease.series, lease.holder, lease.provider, evidence, msg.sender);
        _end(lease, Outcome.PROVEN, evidence, new address[](0));
        return true;
    }

    function _modules() private view returns (Modules memory) {
        return Modules(market, registry, parameters);
    }
}
