// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Attestation} from "../types/Attestation.sol";
import {Receipt, ReceiptLib} from "../types/Receipt.sol";
import {Verdict} from "../types/Verdict.sol";
import {Lease} from "./CaseRules.sol";
import {SeriesId} from "./SeriesId.sol";
import {Units} from "./Units.sol";

/// @title What cannot both be true
/// @dev Each rule must hold for every pair that honest signers make: a false conviction costs more than a missed one.
library Equivocation {
    using SeriesId for uint256;

    /// From this isolation on a device serves one lease at a time.
    uint256 private constant MIG = 3;
    /// An agent rounds the end of a lease up and a start down to whole seconds.
    uint256 private constant ROUNDING = 1;

    /// @notice Two receipts of one lease.
    function contradict(Receipt calldata a, Receipt calldata b) internal pure returns (bool) {
        if (a.sequence == b.sequence) return ReceiptLib.hash(a) != ReceiptLib.hash(b);
        return a.sequence < b.sequence ? _shrinks(a, b) : _shrinks(b, a);
    }

    /// @notice Receipts of two leases of one provider.
    function overlap(Receipt calldata a, Lease memory leaseA, Receipt calldata b, Lease memory leaseB)
        internal
        pure
        returns (bool)
    {
        uint256 from = a.intervalStart > b.intervalStart ? a.intervalStart : b.intervalStart;
        uint256 to = a.intervalEnd < b.intervalEnd ? a.intervalEnd : b.intervalEnd;
        if (to <= from + ROUNDING || !_shareDevice(a.devices, b.devices)) return false;
        if (leaseA.terms.isolation >= MIG || leaseB.terms.isolation >= MIG) return true;
        return _leastShare(leaseA, a.devices.length) + _leastShare(leaseB, b.devices.length) > Units.WHOLE_MILLI;
    }

    /// @notice Two verdicts on one case.
    function disagree(Verdict calldata a, Verdict calldata b) internal pure returns (bool) {
        bool sameCase = a.series == b.series && a.holder == b.holder && a.number == b.number;
        return sameCase && a.outcome != b.outcome;
    }

    /// @notice Two attestations of one device.
    function twoOwners(Attestation calldata a, Attestation calldata b) internal pure returns (bool) {
        if (a.device != b.device || a.provider == b.provider) return false;
        return a.evidence == b.evidence || a.expiry == b.expiry;
    }

    function _shrinks(Receipt calldata earlier, Receipt calldata later) private pure returns (bool) {
        if (later.usedGpuMs < earlier.usedGpuMs || later.missedIntervals < earlier.missedIntervals) return true;
        if (later.tokens < earlier.tokens || later.intervalStart < earlier.intervalEnd) return true;
        bool measured = earlier.energyMeasured && later.energyMeasured;
        return measured && later.energyMillijoules < earlier.energyMillijoules;
    }

    function _shareDevice(bytes32[] calldata a, bytes32[] calldata b) private pure returns (bool) {
        for (uint256 i = 0; i < a.length; ++i) {
            for (uint256 j = 0; j < b.length; ++j) {
                if (a[i] == b[j]) return true;
            }
        }
        return false;
    }

    /// @dev What does not fit on its other devices; of a lease that closed meanwhile, the least that was ever sold.
    function _leastShare(Lease memory lease, uint256 devices) private pure returns (uint256) {
        uint256 milli = lease.position.units == 0 ? lease.series.step() : lease.position.milli;
        uint256 elsewhere = Units.WHOLE_MILLI * (devices - 1);
        return milli > elsewhere ? milli - elsewhere : 0;
    }
}
