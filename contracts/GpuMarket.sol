// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ERC1155} from "@openzeppelin/contracts/token/ERC1155/ERC1155.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {ReentrancyGuard} from "@openzeppelin/contracts/utils/ReentrancyGuard.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {IGpuMarket} from "./interfaces/IGpuMarket.sol";
import {IParameters} from "./interfaces/IParameters.sol";
import {IProviderRegistry} from "./interfaces/IProviderRegistry.sol";
import {IResale} from "./interfaces/IResale.sol";
import {ISeriesMetadata} from "./interfaces/ISeriesMetadata.sol";
import {Account, AccountLib} from "./libraries/Account.sol";
import {Accounts} from "./libraries/Accounts.sol";
import {Books, BooksLib, Slot} from "./libraries/Books.sol";
import {Fills} from "./libraries/Fills.sol";
import {OrderRecord, OrderRecordLib} from "./libraries/OrderRecord.sol";
import {Payee, Payout, Wiring} from "./libraries/Payout.sol";
import {Position, PositionLib} from "./libraries/Position.sol";
import {Recut} from "./libraries/Recut.sol";
import {SeriesId} from "./libraries/SeriesId.sol";
import {Signatures} from "./libraries/Signatures.sol";
import {VoucherRules} from "./libraries/VoucherRules.sol";
import {Timing, TimingLib} from "./types/Timing.sol";
import {UsageGroup} from "./types/UsageGroup.sol";
import {Voucher, VoucherLib} from "./types/Voucher.sol";

/// @title The market
contract GpuMarket is IGpuMarket, ERC1155, EIP712, ReentrancyGuard {
    using AccountLib for Account;
    using BooksLib for Books;
    using OrderRecordLib for OrderRecord;
    using PositionLib for Position;
    using VoucherRules for Position;
    using SeriesId for uint256;
    using TimingLib for Timing;

    /// @inheritdoc IGpuMarket
    IERC20 public immutable paymentToken;
    /// @inheritdoc IGpuMarket
    IProviderRegistry public immutable registry;
    /// @inheritdoc IGpuMarket
    IParameters public immutable parameters;
    /// @inheritdoc IGpuMarket
    address public immutable resale;
    /// @inheritdoc IGpuMarket
    address public immutable arbitration;
    ISeriesMetadata private immutable _metadata;
    /// @inheritdoc IGpuMarket
    uint32 public immutable START_GRACE;
    /// @inheritdoc IGpuMarket
    uint32 public immutable FREEZE;
    /// @inheritdoc IGpuMarket
    uint32 public immutable REDEEM_GRACE;

    Books private _books;

    modifier only(address module) {
        if (msg.sender != module) revert OnlyModule(msg.sender);
        _;
    }

    constructor(
        IERC20 token,
        IProviderRegistry registry_,
        IParameters parameters_,
        address resale_,
        address arbitration_,
        ISeriesMetadata metadata,
        Timing memory timing
    ) ERC1155("") EIP712("GPU Bourse", "1") {
        timing.check();
        if (registry_.market() != address(this) || registry_.arbitration() != arbitration_) {
            revert RegistryMismatch(address(registry_), address(this));
        }
        if (registry_.REDEEM_GRACE() != timing.redeemGrace) {
            revert RegistryMismatch(address(registry_), address(this));
        }
        if (resale_ == address(0) || arbitration_ == address(0)) revert ZeroAddress();
        // It moves money of buyers on its own word: it must be the one that was built for this market.
        if (address(IResale(resale_).market()) != address(this)) revert RegistryMismatch(resale_, address(this));
        paymentToken = token;
        registry = registry_;
        parameters = parameters_;
        resale = resale_;
        arbitration = arbitration_;
        _metadata = metadata;
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
    function depositWithPermit(uint256 amount, uint256 deadline, uint8 v, bytes32 r, bytes32 s) external {
        Accounts.permit(paymentToken, amount, deadline, v, r, s);
        depositFor(msg.sender, amount);
    }

    /// @inheritdoc IGpuMarket
    function depositFor(address account, uint256 amount) public nonReentrant {
        Accounts.payIn(_books, paymentToken, account, amount);
    }

    /// @inheritdoc IGpuMarket
    function withdraw(address to, uint256 amount) external nonReentrant {
        Accounts.payOut(_books, paymentToken, to, amount);
    }

    /// @inheritdoc IGpuMarket
    function setDelegate(address delegate) external {
        Accounts.setDelegate(_books, delegate, REDEEM_GRACE);
    }

    /// @inheritdoc IGpuMarket
    function cancel(uint64[] calldata nonces) external {
        Accounts.cancel(_books, nonces);
    }

    /// @inheritdoc IGpuMarket
    function cancelAll() external {
        Accounts.cancelAll(_books);
    }

    /// @inheritdoc IGpuMarket
    function bond(uint64 amount) external {
        if (amount == 0) revert ZeroAmount();
        _books.debit(msg.sender, amount);
        emit Bonded(msg.sender, amount);
        registry.addBond(msg.sender, amount);
    }

    /// @inheritdoc IGpuMarket
    function releaseBond(address account) external {
        uint64 amount = registry.takeUnbonded(account);
        _books.credit(account, amount);
        emit BondReleased(account, amount);
    }

    // ------------------------------------------------------------------ fill

    /// @inheritdoc IGpuMarket
    function fill(AskGroup[] calldata groups) external returns (bytes4[][] memory reasons) {
        if (parameters.paused()) revert FillsPaused();
        Fills.Venue memory venue = Fills.Venue(registry, _domainSeparatorV4(), START_GRACE);
        reasons = new bytes4[][](groups.length);
        for (uint256 i = 0; i < groups.length; ++i) reasons[i] = Fills.group(_books, venue, groups[i]);
    }

    // ------------------------------------------------------------------ redeem

    /// @inheritdoc IGpuMarket
    function redeem(SignedVoucher[] calldata vouchers) external returns (bytes4[] memory reasons) {
        reasons = new bytes4[](vouchers.length);
        Payee memory payee;
        for (uint256 i = 0; i < vouchers.length; ++i) {
            bytes4 refusal = _redeem(vouchers[i], payee);
            if (refusal == 0) continue;
            reasons[i] = refusal;
            emit RedeemSkipped(vouchers[i].voucher.series, vouchers[i].voucher.holder, refusal);
        }
        Payout.credit(_books, payee, parameters);
    }

    function _redeem(SignedVoucher calldata signed, Payee memory payee) private returns (bytes4 refusal) {
        Voucher memory voucher = signed.voucher;
        Slot storage slot = _books.positions[voucher.series][voucher.holder];
        Position position = slot.position;
        Payout.lookUp(_books, payee, voucher.series.terms(), registry);
        refusal = position.refusal(
            voucher.series.start(),
            voucher.usedGpuMs,
            voucher.missedIntervals,
            voucher.isFinal,
            payee.terms.receiptInterval()
        );
        if (refusal != 0) return refusal;
        bool misses = voucher.missedIntervals != position.missed();
        bytes32 digest = _hashTypedDataV4(VoucherLib.hash(voucher));
        address signer = Signatures.signer(digest, signed.holder.r, signed.holder.vs);
        if (!isDelegate(voucher.holder, signer)) return BadSignature.selector;
        if (misses || voucher.isFinal) {
            signer = Signatures.signer(digest, signed.agent.r, signed.agent.vs);
            if (!registry.isAgent(payee.terms.provider(), signer)) return BadSignature.selector;
        }

        Position next = position.use(voucher.usedGpuMs);
        if (misses) {
            next = next.miss(voucher.missedIntervals);
            emit IntervalsMissed(voucher.series, voucher.holder, voucher.missedIntervals);
        }
        if (voucher.isFinal) next = next.mark(PositionLib.FINAL);
        slot.position = next;
        Payout.payUsage(voucher.series, voucher.holder, position.used(), voucher.usedGpuMs, voucher.isFinal, payee);
    }

    /// @inheritdoc IGpuMarket
    function redeemGroup(UsageGroup calldata group, bytes calldata signature)
        external
        returns (bytes4[] memory reasons)
    {
        return Payout.redeemGroup(_books, _wiring(), _domainSeparatorV4(), group, signature);
    }

    /// @inheritdoc IGpuMarket
    function close(Closing[] calldata closings) external returns (bytes4[] memory reasons) {
        return Payout.close(_books, _wiring(), closings);
    }

    function _wiring() private view returns (Wiring memory) {
        return Wiring(registry, parameters, START_GRACE, REDEEM_GRACE);
    }

    // ------------------------------------------------------------------ ERC-1155

    /// @inheritdoc ERC1155
    function balanceOf(address holder, uint256 series) public view override returns (uint256) {
        return _books.positions[series][holder].position.units();
    }

    /// @inheritdoc ERC1155
    function uri(uint256 series) public view override returns (string memory) {
        return _metadata.uri(series);
    }

    /// @inheritdoc IGpuMarket
    function split(uint256 series, uint40 at, uint32 milli) external returns (uint256 head, uint256 tail) {
        return Recut.split(_books, series, at, milli, FREEZE);
    }

    /// @inheritdoc IGpuMarket
    function merge(uint256 first, uint256 second, uint32 milli) external returns (uint256 merged) {
        return Recut.merge(_books, first, second, milli, FREEZE);
    }

    /// @dev Reached by transfers only: fills and closings write positions themselves.
    function _update(address from, address to, uint256[] memory ids, uint256[] memory values) internal override {
        if (ids.length != values.length) revert ERC1155InvalidArrayLength(ids.length, values.length);
        for (uint256 i = 0; i < ids.length; ++i) Recut.move(_books, from, to, ids[i], values[i], FREEZE);
        if (ids.length == 1) emit TransferSingle(msg.sender, from, to, ids[0], values[0]);
        else emit TransferBatch(msg.sender, from, to, ids, values);
    }

    // ------------------------------------------------------------------ the modules' hooks

    /// @inheritdoc IGpuMarket
    function pay(address from, address to, uint256 amount) external {
        if (msg.sender != arbitration && msg.sender != address(registry)) revert OnlyModule(msg.sender);
        _books.debit(from, amount);
        _books.credit(to, amount);
        emit Paid(from, to, amount, msg.sender);
    }

    /// @inheritdoc IGpuMarket
    function creditFromBond(address account, uint256 amount) external only(address(registry)) {
        _books.credit(account, amount);
        emit CreditedFromBond(account, amount);
    }

    /// @inheritdoc IGpuMarket
    function resell(SeriesSale calldata sale) external only(resale) {
        Recut.resell(_books, sale, parameters.treasury(), FREEZE);
    }

    /// @inheritdoc IGpuMarket
    function openCase(uint256 series, address holder, bool agentClaim) external only(arbitration) {
        uint256 flags = agentClaim ? PositionLib.CASE | PositionLib.AGENT_CLAIMED : PositionLib.CASE;
        Slot storage slot = _books.positions[series][holder];
        slot.position = slot.position.mark(flags);
        emit CaseOpened(series, holder, agentClaim);
    }

    /// @inheritdoc IGpuMarket
    function settleCase(uint256 series, address holder, uint64 usedGpuMs, uint32 missedIntervals, uint8 flags)
        external
        only(arbitration)
        returns (uint256 payment)
    {
        return Payout.settleCase(_books, _wiring(), series, holder, usedGpuMs, missedIntervals, flags);
    }

    /// @inheritdoc IGpuMarket
    function shorten(uint256 series, address holder, uint40 end) external only(arbitration) {
        Payout.shorten(_books, _wiring(), series, holder, end);
    }

    // ------------------------------------------------------------------ views

    /// @inheritdoc IGpuMarket
    function DOMAIN_SEPARATOR() external view returns (bytes32) {
        return _domainSeparatorV4();
    }

    /// @inheritdoc IGpuMarket
    function totalHeld() external view returns (uint256) {
        return _books.totalHeld;
    }

    /// @inheritdoc IGpuMarket
    function accountOf(address account) external view returns (AccountState memory) {
        Account word = _books.accounts[account];
        return AccountState(uint64(word.balance()), word.epoch(), uint32(word.firstNonce()), word.window());
    }

    /// @inheritdoc IGpuMarket
    function isNonceOpen(address account, uint64 nonce) external view returns (bool) {
        return _books.accounts[account].isOpen(nonce);
    }

    /// @inheritdoc IGpuMarket
    function delegateOf(address account) external view returns (address) {
        return _books.delegateOf(account);
    }

    /// @inheritdoc IGpuMarket
    function isDelegate(address account, address key) public view returns (bool) {
        return _books.speaksFor(account, key);
    }

    /// @inheritdoc IGpuMarket
    function recordOf(bytes32 order) external view returns (uint256) {
        return OrderRecord.unwrap(_books.records[order]);
    }

    /// @inheritdoc IGpuMarket
    function positionOf(uint256 series, address holder) external view returns (PositionState memory) {
        Position word = _books.positions[series][holder].position;
        return PositionState(
            uint64(word.units()),
            uint32(word.milli()),
            uint64(word.used()),
            uint40(word.end()),
            uint8(word.flags()),
            uint32(word.missed())
        );
    }
}
