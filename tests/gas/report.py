"""The figures beside their goals and the peers', and what changed since the last commit."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).absolute().parents[2]
SNAPSHOT = Path(__file__).absolute().parent / "snapshot.json"
PAGE = ROOT / "docs" / "gas.md"
BEGIN = "<!-- gas:begin, written by make gas -->"
END = "<!-- gas:end -->"
TOLERANCE_PERCENT = 1


@dataclass(frozen=True)
class Row:
    """One figure of the table."""

    key: str
    what: str
    goal: int
    peers: str


TABLE = (
    Row(
        "fill_50",
        "a bid filled: buyers with accounts, new positions, lanes in use",
        75_000,
        "iExec Boost match 353,486; Seaport 78,000 to 131,000 an order; 0x 100,124; "
        "CoW 58,200 a trade (no token minted, no calendar)",
    ),
    Row("fill_cold", "a bid filled: all parties cold, empty lanes", 150_000, "the same"),
    Row(
        "redeem_warm",
        "a counter-signed voucher, one provider",
        18_000,
        "The Graph's RAV shape 17,777 (one signature, no token, no cap by time)",
    ),
    Row("redeem_cold", "a counter-signed voucher, all parties cold", 28_500, "the same, 22,562"),
    Row("redeem_final", "a final voucher, signed by both, one provider", 25_000, "–"),
    Row(
        "redeem_grouped",
        "a lease under one signature for many of one holder and provider",
        7_000,
        "5,600, the floor: one warm slot written, one event",
    ),
    Row("close_end", "a closing with refund after the end, one provider", 15_000, "–"),
    Row("close_early", "a closing with refund that frees hours, one provider", 23_000, "–"),
    Row(
        "lease_life_warm",
        "fill, redeem and close, lanes and providers in use",
        110_000,
        "iExec Boost 473,574, classic 1,439,540; Raiden close and settle 227,027",
    ),
    Row("lease_life_cold", "fill, redeem and close, all parties cold", 200_000, "the same"),
    Row("max_contract_bytes", "code of the largest contract", 24_576, "Ethereum's limit"),
)


def markdown(figures: dict[str, int]) -> str:
    """The table of `docs/gas.md`."""
    lines = ["| key | what | measured | goal | peers |", "|---|---|---:|---:|---|"]
    for row in TABLE:
        if row.key in figures:
            cells = (
                f"`{row.key}`",
                row.what,
                f"{figures[row.key]:,}",
                f"{row.goal:,}",
                row.peers,
            )
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def terminal(figures: dict[str, int], snapshot: dict[str, int]) -> str:
    """The table as `make gas` prints it."""
    lines = [
        f"{'row':<20}{'measured':>10}{'goal':>10}  {'':<6}{'snapshot':>10}{'change':>9}  peers"
    ]
    for row in TABLE:
        if row.key not in figures:
            continue
        measured, before = figures[row.key], snapshot.get(row.key)
        verdict = "ok" if measured <= row.goal else "OVER"
        change = f"{100 * (measured - before) / before:+.2f} %" if before else "new"
        lines.append(
            f"{row.key:<20}{measured:>10,}{row.goal:>10,}  {verdict:<6}"
            f"{before or 0:>10,}{change:>9}  {row.peers}"
        )
    return "\n".join(lines)


def regressions(figures: dict[str, int], snapshot: dict[str, int]) -> list[str]:
    """Rows that cost over 1 % more than when they were last committed, or that are gone."""
    found = [f"{key}: not measured" for key in snapshot if key not in figures]
    for key, before in snapshot.items():
        now = figures.get(key, 0)
        if now * 100 > before * (100 + TOLERANCE_PERCENT):
            found.append(f"{key}: {before:,} -> {now:,} (+{100 * (now - before) / before:.2f} %)")
    return found


def load_snapshot() -> dict[str, int]:
    return json.loads(SNAPSHOT.read_text()) if SNAPSHOT.exists() else {}


def save(figures: dict[str, int]) -> None:
    """Snapshot and page say the same."""
    SNAPSHOT.write_text(json.dumps(figures, indent=2) + "\n")
    before, _, rest = PAGE.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    PAGE.write_text(f"{before}{BEGIN}\n{markdown(figures)}\n{END}{after}")
