// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";
import {IGpuMarket} from "../interfaces/IGpuMarket.sol";
import {Ask} from "../types/Ask.sol";
import {Bid} from "../types/Bid.sol";
import {Account, AccountLib} from "./Account.sol";
import {SeriesId} from "./SeriesId.sol";
import {Units} from "./Units.sol";

/// @notice What every bid of one group needs to know of its ask.
struct Sale {
    bytes32 askDigest;
    address provider;
    uint64 terms;
    bytes32 deviceClass;
    uint16 step;
    uint8 isolation;
    uint16 reservationFeeBps;
}

/// @title What the two orders of a fill allow
/// @dev Each function returns zero, or the selector of the error that describes the refusal. Sums are taken in 256
/// bits, so that no signed value can make a check revert and sink the batch.
library OrderRules {
    using AccountLib for Account;

    function askFields(Ask calldata ask) internal view returns (bytes4) {
        if (ask.series != 0 || ask.quantity != 0 || ask.maxFills != 0) return IGpuMarket.NotSupported.selector;
        return _validity(ask.validFrom, ask.deadline, ask.filler);
    }

    /// @notice What the pair of orders refuses, whoever the buyer's account.
    function pair(Ask calldata ask, Sale memory sale, IGpuMarket.BidFill calldata wanted, uint256 startGrace)
        internal
        view
        returns (bytes4 refusal)
    {
        refusal = _bidFields(wanted.bid);
        if (refusal == 0) refusal = _price(ask, wanted);
        if (refusal == 0) refusal = _kind(sale, wanted);
        if (refusal == 0) refusal = _window(ask, wanted, startGrace);
        if (refusal == 0) refusal = _amount(ask, sale, wanted);
    }

    /// @notice What the buyer's account refuses.
    function buyer(Bid calldata bid, Account account, uint256 cost) internal pure returns (bytes4) {
        if (bid.budget != 0 && cost > bid.budget) return IGpuMarket.OverBudget.selector;
        if (account.epoch() != bid.epoch) return IGpuMarket.EpochMismatch.selector;
        if (!account.isOpen(bid.nonce)) return IGpuMarket.NonceSpent.selector;
        if (cost > account.balance()) return IGpuMarket.InsufficientBalance.selector;
        return 0;
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

    function _bidFields(Bid calldata bid) private view returns (bytes4) {
        if (bid.maxFills > 1 || bid.arbiterSet != 0) return IGpuMarket.NotSupported.selector;
        if (bid.minSlaCreditBps != 0 || bid.interruptible || bid.minNotice != 0) {
            return IGpuMarket.NotSupported.selector;
        }
        return _validity(bid.validFrom, bid.deadline, bid.filler);
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

    function _kind(Sale memory sale, IGpuMarket.BidFill calldata wanted) private pure returns (bytes4) {
        Bid calldata bid = wanted.bid;
        if (!MerkleProof.verifyCalldata(wanted.classProof, bid.deviceClasses, sale.deviceClass)) {
            return IGpuMarket.ClassNotAccepted.selector;
        }
        if (sale.isolation < bid.minIsolation) return IGpuMarket.IsolationTooWeak.selector;
        if (sale.reservationFeeBps > bid.maxReservationFeeBps) return IGpuMarket.ReservationFeeTooHigh.selector;
        return 0;
    }

    function _amount(Ask calldata ask, Sale memory sale, IGpuMarket.BidFill calldata wanted)
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
        if (milli % sale.step != 0) return IGpuMarket.MilliOffStep.selector;
        uint256 gpuMs = milli * wanted.duration;
        if (gpuMs == 0 || gpuMs % Units.LOT != 0) return IGpuMarket.NotWholeLots.selector;
        return 0;
    }

    function _window(Ask calldata ask, IGpuMarket.BidFill calldata wanted, uint256 startGrace)
        private
        view
        returns (bytes4)
    {
        Bid calldata bid = wanted.bid;
        uint256 duration = wanted.duration;
        if (duration < bid.minDuration || duration > bid.maxDuration || duration < ask.minDuration) {
            return IGpuMarket.DurationOutsideLimits.selector;
        }
        if (duration > Units.MAX_DURATION || (ask.maxDuration != 0 && duration > ask.maxDuration)) {
            return IGpuMarket.DurationOutsideLimits.selector;
        }
        uint256 start = wanted.start;
        uint256 end = start + duration;
        if (start < bid.windowStart || start < ask.windowStart) return IGpuMarket.WindowOutsideLimits.selector;
        if (end > bid.windowEnd || end > ask.windowEnd) return IGpuMarket.WindowOutsideLimits.selector;
        if (start + startGrace < block.timestamp || start > block.timestamp + Units.MAX_AHEAD) {
            return IGpuMarket.StartOutsideLimits.selector;
        }
        return 0;
    }

    function _validity(uint256 validFrom, uint256 deadline, address filler) private view returns (bytes4) {
        if (block.timestamp < validFrom) return IGpuMarket.NotYetValid.selector;
        if (block.timestamp > deadline) return IGpuMarket.OrderExpired.selector;
        uint256 limit = filler == address(0) ? Units.MAX_OPEN_ORDER_LIFE : Units.MAX_ORDER_LIFE;
        if (deadline - validFrom > limit) return IGpuMarket.OrderLifeTooLong.selector;
        if (filler != address(0) && filler != msg.sender) return IGpuMarket.WrongFiller.selector;
        return 0;
    }
}
