// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {IGpuMarket} from "../interfaces/IGpuMarket.sol";
import {Account, AccountLib} from "./Account.sol";
import {Books, BooksLib} from "./Books.sol";

/// @title What people do with their accounts: pay in, take out, name a delegate, cancel orders
/// @dev Linked, because the market would be too large with it; it runs in the storage of the market, whose functions
/// guard the movements of tokens against re-entrance.
library Accounts {
    using AccountLib for Account;
    using BooksLib for Books;
    using SafeERC20 for IERC20;

    /// @notice Take tokens of the caller and credit an account by what arrived.
    function payIn(Books storage books, IERC20 token, address account, uint256 amount) external {
        if (account == address(0)) revert IGpuMarket.ZeroAddress();
        // What arrived is known only afterwards: the one place where the transfer precedes the effects.
        uint256 before = token.balanceOf(address(this));
        token.safeTransferFrom(msg.sender, address(this), amount);
        uint256 arrived = token.balanceOf(address(this)) - before;
        if (arrived == 0) revert IGpuMarket.ZeroAmount();
        uint256 held = books.totalHeld + arrived;
        if (held > type(uint64).max) revert IGpuMarket.HeldLimit(held, type(uint64).max);
        books.totalHeld = held;
        books.credit(account, arrived);
        emit IGpuMarket.Deposited(account, msg.sender, arrived);
    }

    /// @notice Use an ERC-2612 permit of the caller. One that is spent already does no harm.
    function permit(IERC20 token, uint256 amount, uint256 deadline, uint8 v, bytes32 r, bytes32 s) external {
        try IERC20Permit(address(token)).permit(msg.sender, address(this), amount, deadline, v, r, s) {} catch {}
    }

    /// @notice Send tokens out of the caller's account.
    function payOut(Books storage books, IERC20 token, address to, uint256 amount) external {
        if (to == address(0) || to == address(this)) revert IGpuMarket.ZeroAddress();
        if (amount == 0) revert IGpuMarket.ZeroAmount();
        books.debit(msg.sender, amount);
        books.totalHeld -= amount;
        emit IGpuMarket.Withdrawn(msg.sender, to, amount);
        token.safeTransfer(to, amount);
    }

    /// @notice Name a key that counter-signs beside the caller; the one before still counts for `grace` seconds.
    function setDelegate(Books storage books, address delegate, uint256 grace) external {
        address previous = books.delegateOf(msg.sender);
        books.delegates[msg.sender] = delegate == msg.sender ? address(0) : delegate;
        address current = books.delegateOf(msg.sender);
        if (current == previous) return;
        uint256 until = block.timestamp + grace;
        books.replacedUntil[msg.sender][previous] = until;
        emit IGpuMarket.DelegateChanged(msg.sender, current, previous, until);
    }

    /// @notice Spend nonces of the caller.
    function cancel(Books storage books, uint64[] calldata nonces) external {
        Account account = books.accounts[msg.sender];
        for (uint256 i = 0; i < nonces.length; ++i) account = account.spend(nonces[i]);
        books.accounts[msg.sender] = account;
        emit IGpuMarket.NoncesCancelled(msg.sender, nonces);
    }

    /// @notice Raise the epoch of the caller.
    function cancelAll(Books storage books) external {
        Account account = books.accounts[msg.sender].nextEpoch();
        books.accounts[msg.sender] = account;
        emit IGpuMarket.EpochRaised(msg.sender, account.epoch());
    }
}
