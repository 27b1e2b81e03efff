// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @notice A buyer's wish for GPU time.
/// @dev `constraints` is the struct hash of the signed `BidConstraints`: the chain pays one word for it.
struct Bid {
    address buyer;
    bytes32 deviceClasses;
    uint32 milli;
    uint32 minMilli;
    uint40 windowStart;
    uint40 windowEnd;
    uint32 minDuration;
    uint32 maxDuration;
    uint64 maxPricePerGpuHour;
    uint40 validFrom;
    uint40 deadline;
    uint64 nonce;
    uint32 epoch;
    uint8 minIsolation;
    uint128 budget;
    uint16 maxReservationFeeBps;
    uint16 minSlaCreditBps;
    bool interruptible;
    uint32 minNotice;
    uint32 arbiterSet;
    uint32 maxFills;
    address filler;
    bytes32 constraints;
}

library BidLib {
    bytes32 internal constant TYPEHASH =
        keccak256(
            "Bid(address buyer,bytes32 deviceClasses,uint32 milli,uint32 minMilli,uint40 windowStart,"
            "uint40 windowEnd,uint32 minDuration,uint32 maxDuration,uint64 maxPricePerGpuHour,"
            "uint40 validFrom,uint40 deadline,uint64 nonce,uint32 epoch,uint8 minIsolation,uint128 budget,"
            "uint16 maxReservationFeeBps,uint16 minSlaCreditBps,bool interruptible,uint32 minNotice,"
            "uint32 arbiterSet,uint32 maxFills,address filler,BidConstraints constraints)"
            "BidConstraints(uint8 timeInForce,bool postOnly,string[] regions,uint32 minMemoryMib,"
            "uint64 minBondPerMilli,uint16 minReliabilityBps,uint32 minTokensPerKilojoule,"
            "uint32 minTokensPerSecondPerDollar,string[] evidence,uint16 gangDevices,bool gangSpread,"
            "address[] allow,address[] deny)"
        );

    function hash(Bid calldata bid) internal pure returns (bytes32) {
        return keccak256(abi.encode(TYPEHASH, bid));
    }
}
