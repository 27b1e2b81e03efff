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

/// @notice What a redemption or a closing needs of terms, in one word.
/// @dev Bits from the lowest: provider 160, fee 16, reservation fee 16, SLA credit 16 (all in ten-thousandths),
/// receipt interval 16 (seconds), step 16.
type PayTerms is uint256;

using PayTermsLib for PayTerms global;

library PayTermsLib {
    /// @dev The registry has checked that an interval is 600 seconds at most.
    function pack(address provider_, uint256 feeBps_, Terms calldata terms) internal pure returns (PayTerms) {
        uint256 word = uint160(provider_) | (feeBps_ << 160) | (uint256(terms.reservationFeeBps) << 176);
        word |= uint256(terms.slaCreditBps) << 192;
        word |= uint256(uint16(terms.receiptInterval)) << 208;
        return PayTerms.wrap(word | (uint256(terms.step) << 224));
    }

    function provider(PayTerms terms) internal pure returns (address) {
        return address(uint160(PayTerms.unwrap(terms)));
    }

    function feeBps(PayTerms terms) internal pure returns (uint256) {
        return uint16(PayTerms.unwrap(terms) >> 160);
    }

    function reservationFeeBps(PayTerms terms) internal pure returns (uint256) {
        return uint16(PayTerms.unwrap(terms) >> 176);
    }

    function slaCreditBps(PayTerms terms) internal pure returns (uint256) {
        return uint16(PayTerms.unwrap(terms) >> 192);
    }

    function receiptInterval(PayTerms terms) internal pure returns (uint256) {
        return uint16(PayTerms.unwrap(terms) >> 208);
    }

    function step(PayTerms terms) internal pure returns (uint256) {
        return uint16(PayTerms.unwrap(terms) >> 224);
    }
}

/// @notice `Terms` with its provider and fee, as stored.
struct RegisteredTerms {
    bytes32 deviceClass;
    PayTerms pay;
    uint8 isolation;
    bool interruptible;
    uint32 notice;
    uint16 unsignedIntervals;
    uint32 arbiterSet;
}

/// @notice What a fill needs of terms.
struct SaleTerms {
    PayTerms pay;
    bytes32 deviceClass;
    uint8 isolation;
    bool interruptible;
    uint32 notice;
    uint32 arbiterSet;
}
