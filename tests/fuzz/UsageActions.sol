// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IGpuMarket} from "../../contracts/interfaces/IGpuMarket.sol";
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

    /// @notice Balances that a payment moves.
    struct Purse {
        address provider;
        uint256 ofProvider;
        uint256 ofTreasury;
        uint256 ofHolder;
        uint256 bonded;
    }

    /// @notice What the campaign expects of one voucher.
    struct Claim {
        Held held;
        IGpuMarket.PositionState position;
        Voucher voucher;
        address holderSigner;
        address agentSigner;
    }

    function _purse(Held memory held) internal view returns (Purse memory purse) {
        purse.provider = providerOf[Id.terms(held.series)];
        purse.ofProvider = _balance(purse.provider);
        purse.ofTreasury = _balance(parameters.treasury());
        purse.ofHolder = _balance(held.holder);
        purse.bonded = registry.bondOf(purse.provider).bonded + registry.bondOf(purse.provider).unbonding;
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

    function _redeem() internal {
        (bool found, Held memory held) = _started();
        if (!found && (positions.length == 0 || _chance(90))) return _fill();
        if (!found) held = positions[_below(positions.length)];
        Claim memory claim = _claimOn(held);
        if (_chance(30)) _changeClaim(claim);
        bool allowed = _redeemable(claim);
        Purse memory before = _purse(held);
        bool done = _sendVoucher(claim);
        _agree(F.Redeem, allowed, done);
        if (done) _checkPaid(held, before, claim.position.used, claim.voucher.usedGpuMs, feeOf[Id.terms(held.series)]);
        IGpuMarket.PositionState memory now_ = _position(held);
        _require(now_.used >= claim.position.used, "4: usage fell");
        if (!done) return;
        _require(now_.used == claim.voucher.usedGpuMs, "4: usage is not the voucher's");
        _require(now_.missedIntervals == claim.voucher.missedIntervals, "7: missed intervals are not the voucher's");
        _require((now_.flags & FINAL != 0) == claim.voucher.isFinal, "4: final");
        if (_chance(10)) _require(!_sendVoucher(claim), "4: a voucher paid twice");
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

    function _sendVoucher(Claim memory claim) private returns (bool done) {
        IGpuMarket.SignedVoucher[] memory vouchers = new IGpuMarket.SignedVoucher[](1);
        bytes32 structHash = Typed.hash(claim.voucher);
        vouchers[0].voucher = claim.voucher;
        if (keys[claim.holderSigner] != 0) {
            vouchers[0].holder = _signShort(claim.holderSigner, marketDomain, structHash);
        }
        if (keys[claim.agentSigner] != 0) {
            vouchers[0].agent = _signShort(claim.agentSigner, marketDomain, structHash);
        }
        bytes memory result;
        (done, result) = _send(F.Redeem, stranger, address(market), abi.encodeCall(IGpuMarket.redeem, (vouchers)));
        if (!done) return false;
        done = abi.decode(result, (bytes4[]))[0] == 0;
        _count(F.Redeem, done);
    }

    /// @dev The provider gets what the usage added less the fee, the treasury the fee, nobody else anything.
    function _checkPaid(Held memory held, Purse memory before, uint256 from, uint256 to, uint256 feeBps) internal view {
        uint256 ticks = Id.ticks(held.series);
        uint256 payment = to * ticks / 3_600 - from * ticks / 3_600;
        uint256 fee = payment * feeBps / 10_000;
        Purse memory after_ = _purse(held);
        _require(after_.ofProvider == before.ofProvider + payment - fee, "4: the provider's payment");
        _require(after_.ofTreasury == before.ofTreasury + fee, "9: the fee");
        _require(after_.ofHolder == before.ofHolder, "1: the holder paid twice");
        _require(_balanceOfUse(held, to), "5: more than elapsed");
    }

    function _balanceOfUse(Held memory held, uint256 used) private view returns (bool) {
        return used <= _elapsed(held, _position(held));
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
        Purse memory before = _purse(held);
        bytes memory signature = _sign(keys[signer] == 0 ? stranger : signer, marketDomain, Typed.hash(group));
        bytes memory data = abi.encodeCall(IGpuMarket.redeemGroup, (group, signature));
        uint256[] memory fresh = _freshOf(group);
        (bool done, bytes memory result) = _send(F.RedeemGroup, stranger, address(market), data);
        if (!done) {
            _require(!signed || group.items.length == 0, "redeemGroup: refused although signed");
            return;
        }
        _checkGroup(group, fresh, signed, abi.decode(result, (bytes4[])), before);
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

    function _checkGroup(
        UsageGroup memory group,
        uint256[] memory fresh,
        bool signed,
        bytes4[] memory reasons,
        Purse memory before
    ) private {
        (uint256 payment, uint256 fee, bool all) = (0, 0, true);
        for (uint256 i = 0; i < reasons.length; ++i) {
            bool done = reasons[i] == 0;
            _agree(F.RedeemGroup, signed && fresh[i] != 0, done);
            all = all && done;
            if (!done) continue;
            uint256 used = group.items[i] / 2 ** 104;
            uint256 ticks = Id.ticks(group.items[i]);
            uint256 paid = used * ticks / 3_600 - (used - fresh[i]) * ticks / 3_600;
            (payment, fee) = (payment + paid, fee + paid * feeOf[group.terms] / 10_000);
            Held memory held = Held(_seriesOfItem(group, i), group.holder);
            _require(_position(held).used == used, "4: usage is not the item's");
        }
        _count(F.RedeemGroup, all);
        uint256 ofProvider = _balance(before.provider);
        _require(ofProvider == before.ofProvider + payment - fee, "4: the provider's payment of a group");
        _require(_balance(parameters.treasury()) == before.ofTreasury + fee, "9: the fee of a group");
    }

    // ------------------------------------------------------------------ close

    function _close() internal {
        if (positions.length == 0) return _fill();
        Held memory held = positions[_below(positions.length)];
        for (uint256 i = 0; i < 12 && !_closable(held, stranger); ++i) held = positions[_below(positions.length)];
        if (!_closable(held, stranger) && _chance(80)) return _redeem();
        address caller = _chance(80) ? stranger : held.holder;
        bool allowed = _closable(held, caller);
        IGpuMarket.PositionState memory position = _position(held);
        bool waived = _isWaived(held, position, caller);
        Purse memory before = _purse(held);
        bool done = _sendClosing(held, caller);
        _agree(F.Close, allowed, done);
        if (done) _checkEnding(held, position, before, waived);
        _track(held.series, held.holder);
        if (done && _chance(10)) _require(!_sendClosing(held, stranger), "1: closed twice");
    }

    function _sendClosing(Held memory held, address caller) internal returns (bool done) {
        IGpuMarket.Closing[] memory closings = new IGpuMarket.Closing[](1);
        closings[0] = IGpuMarket.Closing(held.series, held.holder);
        bytes memory data = abi.encodeCall(IGpuMarket.close, (closings));
        bytes memory result;
        (done, result) = _send(F.Close, caller, address(market), data);
        if (!done) return false;
        done = abi.decode(result, (bytes4[]))[0] == 0;
        _count(F.Close, done);
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
    function _checkEnding(
        Held memory held,
        IGpuMarket.PositionState memory position,
        Purse memory before,
        bool waived
    ) private view {
        Terms memory terms = termsOf[Id.terms(held.series)];
        uint256 ticks = Id.ticks(held.series);
        uint256 window = position.milli * (position.end - Id.start(held.series));
        uint256 unused = window > position.used ? window - position.used : 0;
        uint256 missed = position.milli * uint256(terms.receiptInterval) * position.missedIntervals;
        if (missed > unused) missed = unused;
        uint256 fee = waived ? 0 : ((unused - missed) * ticks / 3_600) * terms.reservationFeeBps / 10_000;
        uint256 refund = position.units * ticks - position.used * ticks / 3_600 - fee;
        uint256 credit = (missed * ticks / 3_600) * terms.slaCreditBps / 10_000;
        uint256 attested = registry.bondOf(before.provider).attestedMilli;
        uint256 share = position.milli >= attested ? before.bonded : before.bonded * position.milli / attested;
        if (credit > share) credit = share;
        Purse memory after_ = _purse(held);
        _require(after_.ofHolder == before.ofHolder + refund + credit, "7: refund");
        _require(after_.ofProvider == before.ofProvider + fee, "7: reservation fee");
        _require(after_.bonded == before.bonded - credit, "8: credit out of the bond");
        _require(after_.ofTreasury == before.ofTreasury, "7: a fee on a refund");
        _require(_position(held).units == 0, "1: units after closing");
    }
}
