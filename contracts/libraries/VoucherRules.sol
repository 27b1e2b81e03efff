// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IGpuMarket} from "../interfaces/IGpuMarket.sol";
import {Position, PositionLib} from "./Position.sol";

/// @title What a position lets somebody claim as used or missed, signatures aside
/// @dev Unchecked where the fields of a position (32 bits of milli, 40 of seconds) bound every product.
library VoucherRules {
    using PositionLib for Position;

    /// @return Zero, or the selector of the error that describes the refusal.
    function refusal(
        Position position,
        uint256 start,
        uint256 usedGpuMs,
        uint256 missed,
        bool isFinal,
        uint256 interval
    ) internal view returns (bytes4) {
        if (position.units() == 0) return IGpuMarket.NoPosition.selector;
        if (position.has(PositionLib.FINAL)) return IGpuMarket.PositionFinal.selector;
        if (block.timestamp < start) return IGpuMarket.NotStarted.selector;
        uint256 used = position.used();
        if (usedGpuMs < used || missed < position.missed()) return IGpuMarket.VoucherNotNewer.selector;
        // One that is final or reports an outage may repeat the usage: that is what it adds.
        if (usedGpuMs == used && missed == position.missed() && !isFinal) return IGpuMarket.VoucherNotNewer.selector;
        // No product of 32, 16 and 32 bits comes near 256; a usage beyond 64 bits fails here, not in the sum.
        unchecked {
            uint256 lost = position.milli() * interval * missed;
            uint256 most = elapsed(position, start);
            if (lost > most || usedGpuMs > most - lost) return IGpuMarket.MoreThanElapsed.selector;
        }
        return 0;
    }

    /// @notice GPU-ms of a position that lie behind us: milli x (min(now, end) - start).
    function elapsed(Position position, uint256 start) internal view returns (uint256) {
        uint256 end = position.end();
        uint256 until = block.timestamp < end ? block.timestamp : end;
        unchecked {
            return until > start ? position.milli() * (until - start) : 0;
        }
    }

    /// @notice GPU-ms of the whole window of a position.
    function sold(Position position, uint256 start) internal pure returns (uint256) {
        uint256 end = position.end();
        unchecked {
            return end > start ? position.milli() * (end - start) : 0;
        }
    }
}
