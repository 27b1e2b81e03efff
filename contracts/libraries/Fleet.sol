// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IParameters} from "../interfaces/IParameters.sol";
import {IProviderRegistry} from "../interfaces/IProviderRegistry.sol";
import {Attestation} from "../types/Attestation.sol";
import {Revocation} from "../types/Revocation.sol";
import {AttestationRules} from "./AttestationRules.sol";
import {Lanes} from "./Lanes.sol";
import {Units} from "./Units.sol";

/// @notice What the registry remembers of devices, sold hours and bonds.
struct Fleet {
    mapping(address account => IProviderRegistry.Bond bond) bonds;
    mapping(address provider => bytes32[] classes) classes;
    mapping(address provider => mapping(bytes32 deviceClass => IProviderRegistry.Capacity capacity)) capacity;
    mapping(address provider => mapping(bytes32 deviceClass => bytes32[] devices)) devicesOf;
    mapping(address provider => mapping(bytes32 deviceClass => mapping(uint256 slot => uint256 word))) calendar;
    mapping(bytes32 device => IProviderRegistry.Device state) devices;
}

/// @title Devices come and go, and with them capacity and the bond that it needs
library FleetLib {
    using Lanes for mapping(uint256 slot => uint256 word);

    uint256 private constant MAX_CLASSES = 64;

    /// @notice Most lanes sold in any hour that [start, end) touches.
    function peakLanes(Fleet storage fleet, address provider, bytes32 deviceClass, uint256 start, uint256 end)
        internal
        view
        returns (uint256)
    {
        if (end <= start) return 0;
        (uint256 from, uint256 to) = Lanes.hoursOf(start, end);
        return fleet.calendar[provider][deviceClass].peak(from, to);
    }

    /// @notice See `IProviderRegistry.removeDevice`.
    function remove(Fleet storage fleet, IParameters parameters, bytes32 device) internal {
        IProviderRegistry.Device storage state = fleet.devices[device];
        address provider = state.provider;
        bytes32 deviceClass = state.deviceClass;
        if (provider == address(0)) revert IProviderRegistry.DeviceUnknown(device);
        if (msg.sender != provider && block.timestamp < state.expiry && !state.revoked) {
            revert IProviderRegistry.NotRemovable(device, state.expiry);
        }
        IProviderRegistry.Capacity storage capacity = fleet.capacity[provider][deviceClass];
        uint256 lanes = capacity.lanes - Units.WHOLE_MILLI / capacity.laneMilli;
        // From the first second of the running hour: until that is over, `close` may give it back, and must find
        // lanes of the size that it was charged in.
        uint256 hour = (block.timestamp / 1 hours) * 1 hours;
        uint256 sold = peakLanes(fleet, provider, deviceClass, hour, capacity.lastSoldEnd);
        if (lanes < sold) revert IProviderRegistry.HoursSold(lanes, sold);

        if (state.parent != 0) --fleet.devices[state.parent].slices;
        _forget(fleet, fleet.devicesOf[provider][deviceClass], state);
        _setCapacity(fleet, parameters, provider, deviceClass, uint16(lanes), capacity.laneMilli);
        emit IProviderRegistry.DeviceRemoved(provider, device, deviceClass);
    }

    /// @notice Take what auditors attested: a new device, or a later expiry of a known one.
    /// @return isNew Whether the device was not enrolled before.
    function enrol(Fleet storage fleet, IParameters parameters, Attestation calldata attestation)
        internal
        returns (bool isNew)
    {
        IProviderRegistry.Device storage state = fleet.devices[attestation.device];
        address provider = attestation.provider;
        bytes32 deviceClass = attestation.deviceClass;
        if (attestation.expiry <= state.expiry) {
            revert IProviderRegistry.StaleAttestation(attestation.expiry, state.expiry);
        }
        IProviderRegistry.Capacity storage capacity = fleet.capacity[provider][deviceClass];
        uint16 lanes = capacity.lanes;
        if (lanes != 0 && capacity.laneMilli != attestation.laneMilli) {
            revert IProviderRegistry.LaneMismatch(attestation.laneMilli, capacity.laneMilli);
        }
        isNew = state.provider == address(0);
        if (isNew) {
            _admit(fleet, attestation, state);
            lanes = _addLanes(fleet, provider, deviceClass, lanes, attestation.laneMilli);
            bytes32[] storage devices = fleet.devicesOf[provider][deviceClass];
            state.index = uint16(devices.length);
            devices.push(attestation.device);
        } else if (
            state.provider != provider || state.deviceClass != deviceClass || state.parent != attestation.parent
        ) {
            revert IProviderRegistry.DeviceTaken(attestation.device, state.provider);
        }
        state.expiry = attestation.expiry;
        (state.simulated, state.revoked) = (attestation.simulated, false);
        _raiseParentExpiry(fleet, attestation);
        _emitAttested(attestation);
        _setCapacity(fleet, parameters, provider, deviceClass, lanes, attestation.laneMilli);
    }

    /// @notice See `IProviderRegistry.revoke`.
    function revoke(Fleet storage fleet, IParameters parameters, Revocation calldata revocation) internal {
        IProviderRegistry.Device storage state = fleet.devices[revocation.device];
        AttestationRules.checkRevocable(state, revocation);
        (address provider, bytes32 deviceClass) = (state.provider, state.deviceClass);
        IProviderRegistry.Capacity storage capacity = fleet.capacity[provider][deviceClass];
        state.revoked = true;
        emit IProviderRegistry.DeviceRevoked(
            provider, revocation.device, deviceClass, revocation.expiry, revocation.evidence
        );
        _setCapacity(fleet, parameters, provider, deviceClass, capacity.lanes, capacity.laneMilli);
    }

    /// @dev A whole device and its slices exclude each other, and neither comes back by an attestation that is
    /// older than the one that replaced it.
    function _admit(Fleet storage fleet, Attestation calldata attestation, IProviderRegistry.Device storage state)
        private
    {
        if (state.slices != 0) revert IProviderRegistry.SlicesEnrolled(attestation.device, state.slices);
        if (attestation.parent != 0) {
            IProviderRegistry.Device storage parent = fleet.devices[attestation.parent];
            if (parent.provider != address(0)) {
                revert IProviderRegistry.ParentEnrolled(attestation.device, attestation.parent);
            }
            if (parent.slices == 0 && attestation.expiry <= parent.expiry) {
                revert IProviderRegistry.StaleAttestation(attestation.expiry, parent.expiry);
            }
            ++parent.slices;
        }
        (state.provider, state.deviceClass, state.parent) =
            (attestation.provider, attestation.deviceClass, attestation.parent);
    }

    function _addLanes(Fleet storage fleet, address provider, bytes32 deviceClass, uint256 lanes, uint256 laneMilli)
        private
        returns (uint16)
    {
        lanes += Units.WHOLE_MILLI / laneMilli;
        if (lanes > Lanes.MAX_LANES) revert IProviderRegistry.TooManyLanes(lanes, Lanes.MAX_LANES);
        bytes32[] storage classes = fleet.classes[provider];
        // The first lane of a class ever: its record is still empty.
        if (fleet.capacity[provider][deviceClass].laneMilli == 0) {
            if (classes.length == MAX_CLASSES) revert IProviderRegistry.TooManyClasses(classes.length + 1, MAX_CLASSES);
            classes.push(deviceClass);
        }
        return uint16(lanes);
    }

    function _raiseParentExpiry(Fleet storage fleet, Attestation calldata attestation) private {
        if (attestation.parent == 0) return;
        IProviderRegistry.Device storage parent = fleet.devices[attestation.parent];
        if (parent.expiry < attestation.expiry) parent.expiry = attestation.expiry;
    }

    function _forget(Fleet storage fleet, bytes32[] storage devices, IProviderRegistry.Device storage state) private {
        bytes32 last = devices[devices.length - 1];
        devices[state.index] = last;
        fleet.devices[last].index = state.index;
        devices.pop();
        (state.provider, state.index, state.simulated, state.revoked) = (address(0), 0, false, false);
        (state.deviceClass, state.parent) = (0, 0);
    }

    function _setCapacity(
        Fleet storage fleet,
        IParameters parameters,
        address provider,
        bytes32 deviceClass,
        uint16 lanes,
        uint16 laneMilli
    ) private {
        IProviderRegistry.Capacity storage capacity = fleet.capacity[provider][deviceClass];
        IProviderRegistry.Bond storage bond = fleet.bonds[provider];
        uint256 attested = uint256(capacity.lanes) * capacity.laneMilli;
        uint256 before = attested * capacity.minBondPerMilli;
        capacity.lanes = lanes;
        capacity.laneMilli = laneMilli;
        capacity.expiry = _earliestExpiry(fleet, fleet.devicesOf[provider][deviceClass]);
        capacity.minBondPerMilli = parameters.minBondPerMilli(deviceClass);
        uint256 required = bond.required + uint256(lanes) * laneMilli * capacity.minBondPerMilli - before;
        if (required > type(uint64).max) revert IProviderRegistry.BondOverflow(required, type(uint64).max);
        bond.required = uint64(required);
        bond.attestedMilli = uint32(bond.attestedMilli + uint256(lanes) * laneMilli - attested);
        emit IProviderRegistry.CapacityChanged(provider, deviceClass, lanes, laneMilli, capacity.expiry);
    }

    function _earliestExpiry(Fleet storage fleet, bytes32[] storage devices) private view returns (uint40 earliest) {
        for (uint256 i = 0; i < devices.length; ++i) {
            IProviderRegistry.Device storage device = fleet.devices[devices[i]];
            uint40 expiry = device.revoked ? 0 : device.expiry;
            if (i == 0 || expiry < earliest) earliest = expiry;
        }
    }

    function _emitAttested(Attestation calldata attestation) private {
        emit IProviderRegistry.DeviceAttested(
            attestation.provider,
            attestation.device,
            attestation.deviceClass,
            attestation.parent,
            attestation.laneMilli,
            attestation.expiry,
            attestation.evidence,
            attestation.simulated
        );
    }
}
