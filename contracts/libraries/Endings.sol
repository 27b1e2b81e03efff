// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {PayTerms} from "../types/Terms.sol";
import {Position, PositionLib} from "./Position.sol";
import {SeriesId} from "./SeriesId.sol";
import {Units} from "./Units.sol";
import {VoucherRules} from "./VoucherRules.sol";

/// @title Who gets what when a position ends
/// @dev cost = payment for usage + reservation fee + refund, exactly; the credit comes out of the provider's bond.
library Endings {
    using PositionLib for Position;
    using SeriesId for uint256;

    /// @notice Amounts in the smallest unit of the payment token.
    struct Ending {
        uint256 refund;
        uint256 reservationFee;
        /// What the terms promise for the intervals missed; the bond may hold less.
        uint256 credit;
    }

    /// @param waived Whether no reservation fee is due: the provider is at fault or lost its attestation.
    function ending(Position position, uint256 series, PayTerms terms, bool waived)
        internal
        pure
        returns (Ending memory result)
    {
        uint256 ticks = series.ticks();
        uint256 used = position.used();
        uint256 sold = VoucherRules.sold(position, series.start());
        uint256 unused = sold > used ? sold - used : 0;
        uint256 missed = position.milli() * terms.receiptInterval() * position.missed();
        if (missed != 0) {
            // A verdict on a release counts beyond the end to which the release cut the lease.
            uint256 most = position.units() * Units.LOT - used;
            if (missed > most) missed = most;
            result.credit = Units.shareDown(Units.paymentDown(missed, ticks), terms.slaCreditBps());
        }
        if (!waived && unused > missed) {
            uint256 stood = Units.paymentDown(unused - missed, ticks);
            result.reservationFee = Units.shareDown(stood, terms.reservationFeeBps());
        }
        uint256 rest = Units.cost(position.units(), ticks) - Units.paymentDown(used, ticks);
        result.refund = rest - result.reservationFee;
    }
}
