// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IGpuMarket} from "../../contracts/interfaces/IGpuMarket.sol";
import {IProviderRegistry} from "../../contracts/interfaces/IProviderRegistry.sol";
import {Terms} from "../../contracts/types/Terms.sol";
import {UsageGroup} from "../../contracts/types/UsageGroup.sol";
import {Voucher} from "../../contracts/types/Voucher.sol";
import {F} from "./Calls.sol";
import {FillActions} from "./FillActions.sol";
import {Held} from "./World.sol";
import {Id, Typed} from "./Typed.sol";

/// @title Redemptions and closings
abstract contract UsageActions is FillActions {
    uint256 internal constant FINAL = 1;
    uint256 internal constant CASE = 4;
    uint256 internal constant FAULT = 16;

    /// While endings are foreseen: what of each bond the earlier ones of a batch leave.
    mapping(address provider => uint256 amount) private _bondLeft;

    /// @notice What the campaign expects of one voucher.
    struct Claim {
        Held held;
        IGpuMarket.PositionState position;
        Voucher voucher;
        address holderSigner;
        address agentSigner;
    }

    /// @notice A position that runs or is over, where there is one.
    function _started() internal returns (bool found, Held memory held) {
        for (uint256 i = 0; i < 8 && positions.length != 0; ++i) {
            held = positions[_below(positions.length)];
            if (Id.start(held.series) <= block.timestamp && _position(held).flags & FINAL == 0) return (true, held);
        }
    }

    function _elapsed(Held memory held, IGpuMarket.PositionState memory position) internal view returns (uint256) {
        uint256 until = block.timestamp < position.end ? block.timestamp : position.end;
        uint256 start = Id.start(held.series);
        return until > start ? position.milli * (until - start) : 0;
    }

    // ------------------------------------------------------------------ redeem

    /// @dev One to three vouchers of as many leases in one batch.
    function _redeem() internal {
        Claim[] memory claims = new Claim[](_chance(70) ? 1 : _between(2, 3));
        bool[] memory allowed = new bool[](claims.length);
        for (uint256 i = 0; i < claims.length; ++i) {
            (bool found, Held memory held) = _started();
            if (!found && (positions.length == 0 || _chance(90))) return _fill();
            if (!found) held = positions[_below(positions.length)];
            for (uint256 j = 0; j < i; ++j) if (_isSame(held, claims[j].held)) return _fill();
            claims[i] = _claimOn(held);
            if (_chance(20)) _changeClaim(claims[i]);
            allowed[i] = _redeemable(claims[i]);
            for (uint256 j = 0; j < i; ++j) if (_isSame(claims[i].held, claims[j].held)) return _fill();
        }
        _remember();
        bool[] memory done = _sendVouchers(claims);
        for (uint256 i = 0; i < claims.length; ++i) {
            _agree(F.Redeem, allowed[i], done[i]);
            _checkUsage(claims[i], done[i]);
        }
        _settleUp("4: what vouchers pay");
        if (claims.length == 1 && done[0] && _chance(10)) {
            _require(!_sendVouchers(claims)[0], "4: a voucher paid twice");
        }
    }

    function _isSame(Held memory a, Held memory b) private pure returns (bool) {
        return a.series == b.series && a.holder == b.holder;
    }

    /// @dev The provider gets what the usage added less the fee, the treasury the fee, nobody else anything.
    function _checkUsage(Claim memory claim, bool done) private {
        IGpuMarket.PositionState memory now_ = _position(claim.held);
        Voucher memory voucher = claim.voucher;
        _require(now_.used == (done ? voucher.usedGpuMs : claim.position.used), "4: usage is not the voucher's");
        uint256 missed = done ? voucher.missedIntervals : claim.position.missedIntervals;
        _require(now_.missedIntervals == missed, "7: missed intervals are not the voucher's");
        if (!done) return;
        _require((now_.flags & FINAL != 0) == voucher.isFinal, "4: final");
        _require(now_.used <= _elapsed(claim.held, now_), "5: more than elapsed");
        _owePayment(claim.held.series, claim.position.used, voucher.usedGpuMs);
    }

    function _owePayment(uint256 series, uint256 from, uint256 to) internal {
        uint256 ticks = Id.ticks(series);
        uint64 number = Id.terms(series);
        uint256 payment = to * ticks / 3_600 - from * ticks / 3_600;
        uint256 fee = payment * feeOf[number] / 10_000;
        _owe(providerOf[number], payment - fee);
        _owe(parameters.treasury(), fee);
    }

    function _claimOn(Held memory held) private returns (Claim memory claim) {
        claim.held = held;
        claim.position = _position(held);
        claim.holderSigner = market.delegateOf(held.holder);
        Voucher memory voucher = claim.voucher;
        (voucher.series, voucher.holder) = (held.series, held.holder);
        uint256 interval = termsOf[Id.terms(held.series)].receiptInterval;
        voucher.missedIntervals = claim.position.missedIntervals;
        if (_chance(15)) voucher.missedIntervals += uint32(_between(1, 3));
        uint256 cap = _elapsed(held, claim.position);
        uint256 out = claim.position.milli * interval * voucher.missedIntervals;
        uint256 used = claim.position.used;
        if (cap > out + used) used = _chance(20) ? cap - out : used + 1 + _below(cap - out - used);
        voucher.usedGpuMs = uint64(used);
        voucher.isFinal = _chance(15);
        if (voucher.isFinal || voucher.missedIntervals != claim.position.missedIntervals) {
            claim.agentSigner = registry.agentOf(providerOf[Id.terms(held.series)]);
        }
    }

    function _changeClaim(Claim memory claim) private {
        uint256 which = _below(9);
        Voucher memory voucher = claim.voucher;
        if (which == 0) claim.holderSigner = _one(people);
        else if (which == 1) claim.agentSigner = address(0);
        else if (which == 2) voucher.usedGpuMs = uint64(_elapsed(claim.held, claim.position) + _below(2));
        else if (which == 3) voucher.usedGpuMs = uint64(claim.position.used);
        else if (which == 4 && claim.position.used != 0) voucher.usedGpuMs = claim.position.used - 1;
        else if (which == 5) voucher.missedIntervals = uint32(_below(200));
        else if (which == 6) claim.agentSigner = _one(people);
        else if (which == 7) claim.holderSigner = claim.held.holder;
        else voucher.holder = _one(buyers);
    }

    function _redeemable(Claim memory claim) private view returns (bool) {
        Voucher memory voucher = claim.voucher;
        claim.held.holder = voucher.holder;
        claim.position = _position(claim.held);
        IGpuMarket.PositionState memory position = claim.position;
        if (position.units == 0 || position.flags & FINAL != 0) return false;
        if (block.timestamp < Id.start(voucher.series)) return false;
        bool more = voucher.usedGpuMs > position.used;
        bool misses = voucher.missedIntervals > position.missedIntervals;
        if (voucher.usedGpuMs < position.used || voucher.missedIntervals < position.missedIntervals) return false;
        if (!more && !misses && !voucher.isFinal) return false;
        uint64 number = Id.terms(voucher.series);
        uint256 out = position.milli * uint256(termsOf[number].receiptInterval) * voucher.missedIntervals;
        if (voucher.usedGpuMs + out > _elapsed(claim.held, position)) return false;
        if (!market.isDelegate(voucher.holder, claim.holderSigner) || keys[claim.holderSigner] == 0) return false;
        if (!misses && !voucher.isFinal) return true;
        return registry.isAgent(providerOf[number], claim.agentSigner);
    }

    function _sendVouchers(Claim[] memory claims) private returns (bool[] memory done) {
        IGpuMarket.SignedVoucher[] memory vouchers = new IGpuMarket.SignedVoucher[](claims.length);
        for (uint256 i = 0; i < claims.length; ++i) _signVoucher(claims[i], vouchers[i]);
        (bool sent, bytes memory result) =
            _send(F.Redeem, stranger, address(market), abi.encodeCall(IGpuMarket.redeem, (vouchers)));
        _require(sent, "2: a voucher sinks its batch");
        done = _areZero(F.Redeem, abi.decode(result, (bytes4[])));
    }

    /// @dev The call counts as succeeded where every element did.
    function _areZero(F f, bytes4[] memory reasons) internal returns (bool[] memory done) {
        done = new bool[](reasons.length);
        bool all = true;
        for (uint256 i = 0; i < reasons.length; ++i) {
            done[i] = reasons[i] == 0;
            all = all && done[i];
        }
        _count(f, all);
    }

    function _signVoucher(Claim memory claim, IGpuMarket.SignedVoucher memory signed) private view {
        bytes32 structHash = Typed.hash(claim.voucher);
        signed.voucher = claim.voucher;
        if (keys[claim.holderSigner] != 0) signed.holder = _signShort(claim.holderSigner, marketDomain, structHash);
        if (keys[claim.agentSigner] != 0) signed.agent = _signShort(claim.agentSigner, marketDomain, structHash);
    }

    // ------------------------------------------------------------------ redeemGroup

    function _redeemGroup() internal {
        (bool found, Held memory held) = _started();
        if (!found) return _fill();
        UsageGroup memory group;
        uint64 number = Id.terms(held.series);
        (group.holder, group.terms, group.step) = (held.holder, number, uint16(Id.step(held.series)));
        group.items = _chance(97) ? _items(held) : new uint256[](0);
        address signer = _chance(90) ? market.delegateOf(held.holder) : _one(people);
        bool signed = keys[signer] != 0 && market.isDelegate(held.holder, signer);
        bytes memory signature = _sign(signer, marketDomain, Typed.hash(group));
        bytes memory data = abi.encodeCall(IGpuMarket.redeemGroup, (group, signature));
        uint256[] memory fresh = _freshOf(group);
        _remember();
        (bool done, bytes memory result) = _send(F.RedeemGroup, stranger, address(market), data);
        _agree(F.RedeemGroup, signed, done);
        if (!done) return;
        bytes4[] memory reasons = abi.decode(result, (bytes4[]));
        // Empty where nothing was skipped.
        if (reasons.length == 0) reasons = new bytes4[](group.items.length);
        bool[] memory each = _areZero(F.RedeemGroup, reasons);
        for (uint256 i = 0; i < each.length; ++i) {
            _agree(F.RedeemGroup, fresh[i] != 0, each[i]);
            uint256 used = group.items[i] / 2 ** 104;
            uint256 series = _seriesOfItem(group, i);
            if (!each[i]) continue;
            _owePayment(series, used - fresh[i], used);
            _require(market.positionOf(series, group.holder).used == used, "4: usage is not the item's");
        }
        _settleUp("4: what a group pays");
    }

    /// @dev The given lease and others of the same holder under the same terms, each used a little more.
    function _items(Held memory held) private returns (uint256[] memory items) {
        uint256 count;
        uint256[] memory found = new uint256[](4);
        for (uint256 i = 0; i < positions.length && count < 4; ++i) {
            Held memory other = positions[i];
            if (other.holder != held.holder || other.series >> 104 != held.series >> 104) continue;
            IGpuMarket.PositionState memory position = _position(other);
            uint256 cap = _elapsed(other, position);
            uint256 used = position.used + _below(3);
            if (cap > position.used) used = position.used + _below(cap - position.used + 2);
            found[count++] = (other.series % 2 ** 104) + used * 2 ** 104;
        }
        items = new uint256[](count);
        for (uint256 i = 0; i < count; ++i) items[i] = found[i];
    }

    /// @dev What each item must add; zero where it must be skipped.
    function _freshOf(UsageGroup memory group) private view returns (uint256[] memory fresh) {
        fresh = new uint256[](group.items.length);
        for (uint256 i = 0; i < fresh.length; ++i) {
            Held memory held = Held(_seriesOfItem(group, i), group.holder);
            IGpuMarket.PositionState memory position = _position(held);
            uint256 used = group.items[i] / 2 ** 104;
            uint256 out =
                position.milli * uint256(termsOf[group.terms].receiptInterval) * position.missedIntervals;
            bool allowed = position.units != 0 && position.flags & FINAL == 0 && used > position.used
                && used + out <= _elapsed(held, position) && block.timestamp >= Id.start(held.series);
            if (allowed) fresh[i] = used - position.used;
        }
    }

    function _seriesOfItem(UsageGroup memory group, uint256 i) private pure returns (uint256) {
        return (group.items[i] % 2 ** 104) + uint256(group.step) * 2 ** 104 + uint256(group.terms) * 2 ** 120;
    }

    // ------------------------------------------------------------------ close

    /// @dev One to three leases in one batch.
    function _close() internal {
        if (positions.length == 0) return _fill();
        Held[] memory list = new Held[](_chance(70) ? 1 : _between(2, 3));
        for (uint256 i = 0; i < list.length; ++i) {
            list[i] = _closableOne();
            for (uint256 j = 0; j < i; ++j) if (_isSame(list[i], list[j])) return _redeem();
        }
        bool byHolderOnly = !_closable(list[0], stranger);
        if (byHolderOnly && !_closable(list[0], list[0].holder) && _chance(80)) return _redeem();
        address caller = byHolderOnly || _chance(20) ? list[0].holder : stranger;
        bool[] memory allowed = new bool[](list.length);
        _remember();
        for (uint256 i = 0; i < providers.length; ++i) _bondLeft[providers[i]] = _bondOf(providers[i]);
        for (uint256 i = 0; i < list.length; ++i) {
            allowed[i] = _closable(list[i], caller);
            if (allowed[i]) _oweEnding(list[i], caller);
        }
        bool[] memory done = _sendClosings(list, caller);
        for (uint256 i = 0; i < list.length; ++i) {
            _agree(F.Close, allowed[i], done[i]);
            if (done[i]) _require(_position(list[i]).units == 0, "1: units after closing");
            _track(list[i].series, list[i].holder);
        }
        _settleUp("7: money of an ending");
        for (uint256 i = 0; i < providers.length; ++i) {
            _require(_bondOf(providers[i]) == _bondLeft[providers[i]], "8: credit out of the bond");
        }
        if (done[0] && _chance(10)) _require(!_sendClosings(list, stranger)[0], "1: closed twice");
    }

    /// @dev What anybody may close, its holder may.
    function _closableOne() private returns (Held memory held) {
        held = positions[_below(positions.length)];
        for (uint256 i = 0; i < 12 && !_closable(held, held.holder); ++i) held = positions[_below(positions.length)];
    }

    function _bondOf(address who) internal view returns (uint256) {
        IProviderRegistry.Bond memory bond = registry.bondOf(who);
        return uint256(bond.bonded) + bond.unbonding;
    }

    function _sendClosings(Held[] memory list, address caller) internal returns (bool[] memory) {
        IGpuMarket.Closing[] memory closings = new IGpuMarket.Closing[](list.length);
        for (uint256 i = 0; i < list.length; ++i) closings[i] = IGpuMarket.Closing(list[i].series, list[i].holder);
        (bool sent, bytes memory result) =
            _send(F.Close, caller, address(market), abi.encodeCall(IGpuMarket.close, (closings)));
        _require(sent, "2: a closing sinks its batch");
        return _areZero(F.Close, abi.decode(result, (bytes4[])));
    }

    function _closable(Held memory held, address caller) internal view returns (bool) {
        IGpuMarket.PositionState memory position = _position(held);
        if (position.units == 0 || position.flags & CASE != 0) return false;
        uint256 start = Id.start(held.series);
        if (caller == held.holder && block.timestamp < start && registry.isLapsed(Id.terms(held.series))) return true;
        if (block.timestamp <= start + timing.startGrace) return false;
        return position.flags & FINAL != 0 || block.timestamp > position.end + timing.redeemGrace;
    }

    function _isWaived(Held memory held, IGpuMarket.PositionState memory position, address caller)
        private
        view
        returns (bool)
    {
        if (position.flags & FAULT != 0) return true;
        if (caller != held.holder || block.timestamp >= Id.start(held.series)) return false;
        return registry.isLapsed(Id.terms(held.series));
    }

    /// @dev Rule 7: refund of what was not used, less the fee for standing ready; the credit out of the bond.
    function _oweEnding(Held memory held, address caller) private {
        IGpuMarket.PositionState memory position = _position(held);
        Terms memory terms = termsOf[Id.terms(held.series)];
        address provider = providerOf[Id.terms(held.series)];
        uint256 ticks = Id.ticks(held.series);
        uint256 window = position.milli * (position.end - Id.start(held.series));
        uint256 unused = window > position.used ? window - position.used : 0;
        uint256 missed = position.milli * uint256(terms.receiptInterval) * position.missedIntervals;
        uint256 rest = uint256(position.units) * 3_600 - position.used;
        if (missed > rest) missed = rest;
        uint256 stood = unused > missed ? unused - missed : 0;
        uint256 fee = (stood * ticks / 3_600) * terms.reservationFeeBps / 10_000;
        if (_isWaived(held, position, caller)) fee = 0;
        uint256 credit = (missed * ticks / 3_600) * terms.slaCreditBps / 10_000;
        uint256 attested = registry.bondOf(provider).attestedMilli;
        uint256 left = _bondLeft[provider];
        uint256 share = position.milli >= attested ? left : left * position.milli / attested;
        if (credit > share) credit = share;
        _bondLeft[provider] = left - credit;
        _owe(held.holder, position.units * ticks - position.used * ticks / 3_600 - fee + credit);
        _owe(provider, fee);
    }
}
