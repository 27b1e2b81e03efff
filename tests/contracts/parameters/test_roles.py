"""The timelock's delay, the pause, and the hand-over of the default admin."""

from __future__ import annotations

from typing import Any

import pytest
from brownie import accounts, chain
from governance import DAY, DELAY, NOTHING, Governance
from words import reverts

READY, DONE = 1 << 2, 3


def operation(governance: Governance, call: str) -> bytes:
    of = governance.timelock
    return bytes(of.hashOperation(governance.parameters, 0, call, NOTHING, NOTHING))


class TestDelay:
    def test_schedule__then_too_early__refused_until_the_delay_is_over(
        self, governance: Governance
    ) -> None:
        call = governance.parameters.setFee.encode_input(250)
        before = governance.state()
        governance.schedule(call)
        ready = (READY).to_bytes(32, "big")
        with reverts("TimelockUnexpectedOperationState", operation(governance, call), ready):
            governance.execute(call)
        chain.sleep(DELAY - 60)
        with reverts("TimelockUnexpectedOperationState", operation(governance, call), ready):
            governance.execute(call)
        assert governance.state() == before
        chain.sleep(60)
        governance.execute(call)
        assert governance.parameters.feeBps() == 250
        with reverts("TimelockUnexpectedOperationState", operation(governance, call), ready):
            governance.execute(call)
        assert governance.timelock.getOperationState(operation(governance, call)) == DONE

    def test_schedule__not_the_governor__refused(self, governance: Governance) -> None:
        call = governance.parameters.setFee.encode_input(250)
        role = bytes(governance.timelock.PROPOSER_ROLE())
        for who in (governance.stranger, governance.pauser, accounts[1]):
            with reverts("AccessControlUnauthorizedAccount", who.address, role):
                governance.schedule(call, by=who)

    def test_schedule__less_than_the_delay__refused(self, governance: Governance) -> None:
        call = governance.parameters.setFee.encode_input(250)
        with reverts("TimelockInsufficientDelay", DELAY - 1, DELAY):
            governance.schedule(call, delay=DELAY - 1)

    def test_schedule__cancelled__never_executed(self, governance: Governance) -> None:
        call = governance.parameters.setFee.encode_input(250)
        governance.schedule(call)
        governance.timelock.cancel(operation(governance, call), {"from": governance.governor})
        chain.sleep(DELAY + 1)
        ready = (READY).to_bytes(32, "big")
        with reverts("TimelockUnexpectedOperationState", operation(governance, call), ready):
            governance.execute(call)


class TestPause:
    def test_pause__by_the_pauser__ends_by_itself(self, governance: Governance) -> None:
        of = governance.parameters
        tx = of.pause(7 * DAY, {"from": governance.pauser})
        until = tx.timestamp + 7 * DAY
        assert (of.paused(), of.pausedUntil()) == (True, until)
        assert tuple(tx.events["Paused"].values()) == (governance.pauser, until)
        chain.mine(timestamp=until - 1)
        assert of.paused()
        chain.mine(timestamp=until)
        assert not of.paused()

    @pytest.mark.parametrize("duration", [60, 2 * DAY])
    def test_pause__again__the_later_one_counts(
        self, governance: Governance, duration: int
    ) -> None:
        of, sender = governance.parameters, {"from": governance.pauser}
        of.pause(DAY, sender)
        tx = of.pause(duration, sender)
        assert of.pausedUntil() == tx.timestamp + duration

    @pytest.mark.parametrize("duration", [0, 7 * DAY + 1, 2**32 - 1])
    def test_pause__out_of_range__refused(self, governance: Governance, duration: int) -> None:
        with reverts("PauseOutOfRange", duration, 7 * DAY):
            governance.parameters.pause(duration, {"from": governance.pauser})
        assert not governance.parameters.paused()

    @pytest.mark.parametrize("who", ["governor", "stranger", "deployer"])
    def test_pause_and_unpause__not_the_pauser__refused(
        self, governance: Governance, who: str
    ) -> None:
        of = governance.parameters
        caller = accounts[1] if who == "deployer" else getattr(governance, who)
        error = ("AccessControlUnauthorizedAccount", caller.address, bytes(of.PAUSER_ROLE()))
        with reverts(*error):
            of.pause(60, {"from": caller})
        assert not of.paused()
        of.pause(60, {"from": governance.pauser})
        with reverts(*error):
            of.unpause({"from": caller})
        assert of.paused()

    def test_unpause__by_the_pauser__ends_at_once(self, governance: Governance) -> None:
        of, sender = governance.parameters, {"from": governance.pauser}
        of.pause(DAY, sender)
        tx = of.unpause(sender)
        assert (of.paused(), of.pausedUntil()) == (False, tx.timestamp)
        assert tx.events["Unpaused"]["account"] == governance.pauser

    def test_unpause__by_the_timelock__ends_what_the_pauser_began(
        self, governance: Governance
    ) -> None:
        of, call = governance.parameters, governance.parameters.unpause.encode_input()
        governance.schedule(call)
        chain.sleep(DELAY)
        of.pause(7 * DAY, {"from": governance.pauser})
        tx = governance.execute(call)
        assert not of.paused()
        assert tx.events["Unpaused"]["account"] == governance.timelock

    def test_unpause__no_pause__refused(self, governance: Governance) -> None:
        of, sender = governance.parameters, {"from": governance.pauser}
        with pytest.raises(Exception, match="NotPaused: 0, "):
            of.unpause(sender)
        until = of.pause(60, sender).timestamp + 60
        chain.sleep(61)
        with pytest.raises(Exception, match=f"NotPaused: {until}, "):
            of.unpause(sender)


class TestAdmin:
    def test_begin_grant_revoke__not_the_timelock__refused(self, governance: Governance) -> None:
        of, before = governance.parameters, governance.state()
        admin = bytes(of.DEFAULT_ADMIN_ROLE())
        role, target = of.GOVERNOR_ROLE(), accounts[7]
        calls: list[tuple[Any, tuple[Any, ...]]] = [
            (of.beginDefaultAdminTransfer, (target,)),
            (of.cancelDefaultAdminTransfer, ()),
            (of.changeDefaultAdminDelay, (0,)),
            (of.rollbackDefaultAdminDelay, ()),
            (of.grantRole, (role, target)),
            (of.revokeRole, (of.PAUSER_ROLE(), governance.pauser)),
        ]
        for who in (governance.governor, governance.pauser, governance.stranger, accounts[1]):
            for function, args in calls:
                with reverts("AccessControlUnauthorizedAccount", who.address, admin):
                    function(*args, {"from": who})
        assert governance.state() == before
        assert not of.hasRole(role, target)

    def test_hand_over__two_steps__only_after_the_second(self, governance: Governance) -> None:
        of, successor = governance.parameters, accounts[7]
        governance.govern("beginDefaultAdminTransfer", successor)
        _, schedule = of.pendingDefaultAdmin()
        with reverts("AccessControlInvalidDefaultAdmin", governance.stranger.address):
            of.acceptDefaultAdminTransfer({"from": governance.stranger})
        with reverts("AccessControlEnforcedDefaultAdminDelay", schedule):
            of.acceptDefaultAdminTransfer({"from": successor})
        assert of.defaultAdmin() == governance.timelock
        chain.sleep(of.ADMIN_DELAY() + 1)
        of.acceptDefaultAdminTransfer({"from": successor})
        assert of.defaultAdmin() == successor
        assert not of.hasRole(of.DEFAULT_ADMIN_ROLE(), governance.timelock)
        assert of.hasRole(of.GOVERNOR_ROLE(), governance.timelock)

    def test_hand_over__cancelled__the_timelock_stays(self, governance: Governance) -> None:
        of, successor = governance.parameters, accounts[7]
        governance.govern("beginDefaultAdminTransfer", successor)
        governance.govern("cancelDefaultAdminTransfer")
        with reverts("AccessControlInvalidDefaultAdmin", successor.address):
            of.acceptDefaultAdminTransfer({"from": successor})
        assert of.defaultAdmin() == governance.timelock

    def test_pauser__replaced_by_the_timelock__pauses_no_longer(
        self, governance: Governance
    ) -> None:
        of, successor = governance.parameters, accounts[7]
        role = of.PAUSER_ROLE()
        governance.govern("grantRole", role, successor)
        governance.govern("revokeRole", role, governance.pauser)
        with reverts("AccessControlUnauthorizedAccount", governance.pauser.address, bytes(role)):
            of.pause(60, {"from": governance.pauser})
        of.pause(60, {"from": successor})
        assert of.paused()

    @pytest.mark.parametrize("function", ["grantRole", "revokeRole"])
    def test_role__of_the_admin_by_the_timelock__refused(
        self, governance: Governance, function: str
    ) -> None:
        of = governance.parameters
        with reverts("AccessControlEnforcedDefaultAdminRules"):
            governance.govern(function, of.DEFAULT_ADMIN_ROLE(), accounts[7])
        assert of.defaultAdmin() == governance.timelock

    def test_delay__changed__counts_once_the_difference_is_over(
        self, governance: Governance
    ) -> None:
        of, before = governance.parameters, governance.parameters.ADMIN_DELAY()
        changed = governance.govern("changeDefaultAdminDelay", DAY).timestamp
        assert of.pendingDefaultAdminDelay() == (DAY, changed + before - DAY)
        assert of.defaultAdminDelay() == before
        chain.mine(timestamp=changed + before - DAY + 1)
        assert of.defaultAdminDelay() == DAY

    def test_delay__taken_back_in_time__stays(self, governance: Governance) -> None:
        of, before = governance.parameters, governance.parameters.ADMIN_DELAY()
        calls = (
            of.changeDefaultAdminDelay.encode_input(DAY),
            of.rollbackDefaultAdminDelay.encode_input(),
        )
        for call in calls:
            governance.schedule(call)
        chain.sleep(DELAY)
        for call in calls:
            governance.execute(call)
        assert of.pendingDefaultAdminDelay() == (0, 0)
        chain.mine(timestamp=chain.time() + before)
        assert of.defaultAdminDelay() == before


class TestRenounce:
    def test_renounce__own_role__has_it_no_longer(self, governance: Governance) -> None:
        of, pauser = governance.parameters, governance.pauser
        role = of.PAUSER_ROLE()
        tx = of.renounceRole(role, pauser, {"from": pauser})
        assert tx.events["RoleRevoked"]["account"] == pauser
        with reverts("AccessControlUnauthorizedAccount", pauser.address, bytes(role)):
            of.pause(60, {"from": pauser})

    def test_renounce__anothers_role__refused(self, governance: Governance) -> None:
        of = governance.parameters
        role = of.PAUSER_ROLE()
        with reverts("AccessControlBadConfirmation"):
            of.renounceRole(role, governance.pauser, {"from": governance.stranger})
        assert of.hasRole(role, governance.pauser)

    def test_renounce__the_admins__refused_without_a_transfer_to_nobody(
        self, governance: Governance
    ) -> None:
        of = governance.parameters
        with reverts("AccessControlEnforcedDefaultAdminDelay", 0):
            governance.govern("renounceRole", of.DEFAULT_ADMIN_ROLE(), governance.timelock)
        assert of.defaultAdmin() == governance.timelock
