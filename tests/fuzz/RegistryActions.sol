// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IProviderRegistry} from "../../contracts/interfaces/IProviderRegistry.sol";
import {Attestation} from "../../contracts/types/Attestation.sol";
import {Revocation} from "../../contracts/types/Revocation.sol";
import {Terms} from "../../contracts/types/Terms.sol";
import {AccountActions} from "./AccountActions.sol";
import {F} from "./Calls.sol";
import {Typed} from "./Typed.sol";
import {vm} from "./Vm.sol";

/// @title Providers, terms and devices
abstract contract RegistryActions is AccountActions {
    bytes32 internal constant SLICE = keccak256("nvidia/h100/80gb/sxm/mig-1g.10gb");

    bytes32[] internal devices;
    uint256 private _made;
    uint256 private _strangers;
    mapping(address provider => address[] agents) private _agents;
    mapping(bytes32 device => bool) private _isRevoked;
    /// Until when a replaced agent's key counts.
    mapping(address provider => mapping(address agent => uint256)) internal replacedUntil;
    /// How long attestations last at least and at most in this run.
    uint256[2] internal lifetime = [10 days, 30 days];

    function _ask(F f, address from, bytes memory data, bool allowed) private returns (bool done) {
        (done,) = _send(f, from, address(registry), data);
        if (done) _count(f, true);
        _agree(f, allowed, done);
    }

    function _newAgent(address provider) internal returns (address agent) {
        uint256 key = uint256(keccak256(abi.encode(provider, _agents[provider].length, "agent")));
        agent = vm.addr(key);
        keys[agent] = key;
        _agents[provider].push(agent);
    }

    function _register() internal {
        bool known = _chance(10);
        address who = known ? _one(providers) : vm.addr(uint256(keccak256(abi.encode("newcomer", _strangers++))));
        address agent = _chance(95) ? stranger : address(0);
        bytes memory data = abi.encodeCall(IProviderRegistry.register, (agent));
        bool done = _ask(F.Register, who, data, !known && agent != address(0));
        if (done) _require(registry.agentOf(who) == agent, "5: agent");
    }

    function _setAgent() internal {
        address who = _chance(95) ? _one(providers) : stranger;
        address[] storage list = _agents[who];
        address agent = list.length < 4 && who != stranger ? _newAgent(who) : address(0);
        if (agent == address(0) && list.length != 0 && _chance(95)) agent = _one(list);
        address previous = registry.agentOf(who);
        bytes memory data = abi.encodeCall(IProviderRegistry.setAgent, (agent));
        bool done = _ask(F.SetAgent, who, data, agent != address(0) && previous != address(0));
        if (!done) return;
        if (agent != previous) replacedUntil[who][previous] = block.timestamp + timing.redeemGrace;
        _require(registry.agentOf(who) == agent, "5: agent");
        _require(registry.isAgent(who, previous), "5: a replaced agent counts for a while");
    }

    function _olderAgent(address provider) internal returns (address) {
        return _one(_agents[provider]);
    }

    // ------------------------------------------------------------------ terms

    function _registerTerms() internal {
        Terms memory terms = _someTerms();
        if (_chance(20)) _changeTerms(terms);
        address who = _chance(97) ? _one(providers) : stranger;
        bool allowed = who != stranger && _termsHold(terms);
        bytes memory data = abi.encodeCall(IProviderRegistry.registerTerms, (terms));
        (bool done, bytes memory result) = _send(F.RegisterTerms, who, address(registry), data);
        if (done) _count(F.RegisterTerms, true);
        _agree(F.RegisterTerms, allowed, done);
        if (done) _learn(abi.decode(result, (uint64)), who, terms);
    }

    function _learn(uint64 number, address provider, Terms memory terms) private {
        (termsOf[number], providerOf[number], feeOf[number]) = (terms, provider, parameters.feeBps());
        (Terms memory stored, address owner, uint16 fee) = registry.termsOf(number);
        _require(keccak256(abi.encode(stored)) == keccak256(abi.encode(terms)), "2: terms");
        _require(owner == provider && fee == parameters.feeBps(), "9: fee of terms");
        if (sold.length < 12) sold.push(number);
        else if (_chance(20)) sold[_below(12)] = number;
    }

    function _someTerms() internal returns (Terms memory terms) {
        uint256 kind = _below(3);
        if (kind == 0) (terms.deviceClass, terms.isolation, terms.step) = (H100, uint8(_between(4, 5)), 1_000);
        else if (kind == 1) (terms.deviceClass, terms.isolation, terms.step) = (SLICE, 3, 1_000);
        else (terms.deviceClass, terms.isolation, terms.step) = (SHARED, uint8(_between(1, 2)), _chance(50) ? 100 : 200);
        if (_chance(50)) terms.reservationFeeBps = uint16(_below(5_001));
        if (_chance(50)) terms.slaCreditBps = uint16(_below(10_001));
        if (_chance(50)) (terms.interruptible, terms.notice) = (true, uint32(_between(1, 1_200)));
        terms.receiptInterval = uint32(_between(1, 60));
        terms.unsignedIntervals = uint16(_between(1, 600 / terms.receiptInterval));
        terms.arbiterSet = _chance(80) ? 1 : 0;
    }

    function _changeTerms(Terms memory terms) private {
        uint256 which = _below(9);
        if (which == 0) terms.deviceClass = 0;
        else if (which == 1) terms.isolation = uint8(_chance(50) ? 0 : 6);
        else if (which == 2) terms.step = uint16(_chance(50) ? 0 : 300);
        else if (which == 3) terms.reservationFeeBps = uint16(5_000 + _below(2));
        else if (which == 4) terms.slaCreditBps = uint16(10_000 + _below(2));
        else if (which == 5) terms.notice = uint32(_chance(50) ? 0 : 168 hours + _below(2));
        else if (which == 6) (terms.receiptInterval, terms.unsignedIntervals) = (uint32(100 + _below(2)), 6);
        else if (which == 7) terms.unsignedIntervals = 0;
        else terms.arbiterSet = parameters.arbiterSetCount() + uint32(_below(2));
    }

    function _termsHold(Terms memory terms) private view returns (bool) {
        if (terms.deviceClass == 0 || terms.isolation == 0 || terms.isolation > 5) return false;
        if (terms.step == 0 || 1_000 % terms.step != 0) return false;
        if (terms.isolation >= 3 && terms.step != 1_000) return false;
        uint256 unsigned = uint256(terms.receiptInterval) * terms.unsignedIntervals;
        if (unsigned == 0 || unsigned > 10 minutes) return false;
        if (terms.reservationFeeBps > 5_000 || terms.slaCreditBps > 10_000) return false;
        if ((terms.notice != 0) != terms.interruptible || terms.notice > 168 hours) return false;
        return terms.arbiterSet <= parameters.arbiterSetCount();
    }

    // ------------------------------------------------------------------ devices

    function _attest() internal {
        _attestOne(devices.length < 12 || _chance(20) ? _newDevice() : _renewal(_revokedOrAny()));
    }

    function _attestOne(Attestation memory attestation) private {
        uint256 change = _chance(20) ? _between(1, 11) : 0;
        _changeAttestation(attestation, change);
        address[] memory signers = _signers(change);
        address caller = _one(providers);
        bool allowed = _attestable(attestation, signers, caller);
        bool done = _sendAttestation(attestation, signers, caller);
        _agree(F.Attest, allowed, done);
        if (!done) return;
        _know(attestation.device);
        _isRevoked[attestation.device] = false;
    }

    function _know(bytes32 device) internal {
        for (uint256 i = 0; i < devices.length; ++i) if (devices[i] == device) return;
        devices.push(device);
    }

    function _sendAttestation(Attestation memory attestation, address[] memory signers, address caller)
        internal
        returns (bool done)
    {
        Attestation[] memory list = new Attestation[](1);
        bytes[][] memory signatures = new bytes[][](1);
        (list[0], signatures[0]) = (attestation, new bytes[](signers.length));
        for (uint256 i = 0; i < signers.length; ++i) {
            signatures[0][i] = _sign(signers[i], registryDomain, Typed.hash(attestation));
        }
        bytes memory data = abi.encodeCall(IProviderRegistry.attest, (list, signatures));
        (done,) = _send(F.Attest, caller, address(registry), data);
        if (done) _count(F.Attest, true);
    }

    function _newDevice() internal returns (Attestation memory attestation) {
        uint256 kind = _below(3);
        attestation.provider = _one(providers);
        attestation.device = keccak256(abi.encode("device", _made++));
        attestation.deviceClass = kind == 0 ? H100 : kind == 1 ? SLICE : SHARED;
        attestation.laneMilli = kind == 2 ? 100 : 1_000;
        if (kind == 1) attestation.parent = keccak256(abi.encode("card", attestation.provider, _below(2)));
        attestation.expiry = uint40(block.timestamp + _between(lifetime[0], lifetime[1]));
        attestation.evidence = keccak256(abi.encode(_made));
    }

    /// @dev Sooner one that is revoked: its class sells nothing meanwhile.
    function _revokedOrAny() private returns (bytes32 device) {
        for (uint256 i = 0; i < 8 && !_isRevoked[device]; ++i) device = devices[_below(devices.length)];
    }

    function _renewal(bytes32 known) private returns (Attestation memory attestation) {
        attestation = _newDevice();
        attestation.device = known;
        IProviderRegistry.Device memory device = registry.deviceOf(attestation.device);
        attestation.expiry = uint40(device.expiry + _between(0, 1 days));
        if (device.provider == address(0) || _chance(5)) return attestation;
        (attestation.provider, attestation.deviceClass) = (device.provider, device.deviceClass);
        attestation.parent = device.parent;
        attestation.laneMilli = attestation.deviceClass == SHARED ? 100 : 1_000;
    }

    function _changeAttestation(Attestation memory attestation, uint256 change) private {
        if (change == 1) attestation.provider = stranger;
        else if (change == 2) attestation.deviceClass = _chance(50) ? bytes32(0) : H100;
        else if (change == 3) attestation.laneMilli = uint16(_chance(50) ? 0 : 300);
        else if (change == 4) attestation.expiry = uint40(block.timestamp + _below(2));
        else if (change == 5) attestation.simulated = true;
        else if (change == 6) attestation.parent = devices.length == 0 || _chance(50) ? attestation.device : devices[_below(devices.length)];
        else if (change == 7) attestation.laneMilli = 500;
        else if (change == 10) attestation.evidence = 0;
        else if (change == 11) attestation.expiry = uint40(block.timestamp + 400 days + _below(2));
    }

    function _signers(uint256 change) internal returns (address[] memory signers) {
        address[] memory members = parameters.auditors();
        uint256 needed = parameters.auditorThreshold();
        if (change == 8) --needed;
        signers = new address[](needed);
        uint256 from = _below(members.length);
        for (uint256 i = 0; i < needed; ++i) signers[i] = members[(from + i) % members.length];
        if (change == 9 && needed != 0) signers[0] = _chance(50) ? stranger : signers[needed - 1];
    }

    function _attestable(Attestation memory a, address[] memory signers, address caller) private view returns (bool) {
        if (registry.agentOf(a.provider) == address(0) || a.simulated || a.deviceClass == 0) return false;
        if (a.device == 0 || a.device == a.parent || a.laneMilli == 0 || 1_000 % a.laneMilli != 0) return false;
        IProviderRegistry.Device memory device = registry.deviceOf(a.device);
        if (a.expiry <= block.timestamp || a.expiry <= device.expiry) return false;
        if (a.evidence == 0 || a.expiry > block.timestamp + 400 days) return false;
        IProviderRegistry.Capacity memory capacity = registry.capacityOf(a.provider, a.deviceClass);
        if (capacity.lanes != 0 && capacity.laneMilli != a.laneMilli) return false;
        if (device.provider == address(0)) {
            if (!_admissible(a, device, capacity) || !_bondDoes(a, capacity)) return false;
        } else if (device.provider != a.provider || device.deviceClass != a.deviceClass || device.parent != a.parent) {
            return false;
        }
        return _vouched(signers) && _balance(caller) >= signers.length * parameters.attestationFee();
    }

    /// @dev A whole device and its slices exclude each other.
    function _admissible(
        Attestation memory a,
        IProviderRegistry.Device memory device,
        IProviderRegistry.Capacity memory capacity
    ) private view returns (bool) {
        if (device.slices != 0 || capacity.lanes + 1_000 / a.laneMilli > 511) return false;
        if (a.parent == 0) return true;
        IProviderRegistry.Device memory parent = registry.deviceOf(a.parent);
        return parent.provider == address(0) && (parent.slices != 0 || a.expiry > parent.expiry);
    }

    /// @dev Rule 8: while sold hours may still claim on it, the bond must do for the new device as well.
    function _bondDoes(Attestation memory a, IProviderRegistry.Capacity memory capacity) private view returns (bool) {
        IProviderRegistry.Bond memory bond = registry.bondOf(a.provider);
        uint256 milli = uint256(capacity.lanes) * capacity.laneMilli;
        uint256 others = bond.required - milli * capacity.minBondPerMilli;
        if (bond.bonded >= others + (milli + 1_000) * parameters.minBondPerMilli(a.deviceClass)) return true;
        bytes32[3] memory classes = [H100, SHARED, SLICE];
        uint256 last;
        for (uint256 i = 0; i < 3; ++i) {
            uint256 end = registry.capacityOf(a.provider, classes[i]).lastSoldEnd;
            if (end > last) last = end;
        }
        uint256 longest = timing.challenge > timing.response ? timing.challenge : timing.response;
        return block.timestamp >= last + timing.redeemGrace + longest + timing.verdict;
    }

    function _vouched(address[] memory signers) private view returns (bool) {
        if (signers.length < parameters.auditorThreshold()) return false;
        for (uint256 i = 0; i < signers.length; ++i) {
            if (parameters.auditorIndex(signers[i]) == 0) return false;
            if (registry.freeBond(signers[i]) < parameters.roleBond()) return false;
            for (uint256 j = 0; j < i; ++j) if (signers[i] == signers[j]) return false;
        }
        return true;
    }

    // ------------------------------------------------------------------ out again

    /// @dev Mostly attested anew at once, or the market would end.
    function _revoke() internal {
        if (devices.length == 0) return _attest();
        bytes32 device = devices[_below(devices.length)];
        IProviderRegistry.Device memory state = registry.deviceOf(device);
        for (uint256 i = 0; i < 6 && (state.provider == address(0) || _isRevoked[device]); ++i) {
            device = devices[_below(devices.length)];
            state = registry.deviceOf(device);
        }
        Revocation memory revocation = Revocation(device, state.expiry, "fraud");
        uint256 change = _chance(20) ? _between(6, 12) : 0;
        if (change == 10) revocation.evidence = 0;
        else if (change == 11) revocation.expiry = uint40(state.expiry - 1 + 2 * _below(2));
        else if (change == 12) revocation.device = bytes32("unknown");
        address[] memory signers = _signers(change);
        bool allowed = change < 10 && state.provider != address(0) && !_isRevoked[device] && _vouched(signers);
        bool done = _ask(F.Revoke, stranger, _revocationOf(revocation, signers), allowed);
        if (!done) return;
        _isRevoked[device] = true;
        _require(registry.deviceOf(device).revoked, "3: a revoked device");
        _require(registry.capacityOf(state.provider, state.deviceClass).expiry == 0, "3: its class still sells");
        if (_chance(80)) _attestOne(_renewal(device));
    }

    function _revocationOf(Revocation memory revocation, address[] memory signers) private returns (bytes memory) {
        Revocation[] memory list = new Revocation[](1);
        bytes[][] memory signatures = new bytes[][](1);
        (list[0], signatures[0]) = (revocation, new bytes[](signers.length));
        for (uint256 i = 0; i < signers.length; ++i) {
            signatures[0][i] = _sign(signers[i], registryDomain, Typed.hash(revocation));
        }
        return abi.encodeCall(IProviderRegistry.revoke, (list, signatures));
    }

    function _removeDevice() internal {
        if (devices.length == 0 || _removals() && _chance(70)) return _attest();
        bytes32 device = _chance(97) ? devices[_below(devices.length)] : bytes32("unknown");
        IProviderRegistry.Device memory state = registry.deviceOf(device);
        address caller = _chance(90) && state.provider != address(0) ? state.provider : stranger;
        bool allowed = _removable(state, caller, _isRevoked[device]);
        bytes memory data = abi.encodeCall(IProviderRegistry.removeDevice, (device));
        if (_ask(F.RemoveDevice, caller, data, allowed)) _isRevoked[device] = false;
    }

    /// @dev Whether many devices are out already.
    function _removals() private view returns (bool) {
        uint256 out;
        for (uint256 i = 0; i < devices.length; ++i) {
            if (registry.deviceOf(devices[i]).provider == address(0)) ++out;
        }
        return out * 2 > devices.length;
    }

    function _removable(IProviderRegistry.Device memory state, address caller, bool revoked)
        private
        view
        returns (bool)
    {
        if (state.provider == address(0)) return false;
        if (caller != state.provider && block.timestamp < state.expiry && !revoked) return false;
        IProviderRegistry.Capacity memory capacity = registry.capacityOf(state.provider, state.deviceClass);
        uint256 left = uint256(capacity.lanes) * capacity.laneMilli - 1_000;
        (uint256 from, uint256 to) = (block.timestamp / 1 hours, _hourAfter(capacity.lastSoldEnd));
        // Until the hour is over, what ended in it and is not closed holds its lanes.
        if (to <= from) return true;
        uint256[] memory needs = _needs(state.provider, state.deviceClass, from, to);
        for (uint256 i = 0; i < needs.length; ++i) if (needs[i] > left) return false;
        return true;
    }
}
