// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IParameters} from "../interfaces/IParameters.sol";
import {IProviderRegistry} from "../interfaces/IProviderRegistry.sol";
import {Attestation} from "../types/Attestation.sol";
import {Signatures} from "./Signatures.sol";
import {Units} from "./Units.sol";

/// @title What an attestation must be by itself, and who must have signed it
library AttestationRules {
    function checkFields(Attestation calldata attestation, bool allowSimulated) internal view {
        if (attestation.simulated && !allowSimulated) revert IProviderRegistry.SimulatedRefused(attestation.device);
        if (attestation.deviceClass == 0) revert IProviderRegistry.BadClass(attestation.deviceClass);
        if (attestation.device == 0 || attestation.device == attestation.parent) {
            revert IProviderRegistry.BadDevice(attestation.device, attestation.parent);
        }
        uint256 lane = attestation.laneMilli;
        if (lane == 0 || Units.WHOLE_MILLI % lane != 0) revert IProviderRegistry.BadLane(lane, Units.WHOLE_MILLI);
        if (attestation.expiry <= block.timestamp) {
            revert IProviderRegistry.StaleAttestation(attestation.expiry, block.timestamp);
        }
    }

    function checkAuditors(IParameters parameters, bytes32 digest, bytes[] calldata signatures) internal view {
        uint256 seen;
        for (uint256 i = 0; i < signatures.length; ++i) {
            address signer = Signatures.signer(digest, signatures[i]);
            uint256 index = parameters.auditorIndex(signer);
            if (index == 0) revert IProviderRegistry.NotAuditor(signer);
            if ((seen >> index) & 1 != 0) revert IProviderRegistry.AuditorRepeated(signer);
            seen |= 1 << index;
        }
        uint256 needed = parameters.auditorThreshold();
        if (signatures.length < needed) revert IProviderRegistry.TooFewAuditors(signatures.length, needed);
    }
}
