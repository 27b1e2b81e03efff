// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";

/// @title Who signed a digest
library Signatures {
    /// @notice The signer of 65 bytes (r, s, v) or of the 64 bytes of EIP-2098; zero where the signature is
    /// malformed, malleable (high s) or nobody's.
    function signer(bytes32 digest, bytes calldata signature) internal pure returns (address recovered) {
        if (signature.length == 65) {
            bytes32 s = bytes32(signature[32:64]);
            (recovered,,) = ECDSA.tryRecover(digest, uint8(signature[64]), bytes32(signature[:32]), s);
        } else if (signature.length == 64) {
            bytes32 vs = bytes32(signature[32:]);
            (recovered,,) = ECDSA.tryRecover(digest, bytes32(signature[:32]), vs);
        }
    }
}
