// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @notice A provider's periodic statement of the usage of one lease; every total is cumulative.
struct Receipt {
    uint256 series;
    address holder;
    uint32 sequence;
    uint40 intervalStart;
    uint40 intervalEnd;
    uint64 usedGpuMs;
    bytes32 samplesRoot;
    bytes32 previous;
    bytes32[] devices;
    uint32 missedIntervals;
    uint64 tokens;
    uint64 energyMillijoules;
    bool energyMeasured;
    bool isFinal;
    bool simulated;
}

library ReceiptLib {
    bytes32 internal constant TYPEHASH =
        keccak256(
            "Receipt(uint256 series,address holder,uint32 sequence,uint40 intervalStart,uint40 intervalEnd,"
            "uint64 usedGpuMs,bytes32 samplesRoot,bytes32 previous,bytes32[] devices,uint32 missedIntervals,"
            "uint64 tokens,uint64 energyMillijoules,bool energyMeasured,bool isFinal,bool simulated)"
        );

    function hash(Receipt calldata receipt) internal pure returns (bytes32) {
        return
            keccak256(
                abi.encode(
                    TYPEHASH,
                    receipt.series,
                    receipt.holder,
                    receipt.sequence,
                    receipt.intervalStart,
                    receipt.intervalEnd,
                    receipt.usedGpuMs,
                    receipt.samplesRoot,
                    receipt.previous,
                    keccak256(abi.encodePacked(receipt.devices)),
                    receipt.missedIntervals,
                    receipt.tokens,
                    receipt.energyMillijoules,
                    receipt.energyMeasured,
                    receipt.isFinal,
                    receipt.simulated
                )
            );
    }
}
