// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Acknowledgement} from "../types/Acknowledgement.sol";
import {Ask} from "../types/Ask.sol";
import {Attestation} from "../types/Attestation.sol";
import {Bid} from "../types/Bid.sol";
import {Receipt} from "../types/Receipt.sol";
import {Verdict} from "../types/Verdict.sol";
import {Voucher} from "../types/Voucher.sol";
import {IGpuMarket} from "./IGpuMarket.sol";
import {IParameters} from "./IParameters.sol";
import {IProviderRegistry} from "./IProviderRegistry.sol";

/// @title Cases between holders and providers: what one side says alone, and how that ends
/// @notice A lease (one holder's position in one series) has at most one open case. Every case ends by `resolve`,
/// which anybody may call once the time of its stage is over, whoever is silent. Claim bonds lie in this contract's
/// account in the market. Nobody has a role here; arbiters count by their signatures.
/// @dev Assumptions: market, registry and parameters are ours and call nobody else back. Of an arbiter set, which
/// the provider's terms name and the buyer accepts, `threshold` members do not collude. What colluding arbiters can
/// take of a lease is bounded: from the holder what is claimed (at most what elapsed), from the provider what the
/// lease cost and its share of the bond (bond x milli / attested milli), the arbiters' fee included in that share.
///
/// Dispute fee and role bond count as they were when the case was opened, so that no change of parameters reaches
/// an open case. Usage is rounded down in GPU-ms, missed intervals to whole ones.
///
/// Who may begin: only the provider or its present agent key claims usage. If anybody could, a stranger would spend
/// the one claim of a lease on an old, low voucher. Only the holder, its delegate, or a delegate replaced less than
/// `REDEEM_GRACE` ago challenges or claims a no-show; the caller's own account pays the bond and gets it back.
///
/// A final voucher signed by both sides ends what is not disputed yet, at once and with the bond back; a dispute goes
/// on, because a provider may not escape a verdict with a voucher that it held back, but pays no more usage.
///
/// A lie about a lease is proven while its position exists: until then the chain knows whose loss it is and how
/// large. Closing is possible at `end + REDEEM_GRACE`, or with the holder's signature; after that a lie about it
/// costs only the leases with which it overlaps.
interface IArbitration {
    enum Kind {
        NONE,
        USAGE,
        NO_SHOW
    }

    /// @notice How a case ended. The first four are verdicts (`Verdict.outcome`).
    enum Outcome {
        NONE,
        /// The claimed usage is paid; the bond pays the arbiters, the rest of it goes to the provider.
        HONEST,
        /// Nothing is paid; what was not served counts as missed; the provider's bond pays the arbiters.
        FAULT,
        /// Nothing is paid; the bond is slashed, the holder first; the provider's bond pays the arbiters.
        FRAUD,
        /// Half of the claimed usage is paid; the claim bond pays the arbiters.
        INCONCLUSIVE,
        /// Nobody challenged: the claimed usage is paid.
        UNCHALLENGED,
        /// The provider did not answer: as FAULT, without arbiters.
        UNANSWERED,
        /// The arbiters said nothing, or the terms name none: half of the claimed usage is paid, the bond goes back.
        SILENT,
        /// Both sides signed a final voucher meanwhile: nothing else is paid.
        AGREED,
        /// The provider's agent contradicted itself: as FRAUD, without arbiters.
        PROVEN
    }

    /// @notice The open case of a lease, and what stays of earlier ones.
    struct Case {
        /// Of the last case, from 1; zero before the first.
        uint32 number;
        /// NONE where no case is open: then all below but `slashed` is zero.
        Kind kind;
        bool disputed;
        /// A lease is slashed once.
        bool slashed;
        /// Until when, exclusively, the next step may be taken; from then on anybody may resolve.
        uint40 deadline;
        /// Usage when it was claimed.
        uint64 base;
        /// Usage claimed, in total; zero where none is.
        uint64 target;
        /// Who paid the bond and gets it back.
        address claimant;
        uint64 bond;
        /// What the arbiters of a verdict share.
        uint64 disputeFee;
        /// Free bond that an arbiter needs.
        uint64 roleBond;
    }

    error ZeroAddress();
    /// @notice The registry names another market or arbitration, or has another `REDEEM_GRACE`.
    error WiringMismatch(address registry);
    error NoEvidence();
    error OnlyProvider(address provider, address caller);
    error OnlyHolder(address holder, address caller);
    error ClaimTooLate(uint256 latest, uint256 timestamp);
    error AgentClaimSpent(uint256 series, address holder);
    /// @notice A claim that adds nothing to what was redeemed; `most` is what it may come to.
    error NothingClaimed(uint256 usedGpuMs, uint256 redeemed, uint256 most);
    error OtherLease(uint256 series, address holder);
    /// @notice No case is open, or one with another number.
    error NoCase(uint256 series, address holder, uint32 number, uint32 current);
    /// @notice The case is of another kind or in another stage.
    error WrongStage(Kind kind, bool disputed);
    error StageOver(uint256 deadline, uint256 timestamp);
    error StageNotOver(uint256 deadline, uint256 timestamp);
    error BadOutcome(uint256 outcome);
    error NotArbiter(uint32 arbiterSet, address signer);
    error ArbiterRepeated(address signer);
    error ArbiterBondTooLow(address signer, uint256 bonded, uint256 required);
    error TooFewArbiters(uint256 given, uint256 needed);
    error ReleaseTooEarly(uint256 earliest, uint256 timestamp);
    error LeaseOver(uint256 end, uint256 timestamp);
    error NotInterruptible(uint64 terms);
    /// @notice What was signed can both be true.
    error NoContradiction();
    error DifferentProviders(address first, address second);
    error AlreadySlashed(uint256 series, address holder);
    error AlreadyProven(bytes32 proof);
    error NothingToSlash(address account);
    error NotCancelled(bytes32 order, bytes32 acknowledged, uint8 action);
    error NotFilledAfter(uint256 filledAt, uint256 cancelledAt);
    error DifferentSigners(address first, address second);
    error NotAuditor(address signer);

    /// @notice `target` may be paid after `deadline`; `voucher` is the struct hash of what the agent signed.
    event UsageClaimed(
        uint256 indexed series,
        address indexed holder,
        uint32 indexed number,
        uint64 target,
        bytes32 voucher,
        uint40 deadline
    );
    event Challenged(
        uint256 indexed series,
        address indexed holder,
        uint32 indexed number,
        address claimant,
        uint64 bond,
        bytes32 evidence,
        uint40 deadline
    );
    event NoShowClaimed(
        uint256 indexed series,
        address indexed holder,
        uint32 indexed number,
        address claimant,
        uint64 bond,
        bytes32 evidence,
        uint40 deadline
    );
    /// @notice `target` is zero where the answer claims no usage.
    event Answered(
        uint256 indexed series,
        address indexed holder,
        uint32 indexed number,
        uint64 target,
        bytes32 evidence,
        uint40 deadline
    );
    /// @notice `evidence` is zero where nobody named any. `arbiters` shared the fee equally.
    event CaseEnded(
        uint256 indexed series,
        address indexed holder,
        uint32 indexed number,
        Outcome outcome,
        bytes32 evidence,
        address[] arbiters
    );
    event Released(uint256 indexed series, address indexed holder, uint40 end, bytes32 evidence);
    event Interrupted(uint256 indexed series, address indexed holder, uint40 end);
    /// @notice A provider's agent contradicted itself about this lease.
    event EquivocationProven(
        uint256 indexed series, address indexed holder, address indexed provider, bytes32 evidence, address prover
    );
    /// @notice An operator, arbiter or auditor contradicted itself; `proof` is what cannot be proven again.
    event RoleEquivocationProven(address indexed culprit, bytes32 indexed proof, bytes32 evidence, address prover);

    // ------------------------------------------------------------------ the provider's calls

    /// @notice Claim usage by the agent's voucher alone: once per lease, at most `unsignedIntervals` beyond what was
    /// redeemed, and no more than elapsed less what the voucher or both sides call missed. Waits for a challenge.
    /// @dev The position counts as it is now: redeem what is counter-signed first. Finality in the voucher is ignored.
    function claimUsage(Voucher calldata voucher, bytes calldata agentSignature) external;

    /// @notice Dispute a no-show claim. With an agent's signature the answer also claims the usage of the voucher, as
    /// `claimUsage` would; without one the voucher is ignored.
    function answer(
        uint256 series,
        address holder,
        bytes32 evidence,
        Voucher calldata voucher,
        bytes calldata agentSignature
    ) external;

    /// @notice End a lease now, because `unsignedIntervals` passed without the holder's signature. The reservation
    /// fee counts up to now only. `evidence` names the receipts; a lie is fraud by verdict.
    function release(uint256 series, address holder, bytes32 evidence) external;

    /// @notice End an interruptible lease after the notice of its terms (or at its start, if that is later). An open
    /// case does not hinder it: the buyer accepted interruption at any time.
    function interrupt(uint256 series, address holder) external;

    // ------------------------------------------------------------------ the holder's calls

    /// @notice Dispute claimed usage, with a bond of max(dispute fee, 20 % of what the claim would still pay).
    function challenge(uint256 series, address holder, bytes32 evidence) external;

    /// @notice Say that a started lease is not served, with a bond of max(dispute fee, 20 % of what the unused part of
    /// its window costs); until `end + REDEEM_GRACE`.
    function claimNoShow(uint256 series, address holder, bytes32 evidence) external;

    // ------------------------------------------------------------------ anybody's calls

    /// @notice End a disputed case by at least the threshold of distinct, bonded arbiters of the lease's terms. All who
    /// signed share the fee equally.
    function decide(Verdict calldata verdict, bytes[] calldata signatures) external;

    /// @notice End a case whose stage is over, or that a final voucher made pointless.
    function resolve(uint256 series, address holder) external;

    // ------------------------------------------------------------------ equivocation, by anybody

    /// @notice Two receipts of one lease by the provider's agent that cannot both be true: one sequence and two
    /// contents; or a later one that counts less usage, missed intervals, tokens or (both measured) energy, or begins
    /// before the earlier one ended. Slashes as FRAUD and ends an open case.
    /// @dev An agent that lost its journal must not sign anew under an old sequence. A replaced key counts up to
    /// `REDEEM_GRACE` after its replacement, by the receipt's end and the lease's start: one that leaks later binds
    /// nobody.
    function proveReceipts(
        Receipt calldata first,
        bytes calldata firstSignature,
        Receipt calldata second,
        bytes calldata secondSignature
    ) external;

    /// @notice Receipts of two leases of one provider that count one device twice at one time: any two leases where
    /// one has the isolation `mig` or stronger, else leases whose least shares of the device exceed all of it (what
    /// of a lease's milli does not fit on its other devices). Slashes each of the two that is there and was not slashed.
    /// @dev Intervals are whole seconds, rounded outward at the end of a lease: up to one common second is none.
    function proveOverlap(
        Receipt calldata first,
        bytes calldata firstSignature,
        Receipt calldata second,
        bytes calldata secondSignature
    ) external;

    /// @notice The filler that a bid names acknowledged its cancel and filled it later. The maker gets
    /// max(dispute fee, 20 % of the order's cost) from the filler's own bond, once per order.
    function proveCancelledBid(Bid calldata bid, Acknowledgement calldata acknowledgement, bytes calldata signature)
        external;

    /// @notice The same for an ask.
    function proveCancelledAsk(Ask calldata ask, Acknowledgement calldata acknowledgement, bytes calldata signature)
        external;

    /// @notice One arbiter of the lease's terms signed two outcomes for one case. It loses up to the role bond: half
    /// to the caller, the rest burned.
    function proveVerdicts(
        Verdict calldata first,
        bytes calldata firstSignature,
        Verdict calldata second,
        bytes calldata secondSignature
    ) external;

    /// @notice One auditor attested one device to two providers, by the same evidence or until the same second (the
    /// registry enrols a device anew only with a later expiry). It loses up to the role bond, as above.
    function proveAttestations(
        Attestation calldata first,
        bytes calldata firstSignature,
        Attestation calldata second,
        bytes calldata secondSignature
    ) external;

    // ------------------------------------------------------------------ views

    function market() external view returns (IGpuMarket);

    function registry() external view returns (IProviderRegistry);

    function parameters() external view returns (IParameters);

    function REDEEM_GRACE() external view returns (uint32);

    function CHALLENGE() external view returns (uint32);

    function RESPONSE() external view returns (uint32);

    function VERDICT() external view returns (uint32);

    /// @notice EIP-712 domain separator of verdicts.
    function DOMAIN_SEPARATOR() external view returns (bytes32);

    function caseOf(uint256 series, address holder) external view returns (Case memory);

    /// @notice Number of the last case of a lease; zero before the first.
    function caseNumberOf(uint256 series, address holder) external view returns (uint32);

    /// @notice Whether an operator, arbiter or auditor was slashed by this proof.
    function isProven(bytes32 proof) external view returns (bool);
}
