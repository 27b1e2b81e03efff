// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";
import {IArbitration} from "../interfaces/IArbitration.sol";
import {IGpuMarket} from "../interfaces/IGpuMarket.sol";
import {IParameters} from "../interfaces/IParameters.sol";
import {IProviderRegistry} from "../interfaces/IProviderRegistry.sol";
import {Receipt, ReceiptLib} from "../types/Receipt.sol";
import {Terms} from "../types/Terms.sol";
import {Voucher, VoucherLib} from "../types/Voucher.sol";
import {PositionLib} from "./Position.sol";
import {SeriesId} from "./SeriesId.sol";
import {Signatures} from "./Signatures.sol";
import {Units} from "./Units.sol";

/// @notice What the arbitration was built with, for code outside it.
struct Modules {
    IGpuMarket market;
    IProviderRegistry registry;
    IParameters parameters;
}

/// @notice One holder's position in one series, with its terms.
struct Lease {
    uint256 series;
    address holder;
    address provider;
    IGpuMarket.PositionState position;
    Terms terms;
}

/// @notice What a case does to the position.
struct Settlement {
    /// Usage to pay up to; nothing is paid where it is not above what was.
    uint64 usedGpuMs;
    uint32 missedIntervals;
    uint8 flags;
}

/// @title What a case may claim, what it is worth and what it does
library CaseRules {
    using SeriesId for uint256;

    /// Of what is disputed, in ten-thousandths.
    uint256 internal constant BOND_BPS = 2_000;

    function has(Lease memory lease, uint256 flag) internal pure returns (bool) {
        return lease.position.flags & flag != 0;
    }

    function checkNotFinal(Lease memory lease) internal pure {
        if (has(lease, PositionLib.FINAL)) revert IGpuMarket.PositionFinal(lease.series, lease.holder);
    }

    function checkStarted(Lease memory lease) internal view {
        uint256 start = lease.series.start();
        if (block.timestamp < start) revert IGpuMarket.NotStarted(start, block.timestamp);
    }

    /// @notice Whether a case may be opened now.
    function checkClaimable(Lease memory lease, uint256 redeemGrace) internal view {
        checkNotFinal(lease);
        if (has(lease, PositionLib.CASE)) revert IGpuMarket.CaseOpen(lease.series, lease.holder);
        checkStarted(lease);
        uint256 latest = lease.position.end + redeemGrace;
        if (block.timestamp > latest) revert IArbitration.ClaimTooLate(latest, block.timestamp);
    }

    /// @return target Usage that the agent's word alone comes to.
    /// @return claimed Struct hash of the voucher.
    function claim(Lease memory lease, Modules memory modules, Voucher calldata voucher, bytes calldata signature)
        internal
        view
        returns (uint64 target, bytes32 claimed)
    {
        if (has(lease, PositionLib.AGENT_CLAIMED)) revert IArbitration.AgentClaimSpent(lease.series, lease.holder);
        claimed = VoucherLib.hash(voucher);
        address signer = Signatures.signer(inMarket(modules, claimed), signature);
        if (!modules.registry.isAgent(lease.provider, signer)) {
            revert IGpuMarket.BadSignature(lease.provider, signer);
        }
        uint256 missed = lease.position.missedIntervals;
        if (voucher.missedIntervals > missed) missed = voucher.missedIntervals;
        uint256 limit = most(lease, missed);
        target = voucher.usedGpuMs < limit ? voucher.usedGpuMs : uint64(limit);
        uint256 used = lease.position.used;
        if (target <= used) revert IArbitration.NothingClaimed(voucher.usedGpuMs, used, limit);
    }

    /// @notice The most that an agent's word alone comes to: a few intervals beyond what was redeemed, and never
    /// what did not elapse or was missed.
    function most(Lease memory lease, uint256 missed) internal view returns (uint256) {
        uint256 beyond = intervalMs(lease) * lease.terms.unsignedIntervals;
        uint256 least = lease.position.used + beyond;
        uint256 limit = servable(lease, missed);
        return least < limit ? least : limit;
    }

    /// @notice GPU-ms that elapsed, less those of missed intervals.
    function servable(Lease memory lease, uint256 missed) internal view returns (uint256) {
        uint256 end = lease.position.end;
        uint256 elapsed = window(lease, block.timestamp < end ? block.timestamp : end);
        uint256 lost = intervalMs(lease) * missed;
        return elapsed > lost ? elapsed - lost : 0;
    }

    /// @notice What is paid, what counts as missed and which flags are set.
    function settlement(Lease memory lease, IArbitration.Case memory opened, IArbitration.Outcome outcome)
        internal
        view
        returns (Settlement memory result)
    {
        result.missedIntervals = lease.position.missedIntervals;
        bool fraud = isFraud(outcome);
        if (fraud || outcome == IArbitration.Outcome.FAULT || outcome == IArbitration.Outcome.UNANSWERED) {
            // Of credit and slash a lease gets one: the credit follows from missed intervals at closing.
            result.missedIntervals = fraud ? 0 : unserved(lease);
            result.flags = uint8(PositionLib.FINAL | PositionLib.FAULT);
            return result;
        }
        if (has(lease, PositionLib.FINAL)) return result;
        uint256 used = opened.target;
        bool half = outcome == IArbitration.Outcome.INCONCLUSIVE || outcome == IArbitration.Outcome.SILENT;
        if (half) used = opened.base + (used - opened.base) / 2;
        uint256 limit = servable(lease, result.missedIntervals);
        result.usedGpuMs = uint64(used < limit ? used : limit);
    }

    function isFraud(IArbitration.Outcome outcome) internal pure returns (bool) {
        return outcome == IArbitration.Outcome.FRAUD || outcome == IArbitration.Outcome.PROVEN;
    }

    /// @notice Bond of somebody who disputes usage from what was redeemed up to `used`.
    function bond(Lease memory lease, uint256 used, uint256 disputeFee) internal pure returns (uint64) {
        uint256 redeemed = lease.position.used;
        uint256 amount = used > redeemed ? paid(lease, used) - paid(lease, redeemed) : 0;
        uint256 share = Units.shareDown(amount, BOND_BPS);
        return uint64(share > disputeFee ? share : disputeFee);
    }

    /// @notice What usage costs.
    function paid(Lease memory lease, uint256 used) internal pure returns (uint256) {
        return Units.paymentDown(used, lease.series.ticks());
    }

    function cost(Lease memory lease) internal pure returns (uint256) {
        return Units.cost(lease.position.units, lease.series.ticks());
    }

    /// @notice GPU-ms from the start up to a time.
    function window(Lease memory lease, uint256 until) internal pure returns (uint256) {
        uint256 start = lease.series.start();
        return until > start ? lease.position.milli * (until - start) : 0;
    }

    function intervalMs(Lease memory lease) internal pure returns (uint256) {
        return uint256(lease.position.milli) * lease.terms.receiptInterval;
    }

    /// @notice Whole intervals of the lease that were not used. Who released it answers for all that was sold, or a
    /// release would be cheaper than an outage; who may interrupt answers up to the end that it announced.
    function unserved(Lease memory lease) internal pure returns (uint32) {
        uint256 whole = uint256(lease.position.units) * Units.LOT;
        uint256 sold = lease.terms.interruptible ? window(lease, lease.position.end) : whole;
        uint256 used = lease.position.used;
        return sold > used ? uint32((sold - used) / intervalMs(lease)) : 0;
    }

    // ------------------------------------------------------------------ who signed

    /// @notice Who signed a verdict: members of the set, each once, each bonded, enough of them.
    function arbiters(
        Modules memory modules,
        uint32 set,
        uint256 roleBond,
        bytes32 digest,
        bytes[] calldata signatures
    ) internal view returns (address[] memory signers) {
        uint256 seen;
        signers = new address[](signatures.length);
        for (uint256 i = 0; i < signatures.length; ++i) {
            address signer = Signatures.signer(digest, signatures[i]);
            uint256 index = modules.parameters.arbiterIndex(set, signer);
            if (index == 0) revert IArbitration.NotArbiter(set, signer);
            if ((seen >> index) & 1 != 0) revert IArbitration.ArbiterRepeated(signer);
            seen |= 1 << index;
            uint256 bonded = modules.registry.freeBond(signer);
            if (bonded < roleBond) revert IArbitration.ArbiterBondTooLow(signer, bonded, roleBond);
            signers[i] = signer;
        }
        uint256 needed = modules.parameters.arbiterThresholdOf(set);
        if (signers.length < needed) revert IArbitration.TooFewArbiters(signers.length, needed);
    }

    /// @notice Check that an agent of the lease's provider signed a receipt.
    /// @dev By the lease's start too, so that a replaced key that leaked cannot date receipts back into its own time.
    /// @return digest What was signed.
    function signedReceipt(
        Lease memory lease,
        Modules memory modules,
        Receipt calldata receipt,
        bytes calldata signature
    ) internal view returns (bytes32 digest) {
        digest = inMarket(modules, ReceiptLib.hash(receipt));
        address signer = Signatures.signer(digest, signature);
        uint256 start = lease.series.start();
        uint256 at = receipt.intervalEnd > start ? receipt.intervalEnd : start;
        if (modules.registry.wasAgent(lease.provider, signer, at)) return digest;
        revert IGpuMarket.BadSignature(lease.provider, signer);
    }

    /// @notice Digest in the market's domain: orders, vouchers, receipts, acknowledgements.
    function inMarket(Modules memory modules, bytes32 structHash) internal view returns (bytes32) {
        return MessageHashUtils.toTypedDataHash(modules.market.DOMAIN_SEPARATOR(), structHash);
    }
}
