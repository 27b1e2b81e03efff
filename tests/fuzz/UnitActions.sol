// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC1155} from "@openzeppelin/contracts/token/ERC1155/IERC1155.sol";
import {IGpuMarket} from "../../contracts/interfaces/IGpuMarket.sol";
import {F} from "./Calls.sol";
import {Held} from "./World.sol";
import {Id} from "./Typed.sol";
import {UsageActions} from "./UsageActions.sol";

/// @title Units that move and are cut anew
abstract contract UnitActions is UsageActions {
    uint256 internal constant CUT = 2;

    /// @notice A position that is still transferable, where there is one.
    function _waiting() internal returns (bool found, Held memory held) {
        for (uint256 i = 0; i < 10 && positions.length != 0; ++i) {
            held = positions[_below(positions.length)];
            bool frozen = block.timestamp + timing.freeze >= Id.start(held.series);
            if (!frozen && _position(held).flags == 0) return (true, held);
        }
    }

    function _transfer(bool batch) internal {
        (bool found, Held memory held) = _waiting();
        if (positions.length == 0 || (!found && _chance(80))) return _fill();
        IGpuMarket.PositionState memory position = _position(held);
        address to = _one(buyers);
        uint256 units = _stepUnits(held) * _between(1, position.milli / Id.step(held.series) + _below(2));
        if (_chance(5)) units = _chance(50) ? units + 1 : 0;
        uint256 ofTarget = market.positionOf(held.series, to).units;
        bool allowed = _movable(held, position, to, units);
        bool done = _sendUnits(held, to, units, batch);
        _agree(batch ? F.SafeBatchTransferFrom : F.SafeTransferFrom, allowed, done);
        if (done && to != held.holder) {
            _require(_position(held).units == position.units - units, "10: units left");
            _require(market.positionOf(held.series, to).units == ofTarget + units, "10: units arrived");
        }
        _track(held.series, held.holder);
        _track(held.series, to);
    }

    function _sendUnits(Held memory held, address to, uint256 units, bool batch) private returns (bool done) {
        F f = batch ? F.SafeBatchTransferFrom : F.SafeTransferFrom;
        (uint256[] memory ids, uint256[] memory amounts) = (new uint256[](1), new uint256[](1));
        (ids[0], amounts[0]) = (held.series, units);
        bytes memory data = batch
            ? abi.encodeCall(IERC1155.safeBatchTransferFrom, (held.holder, to, ids, amounts, ""))
            : abi.encodeCall(IERC1155.safeTransferFrom, (held.holder, to, held.series, units, ""));
        (done,) = _send(f, held.holder, address(market), data);
        if (done) _count(f, true);
    }

    /// @dev Units of one step over the whole window.
    function _stepUnits(Held memory held) private pure returns (uint256) {
        uint256 units = Id.step(held.series) * Id.duration(held.series) / 3_600;
        return units == 0 ? 1 : units;
    }

    function _movable(Held memory held, IGpuMarket.PositionState memory position, address to, uint256 units)
        private
        view
        returns (bool)
    {
        if (units > position.units) return false;
        if (units == 0) return true;
        if (block.timestamp + timing.freeze >= Id.start(held.series) || position.flags != 0) return false;
        if (market.positionOf(held.series, to).flags != 0) return false;
        return units * 3_600 % (Id.step(held.series) * Id.duration(held.series)) == 0;
    }

    // ------------------------------------------------------------------ split

    function _split() internal {
        if (positions.length == 0) return _fill();
        Held memory held = positions[_below(positions.length)];
        bool ended = _chance(10);
        for (uint256 i = 0; i < 10 && !_splittable(held, ended); ++i) held = positions[_below(positions.length)];
        if (!_splittable(held, ended) && _chance(85)) return _fill();
        IGpuMarket.PositionState memory position = _position(held);
        uint256 hours_ = position.end / 1 hours - Id.start(held.series) / 1 hours + 1;
        uint256 at = (Id.start(held.series) / 1 hours + _between(1, hours_)) * 1 hours;
        if (_chance(5)) at += _below(3_600);
        uint256 milli = position.milli;
        bool early = block.timestamp + timing.freeze < Id.start(held.series);
        if (_chance(early ? 40 : 5)) milli = Id.step(held.series) * _between(0, milli / Id.step(held.series) + 1);
        bool allowed = _cuttable(held, position, at, milli);
        bytes memory data = abi.encodeCall(IGpuMarket.split, (held.series, uint40(at), uint32(milli)));
        (bool done, bytes memory result) = _send(F.Split, held.holder, address(market), data);
        if (done) _count(F.Split, true);
        _agree(F.Split, allowed, done);
        if (!done) return;
        (uint256 head, uint256 tail) = abi.decode(result, (uint256, uint256));
        _track(held.series, held.holder);
        _track(head, held.holder);
        _track(tail, held.holder);
        _require(early || head == held.series, "10: a running lease was keyed anew");
        _require(Id.start(tail) == at, "10: tail starts elsewhere");
    }

    /// @dev But for its flags where `ended`.
    function _splittable(Held memory held, bool ended) private view returns (bool) {
        IGpuMarket.PositionState memory position = _position(held);
        uint256 last = (uint256(position.end) - 1) / 1 hours * 1 hours;
        return (ended || position.flags & ~CUT == 0) && last > Id.start(held.series) && last >= block.timestamp + timing.freeze;
    }

    function _cuttable(Held memory held, IGpuMarket.PositionState memory position, uint256 at, uint256 milli)
        private
        view
        returns (bool)
    {
        (uint256 start, uint256 step) = (Id.start(held.series), Id.step(held.series));
        if (at % 1 hours != 0 || at <= start || at >= position.end) return false;
        if (at < block.timestamp + timing.freeze) return false;
        if (milli == 0 || milli > position.milli || milli % step != 0) return false;
        if (milli * (at - start) % 3_600 != 0 || milli * (position.end - at) % 3_600 != 0) return false;
        bool early = block.timestamp + timing.freeze < start;
        uint256 tail = Id.pack(at, position.end - at, Id.ticks(held.series), step, Id.terms(held.series));
        if (market.positionOf(tail, held.holder).flags != 0) return false;
        if (!early) return position.flags & ~CUT == 0 && milli == position.milli;
        uint256 head = Id.pack(start, at - start, Id.ticks(held.series), step, Id.terms(held.series));
        return position.flags == 0 && market.positionOf(head, held.holder).flags == 0;
    }

    // ------------------------------------------------------------------ merge

    function _merge() internal {
        (bool found, uint256 first, uint256 second, address holder) = _adjacent(_chance(10));
        if (!found) return _split();
        uint256 milli = market.positionOf(first, holder).milli;
        uint256 other = market.positionOf(second, holder).milli;
        if (other < milli) milli = other;
        if (_chance(15)) milli = Id.step(first) * _between(0, milli / Id.step(first) + 1);
        if (_chance(5)) (first, second) = (second, first);
        else if (_chance(5)) second = positions[_below(positions.length)].series;
        else if (_chance(3)) ++milli;
        bool allowed = _mergeable(first, second, holder, milli);
        bytes memory data = abi.encodeCall(IGpuMarket.merge, (first, second, uint32(milli)));
        (bool done, bytes memory result) = _send(F.Merge, holder, address(market), data);
        if (done) _count(F.Merge, true);
        _agree(F.Merge, allowed, done);
        if (!done) return;
        uint256 merged = abi.decode(result, (uint256));
        _track(first, holder);
        _track(second, holder);
        _track(merged, holder);
    }

    function _adjacent(bool frozen) private view returns (bool, uint256, uint256, address) {
        for (uint256 i = 0; i < positions.length; ++i) {
            (uint256 a, address holder) = (positions[i].series, positions[i].holder);
            if (block.timestamp + timing.freeze >= Id.start(a) && !frozen) continue;
            for (uint256 j = 0; j < positions.length; ++j) {
                uint256 b = positions[j].series;
                bool meets = Id.start(a) + Id.duration(a) == Id.start(b) && a >> 64 == b >> 64;
                if (meets && positions[j].holder == holder) return (true, a, b, holder);
            }
        }
        return (false, 0, 0, address(0));
    }

    function _mergeable(uint256 first, uint256 second, address holder, uint256 milli) private view returns (bool) {
        if (Id.start(first) + Id.duration(first) != Id.start(second) || first >> 64 != second >> 64) return false;
        if (Id.start(second) % 1 hours != 0 || Id.duration(first) + Id.duration(second) > 168 hours) return false;
        if (block.timestamp + timing.freeze >= Id.start(first)) return false;
        if (milli == 0 || milli % Id.step(first) != 0) return false;
        // Each part in whole lots.
        if (milli * Id.duration(first) % 3_600 != 0 || milli * Id.duration(second) % 3_600 != 0) return false;
        IGpuMarket.PositionState memory a = market.positionOf(first, holder);
        IGpuMarket.PositionState memory b = market.positionOf(second, holder);
        uint256 whole = Id.duration(first) + Id.duration(second);
        uint256 merged = Id.pack(Id.start(first), whole, Id.ticks(first), Id.step(first), Id.terms(first));
        return a.flags == 0 && b.flags == 0 && milli <= a.milli && milli <= b.milli
            && market.positionOf(merged, holder).flags == 0;
    }
}
