// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @notice An offer of GPU time by a provider.
/// @dev `constraints` is the struct hash of the signed `AskConstraints`: the chain pays one word for it.
struct Ask {
    address seller;
    uint64 terms;
    uint64 pricePerGpuHour;
    uint40 windowStart;
    uint40 windowEnd;
    uint40 validFrom;
    uint40 deadline;
    uint64 nonce;
    uint32 epoch;
    uint32 minMilli;
    uint32 maxMilli;
    uint32 minDuration;
    uint32 maxDuration;
    uint32 maxFills;
    uint64 quantity;
    uint256 series;
    address filler;
    bytes32 constraints;
}

library AskLib {
    bytes32 internal constant TYPEHASH =
        keccak256(
            "Ask(address seller,uint64 terms,uint64 pricePerGpuHour,uint40 windowStart,uint40 windowEnd,"
            "uint40 validFrom,uint40 deadline,uint64 nonce,uint32 epoch,uint32 minMilli,uint32 maxMilli,"
            "uint32 minDuration,uint32 maxDuration,uint32 maxFills,uint64 quantity,uint256 series,"
            "address filler,AskConstraints constraints)"
            "AskConstraints(uint8 timeInForce,bool postOnly,address[] allow,address[] deny)"
        );

    function hash(Ask calldata ask) internal pure returns (bytes32) {
        return keccak256(abi.encode(TYPEHASH, ask));
    }
}
