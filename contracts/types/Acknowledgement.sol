// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @notice The operator's signed word about one order.
struct Acknowledgement {
    bytes32 order;
    uint8 action;
    uint64 sequence;
    uint40 at;
}

library AcknowledgementLib {
    bytes32 internal constant TYPEHASH =
        keccak256("Acknowledgement(bytes32 order,uint8 action,uint64 sequence,uint40 at)");

    function hash(Acknowledgement calldata acknowledgement) internal pure returns (bytes32) {
        return keccak256(abi.encode(TYPEHASH, acknowledgement));
    }
}
