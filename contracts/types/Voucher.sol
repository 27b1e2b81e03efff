// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @notice A receipt in the form that `redeem` takes; `usedGpuMs` is cumulative since the lease began.
struct Voucher {
    uint256 series;
    address holder;
    uint64 usedGpuMs;
    uint32 missedIntervals;
    bool isFinal;
    bytes32 receipt;
}

/// @notice A signature of 64 bytes (EIP-2098); zeros where there is none.
struct CompactSignature {
    bytes32 r;
    bytes32 vs;
}

library VoucherLib {
    bytes32 internal constant TYPEHASH =
        keccak256(
            "Voucher(uint256 series,address holder,uint64 usedGpuMs,uint32 missedIntervals,bool isFinal,"
            "bytes32 receipt)"
        );

    function hash(Voucher memory voucher) internal pure returns (bytes32) {
        return keccak256(abi.encode(TYPEHASH, voucher));
    }
}
