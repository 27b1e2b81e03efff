// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IGpuMarket} from "../../contracts/interfaces/IGpuMarket.sol";
import {IProviderRegistry} from "../../contracts/interfaces/IProviderRegistry.sol";
import {Ask} from "../../contracts/types/Ask.sol";
import {Bid} from "../../contracts/types/Bid.sol";
import {Terms} from "../../contracts/types/Terms.sol";
import {Calls} from "./Calls.sol";
import {Id} from "./Typed.sol";

/// @notice What was filled of an order so far.
struct Filled {
    uint256 gpuMs;
    uint256 milli;
    uint256 fills;
    uint256 cost;
    uint256 at;
}

/// @notice One attempt to fill.
struct Attempt {
    Ask ask;
    Bid bid;
    uint32 milli;
    uint40 start;
    uint32 duration;
    uint64 price;
    bytes32 otherClass;
    bool proven;
    bool askSigned;
    bool bidSigned;
    address caller;
    /// Of the bid in its group; the other place, if there is one, has a bid without a signature.
    uint256 place;
}

/// @title What rule 2 and rule 3 allow to be filled, written a second time without care for gas
abstract contract OrderTwin is Calls {
    mapping(address account => uint256 epoch) internal epochs;
    mapping(address account => mapping(uint256 epoch => uint256 first)) internal firstNonce;
    mapping(address account => mapping(uint256 epoch => mapping(uint256 nonce => bool))) internal spent;
    mapping(bytes32 order => Filled) internal filledOf;

    function _isOpen(address account, uint256 nonce) internal view returns (bool) {
        uint256 epoch = epochs[account];
        return nonce >= firstNonce[account][epoch] && nonce < 2 ** 32 && !spent[account][epoch][nonce];
    }

    function _spend(address account, uint256 nonce) internal {
        if (!_isOpen(account, nonce)) return;
        uint256 epoch = epochs[account];
        spent[account][epoch][nonce] = true;
        if (nonce >= firstNonce[account][epoch] + 128) firstNonce[account][epoch] = nonce - 127;
    }

    function _allowed(Attempt memory a, bytes32 askDigest, bytes32 bidDigest) internal view returns (bool) {
        Terms memory terms = termsOf[a.ask.terms];
        return _bothTimely(a) && _seller(a) && _priceInside(a) && _termsAccepted(a, terms, terms.deviceClass)
            && _insideWindows(a) && _startsInTime(a) && _amountInside(a, terms.step)
            && _restInside(a, askDigest, bidDigest) && _buyerAble(a) && _series(a) && _capacity(a);
    }

    function _noteFilled(Attempt memory a, bytes32 askDigest, bytes32 bidDigest) internal {
        _add(filledOf[askDigest], a);
        _add(filledOf[bidDigest], a);
        Filled memory ofBid = filledOf[bidDigest];
        uint256 rest = a.bid.maxFills > 1 ? a.bid.milli - ofBid.milli : 0;
        bool finished = a.bid.maxFills <= 1 || ofBid.fills >= a.bid.maxFills || rest == 0 || rest < a.bid.minMilli;
        if (finished) _spend(a.bid.buyer, a.bid.nonce);
        _require(market.isNonceOpen(a.bid.buyer, a.bid.nonce) == !finished, "2: nonce of a bid");
    }

    function _add(Filled storage filled, Attempt memory a) private {
        filled.gpuMs += uint256(a.milli) * a.duration;
        filled.milli += a.milli;
        filled.fills += 1;
        filled.cost += _cost(a);
        filled.at = block.timestamp;
    }

    function _bothTimely(Attempt memory a) internal view returns (bool) {
        return _timely(a.ask.validFrom, a.ask.deadline, a.ask.filler, a.caller)
            && _timely(a.bid.validFrom, a.bid.deadline, a.bid.filler, a.caller);
    }

    function _timely(uint256 from, uint256 to, address filler, address caller) private view returns (bool) {
        if (block.timestamp < from || block.timestamp > to) return false;
        if (filler == address(0)) return to - from <= 5 minutes;
        return to - from <= 1 days && filler == caller;
    }

    function _seller(Attempt memory a) private view returns (bool) {
        if (a.ask.series != 0 || providerOf[a.ask.terms] == address(0)) return false;
        if (providerOf[a.ask.terms] != a.ask.seller || !a.askSigned) return false;
        return a.ask.epoch == epochs[a.ask.seller] && _isOpen(a.ask.seller, a.ask.nonce);
    }

    function _priceInside(Attempt memory a) internal pure returns (bool) {
        if (a.price == 0 || a.price % 1_000 != 0 || a.price / 1_000 >= 2 ** 40) return false;
        bool chosen = a.ask.filler != address(0) && a.ask.filler == a.bid.filler;
        if (chosen ? a.price < a.ask.pricePerGpuHour : a.price != a.ask.pricePerGpuHour) return false;
        return a.price <= a.bid.maxPricePerGpuHour;
    }

    function _termsAccepted(Attempt memory a, Terms memory terms, bytes32 deviceClass) internal pure returns (bool) {
        bytes32 root = a.proven ? _pair(deviceClass, a.otherClass) : deviceClass;
        if (root != a.bid.deviceClasses) return false;
        if (terms.isolation < a.bid.minIsolation) return false;
        if (terms.reservationFeeBps > a.bid.maxReservationFeeBps) return false;
        if (terms.slaCreditBps < a.bid.minSlaCreditBps) return false;
        if (terms.interruptible && (!a.bid.interruptible || a.bid.minNotice > terms.notice)) return false;
        return a.bid.arbiterSet == 0 || a.bid.arbiterSet == terms.arbiterSet;
    }

    function _pair(bytes32 a, bytes32 b) internal pure returns (bytes32) {
        return a < b ? keccak256(abi.encodePacked(a, b)) : keccak256(abi.encodePacked(b, a));
    }

    function _insideWindows(Attempt memory a) internal pure returns (bool) {
        if (a.duration < a.bid.minDuration || a.duration > a.bid.maxDuration) return false;
        if (a.duration < a.ask.minDuration || a.duration > 168 hours) return false;
        if (a.ask.maxDuration != 0 && a.duration > a.ask.maxDuration) return false;
        uint256 end = uint256(a.start) + a.duration;
        if (a.start < a.bid.windowStart || end > a.bid.windowEnd) return false;
        return a.start >= a.ask.windowStart && end <= a.ask.windowEnd;
    }

    function _startsInTime(Attempt memory a) private view returns (bool) {
        return uint256(a.start) + timing.startGrace >= block.timestamp && a.start <= block.timestamp + 90 days;
    }

    function _amountInside(Attempt memory a, uint256 step) internal pure returns (bool) {
        if (a.milli < a.bid.minMilli || a.milli > a.bid.milli || a.milli < a.ask.minMilli) return false;
        if (a.ask.maxMilli != 0 && a.milli > a.ask.maxMilli) return false;
        uint256 gpuMs = uint256(a.milli) * a.duration;
        return a.milli % step == 0 && gpuMs != 0 && gpuMs % 3_600 == 0;
    }

    function _restInside(Attempt memory a, bytes32 askDigest, bytes32 bidDigest) internal view returns (bool) {
        Filled memory ofAsk = filledOf[askDigest];
        uint256 gpuMs = uint256(a.milli) * a.duration;
        if (a.ask.maxFills != 0 && ofAsk.fills >= a.ask.maxFills) return false;
        if (a.ask.quantity != 0 && ofAsk.gpuMs + gpuMs > a.ask.quantity) return false;
        Filled memory ofBid;
        if (a.bid.maxFills > 1) ofBid = filledOf[bidDigest];
        if (ofBid.milli + a.milli > a.bid.milli) return false;
        return a.bid.budget == 0 || ofBid.cost + _cost(a) <= a.bid.budget;
    }

    function _cost(Attempt memory a) internal pure returns (uint256) {
        return (uint256(a.milli) * a.duration / 3_600) * (a.price / 1_000);
    }

    function _buyerAble(Attempt memory a) internal view returns (bool) {
        if (a.bid.buyer == address(0) || !a.bidSigned) return false;
        if (a.bid.epoch != epochs[a.bid.buyer] || !_isOpen(a.bid.buyer, a.bid.nonce)) return false;
        return _cost(a) <= _balance(a.bid.buyer);
    }

    function _seriesOf(Attempt memory a) internal view returns (uint256) {
        return Id.pack(a.start, a.duration, a.price / 1_000, termsOf[a.ask.terms].step, a.ask.terms);
    }

    function _series(Attempt memory a) private view returns (bool) {
        return market.positionOf(_seriesOf(a), a.bid.buyer).flags == 0;
    }

    function _capacity(Attempt memory a) private view returns (bool) {
        bytes32 deviceClass = termsOf[a.ask.terms].deviceClass;
        address provider = a.ask.seller;
        IProviderRegistry.Capacity memory capacity = registry.capacityOf(provider, deviceClass);
        if (capacity.lanes == 0 || block.timestamp >= capacity.expiry) return false;
        if (termsOf[a.ask.terms].step % capacity.laneMilli != 0) return false;
        IProviderRegistry.Bond memory bond = registry.bondOf(provider);
        if (bond.bonded < bond.required) return false;
        uint256 attested = uint256(capacity.lanes) * capacity.laneMilli;
        uint256 from = a.start / 1 hours;
        uint256[] memory needs = _needs(provider, deviceClass, from, _hourAfter(uint256(a.start) + a.duration));
        for (uint256 i = 0; i < needs.length; ++i) {
            uint256 taken = needs[i];
            // Past hours keep what was closed in them: only the calendar still knows.
            if (from + i < block.timestamp / 1 hours) {
                taken = registry.soldLanes(provider, deviceClass, from + i) * capacity.laneMilli;
            }
            if (taken + a.milli > attested) return false;
        }
        return true;
    }
}
