// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IGpuMarket} from "../../contracts/interfaces/IGpuMarket.sol";
import {IProviderRegistry} from "../../contracts/interfaces/IProviderRegistry.sol";
import {Ask} from "../../contracts/types/Ask.sol";
import {Bid} from "../../contracts/types/Bid.sol";
import {Terms} from "../../contracts/types/Terms.sol";
import {F} from "./Calls.sol";
import {Attempt, OrderTwin} from "./OrderTwin.sol";
import {Typed} from "./Typed.sol";
import {vm} from "./Vm.sol";

/// @title Fills: mostly of a pair that fits, sometimes with one field changed, sometimes of an order met before
abstract contract FillActions is OrderTwin {
    /// Orders that may be filled again.
    Attempt[] private _known;

    function _fill() internal {
        Attempt memory a = _known.length != 0 && _chance(25) ? _again() : _fresh();
        if (_chance(30)) _change(a);
        bytes32 askDigest = Typed.digest(marketDomain, Typed.hash(a.ask));
        bytes32 bidDigest = Typed.digest(marketDomain, Typed.hash(a.bid));
        bool allowed = !parameters.paused() && _allowed(a, askDigest, bidDigest);
        uint256 before = _balance(a.bid.buyer);
        (bool done, bytes memory result) =
            _send(F.Fill, a.caller, address(market), abi.encodeCall(IGpuMarket.fill, (_groups(a))));
        if (done) {
            bytes4[][] memory reasons = abi.decode(result, (bytes4[][]));
            done = reasons[0][a.place] == 0;
            _require(reasons[0].length == 1 || reasons[0][1 - a.place] != 0, "2: a bid without a signature");
            _count(F.Fill, done);
        }
        _agree(F.Fill, allowed, done);
        if (done) _keep(a, askDigest, bidDigest, before);
        else _require(_balance(a.bid.buyer) == before, "2: a refused fill took money");
    }

    function _keep(Attempt memory a, bytes32 askDigest, bytes32 bidDigest, uint256 before) private {
        _require(before - _balance(a.bid.buyer) == _cost(a), "1: a fill took another sum than its cost");
        _noteFilled(a, askDigest, bidDigest);
        _track(_seriesOf(a), a.bid.buyer);
        _require(placeOf[_seriesOf(a)][a.bid.buyer] != 0, "1: no position after a fill");
        if (_known.length < 8) _known.push(a);
        else if (_chance(30)) _known[_below(8)] = a;
    }

    /// @notice A filled pair whose orders name the operator.
    function _knownByFiller() internal returns (bool, Attempt memory) {
        for (uint256 i = 0; i < 6 && _known.length != 0; ++i) {
            Attempt memory a = _known[_below(_known.length)];
            if (a.ask.filler == operator && a.bid.filler == operator) return (true, a);
        }
        return (false, _fresh());
    }

    function _groups(Attempt memory a) internal returns (IGpuMarket.AskGroup[] memory groups) {
        groups = new IGpuMarket.AskGroup[](1);
        groups[0].ask = a.ask;
        groups[0].signature =
            _sign(a.askSigned ? a.ask.seller : stranger, marketDomain, Typed.hash(a.ask));
        bool alone = a.place == 0 && _chance(80);
        groups[0].fills = new IGpuMarket.BidFill[](alone ? 1 : 2);
        if (!alone) groups[0].fills[1 - a.place].bid = a.bid;
        IGpuMarket.BidFill memory fill = groups[0].fills[a.place];
        fill.bid = a.bid;
        fill.signature = _sign(a.bidSigned ? a.bid.buyer : stranger, marketDomain, Typed.hash(a.bid));
        if (!a.bidSigned && _chance(30)) fill.signature = new bytes(63);
        (fill.milli, fill.start, fill.duration, fill.pricePerGpuHour) = (a.milli, a.start, a.duration, a.price);
        if (a.proven) {
            fill.classProof = new bytes32[](1);
            fill.classProof[0] = a.otherClass;
        }
    }

    /// @dev A pair met before, perhaps with other numbers of the fill.
    function _again() private returns (Attempt memory a) {
        a = _known[_below(_known.length)];
        if (_chance(50)) a.milli = uint32(termsOf[a.ask.terms].step * _between(1, 3));
    }

    function _fresh() private returns (Attempt memory a) {
        uint64 number = sold[_below(sold.length)];
        Terms memory terms = termsOf[number];
        if (_chance(90)) _raiseBond(providerOf[number]);
        a.caller = stranger;
        if (_chance(10)) a.place = 1;
        (a.askSigned, a.bidSigned) = (true, true);
        a.start = uint40(_chance(20) ? block.timestamp - _below(61) : _hourAhead());
        a.duration = uint32(_chance(80) ? _between(1, 6) * 1 hours : _between(1, 72) * 300);
        a.milli = uint32(terms.step == 1_000 ? 1_000 : terms.step * _between(1, 1_000 / terms.step));
        a.price = uint64(1_000 * _between(1, 4_000));
        a.ask = _askFor(a, number);
        a.bid = _bidFor(a, terms);
        if (_chance(15)) {
            (a.proven, a.otherClass) = (true, keccak256("nvidia/l40s/48gb/pcie"));
            a.bid.deviceClasses = _pair(terms.deviceClass, a.otherClass);
        }
        if (_chance(20)) _nameFiller(a);
    }

    /// @dev Slashes and new minimums would end the market otherwise.
    function _raiseBond(address provider) private {
        IProviderRegistry.Bond memory bond = registry.bondOf(provider);
        if (bond.bonded < bond.required) _payInAndBond(provider, bond.required - bond.bonded + USD);
    }

    function _hourAhead() private returns (uint256) {
        return (block.timestamp / 1 hours + _between(1, 30)) * 1 hours;
    }

    function _askFor(Attempt memory a, uint64 number) internal returns (Ask memory ask) {
        ask.seller = providerOf[number];
        ask.terms = number;
        ask.pricePerGpuHour = a.price;
        (ask.windowStart, ask.windowEnd) = (a.start, a.start + a.duration);
        (ask.validFrom, ask.deadline) = (uint40(block.timestamp - 10), uint40(block.timestamp + 290));
        (ask.nonce, ask.epoch) = (_nonce(ask.seller), uint32(epochs[ask.seller]));
        if (_chance(20)) ask.quantity = uint64(uint256(a.milli) * a.duration * _between(1, 3));
        if (_chance(20)) ask.maxFills = uint32(_between(1, 3));
        if (_chance(20)) (ask.minMilli, ask.maxMilli) = (a.milli, a.milli);
        if (_chance(20)) (ask.minDuration, ask.maxDuration) = (a.duration, a.duration);
    }

    function _bidFor(Attempt memory a, Terms memory terms) internal returns (Bid memory bid) {
        bid.buyer = _one(buyers);
        bid.deviceClasses = terms.deviceClass;
        (bid.milli, bid.minMilli) = (a.milli, a.milli);
        (bid.windowStart, bid.windowEnd) = (a.start, a.start + a.duration);
        (bid.minDuration, bid.maxDuration) = (a.duration, a.duration);
        bid.maxPricePerGpuHour = a.price;
        (bid.validFrom, bid.deadline) = (a.ask.validFrom, a.ask.deadline);
        (bid.nonce, bid.epoch) = (_nonce(bid.buyer), uint32(epochs[bid.buyer]));
        (bid.maxReservationFeeBps, bid.minSlaCreditBps) = (terms.reservationFeeBps, terms.slaCreditBps);
        (bid.interruptible, bid.minNotice, bid.minIsolation) = (terms.interruptible, terms.notice, terms.isolation);
        if (_chance(30)) bid.arbiterSet = terms.arbiterSet;
        if (_chance(30)) bid.budget = uint128(_cost(a));
        if (_chance(30)) {
            bid.maxFills = uint32(_between(1, 3));
            bid.milli = uint32(a.milli * _between(1, 3));
            bid.budget = uint128(_cost(a) * _between(1, 3));
        }
    }

    /// @dev The operator fills, at a price of its choice between both limits.
    function _nameFiller(Attempt memory a) private {
        (a.caller, a.ask.filler, a.bid.filler) = (operator, operator, operator);
        a.price += uint64(1_000 * _below(5));
        a.bid.maxPricePerGpuHour = a.price;
        if (a.bid.budget != 0) a.bid.budget = uint128(_cost(a) * _between(1, 3));
        a.ask.deadline = a.bid.deadline = uint40(block.timestamp + 12 hours);
    }

    function _nonce(address account) internal returns (uint64 nonce) {
        uint256 first = firstNonce[account][epochs[account]];
        nonce = uint64(first + _below(120));
        for (uint256 i = 0; i < 130 && !_isOpen(account, nonce); ++i) ++nonce;
        if (_chance(3)) nonce += uint64(_below(200));
    }

    // ------------------------------------------------------------------ one field changed

    function _change(Attempt memory a) internal {
        uint256 which = _below(40);
        if (which < 12) _changeTimes(a, which);
        else if (which < 26) _changeBid(a, which - 12);
        else _changeAsk(a, which - 26);
    }

    function _changeTimes(Attempt memory a, uint256 which) private {
        if (which == 0) a.ask.validFrom = uint40(block.timestamp + _below(2));
        else if (which == 1) a.bid.validFrom = uint40(block.timestamp + _below(2));
        else if (which == 2) a.ask.deadline = uint40(block.timestamp - _below(2));
        else if (which == 3) a.bid.deadline = uint40(block.timestamp - _below(2));
        else if (which == 4) a.ask.deadline = a.ask.validFrom + uint40(_between(299, 301));
        else if (which == 5) a.bid.deadline = a.bid.validFrom + uint40(_between(299, 301));
        else if (which == 6) a.ask.deadline = a.ask.validFrom + uint40(_between(86_399, 86_401));
        else if (which == 7) a.caller = _one(buyers);
        else if (which == 8) a.bid.windowStart = uint40(a.start - 1 + _below(3));
        else if (which == 9) a.bid.windowEnd = uint40(a.start + a.duration - 1 + _below(3));
        else if (which == 10) a.ask.windowStart = uint40(a.start - 1 + _below(3));
        else a.ask.windowEnd = uint40(a.start + a.duration - 1 + _below(3));
    }

    function _changeBid(Attempt memory a, uint256 which) private {
        Bid memory bid = a.bid;
        if (which == 0) bid.minMilli = uint32(a.milli - 1 + _below(3));
        else if (which == 1) bid.milli = uint32(a.milli - 1 + _below(3));
        else if (which == 2) bid.minDuration = uint32(a.duration - 1 + _below(3));
        else if (which == 3) bid.maxDuration = uint32(a.duration - 1 + _below(3));
        else if (which == 4) bid.maxPricePerGpuHour = uint64(a.price - 1 + _below(3));
        else if (which == 5) bid.minIsolation = uint8(_below(7));
        else if (which == 6) bid.budget = uint128(_cost(a) - 1 + _below(3));
        else if (which == 7) bid.maxReservationFeeBps = uint16(_below(1_000));
        else if (which == 8) bid.minSlaCreditBps = uint16(_below(10_000));
        else if (which == 9) bid.interruptible = !bid.interruptible;
        else if (which == 10) bid.minNotice = uint32(_below(1_300));
        else if (which == 11) bid.arbiterSet = uint32(_below(4));
        else if (which == 12) bid.deviceClasses = _chance(50) ? H100 : SHARED;
        else (bid.buyer, a.bidSigned) = _chance(50) ? (bid.buyer, false) : (address(0), false);
    }

    function _changeAsk(Attempt memory a, uint256 which) private {
        Ask memory ask = a.ask;
        if (which == 0) ask.minMilli = uint32(a.milli - 1 + _below(3));
        else if (which == 1) ask.maxMilli = uint32(a.milli - 1 + _below(3));
        else if (which == 2) ask.minDuration = uint32(a.duration - 1 + _below(3));
        else if (which == 3) ask.maxDuration = uint32(a.duration - 1 + _below(3));
        else if (which == 4) a.price = uint64(_chance(50) ? a.price + 1 : _below(2) * 1_000 * 2 ** 40);
        else if (which == 5) ask.pricePerGpuHour = uint64(a.price - 1_000 + _below(3) * 1_000);
        else if (which == 6) (ask.terms, ask.series) = (uint64(_below(sold.length + 2)), _below(4) / 3);
        else if (which == 7) a.askSigned = false;
        else if (which == 8) ask.epoch = uint32(_below(3));
        else if (which == 9) ask.nonce = uint64(_below(300));
        else if (which == 10) a.bid.nonce = uint64(_chance(90) ? _below(300) : 2 ** 32 - 1 + _below(2));
        else if (which == 11) _move(a);
        else if (which == 12) ask.quantity = uint64(uint256(a.milli) * a.duration - 1 + _below(3));
        else if (_chance(30)) a.milli += 1;
        else if (_chance(50)) (a.milli, a.bid.minMilli, ask.minMilli) = (0, 0, 0);
        else (a.milli, a.bid.milli, ask.maxMilli, ask.quantity) = (a.milli * 20, a.milli * 20, 0, 0);
    }

    /// @dev The window elsewhere, at the borders of what the clock allows.
    function _move(Attempt memory a) private {
        uint256 which = _below(3);
        if (which == 0) a.start = uint40(block.timestamp - timing.startGrace - 1 + _below(3));
        else if (which == 1) a.start = uint40(block.timestamp + 90 days - 1 + _below(3));
        else a.duration = uint32(168 hours - 3_600 + 3_600 * _below(3));
        (a.ask.windowStart, a.ask.windowEnd) = (a.start, a.start + a.duration);
        (a.bid.windowStart, a.bid.windowEnd) = (a.start, a.start + a.duration);
        (a.ask.minDuration, a.ask.maxDuration) = (0, 0);
        (a.bid.minDuration, a.bid.maxDuration, a.bid.budget) = (0, 2 ** 32 - 1, 0);
        a.ask.quantity = 0;
    }
}
