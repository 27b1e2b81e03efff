"""The contracts do what the model says, whatever is called in whatever order.

`GPUBOURSE_MODEL_RUNS` and `GPUBOURSE_MODEL_CALLS` make it longer, `GPUBOURSE_MODEL_FULL=1` reads
the whole state after each call, and `GPUBOURSE_MODEL_TALLY` names a file for what was called how
often.
"""

from __future__ import annotations

from collections.abc import Callable
from os import environ
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck

from stateful.machine import Protocol, wallet_of
from stateful.twin import Twin

SETTINGS = {
    "max_examples": int(environ.get("GPUBOURSE_MODEL_RUNS", "10")),
    "stateful_step_count": int(environ.get("GPUBOURSE_MODEL_CALLS", "45")),
    "deadline": None,
    "suppress_health_check": HealthCheck.all(),
}


def test_protocol__random_calls__as_the_model(
    opened: Twin, state_machine: Callable[..., Any]
) -> None:
    try:
        state_machine(Protocol, opened, wallet_of(opened), settings=SETTINGS)
    finally:
        if "GPUBOURSE_MODEL_TALLY" in environ:
            Path(environ["GPUBOURSE_MODEL_TALLY"]).write_text(_told(opened))


def _told(twin: Twin) -> str:
    lines = (f"{n:6} {name:20} {outcome}\n" for (name, outcome), n in sorted(twin.tally.items()))
    return "".join(lines)
