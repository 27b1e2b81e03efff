// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {Ask} from "../types/Ask.sol";
import {Bid} from "../types/Bid.sol";
import {UsageGroup} from "../types/UsageGroup.sol";
import {CompactSignature, Voucher} from "../types/Voucher.sol";
import {IParameters} from "./IParameters.sol";
import {IProviderRegistry} from "./IProviderRegistry.sol";

/// @title The market: accounts, fills of signed orders, GPU time as ERC-1155 units, payment for usage, refunds
/// @notice Holds every payment token of the bourse, bonds included. Nobody has a role here.
/// @dev Assumptions about the payment token: it does not rebase and moves what `transfer` says; a fee taken on the
/// way in is harmless, because accounts are credited by what arrived. Tokens sent without `deposit` are ignored.
///
/// One unit is a lot of 3,600 GPU-ms (0.001 GPU-hour), a price tick is 0.001 token per GPU-hour, so a position
/// costs `units * ticks` exactly. `fill` mints without the receiver callback of ERC-1155: the bidder signed, and a
/// receiver must not be able to sink a batch. Transfers between holders call back as the standard says.
///
/// A failing element of a batch changes nothing and is skipped; its reason, in the event and in the returned array,
/// is the selector of the error below (or of the registry's interface) that describes it.
interface IGpuMarket {
    /// @notice One ask with the bids that fill it.
    struct AskGroup {
        Ask ask;
        bytes signature;
        BidFill[] fills;
    }

    /// @notice One bid and what it gets.
    struct BidFill {
        Bid bid;
        bytes signature;
        /// Proof that the class of the terms lies under `bid.deviceClasses`; empty for a single class.
        bytes32[] classProof;
        uint32 milli;
        uint40 start;
        uint32 duration;
        uint64 pricePerGpuHour;
    }

    /// @notice What `Filled` says of each bid.
    struct FilledBid {
        /// Digest of the bid.
        bytes32 bid;
        address buyer;
        uint256 series;
        uint32 milli;
        uint64 units;
    }

    /// @notice What `Resale` found to be a sale between two holders.
    struct SeriesSale {
        bytes32 askDigest;
        bytes32 bidDigest;
        address seller;
        address buyer;
        uint256 series;
        uint64 units;
        /// The buyer pays it; the seller gets `payment - fee`, the treasury `fee`.
        uint64 payment;
        uint64 fee;
        uint64 bidNonce;
        /// Whether the bid is done with this fill.
        bool spendsBid;
        /// Records after the fill; zero where the order keeps none.
        uint256 askRecord;
        uint256 bidRecord;
    }

    /// @notice A voucher with its signatures; the agent's is read only where the voucher is final or reports more
    /// missed intervals than before.
    struct SignedVoucher {
        Voucher voucher;
        CompactSignature holder;
        CompactSignature agent;
    }

    struct Closing {
        uint256 series;
        address holder;
    }

    /// @notice An account, unpacked.
    struct AccountState {
        uint64 balance;
        uint32 epoch;
        /// Every nonce below is spent.
        uint32 firstNonce;
        /// Bit `i`: nonce `firstNonce + i` is spent.
        uint128 window;
    }

    /// @notice One holder's part of one series, unpacked.
    struct PositionState {
        uint64 units;
        uint32 milli;
        /// GPU-ms redeemed so far.
        uint64 used;
        uint40 end;
        /// Bit 0 final (no more will be used), 1 cut (ends before its id does), 2 a case is open, 3 the agent's own
        /// claim is spent, 4 the provider failed.
        uint8 flags;
        /// Receipt intervals that the provider did not serve, as both sides signed or a verdict found.
        uint32 missedIntervals;
    }

    error ZeroAddress();
    error ZeroAmount();
    /// @notice The registry names another market, or other time constants.
    error RegistryMismatch(address registry, address market);
    error OnlyModule(address caller);
    error FillsPaused();
    /// @notice All balances together must fit an account's 64 bits.
    error HeldLimit(uint256 held, uint256 limit);
    error InsufficientBalance(uint256 balance, uint256 needed);

    /// @notice An ask that names a series is filled through `Resale`, one that names terms through the market.
    error WrongMarket(uint256 series, uint64 terms);
    error NotYetValid(uint256 validFrom, uint256 timestamp);
    error OrderExpired(uint256 deadline, uint256 timestamp);
    error OrderLifeTooLong(uint256 life, uint256 limit);
    error WrongFiller(address filler, address caller);
    error BadSignature(address signer, address recovered);
    /// @notice The terms are not the seller's (or not registered).
    error TermsNotSellers(address seller, address provider);
    error EpochMismatch(uint256 epoch, uint256 current);
    /// @notice Filled, cancelled, or so old that the window of the account moved past it.
    error NonceSpent(address account, uint256 nonce);
    error PriceOffTick(uint256 price, uint256 tick);
    error PriceOutsideLimits(uint256 price, uint256 lowest, uint256 highest);
    error ClassNotAccepted(bytes32 deviceClass, bytes32 accepted);
    error IsolationTooWeak(uint256 isolation, uint256 wanted);
    error MilliOutsideLimits(uint256 milli, uint256 least, uint256 most);
    error MilliOffStep(uint256 milli, uint256 step);
    error DurationOutsideLimits(uint256 duration, uint256 least, uint256 most);
    error WindowOutsideLimits(uint256 start, uint256 end);
    error StartOutsideLimits(uint256 start, uint256 earliest, uint256 latest);
    error NotWholeLots(uint256 gpuMs, uint256 lot);
    error ReservationFeeTooHigh(uint256 bps, uint256 accepted);
    error SlaCreditTooLow(uint256 bps, uint256 wanted);
    /// @notice The terms allow interruption and the bid does not, or wants longer notice.
    error NoticeTooShort(uint256 notice, uint256 wanted);
    error ArbitersNotAccepted(uint32 arbiterSet, uint32 accepted);
    error OverBudget(uint256 cost, uint256 budget);
    /// @notice The ask sells no more: its quantity in GPU-ms, or its number of fills, is used up.
    error QuantityExceeded(uint256 gpuMs, uint256 quantity);
    error FillsExceeded(uint256 fills, uint256 limit);
    /// @notice Final, cut, claimed or at fault: nothing is added to such a position and nothing moves out of it.
    error PositionNotOpen(uint256 series, address holder);

    error NoPosition(uint256 series, address holder);
    error PositionFinal(uint256 series, address holder);
    error NotStarted(uint256 start, uint256 timestamp);
    error VoucherNotNewer(uint256 usedGpuMs, uint256 redeemed);
    error MoreThanElapsed(uint256 usedGpuMs, uint256 cap);
    error CloseTooEarly(uint256 allowedAfter, uint256 timestamp);
    error CaseOpen(uint256 series, address holder);
    error WindowCut(uint256 end, uint256 latest);

    error TransfersFrozen(uint256 frozenAt, uint256 timestamp);
    /// @notice Units move in whole steps over the whole window: multiples of `step * duration / 3600`.
    error NotWholeSteps(uint256 gpuMs, uint256 stepGpuMs);
    /// @notice A cut lies on a whole hour inside the window.
    error CutOutside(uint256 at, uint256 start, uint256 end);
    error CutTooSoon(uint256 at, uint256 earliest);
    /// @notice Two parts join where one ends on a whole hour and the other begins, with equal price, step and terms.
    error NotAdjacent(uint256 first, uint256 second);

    event Deposited(address indexed account, address indexed from, uint256 amount);
    event Withdrawn(address indexed account, address indexed to, uint256 amount);
    event DelegateChanged(
        address indexed account, address indexed delegate, address previous, uint256 previousUntil
    );
    event NoncesCancelled(address indexed account, uint64[] nonces);
    event EpochRaised(address indexed account, uint32 epoch);
    event Bonded(address indexed account, uint64 amount);
    event BondReleased(address indexed account, uint64 amount);
    /// @notice Money that went from one account to another for a module: claim bonds, fees of auditors and arbiters.
    event Paid(address indexed from, address indexed to, uint256 amount, address indexed module);
    /// @notice Money that left somebody's bond for an account.
    event CreditedFromBond(address indexed account, uint256 amount);
    event Filled(bytes32 indexed askDigest, address indexed provider, uint64 terms, FilledBid[] fills);
    /// @notice `bidDigest` is zero where the ask itself fails and all its bids with it.
    event FillSkipped(bytes32 indexed askDigest, bytes32 indexed bidDigest, bytes4 reason);
    /// @notice The provider of the series' terms got `payment - fee`, the treasury `fee`.
    event Redeemed(
        uint256 indexed series,
        address indexed holder,
        uint64 usedGpuMs,
        uint256 payment,
        uint256 fee,
        bool isFinal
    );
    /// @notice Many leases of one holder under one provider's terms. An item is the low 104 bits of the series id and
    /// above them the cumulative GPU-ms; zero where it was skipped. `payment` and `fee` are sums, each rounded down by item.
    event RedeemedGroup(
        address indexed holder,
        address indexed provider,
        uint64 terms,
        uint16 step,
        uint256[] items,
        uint256 payment,
        uint256 fee
    );
    event IntervalsMissed(uint256 indexed series, address indexed holder, uint32 missedIntervals);
    event RedeemSkipped(uint256 indexed series, address indexed holder, bytes4 reason);
    event Closed(uint256 indexed series, address indexed holder, uint64 usedGpuMs, uint256 refund);
    /// @notice Part of the unspent cost that the provider earned by having stood ready.
    event ReservationFeePaid(
        uint256 indexed series, address indexed holder, address indexed provider, uint256 amount
    );
    /// @notice Paid to the holder from the provider's bond for missed intervals.
    event SlaCredited(uint256 indexed series, address indexed holder, address indexed provider, uint256 amount);
    event CaseOpened(uint256 indexed series, address indexed holder, bool agentClaim);
    event CaseSettled(uint256 indexed series, address indexed holder, uint8 flags, uint32 missedIntervals);
    /// @notice The lease ends earlier than its window: released or interrupted.
    event Shortened(uint256 indexed series, address indexed holder, uint40 end);
    event Split(
        uint256 indexed series, address indexed holder, uint256 head, uint256 tail, uint32 milli
    );
    event Merged(
        uint256 indexed first, uint256 indexed second, address indexed holder, uint256 merged, uint32 milli
    );
    /// @notice A holder sold units to another; the escrow went with them.
    event Resold(
        bytes32 indexed askDigest,
        address indexed seller,
        address indexed buyer,
        bytes32 bidDigest,
        uint256 series,
        uint64 units,
        uint64 payment,
        uint64 fee
    );
    event CloseSkipped(uint256 indexed series, address indexed holder, bytes4 reason);

    // ------------------------------------------------------------------ accounts

    function deposit(uint256 amount) external;

    /// @notice Pay in for somebody; credited by what arrived.
    function depositFor(address account, uint256 amount) external;

    /// @notice Allow the payment (ERC-2612) and pay in, in one call. A permit that somebody else submitted first does
    /// no harm: the allowance is then there.
    function depositWithPermit(uint256 amount, uint256 deadline, uint8 v, bytes32 r, bytes32 s) external;

    function withdraw(address to, uint256 amount) external;

    /// @notice Name a key that counter-signs usage beside the caller; zero for none. The replaced key
    /// still counts for `REDEEM_GRACE`, so that a signed voucher cannot be voided by changing the key.
    function setDelegate(address delegate) external;

    /// @notice Spend nonces, so that no order with them is filled any more. A nonce beyond the window of 128 moves
    /// the window and spends all that fall out of it.
    function cancel(uint64[] calldata nonces) external;

    /// @notice Raise the epoch: every order signed before is void, and the nonces begin again at 0.
    function cancelAll() external;

    /// @notice Move money from the caller's balance into its bond: providers, auditors, arbiters, operators.
    function bond(uint64 amount) external;

    /// @notice Credit a bond whose unbonding is over to its owner's balance. Anybody may call.
    function releaseBond(address account) external;

    // ------------------------------------------------------------------ life of a position

    /// @notice Pair signed asks with signed bids. Anybody may call where the orders name no filler.
    /// @return reasons One for each bid of each group; zero where it was filled.
    function fill(AskGroup[] calldata groups) external returns (bytes4[][] memory reasons);

    /// @notice Pay providers for counter-signed usage. Anybody may call; an older or repeated voucher pays nothing.
    /// A final voucher ends the use, one with missed intervals earns the holder a credit; both sides sign those.
    function redeem(SignedVoucher[] calldata vouchers) external returns (bytes4[] memory reasons);

    /// @notice Pay one provider for many leases of one holder, under one signature of the holder's side; reverts where
    /// that does not hold. Where every item is skipped, no group is reported.
    /// @return reasons One for each item, zero where it was paid; empty where none was skipped.
    function redeemGroup(UsageGroup calldata group, bytes calldata signature)
        external
        returns (bytes4[] memory reasons);

    /// @notice Refund what was not used, less the reservation fee, burn the units and free the hours. Anybody may call
    /// after `end + REDEEM_GRACE` where no case is open, or earlier where the position is final; never up to
    /// `start + START_GRACE`, while a fill may still come. The holder itself may close before the start, with a full
    /// refund, where the provider's attestation has lapsed.
    function close(Closing[] calldata closings) external returns (bytes4[] memory reasons);

    /// @notice Cut `milli` of the caller's position at a whole hour, at least `FREEZE` ahead. A position that starts
    /// within `FREEZE` or runs is cut as a whole and keeps its id, holder and usage; it ends at `at`.
    function split(uint256 series, uint40 at, uint32 milli) external returns (uint256 head, uint256 tail);

    /// @notice Join `milli` of two adjacent parts of the caller, neither started nor frozen.
    function merge(uint256 first, uint256 second, uint32 milli) external returns (uint256 merged);

    // ------------------------------------------------------------------ the modules' hooks

    /// @notice Move money between accounts, for a module to which the payer spoke. Reverts where it has too little.
    function pay(address from, address to, uint256 amount) external;

    /// @notice Credit what the registry took out of a bond.
    function creditFromBond(address account, uint256 amount) external;

    /// @notice Move units and their price between two holders, for `Resale`.
    function resell(SeriesSale calldata sale) external;

    /// @notice Keep a position from closing while a case is open.
    function openCase(uint256 series, address holder, bool agentClaim) external;

    /// @notice End a case: pay the usage found (never more than elapsed), set the missed intervals and add flags.
    /// Fraud sets the missed intervals to zero: a lease pays a slash or a credit, never both.
    /// @return payment What the usage cost the holder, fee included.
    function settleCase(uint256 series, address holder, uint64 usedGpuMs, uint32 missedIntervals, uint8 flags)
        external
        returns (uint256 payment);

    /// @notice End a lease earlier and free the hours after.
    function shorten(uint256 series, address holder, uint40 end) external;

    // ------------------------------------------------------------------ views

    function paymentToken() external view returns (IERC20);

    function registry() external view returns (IProviderRegistry);

    function parameters() external view returns (IParameters);

    /// @notice The contract through which holders sell to each other.
    function resale() external view returns (address);

    function arbitration() external view returns (address);

    /// @notice EIP-712 domain separator of orders, vouchers, receipts and acknowledgements.
    function DOMAIN_SEPARATOR() external view returns (bytes32);

    function START_GRACE() external view returns (uint32);

    function FREEZE() external view returns (uint32);

    function REDEEM_GRACE() external view returns (uint32);

    /// @notice Tokens that the books account for: balances, positions, bonds and fees.
    function totalHeld() external view returns (uint256);

    function accountOf(address account) external view returns (AccountState memory);

    /// @notice Whether an order of the current epoch with this nonce could still be filled.
    function isNonceOpen(address account, uint64 nonce) external view returns (bool);

    /// @notice The key that counter-signs for the account: its delegate, or the account itself.
    function delegateOf(address account) external view returns (address);

    /// @notice Whether `key` counter-signs for the account, or did until less than `REDEEM_GRACE` ago. The account
    /// itself always does: it is its money, and a provider must not work unpaid for a wallet that signs with it.
    function isDelegate(address account, address key) external view returns (bool);

    /// @notice What was filled of an order that keeps a record (`OrderRecordLib`); zero otherwise.
    function recordOf(bytes32 order) external view returns (uint256);

    function positionOf(uint256 series, address holder) external view returns (PositionState memory);
}
