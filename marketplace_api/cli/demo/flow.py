"""The demo from the first process to the last sum."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from marketplace_api.cli.demo import buying, providing
from marketplace_api.cli.demo.books import Books, Check, Holdings, check_books, read_all
from marketplace_api.cli.demo.cast import Cast, gather, operator_of
from marketplace_api.cli.demo.processes import Actor, DemoError, Journal, Json, number
from marketplace_api.cli.stack.home import Home

PRICES = ("2.20", "2.00")
"""Of provider 1 and provider 2, in tokens per GPU-hour."""
_CLOSED_WITHIN = "60s"


@dataclass(frozen=True, slots=True)
class Urls:
    """Where the stack answers."""

    api: str
    rpc: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """Everything that the report needs."""

    urls: Urls
    market: Json
    books: Books
    watched: buying.Watched
    statements: tuple[Json, ...]
    verified: Json
    checks: tuple[Check, ...]
    folder: Path

    @property
    def sums_agree(self) -> bool:
        """Whether chain, statements and our own arithmetic say the same."""
        return self.verified["sums_agree"] is True and all(check.holds for check in self.checks)


@contextmanager
def stack(home: Path, journal: Journal, *, keep: bool) -> Iterator[tuple[Actor, Urls]]:
    """The running stack; what we started is ended, unless it shall stay."""
    operator = operator_of(home, journal)
    was_up = bool(_running(operator))
    try:
        rows = operator.run_list("up")
        yield operator, Urls(_url(rows, "api"), _url(rows, "ganache"))
    finally:
        if not keep and not was_up:
            operator.run("down")


def play(operator: Actor, urls: Urls, say: Callable[[str], None], statement_offset: int) -> Outcome:
    """All steps, in the order of an order's life."""
    cast = gather(operator, urls.api, urls.rpc)
    enrolled, wallet = _arrive(cast, say)
    asks = _offer(cast, enrolled, say)
    try:
        return _trade(cast, urls, asks, wallet, say, statement_offset)
    finally:
        for provider, ask in zip(cast.providers, asks, strict=True):
            # The demo may have failed because nobody answers: its own error is the one to show.
            with suppress(DemoError):
                provider.run("cancel", ask.digest)


def _arrive(cast: Cast, say: Callable[[str], None]) -> tuple[list[providing.Enrolled], str]:
    home = Home.at(cast.operator.home)
    with ThreadPoolExecutor(3) as pool:
        providers = [pool.submit(providing.enrol, actor, home) for actor in cast.providers]
        buyer = pool.submit(buying.prepare, cast.buyer)
        wallet = buyer.result()
        enrolled = [future.result() for future in providers]
    for actor, one in zip(cast.providers, enrolled, strict=True):
        say(f"{actor.name} {one.wallet}: bond paid, device attested, terms {one.terms}")
    say(f"buyer {wallet}: {buying.DEPOSIT} tokens paid in, delegate named")
    return enrolled, wallet


def _offer(
    cast: Cast, enrolled: list[providing.Enrolled], say: Callable[[str], None]
) -> list[providing.Offered]:
    with ThreadPoolExecutor(2) as pool:
        asks = list(pool.map(providing.offer, cast.providers, enrolled, PRICES))
    for actor, price in zip(cast.providers, PRICES, strict=True):
        say(f"{actor.name} asks {price} tokens per GPU-hour")
    return asks


def _trade(
    cast: Cast,
    urls: Urls,
    asks: list[providing.Offered],
    wallet: str,
    say: Callable[[str], None],
    statement_offset: int,
) -> Outcome:
    before = read_all(cast.parties)
    say(f"buyer bids for {buying.MILLI} milli x {buying.DURATION} at most {buying.MAX_PRICE}")
    watched, during = _buy(cast.buyer, say)
    lease = cast.buyer.run(
        "lease", "show", watched.lease, "--wait-for", "closed", "--timeout", _CLOSED_WITHIN
    )
    say(f"lease {watched.lease} closed")
    after = read_all(cast.parties)
    statements = tuple(_statements(cast, statement_offset))
    verified = _verify(cast, statements)
    market = cast.buyer.run("market")
    seller = _seller(cast, before, lease)
    books = Books(
        lease=lease,
        fee_bps=number(market, "fee_bps"),
        cheaper=min(ask.price_per_gpu_hour for ask in asks),
        before=before,
        during=during,
        after=after,
        seller=seller,
        idle=next(actor.name for actor in cast.providers if actor.name != seller),
    )
    return Outcome(
        urls=urls,
        market=market,
        books=books,
        watched=watched,
        statements=statements,
        verified=verified,
        checks=(
            Check("the buyer's wallet", wallet, lease["holder"]),
            Check("job", "succeeded", watched.job_status),
            Check("usage signed = usage paid", watched.final_gpu_ms, lease["used_gpu_ms"]),
            *check_books(books),
        ),
        folder=cast.folder,
    )


def _buy(buyer: Actor, say: Callable[[str], None]) -> tuple[buying.Watched, Holdings]:
    """While the job runs the buyer looks at the units that the fill minted."""
    look: list[Future[Json]] = []
    with ThreadPoolExecutor(1) as pool:

        def tell(event: Json) -> None:
            if event["event"] == "log":
                for line in str(event["text"]).splitlines():
                    say(f"  | {line}")
                if not look:
                    look.append(pool.submit(buyer.run, "balance"))
            elif event["event"] != "countersigned" or event["is_final"]:
                say(f"  {_shown(event)}")

        watched = buying.buy(buyer, tell)
        if not look:
            raise DemoError("the job printed nothing that the buyer received")
        return watched, Holdings.of(look[0].result())


def _shown(event: Json) -> str:
    hidden = ("event", "at", "digest", "ask", "milli")
    members = [f"{k}={v}" for k, v in event.items() if k not in hidden and v is not None]
    return f"{event['event']}: {' '.join(members)}"


def _statements(cast: Cast, offset: int) -> Iterator[Json]:
    """Everybody's own statement from the API; the self-test makes the buyer's wrong on purpose."""
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda actor: actor.run("statement"), cast.parties))
    for actor, statement in zip(cast.parties, found, strict=True):
        if offset and actor is cast.buyer:
            balances = statement["balances"]
            assert isinstance(balances, dict)
            balances["payment_token"]["closing"] += offset
        yield statement


def _verify(cast: Cast, statements: tuple[Json, ...]) -> Json:
    """Anybody can: the chain's own logs and storage against the statements."""
    path = cast.folder / "statements.json"
    path.write_text(json.dumps(list(statements), indent=2) + "\n")
    return cast.buyer.run("chain", "verify", "--statements", path, allow=(0, 1))


def _seller(cast: Cast, before: Mapping[str, Holdings], lease: Json) -> str:
    for actor in cast.providers:
        if before[actor.name].wallet == lease["provider"]:
            return actor.name
    raise DemoError(f"the lease is with {lease['provider']}, who is not in this demo")


def _running(operator: Actor) -> list[Json]:
    rows = operator.run_list("status", allow=(0, 1))
    return [row for row in rows if row["state"] == "up"]


def _url(rows: list[Json], name: str) -> str:
    for row in rows:
        if row["name"] == name and isinstance(row["url"], str):
            return row["url"]
    raise DemoError(f"gpubourse up names no URL of {name}")
