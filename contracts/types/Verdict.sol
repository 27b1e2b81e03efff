// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @notice What k of n arbiters say of one case.
struct Verdict {
    uint256 series;
    address holder;
    /// Which case of the lease, from 1.
    uint32 number;
    /// 1 honest, 2 fault, 3 fraud, 4 inconclusive.
    uint8 outcome;
    /// Hash of the stored evidence bundle.
    bytes32 evidence;
}

library VerdictLib {
    bytes32 internal constant TYPEHASH =
        keccak256("Verdict(uint256 series,address holder,uint32 number,uint8 outcome,bytes32 evidence)");

    function hash(Verdict calldata verdict) internal pure returns (bytes32) {
        return keccak256(abi.encode(TYPEHASH, verdict));
    }
}
