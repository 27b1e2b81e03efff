"""Random calls about devices, terms and keys, and what governance sets."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from bourse import A100, H100, SLICE
from model import governance, registry
from model.parts import ZERO, Terms

from contracts.bindings.tuples import as_tuple
from contracts.protocol.hashing import keccak
from contracts.protocol.series import device_hash
from contracts.protocol.typed_data import Attestation, Revocation
from stateful import opening
from stateful.play import Play

NOTHING = bytes(32)
TOO_FEW = (("auditor1",), ("auditor1", "auditor1"), ("auditor2", "other"))
CHANGES: tuple[tuple[str, tuple[Any, ...]], ...] = (
    ("setFee", (250,)),
    ("setFee", (1_000,)),
    ("setFee", (1_001,)),
    ("setTreasury", ("other",)),
    ("setTreasury", ("",)),
    ("setAuditors", (("auditor1", "auditor3"), 1)),
    ("setAuditors", (("auditor1", "auditor1"), 1)),
    ("setAuditors", (("auditor1",), 2)),
    ("addArbiterSet", (("arbiter3",), 1)),
    ("setDefaultMinBond", (1_500,)),
    ("setMinBond", (H100, 6_000, True)),
    ("setMinBond", (H100, 0, False)),
    ("setRoleBond", (6_000_000,)),
    ("setRoleBond", (10**12,)),
    ("setFees", (0, 7)),
    ("setFees", (50_000, 2_000_000)),
    ("setFees", (200 * 10**6, 0)),
)


def attest(play: Play) -> None:
    """Renew a device or enrol one; now and then what auditors or the registry refuse."""
    plain = _renewal(play) if play.one_in(2) else _new_device(play)
    if play.one_in(4):
        plain = replace(plain, **play.pick(*_twists(play)))
    by = play.pick(
        ("auditor1", "auditor2"), ("auditor3", "auditor1"), ("auditor1", "auditor2", "auditor3"),
        *(TOO_FEW if play.one_in(4) else ()),
    )  # fmt: skip
    attestations = [plain]
    if play.one_in(4):
        attestations.append(_new_device(play))
    opening.attest(play.twin, *attestations, by=by, caller=play.pick("provider", "other"))


def _renewal(play: Play) -> Attestation:
    names = [name for name, d in play.model.devices.items() if d.provider != ZERO]
    device = play.dice.choice(names)
    state = play.model.devices[device]
    lane = play.model.capacities[state.provider, state.device_class].lane_milli
    return Attestation(
        provider=state.provider,
        device=device,
        parent=state.parent,
        device_class=state.device_class,
        lane_milli=lane,
        expiry=max(state.expiry, play.now) + play.pick(3600, 40 * 24 * 3600),
        evidence=keccak(b"again"),
        simulated=True,
    )


def _new_device(play: Play) -> Attestation:
    """One never seen, one that was removed, or a slice of one of two cards."""
    play.devices += 1
    removed = [name for name, d in play.model.devices.items() if d.provider == ZERO]
    device = play.pick(device_hash(f"NEW-{play.devices}"), *removed)
    device_class, lane = play.pick((H100, 1000), (A100, 250), (SLICE, 1000))
    parent = device_hash(play.pick("GPU-6", "GPU-7")) if device_class == SLICE else NOTHING
    return Attestation(
        provider=play.address(play.pick("provider", "rival")),
        device=device,
        parent=NOTHING if parent == device else parent,
        device_class=device_class,
        lane_milli=lane,
        expiry=play.now + play.pick(2 * 3600, 30 * 24 * 3600, 90 * 24 * 3600),
        evidence=keccak(b"new"),
        simulated=True,
    )


def _twists(play: Play) -> tuple[dict[str, Any], ...]:
    return (
        {"device_class": NOTHING},
        {"device": NOTHING},
        {"parent": device_hash("GPU-0")},
        {"lane_milli": 300},
        {"lane_milli": 500},
        {"expiry": play.now - 1},
        {"expiry": play.now + 401 * 24 * 3600},
        {"evidence": NOTHING},
        {"provider": play.address("other")},
        {"provider": play.address("rival")},
    )


def revoke(play: Play) -> None:
    """End an attestation; now and then one that does not count."""
    owned = [(name, d) for name, d in play.model.devices.items() if d.provider != ZERO]
    device, state = play.dice.choice(owned)
    plain = Revocation(device, state.expiry, keccak(b"a lie"))
    if play.one_in(4):
        plain = replace(
            plain,
            **play.pick(
                {"device": keccak(b"unknown")}, {"expiry": state.expiry - 1}, {"evidence": NOTHING}
            ),
        )
    by = play.pick(*(TOO_FEW if play.one_in(4) else (("auditor1", "auditor2"),)))
    bourse = play.bourse
    signatures = [[bourse.keys[name].sign(plain, bourse.registry_domain) for name in by]]
    signers = [[bourse.address(name) for name in by]]
    call = [[as_tuple(plain)], signatures]
    play.call(play.address("other"), "registry", "revoke", call, registry.revoke, [plain], signers)


def remove_device(play: Play) -> None:
    owned = [(name, d) for name, d in play.model.devices.items() if d.provider != ZERO]
    device, state = play.dice.choice(owned)
    device = keccak(b"unknown") if play.one_in(15) else device
    caller = play.address("other") if play.one_in(4) else state.provider
    play.call(caller, "registry", "removeDevice", [device], registry.remove_device, device)


def set_agent(play: Play) -> None:
    caller = play.address(play.pick("provider", "rival", "other"))
    agent = play.pick(play.address("agent"), play.address("rivalagent"), play.address("delegate"))
    agent = ZERO if play.one_in(10) else agent
    play.call(caller, "registry", "setAgent", [agent], registry.set_agent, agent)


def register_terms(play: Play) -> None:
    plain = Terms("", 0, play.pick(H100, A100, SLICE), arbiter_set=1)
    twists: tuple[dict[str, Any], ...] = (
        {}, {}, {}, {"isolation": 6}, {"isolation": 2, "step": 300}, {"isolation": 4, "step": 500},
        {"isolation": 1, "step": 500}, {"receipt_interval": 301, "unsigned_intervals": 2},
        {"reservation_fee_bps": 5_001}, {"sla_credit_bps": 10_001}, {"notice": 5},
        {"interruptible": True}, {"arbiter_set": 3}, {"device_class": NOTHING},
        {"interruptible": True, "notice": 3600, "sla_credit_bps": 10_000},
    )  # fmt: skip
    terms = replace(plain, **play.pick(*twists))
    opening.register_terms(play.twin, play.pick("provider", "rival", "other"), terms)


# ------------------------------------------------------------------ governance


def announce(play: Play) -> None:
    """Schedule a change, with the delay that the timelock asks for."""
    function, values = _change(play)
    data = _data(play, function, values)
    operation = keccak(data)
    caller = play.address("other" if play.one_in(8) else "governor")
    delay = opening.TIMELOCK_DELAY
    call = [play.bourse.parameters.address, 0, data, NOTHING, NOTHING, delay]
    error = play.call(caller, "timelock", "schedule", call, governance.schedule, operation, delay)
    if error is None:
        play.announced.append((operation, function, values))


def execute(play: Play) -> None:
    """Make an announced change, in time or too early."""
    if not play.announced:
        return
    operation, function, values = play.dice.choice(play.announced)
    call = [
        play.bourse.parameters.address, 0, _data(play, function, values), NOTHING, NOTHING,
    ]  # fmt: skip
    what = (operation, function, values)
    play.call(play.address("stranger"), "timelock", "execute", call, governance.execute, *what)


def set_directly(play: Play) -> None:
    """Nobody but the timelock sets anything."""
    function, values = _change(play)
    caller = play.address(play.pick("governor", "pauser", "treasury", "provider"))
    effect = governance.set_parameter
    play.call(caller, "parameters", function, values, effect, function, values)


def pause(play: Play) -> None:
    caller = play.address(play.pick("pauser", "pauser", "governor"))
    seconds = play.pick(1, 300, 600, 0, 8 * 24 * 3600)
    play.call(caller, "parameters", "pause", [seconds], governance.pause, seconds)


def unpause(play: Play) -> None:
    caller = play.address(play.pick("pauser", "pauser", "other"))
    play.call(caller, "parameters", "unpause", [], governance.unpause)


def _change(play: Play) -> tuple[str, tuple[Any, ...]]:
    function, values = play.pick(*CHANGES)
    return function, tuple(_named(play, value) for value in values)


def _named(play: Play, value: Any) -> Any:
    """Names of people to their addresses."""
    if isinstance(value, tuple):
        return tuple(_named(play, item) for item in value)
    if isinstance(value, str):
        return play.address(value) if value else ZERO
    return value


def _data(play: Play, function: str, values: tuple[Any, ...]) -> bytes:
    encoded = getattr(play.bourse.parameters, function).encode_input(*values)
    return bytes.fromhex(encoded[2:])
