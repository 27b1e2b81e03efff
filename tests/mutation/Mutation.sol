// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @notice Whether the mutant of this number is the one on trial; `schema.py` writes the calls.
/// @dev The number is the block's coinbase, which no contract of ours reads and forge takes from its environment.
/// Reading it costs 2 gas and needs no right, but a pure function may not, hence the cast.
function mutated(uint256 number) pure returns (bool) {
    return _asPure(_onTrial)() == number;
}

function _asPure(function () view returns (uint256) given)
    pure
    returns (function () pure returns (uint256) same)
{
    assembly ("memory-safe") {
        same := given
    }
}

function _onTrial() view returns (uint256) {
    return uint160(address(block.coinbase));
}
