// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC1271} from "@openzeppelin/contracts/interfaces/IERC1271.sol";

/// @dev ERC-1271 with a whole word for an answer: decoding `bytes4` would revert on a dirty one.
interface IWallet {
    function isValidSignature(bytes32 digest, bytes calldata signature) external view returns (bytes32 answer);
}

/// @title What a contract says of a signature
/// @dev Linked, so that each question has a frame and a memory of its own: it reverts where the answer is shorter than a
/// word, and what a hostile wallet makes it spend does not make the rest of the batch dearer. The caller catches.
library Wallets {
    /// What a wallet may spend on its answer, and so about the most that it can cost a batch.
    uint256 internal constant GAS = 50_000;

    /// @notice Whether a wallet confirms a signature.
    /// @dev Called statically, so it cannot re-enter. A high-level call whose failure is not read copies one word of the
    /// answer, however much was returned or reverted with.
    function confirms(address wallet, bytes32 digest, bytes calldata signature) external view returns (bool) {
        try IWallet(wallet).isValidSignature{gas: GAS}(digest, signature) returns (bytes32 answer) {
            return answer == bytes32(IERC1271.isValidSignature.selector);
        } catch {
            return false;
        }
    }
}
