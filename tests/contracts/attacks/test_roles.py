"""Rule 9, role by role: every function of every contract, called by everybody who has an office.

Whoever calls whatever: the balance, bond, wallet and leases of everybody else stay as they are."""

from __future__ import annotations

from typing import Any

import pytest
from arbiters import Court
from attacks.everything import HOOKS, World, arguments, as_timelock, functions, world
from attacks.loot import THIEF, answers, books, sent
from batch import Label, Value, rpc
from bourse import USD, signer
from brownie import accounts, chain, history

OFFICES = (
    "governor",
    "timelock",
    "pauser",
    "usurper",
    "treasury",
    "auditor1",
    "arbiter1",
    "operator",
)
MODULES = ("market", "registry", "arbitration", "resale", "parameters", "metadata")
PAUSER = signer("pauser")


def in_office(court: Court, role: str) -> str:
    """The address that calls in this role, able to pay its gas."""
    of = court.bourse
    if role == "governor":
        address = str(accounts[1].address)
    elif role == "pauser":
        address = PAUSER.address
        grant = of.parameters.grantRole.encode_input(of.parameters.PAUSER_ROLE(), address)
        assert as_timelock(court, grant) == ""
    elif role == "usurper":
        address = of.address(THIEF)
        _usurp(court, address)
    elif role in MODULES or role == "timelock":
        address = str(getattr(of, role).address)
    else:
        address = of.address(role)
    rpc("evm_setAccountBalance", address, hex(10**21))
    return address


def _usurp(court: Court, thief: str) -> None:
    """Governance has fallen: every role, the auditors, a court of its own and the treasury."""
    of = court.bourse
    roles = [of.parameters.GOVERNOR_ROLE(), of.parameters.PAUSER_ROLE()]
    calls = [of.parameters.grantRole.encode_input(role, thief) for role in roles]
    calls += [
        of.parameters.setAuditors.encode_input([thief], 1),
        of.parameters.addArbiterSet.encode_input([thief], 1),
        of.parameters.setTreasury.encode_input(thief),
        of.parameters.setRoleBond.encode_input(0),
    ]
    assert [as_timelock(court, data) for data in calls] == [""] * len(calls)
    timelock = of.timelock.address
    for office in ("PROPOSER", "EXECUTOR", "CANCELLER"):
        role = getattr(of.timelock, f"{office}_ROLE")()
        assert sent(of.timelock, of.timelock.grantRole.encode_input(role, thief), timelock) == ""


def kept(before: dict[Label, Value], after: dict[Label, Value], caller: set[str]) -> list[Any]:
    """What somebody but the caller lost, or what moved in a lease or case."""
    lost = []
    for label, value in before.items():
        if label[0] in ("held", "tokens") or (len(label) > 1 and label[1] in caller):
            continue
        gift = label[0] in ("account", "wallet") and after[label][0] >= value[0]
        # Auditors may raise what a bond must be, never what it is.
        part = slice(1, None) if gift else slice(3) if label[0] == "bond" else slice(None)
        same = after[label][part] == value[part]
        if not same:
            lost.append((label, value, after[label]))
    return lost


def try_everything(scene: World, role: str) -> set[tuple[str, str]]:
    """Which functions went through; nobody else lost anything by any of them."""
    court, address = scene.court, in_office(scene.court, role)
    key = court.bourse.keys.get(role, court.bourse.keys[THIEF])
    given = arguments(scene, address, key)
    assert set(given) == functions()
    own = {name for name, k in court.bourse.keys.items() if k.address == address}
    if role == "arbitration":
        own.add("court")
    calls = [
        (call, getattr(court.bourse, call[0]), values)
        for call, tries in given.items()
        for values in tries
        if role not in HOOKS.get(call, ())
    ]
    data = [getattr(contract, call[1]).encode_input(*values) for call, contract, values in calls]
    chain.mine()
    errors = answers(address, [(calls[i][1], data[i]) for i in range(len(calls))])
    before = books(court, *scene.leases)
    for i, (call, contract, _) in enumerate(calls):
        if call in HOOKS:
            assert errors[i] in ("OnlyModule", "OnlyMarket", "OnlyArbitration"), call
        if errors[i] == "":
            # One that an earlier one made impossible is refused: that is no loss either.
            sent(contract, data[i], address)
    assert not kept(before, books(court, *scene.leases), own)
    return {call for i, (call, _, _) in enumerate(calls) if errors[i] == ""}


GOVERNED = {
    ("parameters", name)
    for name in (
        "setFee", "setTreasury", "setAuditors", "addArbiterSet", "setDefaultMinBond",
        "setMinBond", "setRoleBond", "setFees",
    )
}  # fmt: skip


@pytest.fixture(scope="module")
def stage(besieged: Court) -> Any:
    """One world for all; tests ask for `scene`. Brownie's own snapshot is not for nesting."""
    point = rpc("evm_snapshot")["result"]
    besieged.bourse.nonces.clear()
    besieged.bourse.pay_in(THIEF, 500 * USD)
    yield world(besieged)
    _back_to(point)


@pytest.fixture
def scene(stage: World) -> Any:
    """Leases, cases and bonds to take something from."""
    point = rpc("evm_snapshot")["result"]
    yield stage
    _back_to(point)


def _back_to(point: str) -> None:
    rpc("evm_revert", point)
    history.clear()
    chain.sleep(0)


class TestOffices:
    @pytest.mark.parametrize("role", OFFICES)
    def test_office__calls_everything__nobody_else_loses_anything(
        self, scene: World, role: str
    ) -> None:
        went = try_everything(scene, role)
        may_govern = role in ("timelock", "usurper")
        assert went & GOVERNED == (GOVERNED if may_govern else set())
        may_pause = role in ("governor", "pauser", "usurper")
        assert (("parameters", "pause") in went) == may_pause

    @pytest.mark.parametrize("role", MODULES)
    def test_module__calls_everything_but_its_hooks__nobody_loses_anything(
        self, scene: World, role: str
    ) -> None:
        """As if its code could be made to call something else: it has no office anywhere."""
        went = try_everything(scene, role)
        assert not went & GOVERNED
        assert {name for part, name in went if part == "timelock"} == {
            "renounceRole",
            "onERC1155Received",
            "onERC1155BatchReceived",
            "onERC721Received",
        }
