// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @notice Remember that condition `number` had this outcome, and hand it on.
/// @dev The memory is the table of names of Foundry's machine: it outlives a revert, and asking it changes nothing
/// that the contracts can see. The call needs no right but a pure function may not make it, hence the cast.
function probed(uint256 number, bool outcome) pure returns (bool) {
    _asPure(_note)(2 * number + (outcome ? 1 : 0));
    return outcome;
}

function _asPure(function (uint256) view given) pure returns (function (uint256) pure same) {
    assembly ("memory-safe") {
        same := given
    }
}

function _note(uint256 outcome) view {
    address machine = 0x7109709ECfa91a80626fF3989D68f67F5b1DD12D;
    (bool done,) = machine.staticcall(
        abi.encodeWithSignature("label(address,string)", address(uint160(0xb0000000 + outcome)), "seen")
    );
    done;
}
