// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IParameters} from "../interfaces/IParameters.sol";
import {IProviderRegistry} from "../interfaces/IProviderRegistry.sol";
import {Attestation} from "../types/Attestation.sol";
import {Revocation} from "../types/Revocation.sol";
import {Bonds} from "./Bonds.sol";
import {Signatures} from "./Signatures.sol";
import {Units} from "./Units.sol";

/// @title What an attestation must be by itself, and who must have signed it
library AttestationRules {
    /// @notice Longest validity: a new attestation has to be later than the last, so none may lie out of reach.
    uint256 internal constant MAX_VALIDITY = 400 days;

    function checkFields(Attestation calldata attestation, bool allowSimulated) internal view {
        if (attestation.simulated && !allowSimulated) revert IProviderRegistry.SimulatedRefused(attestation.device);
        if (attestation.deviceClass == 0) revert IProviderRegistry.BadClass(attestation.deviceClass);
        if (attestation.device == 0 || attestation.device == attestation.parent) {
            revert IProviderRegistry.BadDevice(attestation.device, attestation.parent);
        }
        uint256 lane = attestation.laneMilli;
        if (lane == 0 || Units.WHOLE_MILLI % lane != 0) revert IProviderRegistry.BadLane(lane, Units.WHOLE_MILLI);
        if (attestation.evidence == 0) revert IProviderRegistry.NoEvidence();
        if (attestation.expiry <= block.timestamp) {
            revert IProviderRegistry.StaleAttestation(attestation.expiry, block.timestamp);
        }
        uint256 latest = block.timestamp + MAX_VALIDITY;
        if (attestation.expiry > latest) revert IProviderRegistry.AttestationTooLong(attestation.expiry, latest);
    }

    /// @notice A revocation is of the attestation that counts now.
    function checkRevocable(IProviderRegistry.Device storage state, Revocation calldata revocation) internal view {
        if (state.provider == address(0)) revert IProviderRegistry.DeviceUnknown(revocation.device);
        if (revocation.evidence == 0) revert IProviderRegistry.NoEvidence();
        if (state.revoked || state.expiry != revocation.expiry) {
            revert IProviderRegistry.NotRevocable(revocation.device, revocation.expiry, state.expiry);
        }
    }

    /// @return auditors Who signed, each once, each bonded.
    function checkAuditors(
        IParameters parameters,
        bytes32 digest,
        bytes[] calldata signatures,
        mapping(address account => IProviderRegistry.Bond bond) storage bonds
    ) internal view returns (address[] memory auditors) {
        uint256 seen;
        uint256 roleBond = parameters.roleBond();
        auditors = new address[](signatures.length);
        for (uint256 i = 0; i < signatures.length; ++i) {
            address signer = Signatures.signer(digest, signatures[i]);
            auditors[i] = signer;
            uint256 index = parameters.auditorIndex(signer);
            if (index == 0) revert IProviderRegistry.NotAuditor(signer);
            if ((seen >> index) & 1 != 0) revert IProviderRegistry.AuditorRepeated(signer);
            seen |= 1 << index;
            uint256 bonded = Bonds.free(bonds[signer]);
            if (bonded < roleBond) revert IProviderRegistry.RoleBondTooLow(signer, bonded, roleBond);
        }
        uint256 needed = parameters.auditorThreshold();
        if (signatures.length < needed) revert IProviderRegistry.TooFewAuditors(signatures.length, needed);
    }
}
