// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IArbitration} from "../../contracts/interfaces/IArbitration.sol";
import {IProviderRegistry} from "../../contracts/interfaces/IProviderRegistry.sol";
import {Acknowledgement} from "../../contracts/types/Acknowledgement.sol";
import {Attestation} from "../../contracts/types/Attestation.sol";
import {Receipt} from "../../contracts/types/Receipt.sol";
import {Verdict} from "../../contracts/types/Verdict.sol";
import {F} from "./Calls.sol";
import {CaseActions} from "./CaseActions.sol";
import {Attempt, Filled} from "./OrderTwin.sol";
import {Held} from "./World.sol";
import {Id, Typed} from "./Typed.sol";

/// @title Equivocation: of agents, operators, arbiters and auditors
abstract contract ProofActions is CaseActions {
    mapping(bytes32 proof => bool) private _proven;

    // ------------------------------------------------------------------ agents

    function _receiptOf(Before memory b) private returns (Receipt memory receipt) {
        (receipt.series, receipt.holder) = (b.held.series, b.held.holder);
        receipt.sequence = uint32(_between(1, 3));
        receipt.intervalStart = uint40(Id.start(b.held.series) + 60 * _below(4));
        receipt.intervalEnd = receipt.intervalStart + uint40(_between(59, 61));
        receipt.usedGpuMs = uint64(_below(3));
        receipt.missedIntervals = uint32(_below(2));
        receipt.tokens = uint64(_below(2));
        receipt.energyMillijoules = uint64(_below(2));
        receipt.energyMeasured = _chance(70);
        receipt.devices = new bytes32[](_between(1, 2));
        for (uint256 i = 0; i < receipt.devices.length; ++i) receipt.devices[i] = bytes32(_between(1, 3));
    }

    /// @dev The present key, an older one, or nobody's.
    function _agentOf(Before memory b) private returns (address) {
        if (_chance(5)) return stranger;
        return _chance(80) ? registry.agentOf(b.provider) : _olderAgent(b.provider);
    }

    /// @dev A replaced key counts until a while after its replacement, by the receipt's end and the lease's start.
    function _signedBy(Before memory b, address who, Receipt memory receipt) private view returns (bool) {
        if (who == registry.agentOf(b.provider)) return true;
        uint256 start = Id.start(b.held.series);
        uint256 at = receipt.intervalEnd > start ? receipt.intervalEnd : start;
        return replacedUntil[b.provider][who] != 0 && at <= replacedUntil[b.provider][who];
    }

    function _startedLease() private returns (Before memory b) {
        (bool found, Held memory held) = _started();
        if (!found) held = positions[_below(positions.length)];
        if (_chance(3)) held.holder = stranger;
        return _lookAt(held);
    }

    function _proveReceipts() internal {
        if (positions.length == 0) return _fill();
        Before memory b = _startedLease();
        (Receipt memory one, Receipt memory two) = (_receiptOf(b), _receiptOf(b));
        if (_chance(3)) two.holder = operator;
        else if (_chance(3)) ++two.series;
        (address first, address second) = (_agentOf(b), _agentOf(b));
        bool allowed = two.holder == one.holder && two.series == one.series && _signedBy(b, first, one)
            && _signedBy(b, second, two) && _contradict(one, two) && b.position.units != 0 && block.timestamp >= Id.start(b.held.series) && !b.open.slashed;
        bytes memory data = abi.encodeCall(
            IArbitration.proveReceipts, (one, _signed(first, one), two, _signed(second, two))
        );
        _remember();
        bool done = _judge(F.ProveReceipts, stranger, data, allowed);
        if (done) _checkEnd(b, IArbitration.Outcome.PROVEN, new address[](0));
    }

    function _signed(address who, Receipt memory receipt) private returns (bytes memory) {
        return _sign(who, marketDomain, Typed.hash(receipt));
    }

    function _contradict(Receipt memory a, Receipt memory b) private pure returns (bool) {
        if (a.sequence == b.sequence) return keccak256(abi.encode(a)) != keccak256(abi.encode(b));
        (Receipt memory early, Receipt memory late) = a.sequence < b.sequence ? (a, b) : (b, a);
        if (late.usedGpuMs < early.usedGpuMs || late.tokens < early.tokens) return true;
        if (late.missedIntervals < early.missedIntervals || late.intervalStart < early.intervalEnd) return true;
        return early.energyMeasured && late.energyMeasured && late.energyMillijoules < early.energyMillijoules;
    }

    function _proveOverlap() internal {
        if (positions.length < 2) return _fill();
        (Before memory a, Before memory b) = (_startedLease(), _startedLease());
        for (uint256 i = 0; i < 10 && (a.provider != b.provider || _same(a, b)); ++i) b = _startedLease();
        (Receipt memory one, Receipt memory two) = (_receiptOf(a), _receiptOf(b));
        if (_chance(70)) (two.intervalStart, two.intervalEnd) = (one.intervalStart, one.intervalEnd);
        (address first, address second) = (_agentOf(a), _agentOf(b));
        bool slashable = (!a.open.slashed && _isBegun(a)) || (!b.open.slashed && _isBegun(b));
        bool allowed = !_same(a, b) && a.provider == b.provider && _signedBy(a, first, one)
            && _signedBy(b, second, two) && _overlap(a, one, b, two) && slashable;
        bytes memory data = abi.encodeCall(
            IArbitration.proveOverlap, (one, _signed(first, one), two, _signed(second, two))
        );
        if (!_judge(F.ProveOverlap, stranger, data, allowed)) return;
        _require(_ended(a) && _ended(b), "8: an overlap convicts both leases");
    }

    function _isBegun(Before memory b) private view returns (bool) {
        return b.position.units != 0 && block.timestamp >= Id.start(b.held.series);
    }

    function _ended(Before memory b) private view returns (bool) {
        return !_isBegun(b) || (_position(b.held).flags & (FINAL | FAULT) == (FINAL | FAULT));
    }

    function _same(Before memory a, Before memory b) private pure returns (bool) {
        return a.held.series == b.held.series && a.held.holder == b.held.holder;
    }

    function _overlap(Before memory a, Receipt memory one, Before memory b, Receipt memory two)
        private
        pure
        returns (bool)
    {
        uint256 from = one.intervalStart > two.intervalStart ? one.intervalStart : two.intervalStart;
        uint256 to = _least(one.intervalEnd, two.intervalEnd);
        if (to < from + 2) return false;
        bool shared;
        for (uint256 i = 0; i < one.devices.length; ++i) {
            for (uint256 j = 0; j < two.devices.length; ++j) shared = shared || one.devices[i] == two.devices[j];
        }
        if (!shared) return false;
        if (a.terms.isolation >= 3 || b.terms.isolation >= 3) return true;
        return _leastOf(a, one) + _leastOf(b, two) > 1_000;
    }

    /// @dev What does not fit on its other devices; of a lease that is gone the least that is ever sold.
    function _leastOf(Before memory b, Receipt memory receipt) private pure returns (uint256) {
        uint256 milli = b.position.units == 0 ? Id.step(b.held.series) : b.position.milli;
        return _atLeastZero(milli, 1_000 * (receipt.devices.length - 1));
    }

    // ------------------------------------------------------------------ operators

    function _proveCancelled(bool ofAsk) internal {
        (bool found, Attempt memory a) = _knownByFiller();
        if (!found) return _fill();
        if (_chance(3)) (a.ask.filler, a.bid.filler) = (address(0), address(0));
        bytes32 order = Typed.digest(marketDomain, ofAsk ? Typed.hash(a.ask) : Typed.hash(a.bid));
        Filled memory filled = filledOf[order];
        Acknowledgement memory word = Acknowledgement(order, 2, 1, uint40(_atLeastZero(filled.at, _below(2))));
        if (_chance(5)) word.action = 1;
        if (_chance(5)) word.order = bytes32("other");
        address signer = _chance(95) ? operator : stranger;
        uint256 amount = filled.cost / 5;
        if (amount < parameters.disputeFee()) amount = parameters.disputeFee();
        address maker = ofAsk ? a.ask.seller : a.bid.buyer;
        IProviderRegistry.Bond memory bond = registry.bondOf(operator);
        amount = _least(amount, uint256(bond.bonded) + bond.unbonding);
        bool allowed = word.action == 2 && word.order == order && signer == operator && filled.at > word.at && a.ask.filler == operator
            && amount != 0 && !_proven[order];
        bytes memory signature = _sign(signer, marketDomain, Typed.hash(word));
        bytes memory data = ofAsk
            ? abi.encodeCall(IArbitration.proveCancelledAsk, (a.ask, word, signature))
            : abi.encodeCall(IArbitration.proveCancelledBid, (a.bid, word, signature));
        _remember();
        if (!_judge(ofAsk ? F.ProveCancelledAsk : F.ProveCancelledBid, stranger, data, allowed)) return;
        _proven[order] = true;
        _owe(maker, amount);
        _settleUp("8: an operator's bond goes to the maker");
        if (_chance(50)) _payInAndBond(operator, amount + 1);
    }

    // ------------------------------------------------------------------ arbiters and auditors

    function _proveVerdicts() internal {
        if (positions.length == 0) return _fill();
        Held memory held = positions[_below(positions.length)];
        uint32 number = uint32(_below(1_000));
        (uint8 one, uint8 two) = (uint8(_between(1, 4)), uint8(_between(1, 4)));
        Verdict memory first = Verdict(held.series, held.holder, number, one, "1");
        Verdict memory second = Verdict(held.series, held.holder, number, two, "2");
        if (_chance(5)) ++second.number;
        else if (_chance(3)) ++second.series;
        else if (_chance(3)) second.holder = stranger;
        address who = _chance(95) ? _one(arbiters) : stranger;
        address other = _chance(95) ? who : stranger;
        uint32 set = termsOf[Id.terms(held.series)].arbiterSet;
        bytes32 proof = keccak256(abi.encode(who, held.series, held.holder, number));
        bool allowed = one != two && _sameCase(first, second) && who == other
            && parameters.arbiterIndex(set, who) != 0 && !_proven[proof] && _roleShare(who) != 0;
        bytes memory data = abi.encodeCall(
            IArbitration.proveVerdicts,
            (
                first,
                _sign(who, courtDomain, Typed.hash(first)),
                second,
                _sign(other, courtDomain, Typed.hash(second))
            )
        );
        _convict(F.ProveVerdicts, data, allowed, who, proof);
    }

    function _sameCase(Verdict memory a, Verdict memory b) private pure returns (bool) {
        return a.series == b.series && a.holder == b.holder && a.number == b.number;
    }

    function _proveAttestations() internal {
        (Attestation memory first, Attestation memory second) = (_newDevice(), _newDevice());
        if (_chance(95)) second.device = first.device;
        if (_chance(70)) second.evidence = first.evidence;
        else if (_chance(50)) second.expiry = first.expiry;
        for (uint256 i = 0; i < 5 && second.provider == first.provider; ++i) second.provider = _one(providers);
        address who = _chance(95) ? _one(auditors) : stranger;
        bytes32 proof = keccak256(abi.encode(who, first.device));
        bool two = first.device == second.device && first.provider != second.provider;
        bool allowed = two && (first.evidence == second.evidence || first.expiry == second.expiry)
            && parameters.auditorIndex(who) != 0 && _roleShare(who) != 0;
        bytes memory data = abi.encodeCall(
            IArbitration.proveAttestations,
            (
                first,
                _sign(who, registryDomain, Typed.hash(first)),
                second,
                _sign(who, registryDomain, Typed.hash(second))
            )
        );
        _convict(F.ProveAttestations, data, allowed, who, proof);
    }

    function _roleShare(address who) private view returns (uint256) {
        IProviderRegistry.Bond memory bond = registry.bondOf(who);
        return _least(parameters.roleBond(), uint256(bond.bonded) + bond.unbonding);
    }

    /// @dev Half to whoever proves it, the rest is burned. The culprit bonds anew, so that the market goes on.
    function _convict(F f, bytes memory data, bool allowed, address who, bytes32 proof) private {
        uint256 amount = _roleShare(who);
        _remember();
        if (!_judge(f, operator, data, allowed)) return;
        _proven[proof] = true;
        _owe(operator, amount / 2);
        _owe(registry.BURNED(), amount - amount / 2);
        _settleUp("8: half of a role's bond is burned");
        _require(court.isProven(proof), "8: proven once");
        if (_chance(80)) _payInAndBond(who, amount);
    }
}
