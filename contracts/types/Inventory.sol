// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @notice What an agent claims to own; a claim, never evidence.
struct Inventory {
    address provider;
    address agent;
    uint64 sequence;
    uint40 issuedAt;
    uint16 devices;
    bytes32 report;
    bool simulated;
}

library InventoryLib {
    bytes32 internal constant TYPEHASH =
        keccak256(
            "Inventory(address provider,address agent,uint64 sequence,uint40 issuedAt,uint16 devices,"
            "bytes32 report,bool simulated)"
        );

    function hash(Inventory calldata inventory) internal pure returns (bytes32) {
        return keccak256(abi.encode(TYPEHASH, inventory));
    }
}
