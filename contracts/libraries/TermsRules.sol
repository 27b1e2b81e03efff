// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IProviderRegistry} from "../interfaces/IProviderRegistry.sol";
import {Terms} from "../types/Terms.sol";
import {Units} from "./Units.sol";

/// @title What terms may say
library TermsRules {
    uint256 private constant MIG = 3;
    uint256 private constant HOST = 5;
    /// The agent works on unsigned for 10 minutes at most.
    uint256 private constant MAX_UNSIGNED_SECONDS = 600;
    uint256 private constant MAX_RESERVATION_FEE_BPS = 5_000;

    function check(Terms calldata terms, uint32 arbiterSets) internal pure {
        if (terms.deviceClass == 0) revert IProviderRegistry.BadClass(terms.deviceClass);
        uint256 isolation = terms.isolation;
        if (isolation == 0 || isolation > HOST) revert IProviderRegistry.BadIsolation(isolation, HOST);
        uint256 step = terms.step;
        bool whole = step == Units.WHOLE_MILLI;
        if (step == 0 || Units.WHOLE_MILLI % step != 0 || (isolation >= MIG && !whole)) {
            revert IProviderRegistry.BadStep(step, isolation);
        }
        uint256 unsigned = uint256(terms.receiptInterval) * terms.unsignedIntervals;
        if (unsigned == 0 || unsigned > MAX_UNSIGNED_SECONDS) {
            revert IProviderRegistry.BadReceiptInterval(unsigned, MAX_UNSIGNED_SECONDS);
        }
        _atMost(terms.reservationFeeBps, MAX_RESERVATION_FEE_BPS);
        _atMost(terms.slaCreditBps, Units.BPS);
        if ((terms.notice != 0) != terms.interruptible || terms.notice > Units.MAX_DURATION) {
            revert IProviderRegistry.BadNotice(terms.notice, Units.MAX_DURATION);
        }
        if (terms.arbiterSet > arbiterSets) revert IProviderRegistry.UnknownArbiterSet(terms.arbiterSet, arbiterSets);
    }

    function _atMost(uint256 bps, uint256 limit) private pure {
        if (bps > limit) revert IProviderRegistry.BpsTooHigh(bps, limit);
    }
}
