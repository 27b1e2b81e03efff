// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IGpuMarket} from "../../contracts/interfaces/IGpuMarket.sol";
import {IResale} from "../../contracts/interfaces/IResale.sol";
import {Terms} from "../../contracts/types/Terms.sol";
import {F} from "./Calls.sol";
import {Attempt} from "./OrderTwin.sol";
import {ProofActions} from "./ProofActions.sol";
import {Held} from "./World.sol";
import {Id, Typed} from "./Typed.sol";

/// @title Sales between holders
abstract contract ResaleActions is ProofActions {
    function _resell() internal {
        (bool found, Held memory held) = _waiting();
        if (positions.length == 0 || (!found && _chance(85))) return _fill();
        Attempt memory a = _offer(held);
        bool names = _chance(30);
        if (names) a.bid.deviceClasses = keccak256(abi.encode(held.series));
        if (_chance(30)) _changeOffer(a);
        bytes32 askDigest = Typed.digest(marketDomain, Typed.hash(a.ask));
        bytes32 bidDigest = Typed.digest(marketDomain, Typed.hash(a.bid));
        bool allowed = !parameters.paused() && _sellable(a, askDigest, bidDigest);
        _remember();
        uint256 ofBuyer = market.positionOf(a.ask.series, a.bid.buyer).units;
        (bool done, bytes memory result) =
            _send(F.Resell, a.caller, resale, abi.encodeCall(IResale.fill, (_groups(a))));
        if (done) {
            done = abi.decode(result, (bytes4[][]))[0][a.place] == 0;
            _count(F.Resell, done);
        }
        _agree(F.Resell, allowed, done);
        if (done) _checkSale(a, askDigest, bidDigest, ofBuyer);
    }

    function _offer(Held memory held) private returns (Attempt memory a) {
        IGpuMarket.PositionState memory position = _position(held);
        Terms memory terms = termsOf[Id.terms(held.series)];
        uint256 step = Id.step(held.series);
        a.caller = stranger;
        (a.askSigned, a.bidSigned) = (true, true);
        (a.start, a.duration) = (uint40(Id.start(held.series)), uint32(Id.duration(held.series)));
        a.milli = uint32(position.milli < step ? step : step * _between(1, position.milli / step));
        uint256 ticks = Id.ticks(held.series);
        a.price = uint64(1_000 * (_chance(10) ? ticks + 1 : _between(1, ticks)));
        a.ask = _askFor(a, 0);
        (a.ask.seller, a.ask.terms, a.ask.series) = (held.holder, 0, held.series);
        (a.ask.nonce, a.ask.epoch) = (_nonce(held.holder), uint32(epochs[held.holder]));
        a.bid = _bidFor(a, terms);
    }

    function _changeOffer(Attempt memory a) private {
        if (_chance(70)) return _change(a);
        uint256 which = _below(8);
        if (which == 0) a.bid.buyer = a.ask.seller;
        else if (which == 1) a.ask.series = uint256(_chance(50) ? 0 : a.ask.series + 1);
        else if (which == 2) a.ask.terms = 1;
        else if (which == 3) a.start += 1;
        else if (which == 4) (a.milli, a.bid.milli, a.ask.maxMilli) = (a.milli + 1_000, a.milli + 1_000, 0);
        else if (which == 5) a.ask.nonce = 2 ** 32;
        else if (which == 6) a.bid.budget = uint128(_atLeastZero(_cost(a), 1));
        else a.duration += 3_600;
    }

    /// @dev The rules of a fill, for the window and the terms of the series.
    function _sellable(Attempt memory a, bytes32 askDigest, bytes32 bidDigest) private view returns (bool) {
        uint256 series = a.ask.series;
        if (series == 0 || a.ask.terms != 0 || a.ask.seller == a.bid.buyer) return false;
        IGpuMarket.PositionState memory position = market.positionOf(series, a.ask.seller);
        if (position.units == 0 || position.flags != 0) return false;
        if (market.positionOf(series, a.bid.buyer).flags != 0) return false;
        if (block.timestamp + timing.freeze >= Id.start(series)) return false;
        if (registry.isLapsed(Id.terms(series)) || !a.askSigned) return false;
        if (a.ask.epoch != epochs[a.ask.seller] || !_isOpen(a.ask.seller, a.ask.nonce)) return false;
        if (a.start != Id.start(series) || a.duration != Id.duration(series)) return false;
        if (uint256(a.milli) * a.duration / 3_600 > position.units) return false;
        return _bothTimely(a) && _priceInside(a) && _acceptsSeries(a) && _insideWindows(a)
            && _amountInside(a, Id.step(series)) && _restInside(a, askDigest, bidDigest) && _buyerAble(a);
    }

    /// @dev A bid that names the series pays what it likes; one that names classes no more than the series costs.
    function _acceptsSeries(Attempt memory a) private view returns (bool) {
        Terms memory terms = termsOf[Id.terms(a.ask.series)];
        bytes32 leaf = keccak256(abi.encode(a.ask.series));
        bool names = a.bid.deviceClasses == (a.proven ? _pair(leaf, a.otherClass) : leaf);
        bytes32 deviceClass = names ? leaf : terms.deviceClass;
        if (!_termsAccepted(a, terms, deviceClass)) return false;
        return names || a.price / 1_000 <= Id.ticks(a.ask.series);
    }

    function _checkSale(Attempt memory a, bytes32 askDigest, bytes32 bidDigest, uint256 ofBuyer) private {
        uint256 payment = _cost(a);
        uint256 fee = payment * feeOf[Id.terms(a.ask.series)] / 10_000;
        _take(a.bid.buyer, payment);
        _owe(a.ask.seller, payment - fee);
        _owe(parameters.treasury(), fee);
        _settleUp("9: money of a resale");
        uint256 units = uint256(a.milli) * a.duration / 3_600;
        _require(market.positionOf(a.ask.series, a.bid.buyer).units == ofBuyer + units, "10: units sold");
        _noteFilled(a, askDigest, bidDigest);
        _track(a.ask.series, a.ask.seller);
        _track(a.ask.series, a.bid.buyer);
    }
}
