// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @notice What k of n auditors sign to end an attestation before its expiry.
struct Revocation {
    bytes32 device;
    /// Of the attestation that ends, so that a revocation cannot end a later one.
    uint40 expiry;
    bytes32 evidence;
}

library RevocationLib {
    bytes32 internal constant TYPEHASH = keccak256("Revocation(bytes32 device,uint40 expiry,bytes32 evidence)");

    function hash(Revocation calldata revocation) internal pure returns (bytes32) {
        return keccak256(abi.encode(TYPEHASH, revocation));
    }
}
