// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {vm} from "./Vm.sol";
import {World} from "./World.sol";

/// @notice Every function that the campaign calls; the names are those of `Calls._names`.
enum F {
    Deposit,
    DepositFor,
    DepositWithPermit,
    Withdraw,
    SetDelegate,
    Cancel,
    CancelAll,
    Bond,
    ReleaseBond,
    Fill,
    Redeem,
    RedeemGroup,
    Close,
    Split,
    Merge,
    SafeTransferFrom,
    SafeBatchTransferFrom,
    SetApprovalForAll,
    Register,
    SetAgent,
    RegisterTerms,
    RequestUnbonding,
    Attest,
    Revoke,
    RemoveDevice,
    SetFee,
    SetTreasury,
    SetAuditors,
    AddArbiterSet,
    SetDefaultMinBond,
    SetMinBond,
    SetRoleBond,
    SetFees,
    Pause,
    Unpause,
    ClaimUsage,
    Challenge,
    ClaimNoShow,
    Answer,
    Decide,
    Resolve,
    Release,
    Interrupt,
    ProveReceipts,
    ProveOverlap,
    ProveCancelledBid,
    ProveCancelledAsk,
    ProveVerdicts,
    ProveAttestations,
    Resell,
    End
}

/// @title Calls, counted, and the rules that they broke
abstract contract Calls is World {
    /// As many as `F` has before its end.
    uint256 internal constant FUNCTIONS = 50;

    uint256[FUNCTIONS] internal called;
    uint256[FUNCTIONS] internal succeeded;
    /// The first broken rule; empty while all hold.
    string internal violation;

    mapping(address account => uint256 balance) private _was;
    mapping(address account => int256 change) private _owed;

    error Broken(string rule);

    /// @notice Call as somebody; a refusal must be one of the contracts' own errors, never a panic or silence.
    function _send(F f, address from, address to, bytes memory data) internal returns (bool done, bytes memory result) {
        vm.prank(from);
        (done, result) = to.call(data);
        if (!done) {
            _count(f, false);
            _requireTyped(f, result);
        }
    }

    function _requireTyped(F f, bytes memory result) private pure {
        bytes4 selector = bytes4(result);
        bool untyped = result.length < 4 || selector == 0x4e487b71 || selector == 0x08c379a0;
        _require(!untyped, string.concat(_name(f), ": refused without one of the contracts' own errors"));
    }

    function _count(F f, bool done) internal {
        ++called[uint256(f)];
        if (done) ++succeeded[uint256(f)];
    }

    function _require(bool holds, string memory rule) internal pure {
        if (!holds) revert Broken(rule);
    }

    /// @notice What the campaign's own reading of the rules says must be what the contracts did.
    function _agree(F f, bool expected, bool happened) internal pure {
        if (expected == happened) return;
        revert Broken(string.concat(_name(f), expected ? ": refused although allowed" : ": done although forbidden"));
    }

    // ------------------------------------------------------------------ who has what afterwards

    function _remember() internal {
        for (uint256 i = 0; i < people.length; ++i) {
            (_was[people[i]], _owed[people[i]]) = (_balance(people[i]), 0);
        }
    }

    function _owe(address account, uint256 amount) internal {
        _owed[account] += int256(amount);
    }

    function _take(address account, uint256 amount) internal {
        _owed[account] -= int256(amount);
    }

    function _settleUp(string memory rule) internal view {
        for (uint256 i = 0; i < people.length; ++i) {
            int256 expected = int256(_was[people[i]]) + _owed[people[i]];
            _require(int256(_balance(people[i])) == expected, rule);
        }
    }

    // ------------------------------------------------------------------ names

    function _name(F f) internal pure returns (string memory) {
        return _names()[uint256(f)];
    }

    function _names() internal pure returns (string[FUNCTIONS] memory) {
        return [
            "deposit",
            "depositFor",
            "depositWithPermit",
            "withdraw",
            "setDelegate",
            "cancel",
            "cancelAll",
            "bond",
            "releaseBond",
            "fill",
            "redeem",
            "redeemGroup",
            "close",
            "split",
            "merge",
            "safeTransferFrom",
            "safeBatchTransferFrom",
            "setApprovalForAll",
            "register",
            "setAgent",
            "registerTerms",
            "requestUnbonding",
            "attest",
            "revoke",
            "removeDevice",
            "setFee",
            "setTreasury",
            "setAuditors",
            "addArbiterSet",
            "setDefaultMinBond",
            "setMinBond",
            "setRoleBond",
            "setFees",
            "pause",
            "unpause",
            "claimUsage",
            "challenge",
            "claimNoShow",
            "answer",
            "decide",
            "resolve",
            "release",
            "interrupt",
            "proveReceipts",
            "proveOverlap",
            "proveCancelledBid",
            "proveCancelledAsk",
            "proveVerdicts",
            "proveAttestations",
            "Resale.fill"
        ];
    }
}
