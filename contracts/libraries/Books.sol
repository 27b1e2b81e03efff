// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IGpuMarket} from "../interfaces/IGpuMarket.sol";
import {Account, AccountLib} from "./Account.sol";
import {OrderRecord} from "./OrderRecord.sol";
import {Position} from "./Position.sol";

/// @notice Where a position lies: a place that is found once and then read and written.
struct Slot {
    Position position;
}

/// @notice All that the market remembers of people and units.
struct Books {
    /// Tokens that the books account for: balances, positions, bonds and fees.
    uint256 totalHeld;
    mapping(address account => Account word) accounts;
    mapping(uint256 series => mapping(address holder => Slot slot)) positions;
    mapping(bytes32 order => OrderRecord word) records;
    mapping(address account => address delegate) delegates;
    mapping(address account => mapping(address delegate => uint256 until)) replacedUntil;
}

/// @title Money in and out of an account, and who speaks for it
library BooksLib {
    using AccountLib for Account;

    function credit(Books storage books, address account, uint256 amount) internal {
        books.accounts[account] = books.accounts[account].credit(amount);
    }

    function debit(Books storage books, address account, uint256 amount) internal {
        Account word = books.accounts[account];
        if (amount > word.balance()) revert IGpuMarket.InsufficientBalance(word.balance(), amount);
        books.accounts[account] = word.debit(amount);
    }

    /// @notice The key that counter-signs for an account: its delegate, or the account itself.
    function delegateOf(Books storage books, address account) internal view returns (address) {
        address delegate = books.delegates[account];
        return delegate == address(0) ? account : delegate;
    }

    /// @notice Whether a key counter-signs usage for an account: the account itself, its delegate, or one that was
    /// replaced less than `REDEEM_GRACE` ago.
    function speaksFor(Books storage books, address account, address key) internal view returns (bool) {
        if (key == address(0)) return false;
        return key == account || key == books.delegates[account] || block.timestamp <= books.replacedUntil[account][key];
    }
}
