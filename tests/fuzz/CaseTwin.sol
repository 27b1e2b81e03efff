// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IArbitration} from "../../contracts/interfaces/IArbitration.sol";
import {IGpuMarket} from "../../contracts/interfaces/IGpuMarket.sol";
import {IProviderRegistry} from "../../contracts/interfaces/IProviderRegistry.sol";
import {Terms} from "../../contracts/types/Terms.sol";
import {Held} from "./World.sol";
import {Id} from "./Typed.sol";
import {ParameterActions} from "./ParameterActions.sol";

/// @title What a case may claim and how its end moves money, written a second time
abstract contract CaseTwin is ParameterActions {
    uint256 internal constant AGENT_CLAIMED = 8;

    /// @notice All that an end of a case depends on, taken before it.
    struct Before {
        Held held;
        IGpuMarket.PositionState position;
        IArbitration.Case open;
        Terms terms;
        address provider;
        address treasury;
        uint256 feeBps;
        uint256 bonded;
        uint256 share;
    }

    IArbitration internal court;

    function _lookAt(Held memory held) internal view returns (Before memory b) {
        (b.held, b.position, b.open) = (held, _position(held), court.caseOf(held.series, held.holder));
        uint64 number = Id.terms(held.series);
        (b.terms, b.provider, b.feeBps) = (termsOf[number], providerOf[number], feeOf[number]);
        b.treasury = parameters.treasury();
        IProviderRegistry.Bond memory bond = registry.bondOf(b.provider);
        b.bonded = uint256(bond.bonded) + bond.unbonding;
        b.share = b.position.milli >= bond.attestedMilli ? b.bonded : b.bonded * b.position.milli / bond.attestedMilli;
    }

    function _price(Held memory held, uint256 used) internal pure returns (uint256) {
        return used * Id.ticks(held.series) / 3_600;
    }

    function _atLeastZero(uint256 a, uint256 b) internal pure returns (uint256) {
        return a > b ? a - b : 0;
    }

    function _least(uint256 a, uint256 b) internal pure returns (uint256) {
        return a < b ? a : b;
    }

    // ------------------------------------------------------------------ claims

    /// @dev Rule 5: what the agent's word alone comes to; zero where it adds nothing.
    function _claimable(Before memory b, uint256 used, uint256 missed) internal view returns (uint256 target) {
        uint256 interval = b.position.milli * uint256(b.terms.receiptInterval);
        if (missed < b.position.missedIntervals) missed = b.position.missedIntervals;
        uint256 servable = _atLeastZero(_elapsed(b.held, b.position), interval * missed);
        target = _least(_least(used, b.position.used + interval * b.terms.unsignedIntervals), servable);
        if (target <= b.position.used) return 0;
    }

    /// @dev Whether a case may be opened on the lease now.
    function _mayOpen(Before memory b) internal view returns (bool) {
        if (b.position.units == 0 || b.position.flags & (FINAL | CASE) != 0) return false;
        return block.timestamp >= Id.start(b.held.series) && block.timestamp <= b.position.end + timing.redeemGrace;
    }

    /// @dev Bond of somebody who disputes usage up to `used`.
    function _bondFor(Before memory b, uint256 used, uint256 disputeFee) internal pure returns (uint256 bond) {
        bond = _atLeastZero(_price(b.held, used), _price(b.held, b.position.used)) / 5;
        if (bond < disputeFee) bond = disputeFee;
    }

    // ------------------------------------------------------------------ ends

    /// @dev Rules 5 and 8 for every outcome; `_remember` came before.
    function _checkEnd(Before memory b, IArbitration.Outcome outcome, address[] memory signers) internal {
        bool fraud = outcome == IArbitration.Outcome.FRAUD || outcome == IArbitration.Outcome.PROVEN;
        bool fault = fraud || outcome == IArbitration.Outcome.FAULT || outcome == IArbitration.Outcome.UNANSWERED;
        uint256 used = fault ? b.position.used : _payable(b, outcome);
        uint256 payment = _price(b.held, used) - _price(b.held, b.position.used);
        uint256 fee = payment * b.feeBps / 10_000;
        _owe(b.provider, payment - fee);
        _owe(b.treasury, fee);
        uint256 slashed = fraud ? _checkSlash(b) : 0;
        uint256 each = signers.length == 0 ? 0 : b.open.disputeFee / signers.length;
        uint256 reward = each * signers.length;
        uint256 fromBond = fault ? _least(reward, b.share - slashed) : 0;
        for (uint256 i = 0; i < signers.length; ++i) _owe(signers[i], each);
        _take(arbitration, b.open.bond);
        uint256 back = b.open.bond + fromBond - reward;
        _owe(outcome == IArbitration.Outcome.HONEST ? b.provider : b.open.claimant, back);
        _settleUp("8: money after the end of a case");
        _checkLease(b, used, fault, fraud);
        IProviderRegistry.Bond memory bond = registry.bondOf(b.provider);
        _require(uint256(bond.bonded) + bond.unbonding == b.bonded - slashed - fromBond, "8: the bond after a case");
    }

    /// @dev Used after the case, where the provider is not at fault.
    function _payable(Before memory b, IArbitration.Outcome outcome) private view returns (uint256 used) {
        used = b.position.used;
        if (outcome == IArbitration.Outcome.AGREED || b.position.flags & FINAL != 0) return used;
        uint256 target = b.open.target;
        if (outcome == IArbitration.Outcome.INCONCLUSIVE || outcome == IArbitration.Outcome.SILENT) {
            target = b.open.base + (target - b.open.base) / 2;
        }
        uint256 out = b.position.milli * uint256(b.terms.receiptInterval) * b.position.missedIntervals;
        target = _least(target, _atLeastZero(_elapsed(b.held, b.position), out));
        if (target > used) used = target;
    }

    /// @dev Never more than the lease cost or its share of the bond; the holder first, up to what it paid.
    function _checkSlash(Before memory b) private returns (uint256 slashed) {
        slashed = _least(b.position.units * Id.ticks(b.held.series), b.share);
        uint256 toHolder = _least(_price(b.held, b.position.used), slashed);
        _owe(b.held.holder, toHolder);
        _owe(registry.BURNED(), slashed - toHolder);
    }

    /// @dev Who released a lease answers for all that it sold; who may interrupt, for what it announced.
    function _answeredFor(Before memory b, uint256 window) private pure returns (uint256) {
        return b.terms.interruptible ? window : uint256(b.position.units) * 3_600;
    }

    function _checkLease(Before memory b, uint256 used, bool fault, bool fraud) private view {
        IGpuMarket.PositionState memory after_ = _position(b.held);
        _require(after_.used == used, "5: usage after a case");
        _require(after_.flags & CASE == 0, "6: a case stays open");
        uint256 interval = b.position.milli * uint256(b.terms.receiptInterval);
        uint256 window = b.position.milli * _atLeastZero(b.position.end, Id.start(b.held.series));
        uint256 missed = b.position.missedIntervals;
        if (fraud) missed = 0;
        else if (fault) missed = _atLeastZero(_answeredFor(b, window), b.position.used) / interval;
        _require(after_.missedIntervals == missed, "8: credit and slash exclude each other");
        if (fault) _require(after_.flags & (FINAL | FAULT) == (FINAL | FAULT), "8: a fault ends the lease");
        _require(court.caseOf(b.held.series, b.held.holder).kind == IArbitration.Kind.NONE, "6: a case stays open");
        _require(court.caseOf(b.held.series, b.held.holder).slashed == (b.open.slashed || fraud), "8: slashed once");
    }
}
