// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {Wallets} from "./Wallets.sol";

/// @title Who signed a digest
library Signatures {
    /// @notice The signer of 64 bytes (EIP-2098); zero as below.
    function signer(bytes32 digest, bytes32 r, bytes32 vs) internal pure returns (address recovered) {
        (recovered,,) = ECDSA.tryRecover(digest, r, vs);
    }

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

    /// @notice Whether an account signed: by its key, or else, where it is a contract, by ERC-1271.
    /// @dev The key comes first, so that an account with delegated code (EIP-7702) signs as it always did.
    function isValid(address account, bytes32 digest, bytes calldata signature) internal view returns (bool) {
        if (account == address(0)) return false;
        if (signer(digest, signature) == account) return true;
        if (account.code.length == 0) return false;
        try Wallets.confirms(account, digest, signature) returns (bool confirmed) {
            return confirmed;
        } catch {
            return false;
        }
    }
}
