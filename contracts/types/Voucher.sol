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

library VoucherLib {
    bytes32 internal constant TYPEHASH =
        keccak256(
            "Voucher(uint256 series,address holder,uint64 usedGpuMs,uint32 missedIntervals,bool isFinal,"
            "bytes32 receipt)"
        );

    function hash(Voucher calldata voucher) internal pure returns (bytes32) {
        return keccak256(abi.encode(TYPEHASH, voucher));
    }
}
