// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {vm} from "./Vm.sol";

/// @title Outcomes of conditions that were seen, in contracts compiled with probes
library Probes {
    /// @notice Append their numbers to PROBE_LOG; PROBES is how many there are, zero in ordinary contracts.
    function save() internal {
        uint256 count = vm.envOr("PROBES", uint256(0));
        if (count == 0) return;
        string memory line;
        for (uint256 i = 0; i < count; ++i) {
            if (bytes(vm.getLabel(address(uint160(0xb0000000 + i))))[0] == "u") continue; // unlabelled
            line = string.concat(line, bytes(line).length == 0 ? "" : ", ", vm.toString(i));
        }
        vm.writeLine(vm.envOr("PROBE_LOG", string("")), string.concat("[", line, "]"));
    }
}
