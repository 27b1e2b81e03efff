// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IArbitration} from "../../contracts/interfaces/IArbitration.sol";
import {IGpuMarket} from "../../contracts/interfaces/IGpuMarket.sol";
import {IProviderRegistry} from "../../contracts/interfaces/IProviderRegistry.sol";
import {Attestation} from "../../contracts/types/Attestation.sol";
import {Terms} from "../../contracts/types/Terms.sol";
import {Timing} from "../../contracts/types/Timing.sol";
import {F} from "./Calls.sol";
import {Held} from "./World.sol";
import {Id, Typed} from "./Typed.sol";
import {Probes} from "./Probes.sol";
import {ResaleActions} from "./ResaleActions.sol";
import {Rules} from "./Rules.sol";
import {vm} from "./Vm.sol";

/// @title Random life of one bourse: many calls, what each must change after it, every rule of the state again and
/// again, and everybody out at the end
contract Campaign is ResaleActions {
    uint256 private constant BIRTH = 1_900_000_000;
    /// One for each provider and class.
    uint256 private constant CALENDARS = 3 * PROVIDERS;

    Rules private _rules;
    uint256 private _donated;
    uint256 private _now;
    /// Steps from one reading of all rules to the next.
    uint256 private _every;

    function setUp() external {
        require(FUNCTIONS == uint256(F.End));
        vm.warp(BIRTH);
        _deploy(Timing(60, 10 minutes, 2 hours, 1 hours, 1 hours, 2 hours));
        _rules = new Rules(market);
        (court, courtDomain) = (IArbitration(arbitration), Typed.domain("GPU Bourse", arbitration));
        _stake(operator, 100 * USD);
        _now = BIRTH;
        _plant(1);
        for (uint256 i = 0; i < providers.length; ++i) _open(providers[i]);
        for (uint256 i = 0; i < buyers.length; ++i) _payIn(buyers[i], 5_000 * USD);
        for (uint256 i = 0; i < 3; ++i) {
            _stake(auditors[i], 40 * USD);
            _stake(arbiters[i], 40 * USD);
        }
        for (uint256 i = 0; i < 24; ++i) _enrol();
        for (uint256 i = 0; i < 9; ++i) _registerTerms();
        _clearCounts();
        Probes.save();
    }

    function _open(address provider) private {
        address agent = _newAgent(provider);
        vm.prank(provider);
        registry.register(agent);
        _stake(provider, 200 * USD);
    }

    function _stake(address who, uint256 amount) private {
        _payIn(who, amount + 100 * USD);
        vm.prank(who);
        market.bond(uint64(amount));
    }

    function _enrol() private {
        Attestation memory attestation = _newDevice();
        if (_sendAttestation(attestation, _signers(0), providers[0])) _know(attestation.device);
    }

    function _clearCounts() private {
        for (uint256 i = 0; i < FUNCTIONS; ++i) (called[i], succeeded[i]) = (0, 0);
    }

    // ------------------------------------------------------------------ one run

    /// @notice The two numbers are the seed of a run; STEPS its length.
    function testFuzz_campaign(uint256 high, uint256 low) external {
        _live(high, low, vm.envOr("EVERY", uint256(10)));
    }

    /// @notice The run of the seed HIGH, LOW once more, with all rules read after every step.
    function test_again() external {
        (uint256 high, uint256 low) = (vm.envOr("HIGH", uint256(0)), vm.envOr("LOW", uint256(0)));
        if (high != 0 || low != 0) _live(high, low, 1);
    }

    function _live(uint256 high, uint256 low, uint256 every) private {
        uint256 seed = uint256(keccak256(abi.encode(high, low)));
        _every = every;
        uint256 steps = vm.envOr("STEPS", uint256(400));
        uint256 step;
        _plant(seed);
        if (_chance(25)) lifetime = [uint256(1 hours), 2 days];
        for (; step < steps && bytes(violation).length == 0; ++step) _guarded(abi.encodeCall(this.act, (step)));
        if (bytes(violation).length == 0) _guarded(abi.encodeCall(this.leave, ()));
        Probes.save();
        string memory path = vm.envOr("FUZZ_LOG", string(""));
        if (bytes(path).length != 0) vm.writeLine(path, _line(high, low, step));
        else require(bytes(violation).length == 0, violation);
    }

    function _guarded(bytes memory data) private {
        (bool done, bytes memory result) = address(this).call(data);
        if (done) return;
        if (bytes4(result) != Broken.selector) {
            violation = string.concat("the campaign itself stopped: ", vm.toString(result));
            return;
        }
        assembly ("memory-safe") {
            mstore(add(result, 4), sub(mload(result), 4))
            result := add(result, 4)
        }
        violation = abi.decode(result, (string));
    }

    function _line(uint256 high, uint256 low, uint256 steps) private view returns (string memory line) {
        line = string.concat('{"high": "', vm.toString(high), '", "low": "', vm.toString(low), '", "steps": ');
        line = string.concat(line, vm.toString(steps), ', "violation": "', violation, '", "calls": {');
        for (uint256 i = 0; i < FUNCTIONS; ++i) {
            line = string.concat(line, i == 0 ? '"' : ', "', _name(F(i)), '": [', vm.toString(called[i]));
            line = string.concat(line, ", ", vm.toString(succeeded[i]), "]");
        }
        line = string.concat(line, "}}");
    }

    /// @notice One step: time passes, somebody calls. Each call checks what it must change; that the tokens are those
    /// in the books, every step; the books themselves and one of the calendars, every few steps.
    function act(uint256 step) external {
        require(msg.sender == address(this));
        _pass(_chance(70) ? _below(120) : _chance(90) ? _below(1 hours) : _below(6 hours));
        if (_chance(1)) _donate();
        _call(_choose());
        _hold(_rules.checkTokens(_donated));
        if (step % _every != 0) return;
        _hold(_rules.check(people, positions));
        _hold(_calendar(step / _every % CALENDARS));
    }

    function _hold(string memory broken) private pure {
        _require(bytes(broken).length == 0, broken);
    }

    function _pass(uint256 duration) private {
        _now += duration;
        vm.warp(_now);
    }

    function _donate() private {
        uint256 amount = _below(100);
        token.mint(address(market), amount);
        _donated += amount;
    }

    /// @dev The next 48 hours of one provider in one class.
    function _calendar(uint256 which) private view returns (string memory) {
        bytes32[3] memory classes = [H100, SHARED, SLICE];
        (address provider, bytes32 deviceClass) = (providers[which / 3], classes[which % 3]);
        uint256 hour = block.timestamp / 1 hours;
        return _rules.checkCalendar(provider, deviceClass, hour, _needs(provider, deviceClass, hour, hour + 48));
    }

    // ------------------------------------------------------------------ which call

    /// @dev Fills, redemptions and closings more often; what was called least, now and then.
    function _choose() private returns (F) {
        if (_chance(40)) return _least();
        uint256 which = _below(FUNCTIONS + 24);
        if (which < FUNCTIONS) return F(which);
        if (which < FUNCTIONS + 8) return F.Fill;
        if (which < FUNCTIONS + 14) return F.Redeem;
        if (which < FUNCTIONS + 20) return F.Close;
        if (which < FUNCTIONS + 22) return F.Split;
        return F.Deposit;
    }

    function _least() private view returns (F f) {
        for (uint256 i = 1; i < FUNCTIONS; ++i) if (called[i] < called[uint256(f)]) f = F(i);
    }

    function _call(F f) private {
        if (f <= F.ReleaseBond) _callAccount(f);
        else if (f <= F.SetApprovalForAll) _callPosition(f);
        else if (f <= F.RemoveDevice) _callRegistry(f);
        else if (f <= F.Unpause) _callParameters(f);
        else _callCourt(f);
    }

    function _callAccount(F f) private {
        if (f == F.Deposit) _deposit();
        else if (f == F.DepositFor) _depositFor();
        else if (f == F.DepositWithPermit) _depositWithPermit();
        else if (f == F.Withdraw) _withdraw();
        else if (f == F.SetDelegate) _setDelegate();
        else if (f == F.Cancel) _cancel();
        else if (f == F.CancelAll) _cancelAll();
        else if (f == F.Bond) _bond();
        else _releaseBond();
    }

    function _callPosition(F f) private {
        if (f == F.Fill) _fill();
        else if (f == F.Redeem) _redeem();
        else if (f == F.RedeemGroup) _redeemGroup();
        else if (f == F.Close) _close();
        else if (f == F.Split) _split();
        else if (f == F.Merge) _merge();
        else if (f == F.SafeTransferFrom) _transfer(false);
        else if (f == F.SafeBatchTransferFrom) _transfer(true);
        else _setApprovalForAll();
    }

    function _callRegistry(F f) private {
        if (f == F.Register) _register();
        else if (f == F.SetAgent) _setAgent();
        else if (f == F.RegisterTerms) _registerTerms();
        else if (f == F.RequestUnbonding) _requestUnbonding();
        else if (f == F.Attest) _attest();
        else if (f == F.Revoke) _revoke();
        else _removeDevice();
    }

    function _callParameters(F f) private {
        if (f == F.SetFee) _setFee();
        else if (f == F.SetTreasury) _setTreasury();
        else if (f == F.SetAuditors) _setAuditors();
        else if (f == F.AddArbiterSet) _addArbiterSet();
        else if (f == F.SetDefaultMinBond) _setDefaultMinBond();
        else if (f == F.SetMinBond) _setMinBond();
        else if (f == F.SetRoleBond) _setRoleBond();
        else if (f == F.SetFees) _setFees();
        else if (f == F.Pause) _pause();
        else _unpause();
    }

    function _callCourt(F f) private {
        if (f == F.ClaimUsage) _claimUsage();
        else if (f == F.Challenge) _challenge();
        else if (f == F.ClaimNoShow) _claimNoShow();
        else if (f == F.Answer) _answer();
        else if (f == F.Decide) _decide();
        else if (f == F.Resolve) _resolve();
        else if (f == F.Release) _release();
        else if (f == F.Interrupt) _interrupt();
        else if (f == F.ProveReceipts) _proveReceipts();
        else if (f == F.ProveOverlap) _proveOverlap();
        else if (f == F.ProveCancelledBid) _proveCancelled(false);
        else if (f == F.ProveCancelledAsk) _proveCancelled(true);
        else if (f == F.ProveVerdicts) _proveVerdicts();
        else if (f == F.ProveAttestations) _proveAttestations();
        else _resell();
    }

    // ------------------------------------------------------------------ the end

    /// @notice Rule 6: with everybody else silent, a stranger closes all leases and all money leaves, 6 days after
    /// the last end at the latest.
    function leave() external {
        require(msg.sender == address(this));
        _hold(_rules.check(people, positions));
        for (uint256 i = 0; i < CALENDARS; ++i) _hold(_calendar(i));
        uint256 last = block.timestamp;
        for (uint256 i = 0; i < positions.length; ++i) {
            uint256 end = _position(positions[i]).end;
            if (end > last) last = end;
        }
        for (uint256 i = 0; i < people.length; ++i) {
            if (keys[people[i]] != 0) _unbondAll(people[i]);
        }
        // A bond stays as long as hours were ever sold, those of leases closed early included.
        uint256 out = last + 6 days + 1;
        for (uint256 i = 0; i < people.length; ++i) {
            uint256 ends = registry.bondOf(people[i]).unbondingEnds;
            if (ends > out) out = ends;
        }
        _pass(out - block.timestamp);
        while (positions.length != 0) {
            Held memory held = positions[positions.length - 1];
            if (_position(held).flags & CASE != 0) court.resolve(held.series, held.holder);
            Held[] memory one = new Held[](1);
            one[0] = held;
            _require(_sendClosings(one, stranger)[0], "6: a stranger cannot close");
            _track(held.series, held.holder);
        }
        for (uint256 i = 0; i < people.length; ++i) _takeAll(people[i]);
        _hold(_rules.checkEmpty(_donated));
    }

    function _unbondAll(address who) private {
        uint64 bonded = registry.bondOf(who).bonded;
        if (bonded == 0) return;
        vm.prank(who);
        registry.requestUnbonding(bonded);
    }

    function _takeAll(address who) private {
        if (registry.bondOf(who).unbonding != 0) market.releaseBond(who);
        uint256 balance = _balance(who);
        if (balance == 0) return;
        vm.prank(who);
        market.withdraw(who, balance);
    }
}
