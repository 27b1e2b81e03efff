// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IArbitration} from "../../contracts/interfaces/IArbitration.sol";
import {IGpuMarket} from "../../contracts/interfaces/IGpuMarket.sol";
import {Verdict} from "../../contracts/types/Verdict.sol";
import {Voucher} from "../../contracts/types/Voucher.sol";
import {F} from "./Calls.sol";
import {CaseTwin} from "./CaseTwin.sol";
import {Held} from "./World.sol";
import {Id, Typed} from "./Typed.sol";

/// @title Cases, verdicts, releases and interruptions
abstract contract CaseActions is CaseTwin {
    bytes32 internal courtDomain;

    function _judge(F f, address from, bytes memory data, bool allowed) internal returns (bool done) {
        (done,) = _send(f, from, arbitration, data);
        if (done) _count(f, true);
        _agree(f, allowed, done);
    }

    function _evidence() internal returns (bytes32) {
        return _chance(97) ? keccak256("evidence") : bytes32(0);
    }

    /// @notice A lease on which the wanted step can be taken, where one is found.
    function _find(F f) private returns (Held memory held) {
        for (uint256 i = 0; i < 16; ++i) {
            held = positions[_below(positions.length)];
            Before memory b = _lookAt(held);
            bool running = block.timestamp >= Id.start(held.series) && block.timestamp < b.position.end;
            bool live = b.open.kind != IArbitration.Kind.NONE && block.timestamp < b.open.deadline;
            bool usage = b.open.kind == IArbitration.Kind.USAGE;
            if (f == F.ClaimNoShow && _mayOpen(b)) break;
            if (f == F.ClaimUsage && _mayOpen(b) && _claimable(b, 2 ** 63, 0) != 0) break;
            if (f == F.Challenge && live && usage && !b.open.disputed) break;
            if (f == F.Answer && live && !usage && !b.open.disputed) break;
            if (f == F.Decide && live && b.open.disputed) break;
            if (f == F.Resolve && b.open.kind != IArbitration.Kind.NONE && !live) break;
            if (f == F.Release && running && b.position.flags & (FINAL | CASE) == 0) break;
            if (f == F.Interrupt && b.terms.interruptible && block.timestamp + 1_200 < b.position.end) break;
        }
        if (_chance(2)) held.holder = stranger;
    }

    function _byProvider(Before memory b) private returns (address) {
        if (_chance(5)) return stranger;
        return _chance(50) ? b.provider : registry.agentOf(b.provider);
    }

    function _isProvider(Before memory b, address caller) private view returns (bool) {
        return caller == b.provider || caller == registry.agentOf(b.provider);
    }

    function _byHolder(Before memory b) private returns (address) {
        if (_chance(5)) return stranger;
        return _chance(90) ? b.held.holder : market.delegateOf(b.held.holder);
    }

    // ------------------------------------------------------------------ claims of usage

    function _voucherOf(Before memory b) private returns (Voucher memory voucher) {
        (voucher.series, voucher.holder) = (b.held.series, b.held.holder);
        uint256 most = _elapsed(b.held, b.position) + 1;
        voucher.usedGpuMs = uint64(_chance(90) ? _between(b.position.used, b.position.used + most) : _below(most));
        if (_chance(10)) voucher.missedIntervals = uint32(_below(4));
        voucher.isFinal = _chance(10);
    }

    function _claimUsage() internal {
        if (positions.length == 0) return _fill();
        Before memory b = _lookAt(_find(F.ClaimUsage));
        Voucher memory voucher = _voucherOf(b);
        address signer = _chance(95) ? registry.agentOf(b.provider) : _one(people);
        address caller = _byProvider(b);
        uint256 target = _claimable(b, voucher.usedGpuMs, voucher.missedIntervals);
        bool allowed = _mayOpen(b) && _isProvider(b, caller) && b.position.flags & AGENT_CLAIMED == 0 && target != 0
            && registry.isAgent(b.provider, signer);
        bytes memory signature = _sign(signer, marketDomain, Typed.hash(voucher));
        bytes memory data = abi.encodeCall(IArbitration.claimUsage, (voucher, signature));
        if (!_judge(F.ClaimUsage, caller, data, allowed)) return;
        IArbitration.Case memory open = court.caseOf(b.held.series, b.held.holder);
        _require(open.kind == IArbitration.Kind.USAGE && open.number == b.open.number + 1, "8: number of a case");
        _require(open.target == target && open.base == b.position.used, "5: what an agent may claim alone");
        _require(open.deadline == block.timestamp + timing.challenge, "8: time to challenge");
        uint256 flags = _position(b.held).flags;
        _require(flags == b.position.flags | CASE | AGENT_CLAIMED, "5: the one claim of a lease");
    }

    function _challenge() internal {
        if (positions.length == 0) return _fill();
        Before memory b = _lookAt(_find(F.Challenge));
        (address caller, bytes32 evidence) = (_byHolder(b), _evidence());
        bool open = b.open.kind == IArbitration.Kind.USAGE && !b.open.disputed && block.timestamp < b.open.deadline;
        if (!open && _chance(70)) return _claimUsage();
        uint256 bond = _bondFor(b, b.open.target, b.open.disputeFee);
        bool allowed = open && evidence != 0 && market.isDelegate(b.held.holder, caller) && _balance(caller) >= bond;
        bytes memory data = abi.encodeCall(IArbitration.challenge, (b.held.series, b.held.holder, evidence));
        uint256 before = _balance(caller);
        if (!_judge(F.Challenge, caller, data, allowed)) return;
        _checkBond(b, caller, before, bond);
    }

    function _checkBond(Before memory b, address caller, uint256 before, uint256 bond) private view {
        IArbitration.Case memory open = court.caseOf(b.held.series, b.held.holder);
        _require(_balance(caller) == before - bond, "8: bond of a claim");
        _require(open.bond == bond && open.claimant == caller, "8: whose bond");
        if (open.disputed) _require(open.deadline == _verdictBy(b), "8: time for a verdict");
        else _require(open.deadline == block.timestamp + timing.response, "8: time to answer");
    }

    function _verdictBy(Before memory b) private view returns (uint256) {
        return block.timestamp + (b.terms.arbiterSet == 0 ? 0 : timing.verdict);
    }

    // ------------------------------------------------------------------ no-show

    function _claimNoShow() internal {
        if (positions.length == 0) return _fill();
        Before memory b = _lookAt(_find(F.ClaimNoShow));
        (address caller, bytes32 evidence) = (_byHolder(b), _evidence());
        uint256 window = b.position.milli * _atLeastZero(b.position.end, Id.start(b.held.series));
        uint256 bond = _bondFor(b, window, parameters.disputeFee());
        bool allowed =
            _mayOpen(b) && evidence != 0 && market.isDelegate(b.held.holder, caller) && _balance(caller) >= bond;
        bytes memory data = abi.encodeCall(IArbitration.claimNoShow, (b.held.series, b.held.holder, evidence));
        uint256 before = _balance(caller);
        if (!_judge(F.ClaimNoShow, caller, data, allowed)) return;
        _checkBond(b, caller, before, bond);
    }

    function _answer() internal {
        if (positions.length == 0) return _fill();
        Before memory b = _lookAt(_find(F.Answer));
        bool open = b.open.kind == IArbitration.Kind.NO_SHOW && !b.open.disputed && block.timestamp < b.open.deadline;
        if (!open && _chance(70)) return _claimNoShow();
        (address caller, bytes32 evidence) = (_byProvider(b), _evidence());
        Voucher memory voucher = _voucherOf(b);
        if (_chance(3)) voucher.holder = stranger;
        else if (_chance(3)) ++voucher.series;
        bool claims = _chance(50);
        uint256 target = _claimable(b, voucher.usedGpuMs, voucher.missedIntervals);
        bool good = !claims || (target != 0 && _isOf(voucher, b.held) && b.position.flags & AGENT_CLAIMED == 0);
        bool allowed = open && evidence != 0 && _isProvider(b, caller) && good;
        bytes memory data = abi.encodeCall(
            IArbitration.answer,
            (b.held.series, b.held.holder, evidence, voucher, claims ? _byAgent(b, voucher) : bytes(""))
        );
        if (!_judge(F.Answer, caller, data, allowed)) return;
        IArbitration.Case memory after_ = court.caseOf(b.held.series, b.held.holder);
        _require(after_.disputed && after_.deadline == _verdictBy(b), "8: an answer is a dispute");
        _require(after_.target == (claims ? target : 0), "5: what an answer may claim");
    }

    function _isOf(Voucher memory voucher, Held memory held) private pure returns (bool) {
        return voucher.series == held.series && voucher.holder == held.holder;
    }

    function _byAgent(Before memory b, Voucher memory voucher) private returns (bytes memory) {
        return _sign(registry.agentOf(b.provider), marketDomain, Typed.hash(voucher));
    }

    // ------------------------------------------------------------------ ends

    function _decide() internal {
        if (positions.length == 0) return _fill();
        Before memory b = _lookAt(_find(F.Decide));
        bool live = b.open.disputed && block.timestamp < b.open.deadline;
        if (!live && _chance(70)) return _chance(50) ? _challenge() : _answer();
        Verdict memory verdict = Verdict(b.held.series, b.held.holder, b.open.number, 0, _evidence());
        verdict.outcome = uint8(_chance(95) ? _between(1, 4) : _chance(50) ? 0 : 5);
        if (_chance(3)) ++verdict.number;
        address[] memory signers = _bench(b);
        bool allowed = live && verdict.evidence != 0 && verdict.outcome != 0 && verdict.outcome <= 4
            && verdict.number == b.open.number && _mayJudge(b, signers);
        bytes[] memory signatures = new bytes[](signers.length);
        for (uint256 i = 0; i < signers.length; ++i) {
            signatures[i] = _sign(signers[i], courtDomain, Typed.hash(verdict));
        }
        _remember();
        bool done = _judge(F.Decide, stranger, abi.encodeCall(IArbitration.decide, (verdict, signatures)), allowed);
        if (done) _checkEnd(b, IArbitration.Outcome(verdict.outcome), signers);
    }

    function _bench(Before memory b) private returns (address[] memory signers) {
        address[] memory members = parameters.arbitersOf(b.terms.arbiterSet);
        uint256 needed = parameters.arbiterThresholdOf(b.terms.arbiterSet);
        if (_chance(4) && needed != 0) --needed;
        else if (_chance(30) && needed < members.length) ++needed;
        signers = new address[](needed);
        for (uint256 i = 0; i < needed; ++i) signers[i] = members[i];
        if (needed != 0 && _chance(4)) signers[0] = _chance(50) ? stranger : signers[needed - 1];
    }

    function _mayJudge(Before memory b, address[] memory signers) private view returns (bool) {
        if (signers.length < parameters.arbiterThresholdOf(b.terms.arbiterSet)) return false;
        for (uint256 i = 0; i < signers.length; ++i) {
            if (parameters.arbiterIndex(b.terms.arbiterSet, signers[i]) == 0) return false;
            if (registry.freeBond(signers[i]) < b.open.roleBond) return false;
            for (uint256 j = 0; j < i; ++j) if (signers[i] == signers[j]) return false;
        }
        return true;
    }

    function _resolve() internal {
        if (positions.length == 0) return _fill();
        Before memory b = _lookAt(_find(F.Resolve));
        bool open = b.open.kind != IArbitration.Kind.NONE;
        if (!open && _chance(80)) return _chance(50) ? _claimUsage() : _claimNoShow();
        bool agreed = open && !b.open.disputed && b.position.flags & FINAL != 0;
        bool allowed = agreed || (open && block.timestamp >= b.open.deadline);
        IArbitration.Outcome outcome = IArbitration.Outcome.AGREED;
        if (!agreed) {
            bool usage = b.open.kind == IArbitration.Kind.USAGE;
            outcome = usage ? IArbitration.Outcome.UNCHALLENGED : IArbitration.Outcome.UNANSWERED;
            if (b.open.disputed) outcome = IArbitration.Outcome.SILENT;
        }
        _remember();
        bytes memory data = abi.encodeCall(IArbitration.resolve, (b.held.series, b.held.holder));
        if (_judge(F.Resolve, stranger, data, allowed)) _checkEnd(b, outcome, new address[](0));
    }

    // ------------------------------------------------------------------ shorter leases

    function _release() internal {
        if (positions.length == 0) return _fill();
        Before memory b = _lookAt(_find(F.Release));
        (address caller, bytes32 evidence) = (_byProvider(b), _evidence());
        uint256 unsigned = uint256(b.terms.receiptInterval) * b.terms.unsignedIntervals;
        bool allowed = b.position.units != 0 && b.position.flags & (FINAL | CASE) == 0 && evidence != 0
            && _isProvider(b, caller) && block.timestamp >= Id.start(b.held.series) + unsigned
            && block.timestamp < b.position.end;
        bytes memory data = abi.encodeCall(IArbitration.release, (b.held.series, b.held.holder, evidence));
        if (_judge(F.Release, caller, data, allowed)) _checkShorter(b, block.timestamp);
    }

    function _interrupt() internal {
        if (positions.length == 0) return _fill();
        Before memory b = _lookAt(_find(F.Interrupt));
        address caller = _byProvider(b);
        uint256 end = block.timestamp + b.terms.notice;
        if (end < Id.start(b.held.series)) end = Id.start(b.held.series);
        bool allowed = b.position.units != 0 && b.position.flags & FINAL == 0 && b.terms.interruptible
            && _isProvider(b, caller) && end < b.position.end;
        bytes memory data = abi.encodeCall(IArbitration.interrupt, (b.held.series, b.held.holder));
        if (_judge(F.Interrupt, caller, data, allowed)) _checkShorter(b, end);
    }

    function _checkShorter(Before memory b, uint256 end) private view {
        IGpuMarket.PositionState memory after_ = _position(b.held);
        _require(after_.end == end && after_.flags == b.position.flags | 2, "7: end of a shortened lease");
        bool same = after_.units == b.position.units && after_.used == b.position.used;
        _require(same, "7: a shortened lease keeps its money");
    }
}
