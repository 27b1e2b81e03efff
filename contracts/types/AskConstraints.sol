// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @notice What an ask wants of the matcher. The chain sees only its struct hash, inside `Ask`.
struct AskConstraints {
    uint8 timeInForce;
    bool postOnly;
    address[] allow;
    address[] deny;
}

library AskConstraintsLib {
    bytes32 internal constant TYPEHASH =
        keccak256("AskConstraints(uint8 timeInForce,bool postOnly,address[] allow,address[] deny)");

    function hash(AskConstraints calldata constraints) internal pure returns (bytes32) {
        return
            keccak256(
                abi.encode(
                    TYPEHASH,
                    constraints.timeInForce,
                    constraints.postOnly,
                    keccak256(abi.encodePacked(constraints.allow)),
                    keccak256(abi.encodePacked(constraints.deny))
                )
            );
    }
}
