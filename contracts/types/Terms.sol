// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @notice A provider's conditions, registered by transaction and immutable afterwards; never signed.
struct Terms {
    /// keccak256 of the canonical class name.
    bytes32 deviceClass;
    /// 1 timeslice, 2 mps, 3 mig, 4 device, 5 host; a stronger fence has the higher number.
    uint8 isolation;
    /// Smallest milli that moves: 1000 from mig upwards, a divisor of 1000 below.
    uint16 step;
    uint16 reservationFeeBps;
    uint16 slaCreditBps;
    bool interruptible;
    /// Seconds between the notice of an interruption and the interruption.
    uint32 notice;
    /// Seconds between two receipts.
    uint32 receiptInterval;
    /// How many unsigned receipts the agent works on for.
    uint16 unsignedIntervals;
    uint32 arbiterSet;
}

/// @notice `Terms` with its provider and fee, as stored: what a fill reads comes first, what a redemption or a
/// closing reads lies in the second slot.
struct RegisteredTerms {
    bytes32 deviceClass;
    address provider;
    uint16 feeBps;
    uint16 step;
    uint8 isolation;
    uint16 reservationFeeBps;
    uint16 slaCreditBps;
    /// An interval of receipts is 600 seconds at most.
    uint16 receiptInterval;
    bool interruptible;
    uint32 notice;
    uint16 unsignedIntervals;
    uint32 arbiterSet;
}

/// @notice What a fill needs of terms.
struct SaleTerms {
    address provider;
    bytes32 deviceClass;
    uint16 step;
    uint8 isolation;
    uint16 feeBps;
    uint16 reservationFeeBps;
    uint16 slaCreditBps;
    bool interruptible;
    uint32 notice;
    uint32 arbiterSet;
}

/// @notice What a redemption or a closing needs of terms.
struct PayTerms {
    address provider;
    uint16 feeBps;
    uint16 reservationFeeBps;
    uint16 slaCreditBps;
    uint16 receiptInterval;
}
