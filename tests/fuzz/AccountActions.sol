// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC1155} from "@openzeppelin/contracts/token/ERC1155/IERC1155.sol";
import {IGpuMarket} from "../../contracts/interfaces/IGpuMarket.sol";
import {IProviderRegistry} from "../../contracts/interfaces/IProviderRegistry.sol";
import {F} from "./Calls.sol";
import {Typed} from "./Typed.sol";
import {UnitActions} from "./UnitActions.sol";
import {vm} from "./Vm.sol";

/// @title Money in and out, delegates, nonces, bonds
abstract contract AccountActions is UnitActions {
    mapping(address account => address[] keys) private _delegates;
    uint256 private _approvals;

    function _run(F f, address from, bytes memory data, bool allowed) internal returns (bool done) {
        (done,) = _send(f, from, address(market), data);
        if (done) _count(f, true);
        _agree(f, allowed, done);
    }

    function _someone() private returns (address) {
        return _chance(60) ? _one(buyers) : _chance(50) ? _one(providers) : _one(auditors);
    }

    function _deposit() internal {
        address who = _someone();
        uint256 amount = _chance(95) ? _between(1, 40 * USD) : 0;
        _mintAndAllow(who, amount);
        uint256 before = _balance(who);
        _run(F.Deposit, who, abi.encodeCall(IGpuMarket.deposit, (amount)), amount != 0);
        _require(_balance(who) == before + amount, "1: deposit");
    }

    function _depositFor() internal {
        (address who, address from) = (_someone(), _someone());
        if (_chance(5)) who = address(0);
        uint256 amount = _between(1, 40 * USD);
        _mintAndAllow(from, amount);
        uint256 before = _balance(who);
        bool done = _run(F.DepositFor, from, abi.encodeCall(IGpuMarket.depositFor, (who, amount)), who != address(0));
        if (done) _require(_balance(who) == before + amount, "1: depositFor");
    }

    function _depositWithPermit() internal {
        address who = _someone();
        uint256 amount = _between(1, 40 * USD);
        token.mint(who, amount);
        vm.prank(who);
        token.approve(address(market), 0);
        bool signed = _chance(90);
        uint256 deadline = block.timestamp + 1 hours;
        bytes32 structHash = Typed.permit(who, address(market), amount, token.nonces(who), deadline);
        bytes32 digest = Typed.digest(token.DOMAIN_SEPARATOR(), structHash);
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(keys[signed ? who : stranger], digest);
        bool early = _chance(20);
        if (early && signed) token.permit(who, address(market), amount, deadline, v, r, s);
        bytes memory data = abi.encodeCall(IGpuMarket.depositWithPermit, (amount, deadline, v, r, s));
        uint256 before = _balance(who);
        bool done = _run(F.DepositWithPermit, who, data, signed);
        if (done) _require(_balance(who) == before + amount, "1: depositWithPermit");
    }

    function _withdraw() internal {
        address who = _someone();
        uint256 balance = _balance(who);
        uint256 amount = balance == 0 ? 0 : _between(1, balance / (_chance(90) ? 50 : 1) + 1);
        if (_chance(10)) amount = balance + _below(2);
        address to = _chance(95) ? who : _chance(50) ? address(0) : address(market);
        bool allowed = amount != 0 && amount <= balance && to == who;
        uint256 before = token.balanceOf(who);
        bool done = _run(F.Withdraw, who, abi.encodeCall(IGpuMarket.withdraw, (to, amount)), allowed);
        if (done) _require(token.balanceOf(who) == before + amount, "1: withdraw");
        _require(_balance(who) == (done ? balance - amount : balance), "1: balance after withdrawing");
    }

    function _setDelegate() internal {
        address who = _one(buyers);
        address[] storage list = _delegates[who];
        if (list.length < 3) {
            uint256 key = uint256(keccak256(abi.encode(who, list.length)));
            list.push(vm.addr(key));
            keys[vm.addr(key)] = key;
        }
        address delegate = _chance(70) ? _one(list) : _chance(50) ? address(0) : who;
        address previous = market.delegateOf(who);
        _run(F.SetDelegate, who, abi.encodeCall(IGpuMarket.setDelegate, (delegate)), true);
        address current = delegate == address(0) ? who : delegate;
        _require(market.delegateOf(who) == current, "5: delegate");
        _require(market.isDelegate(who, previous), "5: a replaced delegate counts for a while");
        _require(market.isDelegate(who, who), "5: the holder counts always");
    }

    function _cancel() internal {
        address who = _chance(70) ? _one(buyers) : _one(providers);
        uint64[] memory nonces = new uint64[](_below(4));
        uint256 first = firstNonce[who][epochs[who]];
        for (uint256 i = 0; i < nonces.length; ++i) nonces[i] = uint64(first + _below(_chance(90) ? 100 : 300));
        _run(F.Cancel, who, abi.encodeCall(IGpuMarket.cancel, (nonces)), true);
        for (uint256 i = 0; i < nonces.length; ++i) _spend(who, nonces[i]);
        for (uint256 i = 0; i < nonces.length; ++i) {
            _require(!market.isNonceOpen(who, nonces[i]), "2: a cancelled nonce is open");
        }
        uint64 other = uint64(first + _below(300));
        _require(market.isNonceOpen(who, other) == _isOpen(who, other), "2: nonces");
    }

    function _cancelAll() internal {
        address who = _chance(70) ? _one(buyers) : _one(providers);
        _run(F.CancelAll, who, abi.encodeCall(IGpuMarket.cancelAll, ()), true);
        ++epochs[who];
        _require(market.accountOf(who).epoch == epochs[who], "2: epoch");
        _require(market.isNonceOpen(who, 0), "2: nonces begin again");
    }

    function _setApprovalForAll() internal {
        address who = _one(buyers);
        bool approved = ++_approvals % 2 == 0;
        _run(F.SetApprovalForAll, who, abi.encodeCall(IERC1155.setApprovalForAll, (stranger, approved)), true);
    }

    // ------------------------------------------------------------------ bonds

    function _bonded() private returns (address) {
        return _chance(60) ? _one(providers) : _chance(50) ? _one(auditors) : _one(arbiters);
    }

    function _bond() internal {
        address who = _bonded();
        uint256 balance = _balance(who);
        uint256 amount = _chance(90) ? _between(1, 10 * USD) : _chance(30) ? 0 : balance + _below(2);
        if (amount > balance && _chance(90)) _payIn(who, amount);
        balance = _balance(who);
        uint256 before = registry.bondOf(who).bonded;
        bool allowed = amount != 0 && amount <= balance;
        bool done = _run(F.Bond, who, abi.encodeCall(IGpuMarket.bond, (uint64(amount))), allowed);
        if (done) _require(registry.bondOf(who).bonded == before + amount, "1: bond");
    }

    function _requestUnbonding() internal {
        address who = _bonded();
        uint256 bonded = registry.bondOf(who).bonded;
        uint256 amount = _chance(85) ? _below(bonded / 20 + 2) : bonded + _below(2);
        bool allowed = amount != 0 && amount <= bonded;
        bytes memory data = abi.encodeCall(IProviderRegistry.requestUnbonding, (uint64(amount)));
        (bool done,) = _send(F.RequestUnbonding, who, address(registry), data);
        if (done) _count(F.RequestUnbonding, true);
        _agree(F.RequestUnbonding, allowed, done);
        if (!done) return;
        IProviderRegistry.Bond memory bond = registry.bondOf(who);
        uint256 longest = timing.challenge > timing.response ? timing.challenge : timing.response;
        uint256 least = _lastEnd(who) + timing.redeemGrace + longest + timing.verdict;
        _require(bond.unbondingEnds >= least, "8: unbonding ends before a case can");
        _require(bond.bonded == bonded - amount, "8: unbonding counts no more");
    }

    function _lastEnd(address provider) private view returns (uint256 last) {
        last = block.timestamp;
        for (uint256 i = 0; i < positions.length; ++i) {
            uint64 number = uint64(positions[i].series / 2 ** 120);
            uint256 end = _position(positions[i]).end;
            if (providerOf[number] == provider && end > last) last = end;
        }
    }

    function _releaseBond() internal {
        address who = _bonded();
        for (uint256 i = 0; i < 4 && !_releasable(who); ++i) who = _bonded();
        bool allowed = _releasable(who);
        uint256 amount = registry.bondOf(who).unbonding;
        uint256 before = _balance(who);
        bool done = _run(F.ReleaseBond, stranger, abi.encodeCall(IGpuMarket.releaseBond, (who)), allowed);
        if (done) _require(_balance(who) == before + amount, "1: bond released");
    }

    function _releasable(address who) private view returns (bool) {
        IProviderRegistry.Bond memory bond = registry.bondOf(who);
        return bond.unbonding != 0 && block.timestamp >= bond.unbondingEnds;
    }
}
