// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title Units of the protocol and the only arithmetic done on money
/// @dev The twin of `contracts/protocol/units.py`. Unchecked: every factor has at most 64 bits (units, GPU-ms,
/// amounts) or 40 (ticks) or 16 (ten-thousandths), so no product comes near 256.
library Units {
    /// Prices move by 0.001 payment token per GPU-hour.
    uint256 internal constant TICK = 1_000;
    /// Amounts move by 0.001 GPU-hour: GPU-ms in one unit of a series.
    uint256 internal constant LOT = 3_600;
    uint256 internal constant BPS = 10_000;
    uint256 internal constant WHOLE_MILLI = 1_000;
    uint256 internal constant MAX_DURATION = 168 hours;
    uint256 internal constant MAX_AHEAD = 90 days;
    uint256 internal constant MAX_ORDER_LIFE = 24 hours;
    /// Longest life of an order that anybody may fill.
    uint256 internal constant MAX_OPEN_ORDER_LIFE = 300;

    /// @notice Exact cost of units at ticks.
    function cost(uint256 units, uint256 ticks) internal pure returns (uint256) {
        unchecked {
            return units * ticks;
        }
    }

    /// @notice What cumulative usage is worth, rounded down.
    function paymentDown(uint256 usedGpuMs, uint256 ticks) internal pure returns (uint256) {
        unchecked {
            return (usedGpuMs * ticks) / LOT;
        }
    }

    /// @notice Ten-thousandths of an amount, rounded down.
    function shareDown(uint256 amount, uint256 bps) internal pure returns (uint256) {
        unchecked {
            return (amount * bps) / BPS;
        }
    }
}
