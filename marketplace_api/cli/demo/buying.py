"""What the buyer does: pay in, name a delegate, bid with a job, watch it and sign its usage."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

from marketplace_api.cli.demo.processes import Actor, DemoError, Json, number, text
from marketplace_api.cli.demo.providing import DEVICE_CLASS

DEPOSIT = "10.00"
DURATION = "72s"
MILLI = 1000
MAX_PRICE = "2.50"
SCRIPT = Path(__file__).with_name("job") / "train.py"
_FAUCET = "100.00"
_DATA = "datasets/data/digits.csv.gz"
_MEMORY_MIB = 768


@dataclass(slots=True)
class Watched:
    """What the buyer's command told on the way."""

    accepted_at: float = 0.0
    bid: str = ""
    lease: str = ""
    job: str = ""
    provider: str = ""
    price_per_gpu_hour: int = 0
    first_line_at: float | None = None
    log: list[str] = field(default_factory=list)
    job_status: str = ""
    receipts_signed: int = 0
    final_gpu_ms: int | None = None

    @property
    def order_to_first_log_s(self) -> float:
        """From the accepted bid to the first line of the job's own output."""
        if self.first_line_at is None:
            raise DemoError("the job printed nothing that the buyer received")
        return self.first_line_at - self.accepted_at

    @property
    def last_line(self) -> str:
        """The job's last words."""
        lines = "".join(self.log).strip().splitlines()
        return lines[-1] if lines else ""


def prepare(buyer: Actor) -> str:
    """Money in the market, a delegate on chain, and the data set in the buyer's own folder."""
    wallet = text(buyer.run("keys", "new", "owner"), "address")
    buyer.run("faucet", _FAUCET)
    buyer.run("deposit", DEPOSIT, "--yes")
    delegate = text(buyer.run("keys", "new", "delegate"), "address")
    buyer.run("delegate", "set", delegate)
    shutil.copyfile(_data_set(), buyer.home / "digits.csv.gz")
    return wallet


def buy(buyer: Actor, tell: Callable[[Json], None], allow: Sequence[str] = ()) -> Watched:
    """Bid, follow the job, counter-sign: one command, its events read as they come."""
    watched = Watched()
    only = [part for provider in allow for part in ("--allow", provider)]
    events = buyer.events(
        "bid",
        "--class", DEVICE_CLASS,
        "--milli", str(MILLI),
        "--duration", DURATION,
        "--max-price", MAX_PRICE,
        "--run", SCRIPT,
        "--input", buyer.home / "digits.csv.gz",
        "--memory-mib", str(_MEMORY_MIB),
        "--follow",
        "--sign-key", buyer.home / "keys" / "delegate.key",
        "--yes",
        *only,
    )  # fmt: skip
    for event in events:
        _note(watched, event)
        tell(event)
    if watched.final_gpu_ms is None:
        raise DemoError("the final receipt was not counter-signed")
    return watched


def _note(watched: Watched, event: Json) -> None:
    match event["event"]:
        case "accepted":
            watched.accepted_at, watched.bid = _at(event), text(event, "digest")
        case "matched":
            watched.lease, watched.provider = text(event, "lease"), text(event, "provider")
            watched.price_per_gpu_hour = number(event, "price_per_gpu_hour")
        case "submitted":
            watched.job = text(event, "job")
        case "log":
            watched.log.append(text(event, "text"))
            if watched.first_line_at is None and "\n" in "".join(watched.log):
                watched.first_line_at = _at(event)
        case "status":
            watched.job_status = text(event, "status")
        case "countersigned":
            watched.receipts_signed += 1
            if event["is_final"]:
                watched.final_gpu_ms = number(event, "used_gpu_ms")
        case _:
            pass  # told, and in the journal


def _at(event: Json) -> float:
    at = event["at"]
    assert isinstance(at, float)
    return at


def _data_set() -> Path:
    """1,797 handwritten digits, in the wheel of scikit-learn; nothing is downloaded."""
    spec = find_spec("sklearn")
    for folder in (spec.submodule_search_locations if spec else None) or ():
        return Path(folder) / _DATA
    raise DemoError("scikit-learn is not installed: run `make setup`")
