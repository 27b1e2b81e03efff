// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {Ask} from "../types/Ask.sol";
import {Bid} from "../types/Bid.sol";
import {Voucher} from "../types/Voucher.sol";
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

    /// @notice A voucher with its signatures; the agent's is read only when the voucher is final.
    struct SignedVoucher {
        Voucher voucher;
        bytes holderSignature;
        bytes agentSignature;
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
        /// Bit 0: final, no more will be used.
        uint8 flags;
    }

    error ZeroAddress();
    error ZeroAmount();
    /// @notice The registry names another market, or other time constants.
    error RegistryMismatch(address registry, address market);
    error TimingOutOfRange(uint256 given, uint256 limit);
    /// @notice All balances together must fit an account's 64 bits.
    error HeldLimit(uint256 held, uint256 limit);
    error InsufficientBalance(uint256 balance, uint256 needed);

    /// @notice A field is carried by the protocol but not served by this version: it must be zero.
    error NotSupported(bytes32 field);
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
    error OverBudget(uint256 cost, uint256 budget);
    error PositionNotOpen(uint256 series, address holder);

    error NoPosition(uint256 series, address holder);
    error PositionFinal(uint256 series, address holder);
    error NotStarted(uint256 start, uint256 timestamp);
    error VoucherNotNewer(uint256 usedGpuMs, uint256 redeemed);
    error MoreThanElapsed(uint256 usedGpuMs, uint256 cap);
    error CloseTooEarly(uint256 allowedAfter, uint256 timestamp);

    error TransfersFrozen(uint256 frozenAt, uint256 timestamp);
    /// @notice Units move in whole steps over the whole window: multiples of `step * duration / 3600`.
    error NotWholeSteps(uint256 gpuMs, uint256 stepGpuMs);

    event Deposited(address indexed account, address indexed from, uint256 amount);
    event Withdrawn(address indexed account, address indexed to, uint256 amount);
    event DelegateChanged(
        address indexed account, address indexed delegate, address previous, uint256 previousUntil
    );
    event NoncesCancelled(address indexed account, uint64[] nonces);
    event EpochRaised(address indexed account, uint32 epoch);
    event Bonded(address indexed provider, uint64 amount);
    event BondReleased(address indexed provider, uint64 amount);
    event Filled(bytes32 indexed askDigest, address indexed provider, uint64 terms, FilledBid[] fills);
    /// @notice `bidDigest` is zero where the ask itself fails and all its bids with it.
    event FillSkipped(bytes32 indexed askDigest, bytes32 indexed bidDigest, bytes4 reason);
    /// @notice The provider got `payment - fee`, the treasury `fee`.
    event Redeemed(
        uint256 indexed series,
        address indexed holder,
        address indexed provider,
        uint64 usedGpuMs,
        uint256 payment,
        uint256 fee,
        bool isFinal
    );
    event RedeemSkipped(uint256 indexed series, address indexed holder, bytes4 reason);
    event Closed(uint256 indexed series, address indexed holder, uint64 usedGpuMs, uint256 refund);
    event CloseSkipped(uint256 indexed series, address indexed holder, bytes4 reason);

    // ------------------------------------------------------------------ accounts

    function deposit(uint256 amount) external;

    /// @notice Pay in for somebody; credited by what arrived.
    function depositFor(address account, uint256 amount) external;

    function withdraw(address to, uint256 amount) external;

    /// @notice Name a key that counter-signs usage beside the caller; zero for none. The replaced key
    /// still counts for `REDEEM_GRACE`, so that a signed voucher cannot be voided by changing the key.
    function setDelegate(address delegate) external;

    /// @notice Spend nonces, so that no order with them is filled any more. A nonce beyond the window of 128 moves
    /// the window and spends all that fall out of it.
    function cancel(uint64[] calldata nonces) external;

    /// @notice Raise the epoch: every order signed before is void, and the nonces begin again at 0.
    function cancelAll() external;

    /// @notice Move money from the caller's balance into its bond.
    function bond(uint64 amount) external;

    /// @notice Credit a bond whose unbonding is over to its provider's balance. Anybody may call.
    function releaseBond(address provider) external;

    // ------------------------------------------------------------------ life of a position

    /// @notice Pair signed asks with signed bids. Anybody may call where the orders name no filler.
    /// @return reasons One for each bid of each group; zero where it was filled.
    function fill(AskGroup[] calldata groups) external returns (bytes4[][] memory reasons);

    /// @notice Pay providers for counter-signed usage. Anybody may call; an older or repeated voucher pays nothing.
    /// A final voucher, signed by both sides, ends the use.
    function redeem(SignedVoucher[] calldata vouchers) external returns (bytes4[] memory reasons);

    /// @notice Refund what was not used, burn the units and free the hours. Anybody may call after
    /// `end + REDEEM_GRACE`, or earlier where a final voucher was redeemed; never up to `start + START_GRACE`,
    /// while a fill may still come.
    function close(Closing[] calldata closings) external returns (bytes4[] memory reasons);

    // ------------------------------------------------------------------ views

    function paymentToken() external view returns (IERC20);

    function registry() external view returns (IProviderRegistry);

    function parameters() external view returns (IParameters);

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

    function positionOf(uint256 series, address holder) external view returns (PositionState memory);
}
