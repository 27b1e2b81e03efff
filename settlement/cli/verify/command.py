"""`gpubourse chain verify`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from contracts.protocol.amounts import format_tokens
from contracts.protocol.errors import ProtocolError
from marketplace_api.cli.output import emit_json
from marketplace_api.cli.problems import ExitCode
from marketplace_api.cli.profile import Profile
from marketplace_api.client.answers import Statement, gpu_hours_text
from marketplace_api.client.decode import decode
from marketplace_api.client.errors import AnswerError
from settlement.cli.desk import ChainDesk, open_chain
from settlement.cli.verify.comparing import check_statements
from settlement.cli.verify.conservation import Check, check_chain
from settlement.cli.verify.history import read_history
from settlement.cli.verify.state import State, read_state
from settlement.cli.verify.sums import History, escrow_of


def verify(statements: Sequence[Path], block: int | None, *, as_json: bool) -> None:
    """Add up, compare, and exit with 1 where a single unit differs."""
    found = [one for path in statements for one in read_statements(path)]
    desk = open_chain(Profile.load())
    history = read_history(desk, desk.head if block is None else block)
    state = read_state(desk, history)
    checks = (*check_chain(history, state), *check_statements(found, history, state))
    wrong = [check for check in checks if not check.holds]
    if as_json:
        emit_json(_as_json(desk, history, state, checks))
    else:
        _print(history, state, checks)
    if wrong:
        raise SystemExit(ExitCode.REFUSED)


def read_statements(path: Path) -> tuple[Statement, ...]:
    """One statement, or a list of them, as `gpubourse statement --json` prints it."""
    try:
        data = json.loads(path.read_text())
        items = data if isinstance(data, list) else [data]
        return tuple(decode(Statement, item) for item in items)
    except (OSError, ValueError) as error:
        raise ProtocolError("statements", "a file of statements as JSON", str(path)) from error
    except AnswerError as error:
        raise ProtocolError(f"{path}: {error.field}", error.limit, error.given) from error


def _as_json(
    desk: ChainDesk, history: History, state: State, checks: Sequence[Check]
) -> dict[str, object]:
    return {
        "sums_agree": all(check.holds for check in checks),
        "checks": len(checks),
        "differences": [
            {**asdict(check), "difference": check.difference} for check in checks if not check.holds
        ],
        "block": state.block,
        "market": desk.place.market,
        "market_tokens": state.market_tokens,
        "balances": sum(state.balances.values()),
        "escrow": sum(escrow_of(key, sums) for key, sums in history.leases.items()),
        "bonds": sum(state.bonds.values()),
        "fees": history.fees,
        "leases": [
            {
                "series": str(key.series),
                "holder": key.holder,
                "units": sums.units,
                "minted": sums.minted,
                "burned": sums.burned,
                "used_gpu_ms": sums.used_gpu_ms,
                "paid": sums.paid,
                "fee": sums.fee,
                "refunded": sums.refunded,
                "reservation_fee": sums.reservation_fee,
                "escrow": escrow_of(key, sums),
                "transactions": [
                    {"kind": kind, "transaction": found, "gas_used": _gas(desk, found)}
                    for kind, found in sums.transactions
                ],
            }
            for key, sums in history.leases.items()
        ],
    }


def _gas(desk: ChainDesk, transaction: str) -> int | None:
    mined = desk.chain.receipt(transaction)
    return mined.gas_used if mined else None


def _print(history: History, state: State, checks: Sequence[Check]) -> None:
    escrow = sum(escrow_of(key, sums) for key, sums in history.leases.items())
    used = sum(sums.used_gpu_ms for sums in history.leases.values())
    print(f"at block {state.block} the market holds {format_tokens(state.market_tokens)} tokens:")
    print(f"  accounts {format_tokens(sum(state.balances.values()))}")
    print(f"  escrow   {format_tokens(escrow)} in {len(history.leases)} lease(s)")
    print(f"  bonds    {format_tokens(sum(state.bonds.values()))}")
    print(f"paid so far for {gpu_hours_text(used)} GPU-hours; fees {format_tokens(history.fees)}")
    for check in checks:
        if not check.holds:
            print(
                f"DIFFERENCE {check.difference:+d}: {check.name}: "
                f"expected {check.expected}, found {check.found}"
            )
    if all(check.holds for check in checks):
        print(f"all {len(checks)} sums agree")
