// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ERC1155} from "@openzeppelin/contracts/token/ERC1155/ERC1155.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuard} from "@openzeppelin/contracts/utils/ReentrancyGuard.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {IGpuMarket} from "./interfaces/IGpuMarket.sol";
import {IParameters} from "./interfaces/IParameters.sol";
import {IProviderRegistry} from "./interfaces/IProviderRegistry.sol";
import {Account, AccountLib} from "./libraries/Account.sol";
import {OrderRules, Sale} from "./libraries/OrderRules.sol";
import {Position, PositionLib} from "./libraries/Position.sol";
import {SeriesId} from "./libraries/SeriesId.sol";
import {Signatures} from "./libraries/Signatures.sol";
import {Units} from "./libraries/Units.sol";
import {VoucherRules} from "./libraries/VoucherRules.sol";
import {Ask, AskLib} from "./types/Ask.sol";
import {Bid, BidLib} from "./types/Bid.sol";
import {Timing} from "./types/Timing.sol";
import {Voucher, VoucherLib} from "./types/Voucher.sol";

/// @title The market
contract GpuMarket is IGpuMarket, ERC1155, EIP712, ReentrancyGuard {
    using AccountLib for Account;
    using PositionLib for Position;
    using SafeERC20 for IERC20;
    using SeriesId for uint256;

    /// @dev Caps that keep "all money leaves by end + 6 days" true for every deployment.
    uint256 private constant MAX_START_GRACE = 10 minutes;
    uint256 private constant MAX_FREEZE = 1 days;
    uint256 private constant MAX_REDEEM_GRACE = 5 days;

    /// @inheritdoc IGpuMarket
    IERC20 public immutable paymentToken;
    /// @inheritdoc IGpuMarket
    IProviderRegistry public immutable registry;
    /// @inheritdoc IGpuMarket
    IParameters public immutable parameters;
    /// @inheritdoc IGpuMarket
    uint32 public immutable START_GRACE;
    /// @inheritdoc IGpuMarket
    uint32 public immutable FREEZE;
    /// @inheritdoc IGpuMarket
    uint32 public immutable REDEEM_GRACE;

    /// @inheritdoc IGpuMarket
    uint256 public totalHeld;
    mapping(address owner => Account account) private _accounts;
    mapping(uint256 series => mapping(address holder => Position position)) private _positions;
    /// @dev Zero: the account signs for itself.
    mapping(address account => address delegate) private _delegates;
    mapping(address account => mapping(address delegate => uint256 until)) private _replacedUntil;

    constructor(IERC20 token, IProviderRegistry registry_, IParameters parameters_, Timing memory timing)
        ERC1155("")
        EIP712("GPU Bourse", "1")
    {
        if (timing.startGrace > MAX_START_GRACE) revert TimingOutOfRange(timing.startGrace, MAX_START_GRACE);
        if (timing.freeze > MAX_FREEZE) revert TimingOutOfRange(timing.freeze, MAX_FREEZE);
        if (timing.redeemGrace > MAX_REDEEM_GRACE) revert TimingOutOfRange(timing.redeemGrace, MAX_REDEEM_GRACE);
        if (registry_.market() != address(this) || registry_.REDEEM_GRACE() != timing.redeemGrace) {
            revert RegistryMismatch(address(registry_), registry_.market());
        }
        paymentToken = token;
        registry = registry_;
        parameters = parameters_;
        START_GRACE = timing.startGrace;
        FREEZE = timing.freeze;
        REDEEM_GRACE = timing.redeemGrace;
    }

    // ------------------------------------------------------------------ accounts

    /// @inheritdoc IGpuMarket
    function deposit(uint256 amount) external {
        depositFor(msg.sender, amount);
    }

    /// @inheritdoc IGpuMarket
    function depositFor(address account, uint256 amount) public nonReentrant {
        if (account == address(0)) revert ZeroAddress();
        // What arrived is known only afterwards: the one place where the transfer precedes the effects.
        uint256 before = paymentToken.balanceOf(address(this));
        paymentToken.safeTransferFrom(msg.sender, address(this), amount);
        uint256 arrived = paymentToken.balanceOf(address(this)) - before;
        if (arrived == 0) revert ZeroAmount();
        uint256 held = totalHeld + arrived;
        if (held > type(uint64).max) revert HeldLimit(held, type(uint64).max);
        totalHeld = held;
        _credit(account, arrived);
        emit Deposited(account, msg.sender, arrived);
    }

    /// @inheritdoc IGpuMarket
    function withdraw(address to, uint256 amount) external nonReentrant {
        if (to == address(0) || to == address(this)) revert ZeroAddress();
        if (amount == 0) revert ZeroAmount();
        _debit(msg.sender, amount);
        totalHeld -= amount;
        emit Withdrawn(msg.sender, to, amount);
        paymentToken.safeTransfer(to, amount);
    }

    /// @inheritdoc IGpuMarket
    function setDelegate(address delegate) external {
        address previous = delegateOf(msg.sender);
        _delegates[msg.sender] = delegate == msg.sender ? address(0) : delegate;
        address current = delegateOf(msg.sender);
        if (current == previous) return;
        uint256 until = block.timestamp + REDEEM_GRACE;
        _replacedUntil[msg.sender][previous] = until;
        emit DelegateChanged(msg.sender, current, previous, until);
    }

    /// @inheritdoc IGpuMarket
    function cancel(uint64[] calldata nonces) external {
        Account account = _accounts[msg.sender];
        for (uint256 i = 0; i < nonces.length; ++i) {
            account = account.spend(nonces[i]);
        }
        _accounts[msg.sender] = account;
        emit NoncesCancelled(msg.sender, nonces);
    }

    /// @inheritdoc IGpuMarket
    function cancelAll() external {
        Account account = _accounts[msg.sender].nextEpoch();
        _accounts[msg.sender] = account;
        emit EpochRaised(msg.sender, account.epoch());
    }

    /// @inheritdoc IGpuMarket
    function bond(uint64 amount) external {
        if (amount == 0) revert ZeroAmount();
        _debit(msg.sender, amount);
        emit Bonded(msg.sender, amount);
        registry.addBond(msg.sender, amount);
    }

    /// @inheritdoc IGpuMarket
    function releaseBond(address provider) external {
        uint64 amount = registry.takeUnbonded(provider);
        _credit(provider, amount);
        emit BondReleased(provider, amount);
    }

    // ------------------------------------------------------------------ fill

    /// @inheritdoc IGpuMarket
    function fill(AskGroup[] calldata groups) external returns (bytes4[][] memory reasons) {
        reasons = new bytes4[][](groups.length);
        for (uint256 i = 0; i < groups.length; ++i) {
            reasons[i] = _fillGroup(groups[i]);
        }
    }

    function _fillGroup(AskGroup calldata group) private returns (bytes4[] memory reasons) {
        uint256 bids = group.fills.length;
        reasons = new bytes4[](bids);
        (Sale memory sale, bytes4 refusal) = _openSale(group.ask, group.signature);
        if (refusal != 0) {
            emit FillSkipped(sale.askDigest, 0, refusal);
            for (uint256 i = 0; i < bids; ++i) reasons[i] = refusal;
            return reasons;
        }
        FilledBid[] memory filled = new FilledBid[](bids);
        uint256 count;
        for (uint256 i = 0; i < bids; ++i) {
            FilledBid memory result = filled[count];
            result.bid = _hashTypedDataV4(BidLib.hash(group.fills[i].bid));
            refusal = _fillBid(group.ask, sale, group.fills[i], result);
            reasons[i] = refusal;
            if (refusal == 0) ++count;
            else emit FillSkipped(sale.askDigest, result.bid, refusal);
        }
        if (count != 0) emit Filled(sale.askDigest, sale.provider, sale.terms, OrderRules.first(filled, count));
    }

    function _openSale(Ask calldata ask, bytes calldata signature)
        private
        view
        returns (Sale memory sale, bytes4 refusal)
    {
        sale.askDigest = _hashTypedDataV4(AskLib.hash(ask));
        refusal = OrderRules.askFields(ask);
        if (refusal != 0) return (sale, refusal);
        sale.terms = ask.terms;
        (sale.provider, sale.deviceClass, sale.step, sale.isolation, sale.reservationFeeBps) =
            registry.saleTerms(ask.terms);
        if (sale.provider == address(0) || sale.provider != ask.seller) return (sale, TermsNotSellers.selector);
        Account account = _accounts[ask.seller];
        if (account.epoch() != ask.epoch) return (sale, EpochMismatch.selector);
        if (!account.isOpen(ask.nonce)) return (sale, NonceSpent.selector);
        if (Signatures.signer(sale.askDigest, signature) != ask.seller) return (sale, BadSignature.selector);
    }

    /// @dev Every check that has no effect comes before `reserve`, the first effect, which is also the last check.
    function _fillBid(Ask calldata ask, Sale memory sale, BidFill calldata wanted, FilledBid memory result)
        private
        returns (bytes4 refusal)
    {
        refusal = OrderRules.pair(ask, sale, wanted, START_GRACE);
        if (refusal != 0) return refusal;

        Bid calldata bid = wanted.bid;
        uint256 ticks = wanted.pricePerGpuHour / Units.TICK;
        uint256 units = (uint256(wanted.milli) * wanted.duration) / Units.LOT;
        uint256 cost = Units.cost(units, ticks);
        Account account = _accounts[bid.buyer];
        refusal = OrderRules.buyer(bid, account, cost);
        if (refusal != 0) return refusal;
        if (Signatures.signer(result.bid, wanted.signature) != bid.buyer || bid.buyer == address(0)) {
            return BadSignature.selector;
        }

        uint256 series = SeriesId.pack(wanted.start, wanted.duration, ticks, sale.step, sale.terms);
        Position position = _positions[series][bid.buyer];
        if (position.flags() != 0) return PositionNotOpen.selector;
        uint40 end = wanted.start + wanted.duration;
        refusal = registry.reserve(sale.terms, wanted.milli, wanted.start, end);
        if (refusal != 0) return refusal;

        _accounts[bid.buyer] = account.debit(cost).spend(bid.nonce);
        _positions[series][bid.buyer] = position.add(units, wanted.milli, end);
        (result.buyer, result.series, result.milli, result.units) = (bid.buyer, series, wanted.milli, uint64(units));
        emit TransferSingle(msg.sender, address(0), bid.buyer, series, units);
    }

    // ------------------------------------------------------------------ redeem

    /// @dev The payee of the terms last seen: vouchers of one provider come one after another.
    struct Payee {
        uint64 terms;
        address provider;
        uint16 feeBps;
        address treasury;
    }

    /// @inheritdoc IGpuMarket
    function redeem(SignedVoucher[] calldata vouchers) external returns (bytes4[] memory reasons) {
        reasons = new bytes4[](vouchers.length);
        Payee memory payee;
        for (uint256 i = 0; i < vouchers.length; ++i) {
            bytes4 refusal = _redeem(vouchers[i], payee);
            reasons[i] = refusal;
            if (refusal != 0) emit RedeemSkipped(vouchers[i].voucher.series, vouchers[i].voucher.holder, refusal);
        }
    }

    function _redeem(SignedVoucher calldata signed, Payee memory payee) private returns (bytes4 refusal) {
        Voucher calldata voucher = signed.voucher;
        Position position = _positions[voucher.series][voucher.holder];
        refusal = VoucherRules.refusal(voucher, position);
        if (refusal != 0) return refusal;
        uint64 terms = voucher.series.terms();
        if (payee.terms != terms) {
            (payee.provider, payee.feeBps) = registry.payeeOf(terms);
            (payee.terms, payee.treasury) = (terms, parameters.treasury());
        }
        if (!_signaturesHold(signed, payee.provider)) return BadSignature.selector;

        uint256 ticks = voucher.series.ticks();
        uint256 payment =
            Units.paymentDown(voucher.usedGpuMs, ticks) - Units.paymentDown(position.used(), ticks);
        uint256 fee = Units.shareDown(payment, payee.feeBps);
        _positions[voucher.series][voucher.holder] = position.use(voucher.usedGpuMs, voucher.isFinal);
        _credit(payee.provider, payment - fee);
        if (fee != 0) _credit(payee.treasury, fee);
        emit Redeemed(
            voucher.series, voucher.holder, payee.provider, voucher.usedGpuMs, payment, fee, voucher.isFinal
        );
    }

    function _signaturesHold(SignedVoucher calldata signed, address provider) private view returns (bool) {
        bytes32 digest = _hashTypedDataV4(VoucherLib.hash(signed.voucher));
        if (!isDelegate(signed.voucher.holder, Signatures.signer(digest, signed.holderSignature))) return false;
        if (!signed.voucher.isFinal) return true;
        return registry.isAgent(provider, Signatures.signer(digest, signed.agentSignature));
    }

    // ------------------------------------------------------------------ close

    /// @inheritdoc IGpuMarket
    function close(Closing[] calldata closings) external returns (bytes4[] memory reasons) {
        reasons = new bytes4[](closings.length);
        for (uint256 i = 0; i < closings.length; ++i) {
            bytes4 refusal = _close(closings[i].series, closings[i].holder);
            reasons[i] = refusal;
            if (refusal != 0) emit CloseSkipped(closings[i].series, closings[i].holder, refusal);
        }
    }

    function _close(uint256 series, address holder) private returns (bytes4) {
        Position position = _positions[series][holder];
        uint256 units = position.units();
        if (units == 0) return NoPosition.selector;
        uint256 end = position.end();
        // Up to start + START_GRACE a fill may still come: closing and filling must never overlap.
        if (block.timestamp <= series.start() + START_GRACE) return CloseTooEarly.selector;
        if (!position.isFinal() && block.timestamp <= end + REDEEM_GRACE) return CloseTooEarly.selector;

        uint256 used = position.used();
        uint256 ticks = series.ticks();
        uint256 refund = Units.cost(units, ticks) - Units.paymentDown(used, ticks);
        _positions[series][holder] = Position.wrap(0);
        if (refund != 0) _credit(holder, refund);
        emit TransferSingle(msg.sender, holder, address(0), series, units);
        emit Closed(series, holder, uint64(used), refund);
        // Past hours are nobody's: only the running and the later ones go back.
        if (end > (block.timestamp / 1 hours) * 1 hours) {
            registry.release(series.terms(), uint32(position.milli()), uint40(series.start()), uint40(end));
        }
        return 0;
    }

    // ------------------------------------------------------------------ ERC-1155

    /// @inheritdoc ERC1155
    function balanceOf(address holder, uint256 series) public view override returns (uint256) {
        return _positions[series][holder].units();
    }

    /// @dev Reached by transfers only: fills and closings write positions themselves.
    function _update(address from, address to, uint256[] memory ids, uint256[] memory values) internal override {
        if (ids.length != values.length) revert ERC1155InvalidArrayLength(ids.length, values.length);
        for (uint256 i = 0; i < ids.length; ++i) _move(from, to, ids[i], values[i]);
        if (ids.length == 1) emit TransferSingle(msg.sender, from, to, ids[0], values[0]);
        else emit TransferBatch(msg.sender, from, to, ids, values);
    }

    function _move(address from, address to, uint256 series, uint256 units) private {
        Position source = _positions[series][from];
        if (units > source.units()) revert ERC1155InsufficientBalance(from, source.units(), units, series);
        if (units == 0) return;
        uint256 start = series.start();
        if (block.timestamp + FREEZE >= start) revert TransfersFrozen(start - FREEZE, block.timestamp);
        uint256 gpuMs = units * Units.LOT;
        uint256 stepGpuMs = series.step() * series.duration();
        if (gpuMs % stepGpuMs != 0) revert NotWholeSteps(gpuMs, stepGpuMs);
        uint256 milli = gpuMs / series.duration();
        uint256 end = source.end();
        _positions[series][from] = source.remove(units, milli);
        _positions[series][to] = _positions[series][to].add(units, milli, end);
    }

    // ------------------------------------------------------------------ views

    /// @inheritdoc IGpuMarket
    function accountOf(address account) external view returns (AccountState memory) {
        Account word = _accounts[account];
        return AccountState(uint64(word.balance()), word.epoch(), uint32(word.firstNonce()), word.window());
    }

    /// @inheritdoc IGpuMarket
    function isNonceOpen(address account, uint64 nonce) external view returns (bool) {
        return _accounts[account].isOpen(nonce);
    }

    /// @inheritdoc IGpuMarket
    function delegateOf(address account) public view returns (address) {
        address delegate = _delegates[account];
        return delegate == address(0) ? account : delegate;
    }

    /// @inheritdoc IGpuMarket
    function isDelegate(address account, address key) public view returns (bool) {
        if (key == address(0)) return false;
        return key == account || key == _delegates[account] || block.timestamp <= _replacedUntil[account][key];
    }

    /// @inheritdoc IGpuMarket
    function positionOf(uint256 series, address holder) external view returns (PositionState memory) {
        Position word = _positions[series][holder];
        return PositionState(
            uint64(word.units()),
            uint32(word.milli()),
            uint64(word.used()),
            uint40(word.end()),
            uint8(word.flags())
        );
    }

    function _credit(address account, uint256 amount) private {
        _accounts[account] = _accounts[account].credit(amount);
    }

    function _debit(address account, uint256 amount) private {
        Account word = _accounts[account];
        if (amount > word.balance()) revert InsufficientBalance(word.balance(), amount);
        _accounts[account] = word.debit(amount);
    }
}
