// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @notice Cumulative usage of many leases of one holder under one provider's terms, under one signature.
/// @dev An item is the low 104 bits of a series id (start, duration, ticks) and above them the cumulative GPU-ms.
struct UsageGroup {
    address holder;
    uint64 terms;
    uint16 step;
    uint256[] items;
}

library UsageGroupLib {
    bytes32 internal constant TYPEHASH =
        keccak256("UsageGroup(address holder,uint64 terms,uint16 step,uint256[] items)");

    function hash(UsageGroup calldata group) internal pure returns (bytes32) {
        return keccak256(
            abi.encode(TYPEHASH, group.holder, group.terms, group.step, keccak256(abi.encodePacked(group.items)))
        );
    }
}
