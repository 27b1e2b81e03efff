// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IProviderRegistry} from "../interfaces/IProviderRegistry.sol";

/// @title Arithmetic on a bond
library Bonds {
    /// @notice What is bonded beyond the minimum that a provider needs.
    function free(IProviderRegistry.Bond storage bond) internal view returns (uint256) {
        return bond.bonded > bond.required ? bond.bonded - bond.required : 0;
    }

    /// @notice The share of one lease: all that lies in the bond x milli / attested milli, rounded down.
    function share(IProviderRegistry.Bond storage bond, uint256 milli) internal view returns (uint256) {
        uint256 whole = uint256(bond.bonded) + bond.unbonding;
        uint256 attested = bond.attestedMilli;
        return milli >= attested ? whole : (whole * milli) / attested;
    }

    /// @notice Take up to `amount`, first from what counts, then from what is on its way out.
    function take(IProviderRegistry.Bond storage bond, uint256 amount) internal returns (uint64 taken) {
        (uint64 bonded, uint64 unbonding) = (bond.bonded, bond.unbonding);
        uint256 whole = uint256(bonded) + unbonding;
        taken = uint64(amount < whole ? amount : whole);
        if (taken <= bonded) {
            bond.bonded = bonded - taken;
        } else {
            (bond.bonded, bond.unbonding) = (0, uint64(whole - taken));
        }
    }
}
