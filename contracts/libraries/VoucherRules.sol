// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IGpuMarket} from "../interfaces/IGpuMarket.sol";
import {Voucher} from "../types/Voucher.sol";
import {Position, PositionLib} from "./Position.sol";
import {SeriesId} from "./SeriesId.sol";

/// @title What a position lets a voucher claim, signatures aside
library VoucherRules {
    using PositionLib for Position;

    /// @return Zero, or the selector of the error that describes the refusal.
    function refusal(Voucher calldata voucher, Position position) internal view returns (bytes4) {
        if (voucher.missedIntervals != 0) return IGpuMarket.NotSupported.selector;
        if (position.units() == 0) return IGpuMarket.NoPosition.selector;
        if (position.isFinal()) return IGpuMarket.PositionFinal.selector;
        uint256 start = SeriesId.start(voucher.series);
        if (block.timestamp < start) return IGpuMarket.NotStarted.selector;
        uint256 given = voucher.usedGpuMs;
        uint256 used = position.used();
        // A final voucher may repeat the total: what it adds is the end of the use.
        if (given < used || (given == used && !voucher.isFinal)) return IGpuMarket.VoucherNotNewer.selector;
        uint256 end = position.end();
        uint256 until = block.timestamp < end ? block.timestamp : end;
        if (given > position.milli() * (until - start)) return IGpuMarket.MoreThanElapsed.selector;
        return 0;
    }
}
