// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @notice What k of n auditors say of one device.
struct Attestation {
    address provider;
    bytes32 device;
    bytes32 parent;
    bytes32 deviceClass;
    uint16 laneMilli;
    uint40 expiry;
    bytes32 evidence;
    bool simulated;
}

library AttestationLib {
    bytes32 internal constant TYPEHASH =
        keccak256(
            "Attestation(address provider,bytes32 device,bytes32 parent,bytes32 deviceClass,uint16 laneMilli,"
            "uint40 expiry,bytes32 evidence,bool simulated)"
        );

    function hash(Attestation calldata attestation) internal pure returns (bytes32) {
        return keccak256(abi.encode(TYPEHASH, attestation));
    }
}
