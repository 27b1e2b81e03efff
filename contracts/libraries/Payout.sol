// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC1155} from "@openzeppelin/contracts/token/ERC1155/IERC1155.sol";
import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";
import {IGpuMarket} from "../interfaces/IGpuMarket.sol";
import {IParameters} from "../interfaces/IParameters.sol";
import {IProviderRegistry} from "../interfaces/IProviderRegistry.sol";
import {PayTerms} from "../types/Terms.sol";
import {UsageGroup, UsageGroupLib} from "../types/UsageGroup.sol";
import {Books, BooksLib, Slot} from "./Books.sol";
import {Endings} from "./Endings.sol";
import {Position, PositionLib} from "./Position.sol";
import {SeriesId} from "./SeriesId.sol";
import {Signatures} from "./Signatures.sol";
import {Units} from "./Units.sol";
import {VoucherRules} from "./VoucherRules.sol";

/// @notice What the market was built with, for code that is linked to it.
struct Wiring {
    IProviderRegistry registry;
    IParameters parameters;
    uint256 startGrace;
    uint256 redeemGrace;
}

/// @notice Whom the terms last seen pay, and what a batch owes so far: leases of one provider come one after another,
/// so that its account is written once.
struct Payee {
    uint256 number;
    PayTerms terms;
    uint256 earned;
    /// Of the whole batch.
    uint256 fees;
}

/// @title Money out of positions: usage to providers, the rest back to holders
/// @dev Its external functions are linked, because the market would be too large with them; all run in its storage.
library Payout {
    using BooksLib for Books;
    using PositionLib for Position;
    using VoucherRules for Position;
    using SeriesId for uint256;

    // ------------------------------------------------------------------ usage

    /// @notice Make `payee` the one of these terms; the one before gets what it earned.
    function lookUp(Books storage books, Payee memory payee, uint256 number, IProviderRegistry registry) internal {
        if (payee.number == number) return;
        if (payee.earned != 0) {
            books.credit(payee.terms.provider(), payee.earned);
            payee.earned = 0;
        }
        (payee.number, payee.terms) = (number, registry.payTerms(uint64(number)));
    }

    /// @notice Credit the last payee of a batch, and the treasury for all of it.
    function credit(Books storage books, Payee memory payee, IParameters parameters) internal {
        if (payee.earned != 0) books.credit(payee.terms.provider(), payee.earned);
        if (payee.fees != 0) books.credit(parameters.treasury(), payee.fees);
    }

    /// @notice Note the difference between two totals of usage as owed.
    function payUsage(uint256 series, address holder, uint256 before, uint256 used, bool isFinal, Payee memory payee)
        internal
        returns (uint256 payment)
    {
        uint256 fee;
        (payment, fee) = _owe(series.ticks(), before, used, payee);
        emit IGpuMarket.Redeemed(series, holder, uint64(used), payment, fee, isFinal);
    }

    function _owe(uint256 ticks, uint256 before, uint256 used, Payee memory payee)
        private
        pure
        returns (uint256 payment, uint256 fee)
    {
        // Usage never falls, and no sum of money in the market exceeds 64 bits.
        unchecked {
            payment = Units.paymentDown(used, ticks) - Units.paymentDown(before, ticks);
            fee = Units.shareDown(payment, payee.terms.feeBps());
            payee.earned += payment - fee;
            payee.fees += fee;
        }
    }

    /// @notice See `IGpuMarket.redeemGroup`.
    function redeemGroup(
        Books storage books,
        Wiring memory wiring,
        bytes32 domain,
        UsageGroup calldata group,
        bytes calldata signature
    ) external returns (bytes4[] memory reasons) {
        bytes32 digest = MessageHashUtils.toTypedDataHash(domain, UsageGroupLib.hash(group));
        address signer = Signatures.signer(digest, signature);
        if (!books.speaksFor(group.holder, signer)) revert IGpuMarket.BadSignature(group.holder, signer);
        Payee memory payee;
        lookUp(books, payee, group.terms, wiring.registry);
        uint256[] memory items = group.items;
        (address holder, uint256 shared) = (group.holder, SeriesId.compose(0, group.step, group.terms));
        uint256 skipped;
        for (uint256 i = 0; i < items.length; ++i) {
            uint256 item = items[i];
            uint256 series = shared | uint104(item);
            bytes4 refusal = _useItem(books.positions[series][holder], series, SeriesId.usedOf(item), payee);
            if (refusal == 0) continue;
            if (skipped++ == 0) reasons = new bytes4[](items.length);
            (items[i], reasons[i]) = (0, refusal);
            emit IGpuMarket.RedeemSkipped(series, holder, refusal);
        }
        if (skipped == items.length) return reasons;
        uint256 payments = payee.earned + payee.fees;
        emit IGpuMarket.RedeemedGroup(
            holder, payee.terms.provider(), group.terms, group.step, items, payments, payee.fees
        );
        credit(books, payee, wiring.parameters);
    }

    function _useItem(Slot storage slot, uint256 series, uint256 used, Payee memory payee)
        private
        returns (bytes4 refusal)
    {
        Position position = slot.position;
        uint256 interval = payee.terms.receiptInterval();
        refusal = position.refusal(series.start(), used, position.missed(), false, interval);
        if (refusal != 0) return refusal;
        slot.position = position.use(used);
        _owe(series.ticks(), position.used(), used, payee);
    }

    // ------------------------------------------------------------------ cases

    /// @notice See `IGpuMarket.settleCase`.
    function settleCase(
        Books storage books,
        Wiring memory wiring,
        uint256 series,
        address holder,
        uint64 usedGpuMs,
        uint32 missedIntervals,
        uint8 flags
    ) external returns (uint256 payment) {
        Slot storage slot = books.positions[series][holder];
        Position position = slot.position;
        Position next = position.unmark(PositionLib.CASE).mark(flags);
        uint256 elapsed = position.elapsed(series.start());
        uint256 used = usedGpuMs < elapsed ? usedGpuMs : elapsed;
        if (used > position.used()) {
            next = next.use(used);
            Payee memory payee;
            lookUp(books, payee, series.terms(), wiring.registry);
            payment = payUsage(series, holder, position.used(), used, false, payee);
            credit(books, payee, wiring.parameters);
        }
        next = next.miss(missedIntervals);
        slot.position = next;
        emit IGpuMarket.CaseSettled(series, holder, flags, missedIntervals);
    }

    /// @notice See `IGpuMarket.shorten`.
    function shorten(Books storage books, Wiring memory wiring, uint256 series, address holder, uint40 end)
        external
    {
        Slot storage slot = books.positions[series][holder];
        Position position = slot.position;
        if (end >= position.end()) revert IGpuMarket.WindowCut(end, position.end());
        slot.position = position.withEnd(end).mark(PositionLib.CUT);
        emit IGpuMarket.Shortened(series, holder, end);
        // The hour of the new end stays charged until the position closes.
        uint40 free = uint40(((uint256(end) + 1 hours - 1) / 1 hours) * 1 hours);
        wiring.registry.release(series.terms(), uint32(position.milli()), free, uint40(position.end()));
    }

    // ------------------------------------------------------------------ close

    /// @notice See `IGpuMarket.close`.
    function close(Books storage books, Wiring memory wiring, IGpuMarket.Closing[] calldata closings)
        external
        returns (bytes4[] memory reasons)
    {
        reasons = new bytes4[](closings.length);
        Payee memory payee;
        for (uint256 i = 0; i < closings.length; ++i) {
            (uint256 series, address holder) = (closings[i].series, closings[i].holder);
            bytes4 refusal = _close(books, wiring, series, holder, payee);
            if (refusal == 0) continue;
            reasons[i] = refusal;
            emit IGpuMarket.CloseSkipped(series, holder, refusal);
        }
        credit(books, payee, wiring.parameters);
    }

    function _close(Books storage books, Wiring memory wiring, uint256 series, address holder, Payee memory payee)
        private
        returns (bytes4)
    {
        Slot storage slot = books.positions[series][holder];
        Position position = slot.position;
        uint256 start = series.start();
        if (position.units() == 0) return IGpuMarket.NoPosition.selector;
        if (position.has(PositionLib.CASE)) return IGpuMarket.CaseOpen.selector;
        bool lapsed = block.timestamp < start && msg.sender == holder && wiring.registry.isLapsed(series.terms());
        if (!lapsed) {
            // Up to start + START_GRACE a fill may still come: closing and filling must never overlap.
            if (block.timestamp <= start + wiring.startGrace) return IGpuMarket.CloseTooEarly.selector;
            bool over = position.has(PositionLib.FINAL) || block.timestamp > position.end() + wiring.redeemGrace;
            if (!over) return IGpuMarket.CloseTooEarly.selector;
        }
        lookUp(books, payee, series.terms(), wiring.registry);
        bool waived = lapsed || position.has(PositionLib.FAULT);
        slot.position = Position.wrap(0);
        _end(books, wiring.registry, series, holder, position, waived, payee);
        return 0;
    }

    function _end(
        Books storage books,
        IProviderRegistry registry,
        uint256 series,
        address holder,
        Position position,
        bool waived,
        Payee memory payee
    ) private {
        Endings.Ending memory ending = Endings.ending(position, series, payee.terms, waived);
        address provider = payee.terms.provider();
        uint256 back = ending.refund;
        if (ending.reservationFee != 0) {
            payee.earned += ending.reservationFee;
            emit IGpuMarket.ReservationFeePaid(series, holder, provider, ending.reservationFee);
        }
        if (ending.credit != 0) {
            uint256 credited = registry.takeBond(provider, position.milli(), ending.credit);
            back += credited;
            emit IGpuMarket.SlaCredited(series, holder, provider, credited);
        }
        if (back != 0) books.credit(holder, back);
        emit IERC1155.TransferSingle(msg.sender, holder, address(0), series, position.units());
        emit IGpuMarket.Closed(series, holder, uint64(position.used()), ending.refund);
        uint256 end = position.end();
        // Past hours are nobody's: only the running and the later ones go back.
        if (end > (block.timestamp / 1 hours) * 1 hours) {
            registry.release(series.terms(), uint32(position.milli()), uint40(series.start()), uint40(end));
        }
    }
}
