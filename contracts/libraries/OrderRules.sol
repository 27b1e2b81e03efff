// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";
import {IGpuMarket} from "../interfaces/IGpuMarket.sol";
import {Ask} from "../types/Ask.sol";
import {Bid} from "../types/Bid.sol";
import {SaleTerms} from "../types/Terms.sol";
import {Account, AccountLib} from "./Account.sol";
import {OrderRecord, OrderRecordLib} from "./OrderRecord.sol";
import {SeriesId} from "./SeriesId.sol";
import {Units} from "./Units.sol";

/// @title What an ask and a bid let a fill be
/// @dev Every function returns zero, or the selector of the error that describes the refusal. Sums are taken in 256
/// bits, so that no signed value can make a check revert and sink the batch.
library OrderRules {
    using AccountLib for Account;
    using OrderRecordLib for OrderRecord;

    /// @notice Time and filler of an order.
    function validity(uint256 validFrom, uint256 deadline, address filler) internal view returns (bytes4) {
        if (block.timestamp < validFrom) return IGpuMarket.NotYetValid.selector;
        if (block.timestamp > deadline) return IGpuMarket.OrderExpired.selector;
        uint256 limit = filler == address(0) ? Units.MAX_OPEN_ORDER_LIFE : Units.MAX_ORDER_LIFE;
        if (deadline - validFrom > limit) return IGpuMarket.OrderLifeTooLong.selector;
        if (filler != address(0) && filler != msg.sender) return IGpuMarket.WrongFiller.selector;
        return 0;
    }

    /// @notice What the pair of orders refuses, whatever was filled before and whoever pays.
    function pair(Ask calldata ask, SaleTerms memory terms, IGpuMarket.BidFill calldata wanted)
        internal
        view
        returns (bytes4 refusal)
    {
        refusal = validity(wanted.bid.validFrom, wanted.bid.deadline, wanted.bid.filler);
        if (refusal == 0) refusal = _price(ask, wanted);
        if (refusal == 0) refusal = _kind(terms, wanted);
        if (refusal == 0) refusal = _window(ask, wanted);
        if (refusal == 0) refusal = _amount(ask, terms.pay.step(), wanted);
    }

    /// @notice What the start of a new lease must be by the clock.
    function start(uint256 given, uint256 startGrace) internal view returns (bytes4) {
        if (given + startGrace < block.timestamp || given > block.timestamp + Units.MAX_AHEAD) {
            return IGpuMarket.StartOutsideLimits.selector;
        }
        return 0;
    }

    /// @notice What earlier fills left of the ask.
    function askRest(Ask calldata ask, OrderRecord record, uint256 gpuMs) internal pure returns (bytes4) {
        if (ask.maxFills != 0 && record.fills() >= ask.maxFills) return IGpuMarket.FillsExceeded.selector;
        if (ask.quantity != 0 && record.gpuMs() + gpuMs > ask.quantity) return IGpuMarket.QuantityExceeded.selector;
        return 0;
    }

    /// @notice What earlier fills left of the bid.
    function bidRest(Bid calldata bid, OrderRecord record, uint256 milli, uint256 cost)
        internal
        pure
        returns (bytes4)
    {
        if (record.milli() + milli > bid.milli) return IGpuMarket.MilliOutsideLimits.selector;
        if (bid.budget != 0 && record.cost() + cost > bid.budget) return IGpuMarket.OverBudget.selector;
        return 0;
    }

    /// @notice What the buyer's account refuses.
    function buyer(Bid calldata bid, Account account, uint256 cost) internal pure returns (bytes4) {
        if (account.epoch() != bid.epoch) return IGpuMarket.EpochMismatch.selector;
        if (!account.isOpen(bid.nonce)) return IGpuMarket.NonceSpent.selector;
        if (cost > account.balance()) return IGpuMarket.InsufficientBalance.selector;
        return 0;
    }

    /// @notice Whether fills of the order must be remembered.
    /// @dev A named filler's fills always are: their time proves a fill after an acknowledged cancel.
    function keepsRecord(Ask calldata ask) internal pure returns (bool) {
        return ask.quantity != 0 || ask.maxFills != 0 || ask.filler != address(0);
    }

    function keepsRecord(Bid calldata bid) internal pure returns (bool) {
        return bid.maxFills > 1 || bid.filler != address(0);
    }

    /// @notice Whether a bid is done after a fill, so that its nonce is spent.
    function isDone(Bid calldata bid, OrderRecord record) internal pure returns (bool) {
        if (record.fills() >= bid.maxFills) return true;
        uint256 rest = bid.milli - record.milli();
        return rest == 0 || rest < bid.minMilli;
    }

    /// @notice The first `count` of the fills; the rest was skipped.
    function first(IGpuMarket.FilledBid[] memory filled, uint256 count)
        internal
        pure
        returns (IGpuMarket.FilledBid[] memory kept)
    {
        if (count == filled.length) return filled;
        kept = new IGpuMarket.FilledBid[](count);
        for (uint256 i = 0; i < count; ++i) kept[i] = filled[i];
    }

    /// @dev The price is the ask's, unless both orders name the same filler, who then chooses inside the limits.
    function _price(Ask calldata ask, IGpuMarket.BidFill calldata wanted) private pure returns (bytes4) {
        uint256 given = wanted.pricePerGpuHour;
        if (given == 0 || given % Units.TICK != 0 || given / Units.TICK > SeriesId.MAX_TICKS) {
            return IGpuMarket.PriceOffTick.selector;
        }
        bool fillerChooses = ask.filler != address(0) && ask.filler == wanted.bid.filler;
        bool inside = fillerChooses ? given >= ask.pricePerGpuHour : given == ask.pricePerGpuHour;
        if (!inside || given > wanted.bid.maxPricePerGpuHour) return IGpuMarket.PriceOutsideLimits.selector;
        return 0;
    }

    function _kind(SaleTerms memory terms, IGpuMarket.BidFill calldata wanted) private pure returns (bytes4) {
        Bid calldata bid = wanted.bid;
        if (!MerkleProof.verifyCalldata(wanted.classProof, bid.deviceClasses, terms.deviceClass)) {
            return IGpuMarket.ClassNotAccepted.selector;
        }
        if (terms.isolation < bid.minIsolation) return IGpuMarket.IsolationTooWeak.selector;
        if (terms.pay.reservationFeeBps() > bid.maxReservationFeeBps) return IGpuMarket.ReservationFeeTooHigh.selector;
        if (terms.pay.slaCreditBps() < bid.minSlaCreditBps) return IGpuMarket.SlaCreditTooLow.selector;
        if (terms.interruptible && (!bid.interruptible || terms.notice < bid.minNotice)) {
            return IGpuMarket.NoticeTooShort.selector;
        }
        if (bid.arbiterSet != 0 && bid.arbiterSet != terms.arbiterSet) return IGpuMarket.ArbitersNotAccepted.selector;
        return 0;
    }

    function _window(Ask calldata ask, IGpuMarket.BidFill calldata wanted) private pure returns (bytes4) {
        Bid calldata bid = wanted.bid;
        uint256 duration = wanted.duration;
        if (duration < bid.minDuration || duration > bid.maxDuration || duration < ask.minDuration) {
            return IGpuMarket.DurationOutsideLimits.selector;
        }
        if (duration > Units.MAX_DURATION || (ask.maxDuration != 0 && duration > ask.maxDuration)) {
            return IGpuMarket.DurationOutsideLimits.selector;
        }
        uint256 begin = wanted.start;
        uint256 end = begin + duration;
        if (begin < bid.windowStart || begin < ask.windowStart) return IGpuMarket.WindowOutsideLimits.selector;
        if (end > bid.windowEnd || end > ask.windowEnd) return IGpuMarket.WindowOutsideLimits.selector;
        return 0;
    }

    function _amount(Ask calldata ask, uint256 step, IGpuMarket.BidFill calldata wanted)
        private
        pure
        returns (bytes4)
    {
        uint256 milli = wanted.milli;
        Bid calldata bid = wanted.bid;
        if (milli < bid.minMilli || milli > bid.milli || milli < ask.minMilli) {
            return IGpuMarket.MilliOutsideLimits.selector;
        }
        if (ask.maxMilli != 0 && milli > ask.maxMilli) return IGpuMarket.MilliOutsideLimits.selector;
        if (milli % step != 0) return IGpuMarket.MilliOffStep.selector;
        uint256 gpuMs = milli * wanted.duration;
        if (gpuMs == 0 || gpuMs % Units.LOT != 0) return IGpuMarket.NotWholeLots.selector;
        return 0;
    }
}
