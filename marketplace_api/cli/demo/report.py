"""The end of the demo: a drawn statement for every party, and the figures as files."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console
from rich.table import Table

from contracts.protocol.amounts import format_tokens
from marketplace_api.cli.demo.books import Books, Holdings
from marketplace_api.cli.demo.flow import Outcome
from marketplace_api.cli.demo.processes import Journal, number
from marketplace_api.client.answers import gpu_hours_text

REPORTS = Path("reports")
FIRST_LOG_TARGET_S = 5.0
DEMO_TARGET_S = 90.0
_PLAIN_WIDTH = 120
_LABEL_WIDTH, _AMOUNT_WIDTH = 36, 14


def draw(outcome: Outcome) -> None:
    """Tables for people."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=_PLAIN_WIDTH)
    books = outcome.books
    for name, role in (
        ("buyer", "Buyer"),
        (books.seller, f"{books.seller} (served the lease)"),
        (books.idle, f"{books.idle} (was dearer)"),
        ("treasury", "Operator's treasury"),
    ):
        console.print(_statement(role, books, name))
    console.print(_order(books))
    console.print(_transactions(outcome))


def write(path: Path, outcome: Outcome, wall_s: float, demo_s: float, journal: Journal) -> None:
    """`demo.json` and the raw observations beside it."""
    path.mkdir(parents=True, exist_ok=True)
    market, lease = outcome.market, outcome.books.lease
    figures = {
        "commit": _commit(),
        "wall_s": round(wall_s, 3),
        "order_to_first_log_s": round(outcome.watched.order_to_first_log_s, 3),
        "demo_s": round(demo_s, 3),
        "sums_agree": outcome.sums_agree,
        "rpc_url": outcome.urls.rpc,
        "token": market["payment_token"],
        "market": market["market"],
        "fill_tx": lease["fill_transaction"],
        "redeem_tx": lease["redeem_transaction"],
        "close_tx": lease["close_transaction"],
    }
    (path / "demo.json").write_text(json.dumps(figures, indent=2) + "\n")
    journal.add("verified", **outcome.verified)
    for check in outcome.checks:
        journal.add("check", name=check.name, expected=check.expected, found=check.found)
    journal.write(path / "demo.raw.jsonl")


def _statement(role: str, books: Books, name: str) -> Table:
    before, after = books.before[name], books.after[name]
    table = Table(title=f"{role}  {before.wallet}", title_justify="left")
    table.add_column("", min_width=_LABEL_WIDTH)
    for column in ("before", "after", "change"):
        table.add_column(column, justify="right", min_width=_AMOUNT_WIDTH)
    for label, reader in _ROWS.items():
        first, last = reader(before), reader(after)
        table.add_row(label, format_tokens(first), format_tokens(last), _signed(last - first))
    table.add_row(
        "gas money (ether)",
        _ether(before.gas_wei),
        _ether(after.gas_wei),
        _ether(after.gas_wei - before.gas_wei),
    )
    during = f" ({gpu_hours_text(books.during.gpu_ms)} while it ran)" if name == "buyer" else ""
    table.add_row(
        "GPU-hours" + during,
        gpu_hours_text(before.gpu_ms),
        gpu_hours_text(after.gpu_ms),
        gpu_hours_text(after.gpu_ms - before.gpu_ms),
    )
    for label, amount in _shares(books, name).items():
        table.add_row(label, "", "", format_tokens(amount))
    return table


def _in_wallet(holdings: Holdings) -> int:
    return holdings.token


def _in_market(holdings: Holdings) -> int:
    return holdings.market


def _in_bond(holdings: Holdings) -> int:
    return holdings.bonded


_ROWS = {
    "tokens in the wallet": _in_wallet,
    "tokens in the market": _in_market,
    "tokens in bond": _in_bond,
}


def _shares(books: Books, name: str) -> Mapping[str, int]:
    """What the order brought or cost this party."""
    lease = books.lease
    paid, fee, refunded = (number(lease, key) for key in ("paid", "fee", "refunded"))
    if name == "buyer":
        return {"escrowed": number(lease, "cost"), "paid for usage": paid, "refunded": refunded}
    if name == books.seller:
        return {"paid by the buyer": paid, "fee taken": fee, "earned": paid - fee}
    if name == "treasury":
        return {"fee": fee}
    return {"earned": 0}


def _order(books: Books) -> Table:
    lease = books.lease
    table = Table(title="The lease", title_justify="left", show_header=False)
    table.add_column(min_width=_LABEL_WIDTH)
    table.add_column(justify="right", min_width=_AMOUNT_WIDTH)
    price, units = number(lease, "price_per_gpu_hour"), number(lease, "units")
    used = number(lease, "used_gpu_ms")
    table.add_row("price per GPU-hour", format_tokens(price))
    table.add_row("bought (minted, then burned)", f"{units} lots = {units * 3600} GPU-ms")
    table.add_row("used and counter-signed", f"{used} GPU-ms")
    table.add_row("cost = lots x ticks", format_tokens(number(lease, "cost")))
    table.add_row("paid = floor(used x ticks / 3600)", format_tokens(number(lease, "paid")))
    table.add_row("fee, of what was paid", format_tokens(number(lease, "fee")))
    table.add_row("refunded = cost - paid", format_tokens(number(lease, "refunded")))
    table.add_row("device", "simulated" if lease["simulated"] else "real")
    return table


def _transactions(outcome: Outcome) -> Table:
    table = Table(title="Transactions of the lease", title_justify="left")
    table.add_column("")
    table.add_column("transaction", no_wrap=True)
    table.add_column("gas", justify="right")
    leases = outcome.verified["leases"]
    assert isinstance(leases, list)
    for lease in leases:
        if lease["series"] == str(outcome.books.lease["series"]):
            for one in lease["transactions"]:
                table.add_row(one["kind"], one["transaction"], f"{one['gas_used']:,}")
    return table


def _ether(wei: int) -> str:
    """To six places, for people; the checks count tokens, not gas."""
    return format_tokens(wei // 10**12)


def _signed(amount: int) -> str:
    return ("+" if amount > 0 else "") + format_tokens(amount)


def _commit() -> str:
    """The commit that was run; unknown outside of a checkout."""
    result = subprocess.run(
        ["git", "rev-parse", "HEAD"],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        check=False,
    )
    return result.stdout.strip() or "unknown"
