// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC1155} from "@openzeppelin/contracts/token/ERC1155/IERC1155.sol";
import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";
import {IGpuMarket} from "../interfaces/IGpuMarket.sol";
import {IProviderRegistry} from "../interfaces/IProviderRegistry.sol";
import {Ask, AskLib} from "../types/Ask.sol";
import {Bid, BidLib} from "../types/Bid.sol";
import {SaleTerms} from "../types/Terms.sol";
import {Account, AccountLib} from "./Account.sol";
import {Books, Slot} from "./Books.sol";
import {OrderRecord, OrderRecordLib} from "./OrderRecord.sol";
import {OrderRules} from "./OrderRules.sol";
import {Position, PositionLib} from "./Position.sol";
import {SeriesId} from "./SeriesId.sol";
import {Signatures} from "./Signatures.sol";
import {Units} from "./Units.sol";

/// @title Asks and bids become leases
library Fills {
    using AccountLib for Account;
    using OrderRecordLib for OrderRecord;
    using PositionLib for Position;

    /// @notice What holds for a whole batch.
    struct Venue {
        IProviderRegistry registry;
        bytes32 domain;
        uint256 startGrace;
    }

    /// @notice What one ask means to all its bids.
    struct Sale {
        Venue venue;
        bytes32 askDigest;
        SaleTerms terms;
        OrderRecord record;
    }

    /// @notice Fill the bids of one ask; a bad one is skipped.
    function group(Books storage books, Venue memory venue, IGpuMarket.AskGroup calldata given)
        internal
        returns (bytes4[] memory reasons)
    {
        uint256 bids = given.fills.length;
        reasons = new bytes4[](bids);
        (Sale memory sale, bytes4 refusal) = _openSale(books, venue, given.ask, given.signature);
        if (refusal != 0) {
            emit IGpuMarket.FillSkipped(sale.askDigest, 0, refusal);
            for (uint256 i = 0; i < bids; ++i) reasons[i] = refusal;
            return reasons;
        }
        IGpuMarket.FilledBid[] memory filled = new IGpuMarket.FilledBid[](bids);
        uint256 count;
        for (uint256 i = 0; i < bids; ++i) {
            IGpuMarket.FilledBid memory result = filled[count];
            result.bid = MessageHashUtils.toTypedDataHash(venue.domain, BidLib.hash(given.fills[i].bid));
            refusal = _fillBid(books, given.ask, sale, given.fills[i], result);
            reasons[i] = refusal;
            if (refusal == 0) ++count;
            else emit IGpuMarket.FillSkipped(sale.askDigest, result.bid, refusal);
        }
        if (count == 0) return reasons;
        if (OrderRules.keepsRecord(given.ask)) books.records[sale.askDigest] = sale.record;
        address provider = sale.terms.pay.provider();
        emit IGpuMarket.Filled(sale.askDigest, provider, given.ask.terms, OrderRules.first(filled, count));
    }

    function _openSale(Books storage books, Venue memory venue, Ask calldata ask, bytes calldata signature)
        private
        view
        returns (Sale memory sale, bytes4 refusal)
    {
        sale.venue = venue;
        sale.askDigest = MessageHashUtils.toTypedDataHash(venue.domain, AskLib.hash(ask));
        if (ask.series != 0) return (sale, IGpuMarket.WrongMarket.selector);
        refusal = OrderRules.validity(ask.validFrom, ask.deadline, ask.filler);
        if (refusal != 0) return (sale, refusal);
        sale.terms = venue.registry.saleTerms(ask.terms);
        address provider = sale.terms.pay.provider();
        if (provider == address(0) || provider != ask.seller) return (sale, IGpuMarket.TermsNotSellers.selector);
        Account account = books.accounts[ask.seller];
        if (account.epoch() != ask.epoch) return (sale, IGpuMarket.EpochMismatch.selector);
        if (!account.isOpen(ask.nonce)) return (sale, IGpuMarket.NonceSpent.selector);
        if (!Signatures.isValid(ask.seller, sale.askDigest, signature)) return (sale, IGpuMarket.BadSignature.selector);
        if (OrderRules.keepsRecord(ask)) sale.record = books.records[sale.askDigest];
    }

    /// @dev Every check that has no effect comes before `reserve`, the first effect, which is also the last check.
    function _fillBid(
        Books storage books,
        Ask calldata ask,
        Sale memory sale,
        IGpuMarket.BidFill calldata wanted,
        IGpuMarket.FilledBid memory result
    ) private returns (bytes4 refusal) {
        refusal = OrderRules.pair(ask, sale.terms, wanted);
        if (refusal == 0) refusal = OrderRules.start(wanted.start, sale.venue.startGrace);
        uint256 gpuMs = uint256(wanted.milli) * wanted.duration;
        if (refusal == 0) refusal = OrderRules.askRest(ask, sale.record, gpuMs);
        if (refusal != 0) return refusal;

        Bid calldata bid = wanted.bid;
        uint256 cost = Units.cost(gpuMs / Units.LOT, wanted.pricePerGpuHour / Units.TICK);
        Account account = books.accounts[bid.buyer];
        OrderRecord record;
        if (OrderRules.keepsRecord(bid)) record = books.records[result.bid];
        refusal = OrderRules.bidRest(bid, record, wanted.milli, cost);
        if (refusal == 0) refusal = OrderRules.buyer(bid, account, cost);
        if (refusal != 0) return refusal;
        if (!Signatures.isValid(bid.buyer, result.bid, wanted.signature)) return IGpuMarket.BadSignature.selector;
        refusal = _reserve(books, ask.terms, sale, wanted, result);
        if (refusal != 0) return refusal;

        record = record.add(gpuMs, wanted.milli, cost);
        sale.record = sale.record.add(gpuMs, wanted.milli, cost);
        if (OrderRules.keepsRecord(bid)) books.records[result.bid] = record;
        account = account.debit(cost);
        books.accounts[bid.buyer] = OrderRules.isDone(bid, record) ? account.spend(bid.nonce) : account;
    }

    /// @dev Charge the hours and mint; `result` says what came of it.
    function _reserve(
        Books storage books,
        uint64 terms,
        Sale memory sale,
        IGpuMarket.BidFill calldata wanted,
        IGpuMarket.FilledBid memory result
    ) private returns (bytes4 refusal) {
        (uint40 start, uint32 duration, uint32 milli) = (wanted.start, wanted.duration, wanted.milli);
        uint256 ticks = wanted.pricePerGpuHour / Units.TICK;
        uint256 series = SeriesId.pack(start, duration, ticks, sale.terms.pay.step(), terms);
        address buyer = wanted.bid.buyer;
        Slot storage slot = books.positions[series][buyer];
        Position position = slot.position;
        if (position.flags() != 0) return IGpuMarket.PositionNotOpen.selector;
        refusal = sale.venue.registry.reserve(terms, milli, start, start + duration);
        if (refusal != 0) return refusal;

        uint256 units = (uint256(milli) * duration) / Units.LOT;
        slot.position = position.add(units, milli, start + duration);
        (result.buyer, result.series, result.milli, result.units) = (buyer, series, milli, uint64(units));
        emit IERC1155.TransferSingle(msg.sender, address(0), buyer, series, units);
    }
}
