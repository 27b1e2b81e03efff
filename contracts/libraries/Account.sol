// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @notice Balance, epoch and spent nonces of one account in one word.
/// @dev Bits from the lowest: balance 64, epoch 32, first nonce of the window 32, window 128.
type Account is uint256;

/// @title Arithmetic on an account's word
/// @dev A nonce is spent when it lies below the window or its bit is set; using one beyond the window moves the
/// window up to it. Nonces belong to an epoch: a new one begins with an empty window at 0.
library AccountLib {
    uint256 internal constant WINDOW = 128;
    uint256 private constant LOW_96 = type(uint96).max;

    /// @dev The caller has checked that every part fits.
    function pack(uint256 balance_, uint256 epoch_, uint256 firstNonce_, uint256 window_)
        internal
        pure
        returns (Account)
    {
        return Account.wrap(balance_ | (epoch_ << 64) | (firstNonce_ << 96) | (window_ << 128));
    }

    function balance(Account account) internal pure returns (uint256) {
        return uint64(Account.unwrap(account));
    }

    function epoch(Account account) internal pure returns (uint32) {
        return uint32(Account.unwrap(account) >> 64);
    }

    function firstNonce(Account account) internal pure returns (uint256) {
        return uint32(Account.unwrap(account) >> 96);
    }

    function window(Account account) internal pure returns (uint128) {
        return uint128(Account.unwrap(account) >> 128);
    }

    /// @dev Cannot carry into the epoch: the market never holds more than 64 bits in total.
    function credit(Account account, uint256 amount) internal pure returns (Account) {
        return Account.wrap(Account.unwrap(account) + amount);
    }

    /// @dev The caller has checked the balance.
    function debit(Account account, uint256 amount) internal pure returns (Account) {
        return Account.wrap(Account.unwrap(account) - amount);
    }

    function isOpen(Account account, uint256 nonce) internal pure returns (bool) {
        uint256 first = firstNonce(account);
        if (nonce < first || nonce > type(uint32).max) return false;
        if (nonce >= first + WINDOW) return true;
        return (Account.unwrap(account) >> (128 + nonce - first)) & 1 == 0;
    }

    /// @dev Leaves the account as it is where the nonce is not open.
    function spend(Account account, uint256 nonce) internal pure returns (Account) {
        if (!isOpen(account, nonce)) return account;
        uint256 first = firstNonce(account);
        uint256 spent = Account.unwrap(account) >> 128;
        if (nonce >= first + WINDOW) {
            uint256 newFirst = nonce - (WINDOW - 1);
            uint256 shift = newFirst - first;
            spent = shift < WINDOW ? spent >> shift : 0;
            first = newFirst;
        }
        spent |= 1 << (nonce - first);
        uint256 low = Account.unwrap(account) & LOW_96;
        return Account.wrap(low | (first << 96) | (spent << 128));
    }

    /// @dev At the last epoch the addition reverts: 4 billion epochs are more than one key lives.
    function nextEpoch(Account account) internal pure returns (Account) {
        uint32 next = epoch(account) + 1;
        return Account.wrap(balance(account) | (uint256(next) << 64));
    }
}
