// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @notice The time constants of one deployment, in seconds.
struct Timing {
    /// How long after its start a window may still be filled.
    uint32 startGrace;
    /// How long before its start units stop being transferable.
    uint32 freeze;
    /// How long after the end usage may be redeemed and a replaced key still counts.
    uint32 redeemGrace;
}
