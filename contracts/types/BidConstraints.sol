// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @notice What a bid wants of the matcher. The chain sees only its struct hash, inside `Bid`.
struct BidConstraints {
    uint8 timeInForce;
    bool postOnly;
    string[] regions;
    uint32 minMemoryMib;
    uint64 minBondPerMilli;
    uint16 minReliabilityBps;
    uint32 minTokensPerKilojoule;
    uint32 minTokensPerSecondPerDollar;
    string[] evidence;
    uint16 gangDevices;
    bool gangSpread;
    address[] allow;
    address[] deny;
}

library BidConstraintsLib {
    bytes32 internal constant TYPEHASH =
        keccak256(
            "BidConstraints(uint8 timeInForce,bool postOnly,string[] regions,uint32 minMemoryMib,"
            "uint64 minBondPerMilli,uint16 minReliabilityBps,uint32 minTokensPerKilojoule,"
            "uint32 minTokensPerSecondPerDollar,string[] evidence,uint16 gangDevices,bool gangSpread,"
            "address[] allow,address[] deny)"
        );

    function hash(BidConstraints calldata constraints) internal pure returns (bytes32) {
        return
            keccak256(
                abi.encode(
                    TYPEHASH,
                    constraints.timeInForce,
                    constraints.postOnly,
                    _hashTexts(constraints.regions),
                    constraints.minMemoryMib,
                    constraints.minBondPerMilli,
                    constraints.minReliabilityBps,
                    constraints.minTokensPerKilojoule,
                    constraints.minTokensPerSecondPerDollar,
                    _hashTexts(constraints.evidence),
                    constraints.gangDevices,
                    constraints.gangSpread,
                    keccak256(abi.encodePacked(constraints.allow)),
                    keccak256(abi.encodePacked(constraints.deny))
                )
            );
    }

    function _hashTexts(string[] calldata texts) private pure returns (bytes32) {
        bytes32[] memory hashes = new bytes32[](texts.length);
        for (uint256 i = 0; i < texts.length; ++i) {
            hashes[i] = keccak256(bytes(texts[i]));
        }
        return keccak256(abi.encodePacked(hashes));
    }
}
