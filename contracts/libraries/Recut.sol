// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC1155} from "@openzeppelin/contracts/token/ERC1155/IERC1155.sol";
import {IERC1155Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {IGpuMarket} from "../interfaces/IGpuMarket.sol";
import {Account, AccountLib} from "./Account.sol";
import {Books, BooksLib} from "./Books.sol";
import {OrderRecord} from "./OrderRecord.sol";
import {Position, PositionLib} from "./Position.sol";
import {SeriesId} from "./SeriesId.sol";
import {Units} from "./Units.sol";

/// @title Units that change hands or are cut anew: transfer, resale, split, merge
/// @dev Linked, because the market would be too large with it; it runs in the storage of the market. In a cut,
/// what is burned and what is minted cost the same.
library Recut {
    using AccountLib for Account;
    using BooksLib for Books;
    using PositionLib for Position;
    using SeriesId for uint256;

    /// @notice Move units between holders: whole steps of the whole window, until `freeze` before its start.
    function move(Books storage books, address from, address to, uint256 series, uint256 units, uint256 freeze)
        external
    {
        _move(books, from, to, series, units, freeze);
    }

    /// @notice Move units to a buyer and their price to the seller and the treasury.
    function resell(Books storage books, IGpuMarket.SeriesSale calldata sale, address treasury, uint256 freeze)
        external
    {
        books.debit(sale.buyer, sale.payment);
        if (sale.spendsBid) books.accounts[sale.buyer] = books.accounts[sale.buyer].spend(sale.bidNonce);
        if (sale.askRecord != 0) books.records[sale.askDigest] = OrderRecord.wrap(sale.askRecord);
        if (sale.bidRecord != 0) books.records[sale.bidDigest] = OrderRecord.wrap(sale.bidRecord);
        books.credit(sale.seller, sale.payment - sale.fee);
        if (sale.fee != 0) books.credit(treasury, sale.fee);
        _move(books, sale.seller, sale.buyer, sale.series, sale.units, freeze);
        emit IERC1155.TransferSingle(msg.sender, sale.seller, sale.buyer, sale.series, sale.units);
        emit IGpuMarket.Resold(
            sale.askDigest, sale.seller, sale.buyer, sale.bidDigest, sale.series, sale.units, sale.payment, sale.fee
        );
    }

    /// @notice Cut the caller's position at a whole hour; what is cut from a running one is its tail.
    /// @return head Its id; of a running position unchanged.
    /// @return tail The id of [at, end).
    function split(Books storage books, uint256 series, uint256 at, uint256 milli, uint256 freeze)
        external
        returns (uint256 head, uint256 tail)
    {
        Position position = books.positions[series][msg.sender].position;
        (uint256 start, uint256 end) = (series.start(), position.end());
        if (at % 1 hours != 0 || at <= start || at >= end) revert IGpuMarket.CutOutside(at, start, end);
        if (at < block.timestamp + freeze) revert IGpuMarket.CutTooSoon(at, block.timestamp + freeze);
        tail = _rekey(series, at, end);
        uint256 tailUnits = _units(milli, at, end);
        if (block.timestamp + freeze < start) {
            head = _rekey(series, start, at);
            _take(books, series, milli);
            _mint(books, head, _units(milli, start, at), milli);
        } else {
            head = series;
            if (position.flags() & ~PositionLib.CUT != 0) revert IGpuMarket.PositionNotOpen(series, msg.sender);
            if (milli != position.milli()) revert IGpuMarket.MilliOutsideLimits(milli, position.milli(), position.milli());
            books.positions[series][msg.sender].position =
                Position.wrap(Position.unwrap(position) - tailUnits).withEnd(at).mark(PositionLib.CUT);
            emit IERC1155.TransferSingle(msg.sender, msg.sender, address(0), series, tailUnits);
        }
        _mint(books, tail, tailUnits, milli);
        emit IGpuMarket.Split(series, msg.sender, head, tail, uint32(milli));
    }

    /// @notice Join two adjacent parts of the caller that have not started.
    function merge(Books storage books, uint256 first, uint256 second, uint256 milli, uint256 freeze)
        external
        returns (uint256 merged)
    {
        (uint256 start, uint256 middle) = (first.start(), second.start());
        uint256 end = middle + second.duration();
        // Price, step and terms lie above the window in an id.
        bool alike = first >> 64 == second >> 64;
        if (!alike || start + first.duration() != middle || middle % 1 hours != 0) {
            revert IGpuMarket.NotAdjacent(first, second);
        }
        if (end - start > Units.MAX_DURATION) {
            revert IGpuMarket.DurationOutsideLimits(end - start, 0, Units.MAX_DURATION);
        }
        if (block.timestamp + freeze >= start) revert IGpuMarket.TransfersFrozen(start - freeze, block.timestamp);
        _take(books, first, milli);
        _take(books, second, milli);
        merged = _rekey(first, start, end);
        _mint(books, merged, _units(milli, start, end), milli);
        emit IGpuMarket.Merged(first, second, msg.sender, merged, uint32(milli));
    }

    function _move(Books storage books, address from, address to, uint256 series, uint256 units, uint256 freeze)
        private
    {
        Position source = books.positions[series][from].position;
        if (units > source.units()) {
            revert IERC1155Errors.ERC1155InsufficientBalance(from, source.units(), units, series);
        }
        if (units == 0) return;
        uint256 start = series.start();
        if (block.timestamp + freeze >= start) revert IGpuMarket.TransfersFrozen(start - freeze, block.timestamp);
        _checkOpen(source, series, from);
        uint256 gpuMs = units * Units.LOT;
        uint256 stepGpuMs = series.step() * series.duration();
        if (gpuMs % stepGpuMs != 0) revert IGpuMarket.NotWholeSteps(gpuMs, stepGpuMs);
        uint256 milli = gpuMs / series.duration();
        books.positions[series][from].position = source.remove(units, milli);
        _add(books, to, series, units, milli);
    }

    /// @dev Burn `milli` over the whole window of an unstarted position of the caller.
    function _take(Books storage books, uint256 series, uint256 milli) private {
        Position position = books.positions[series][msg.sender].position;
        _checkOpen(position, series, msg.sender);
        uint256 units = _units(milli, series.start(), series.start() + series.duration());
        if (milli > position.milli()) revert IGpuMarket.MilliOutsideLimits(milli, 0, position.milli());
        if (milli % series.step() != 0) revert IGpuMarket.MilliOffStep(milli, series.step());
        books.positions[series][msg.sender].position = position.remove(units, milli);
        emit IERC1155.TransferSingle(msg.sender, msg.sender, address(0), series, units);
    }

    function _mint(Books storage books, uint256 series, uint256 units, uint256 milli) private {
        _add(books, msg.sender, series, units, milli);
        emit IERC1155.TransferSingle(msg.sender, address(0), msg.sender, series, units);
    }

    function _add(Books storage books, address to, uint256 series, uint256 units, uint256 milli) private {
        Position target = books.positions[series][to].position;
        _checkOpen(target, series, to);
        books.positions[series][to].position = target.add(units, milli, series.start() + series.duration());
    }

    function _checkOpen(Position position, uint256 series, address holder) private pure {
        if (position.flags() != 0) revert IGpuMarket.PositionNotOpen(series, holder);
    }

    /// @dev The same price, step and terms over another window.
    function _rekey(uint256 series, uint256 start, uint256 end) private pure returns (uint256) {
        return SeriesId.pack(start, end - start, series.ticks(), series.step(), series.terms());
    }

    function _units(uint256 milli, uint256 start, uint256 end) private pure returns (uint256) {
        uint256 gpuMs = milli * (end - start);
        if (gpuMs == 0 || gpuMs % Units.LOT != 0) revert IGpuMarket.NotWholeLots(gpuMs, Units.LOT);
        return gpuMs / Units.LOT;
    }
}
