// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IParameters} from "../../contracts/interfaces/IParameters.sol";
import {F} from "./Calls.sol";
import {RegistryActions} from "./RegistryActions.sol";

/// @title What governance sets, and what it may not
abstract contract ParameterActions is RegistryActions {
    function _govern(F f, bytes memory data, bool valid) private returns (bool done) {
        address from = _chance(95) ? governor : _chance(50) ? pauser : stranger;
        (done,) = _send(f, from, address(parameters), data);
        if (done) _count(f, true);
        _agree(f, valid && from == governor, done);
    }

    function _setFee() internal {
        uint16 fee = uint16(_chance(20) ? 0 : _chance(80) ? _below(300) : 1_000 + _below(2));
        bool done = _govern(F.SetFee, abi.encodeCall(IParameters.setFee, (fee)), fee <= 1_000);
        if (done) _require(parameters.feeBps() == fee, "9: fee");
    }

    function _setTreasury() internal {
        address to = _chance(95) ? _one(treasuries) : address(0);
        _govern(F.SetTreasury, abi.encodeCall(IParameters.setTreasury, (to)), to != address(0));
    }

    function _setAuditors() internal {
        uint256 count = _between(2, 3);
        address[] memory list = new address[](count);
        uint256 from = _below(3);
        for (uint256 i = 0; i < count; ++i) list[i] = auditors[(from + i) % 3];
        uint8 threshold = uint8(_chance(90) ? _between(1, count) : _chance(50) ? 0 : count + 1);
        bool valid = threshold != 0 && threshold <= count;
        if (_chance(10)) (list[0], valid) = (_chance(50) ? list[1] : address(0), false);
        bytes memory data = abi.encodeCall(IParameters.setAuditors, (list, threshold));
        if (_govern(F.SetAuditors, data, valid)) {
            _require(parameters.auditors().length == count, "9: auditors");
            for (uint256 i = 0; i < 3; ++i) {
                bool listed = auditors[i] == list[0] || auditors[i] == list[1] || auditors[i] == list[count - 1];
                _require((parameters.auditorIndex(auditors[i]) != 0) == listed, "9: auditor");
            }
        }
    }

    function _addArbiterSet() internal {
        address[] memory list = new address[](2);
        (list[0], list[1]) = (arbiters[_below(3)], _chance(97) ? arbiters[_below(3)] : address(0));
        uint8 threshold = uint8(_below(4));
        bool valid = list[0] != list[1] && list[1] != address(0) && threshold != 0 && threshold <= 2;
        uint32 before = parameters.arbiterSetCount();
        bool done = _govern(F.AddArbiterSet, abi.encodeCall(IParameters.addArbiterSet, (list, threshold)), valid);
        _require(parameters.arbiterSetCount() == before + (done ? 1 : 0), "9: arbiter sets are only added");
    }

    function _setDefaultMinBond() internal {
        _govern(
            F.SetDefaultMinBond, abi.encodeCall(IParameters.setDefaultMinBond, (uint64(_below(2_000)))), true
        );
    }

    function _setMinBond() internal {
        bytes32 deviceClass = _chance(50) ? H100 : SHARED;
        (uint64 amount, bool isSet) = (uint64(_below(2_000)), _chance(70));
        bytes memory data = abi.encodeCall(IParameters.setMinBond, (deviceClass, amount, isSet));
        bool done = _govern(F.SetMinBond, data, true);
        if (done && isSet) _require(parameters.minBondPerMilli(deviceClass) == amount, "9: minimum bond");
    }

    function _setRoleBond() internal {
        uint64 amount = uint64(_chance(5) ? 0 : _chance(90) ? _below(10 * USD) : 100_000 * USD + _below(2));
        bool done = _govern(F.SetRoleBond, abi.encodeCall(IParameters.setRoleBond, (amount)), amount <= 100_000 * USD);
        if (done && amount > 10 * USD) _lowerRoleBond();
    }

    /// @dev Nobody could pay it; the campaign goes on with another.
    function _lowerRoleBond() private {
        (bool done,) = _send(
            F.SetRoleBond, governor, address(parameters), abi.encodeCall(IParameters.setRoleBond, (uint64(5 * USD)))
        );
        if (done) _count(F.SetRoleBond, true);
    }

    function _setFees() internal {
        uint64 attestation = uint64(_chance(15) ? 0 : _chance(90) ? _below(USD / 2) : 100 * USD + 1);
        uint64 dispute = uint64(_chance(90) ? _below(USD) : 1_000 * USD + 1);
        bool valid = attestation <= 100 * USD && dispute <= 1_000 * USD;
        _govern(F.SetFees, abi.encodeCall(IParameters.setFees, (attestation, dispute)), valid);
    }

    function _pause() internal {
        uint32 duration = uint32(_chance(80) ? _between(1, 300) : _chance(50) ? 0 : 7 days + 1);
        address from = _chance(95) ? pauser : stranger;
        bool allowed = from == pauser && duration != 0 && duration <= 7 days;
        bytes memory data = abi.encodeCall(IParameters.pause, (duration));
        (bool done,) = _send(F.Pause, from, address(parameters), data);
        if (done) _count(F.Pause, true);
        _agree(F.Pause, allowed, done);
        if (done) _require(parameters.paused(), "9: pause");
    }

    function _unpause() internal {
        if (!parameters.paused() && _chance(85)) return _pause();
        address from = _chance(60) ? pauser : _chance(90) ? governor : stranger;
        bool allowed = parameters.paused() && from != stranger;
        (bool done,) = _send(F.Unpause, from, address(parameters), abi.encodeCall(IParameters.unpause, ()));
        if (done) _count(F.Unpause, true);
        _agree(F.Unpause, allowed, done);
        if (done) _require(!parameters.paused(), "9: unpause");
    }
}
