"""The deployment file, the journal of one that is not finished, and what contradicts them."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

from contracts.scripts.creations import Creation
from contracts.scripts.order import GROUPS, TIMES, Order
from contracts.scripts.refusal import Refusal
from contracts.scripts.suite import CONTRACTS, LIBRARIES, Plan, Times

ANEW = "To begin anew name another DEPLOYMENT_FILE or move this one away."
Json = dict[str, Any]


def journal_of(file: Path) -> Path:
    """Where an unfinished deployment is kept."""
    return file.with_name(file.name + ".partial")


def described(plan: Plan) -> Json:
    """The part of a record or journal that says what was wanted."""
    values = {name: value for name, value in asdict(plan).items() if name != "times"}
    groups = {name: list(values[name]) for name in GROUPS}
    return {**values, **groups, "constants": asdict(plan.times)}


def plan_of(data: Json) -> Plan:
    """The plan that was recorded."""
    values = {name: data[name] for name in described_fields() if name != "payment_token"}
    # Of a record: the token is part of the plan only where it was not created with the rest.
    token = "" if "payment_token" in data.get("transactions", ()) else data["payment_token"]
    groups = {name: tuple(data[name]) for name in GROUPS}
    times = Times(**{name: data["constants"][name] for name in TIMES})
    return Plan(**{**values, **groups, "payment_token": token}, times=times)


def described_fields() -> tuple[str, ...]:
    """Fields of the plan, without times."""
    return tuple(name for name in Plan.__annotations__ if name != "times")


def check(file: Path, data: Json, order: Order, keys: tuple[str, ...]) -> None:
    """Raise `Refusal` if the file is of another chain, incomplete, or contradicts what is given."""
    if data.get("chain_id") != order.chain_id:
        reason = f"chain_id: recorded {data.get('chain_id')}, given {order.chain_id}"
        raise Refusal(f"{file}: does not fit; nothing was sent. {ANEW}", [reason])
    times = data.get("constants", {})
    wanted = (*keys, *described_fields())
    missing = [name for name in wanted if name not in data]
    missing += [name for name in TIMES if name not in times]
    if missing:
        reasons = [f"{name}: not recorded" for name in missing]
        raise Refusal(f"{file}: does not fit; nothing was sent. {ANEW}", reasons)
    recorded = {**data, **times}
    reasons = [
        f"{name}: recorded {_shown(recorded[name])}, given {_shown(value)}"
        for name, value in order.given.items()
        if _shown(recorded[name]) != _shown(value)
    ]
    if reasons:
        raise Refusal(f"{file}: does not fit; nothing was sent. {ANEW}", reasons)


RECORD_KEYS = (
    *CONTRACTS,
    "libraries",
    "deployer",
    "first_nonce",
    "transactions",
    "code_hashes",
    "artefact_hashes",
)
JOURNAL_KEYS = ("deployer", "first_nonce", "start_block", "sent")


def places_of(record: Json) -> dict[str, str]:
    """Recorded address of each contract and library that is recorded."""
    places = {**record, **record.get("libraries", {})}
    return {name: places[name] for name in (*CONTRACTS, *LIBRARIES) if name in places}


def new_journal(order: Order, plan: Plan, deployer: str, nonce: int, block: int) -> Json:
    """A journal before the first creation."""
    return {
        "chain_id": order.chain_id,
        "deployer": deployer,
        "first_nonce": nonce,
        "start_block": block,
        **described(plan),
        "sent": {},
    }


def note(journal: Json, creation: Creation, transaction: str) -> None:
    """Add a transaction that is about to be sent."""
    entry = {"nonce": creation.nonce, "address": creation.address, "transactions": []}
    journal["sent"].setdefault(creation.name, entry)["transactions"].append(transaction)


def load(file: Path) -> Json | None:
    """The parsed file; None if there is none."""
    if not file.exists():
        return None
    try:
        data: Json = json.loads(file.read_text())
    except json.JSONDecodeError as error:
        raise Refusal(f"{file}: cannot be read. {ANEW}", [str(error)]) from error
    return data


def write(file: Path, data: Json) -> None:
    """Write all or nothing, so that it survives a crash of the machine."""
    file.parent.mkdir(parents=True, exist_ok=True)
    unfinished = file.with_name(file.name + ".tmp")
    with unfinished.open("w") as stream:
        stream.write(json.dumps(data, indent=2) + "\n")
        stream.flush()
        os.fsync(stream.fileno())
    unfinished.replace(file)


def _shown(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(value) or "none"
    return str(value) if value != "" else "none, a TestUSD"
