"""The demo from the first process to the last sum."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from marketplace_api.cli.demo import buying, providing
from marketplace_api.cli.demo.books import Books, Check, Holdings, check_books, read_all
from marketplace_api.cli.demo.cast import Cast, gather, operator_of
from marketplace_api.cli.demo.processes import Actor, DemoError, Journal, Json, number, text
from marketplace_api.cli.stack.home import Home

PRICES = ("2.20", "2.00")
"""Of provider 1 and provider 2, in tokens per GPU-hour."""
_CLOSED_WITHIN = "60s"
Say = Callable[[str], None]


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
    verified: Json
    checks: tuple[Check, ...]
    statements: Path

    @property
    def sums_agree(self) -> bool:
        """Whether chain, statements and our own arithmetic say the same."""
        return self.verified["sums_agree"] is True and all(check.holds for check in self.checks)


@contextmanager
def stage(home: Path, journal: Journal, *, keep: bool) -> Iterator[tuple[Cast, Urls]]:
    """The running stack and its cast; what we started is ended, unless it shall stay."""
    operator = operator_of(home, journal)
    was_up = bool(_running(operator))
    cast: Cast | None = None
    try:
        rows = operator.run_list("up")
        urls = Urls(_url(rows, "api"), _url(rows, "ganache"))
        cast = gather(operator, urls.api, urls.rpc)
        yield cast, urls
    finally:
        if not keep and not was_up:
            operator.run("down")
        elif not keep and cast is not None:
            _dismiss(cast)


def play(cast: Cast, urls: Urls, say: Say, statement_offset: int) -> Outcome:
    """All steps, in the order of an order's life."""
    wallets, asks = _arrive(cast, say)
    cheaper = min(ask.price_per_gpu_hour for ask in asks)
    with ThreadPoolExecutor(2) as leaving:
        try:
            traded = _trade(cast, wallets, say)
        finally:
            # Nobody shall be matched with a provider that is about to leave.
            for provider, ask in zip(cast.providers, asks, strict=True):
                leaving.submit(_cancel, provider, ask.digest)
        return _settle_up(cast, urls, traded, cheaper, statement_offset)


@dataclass(frozen=True, slots=True)
class _Traded:
    wallets: Mapping[str, str]
    watched: buying.Watched
    lease: Json
    before: Mapping[str, Holdings]
    during: Holdings


def _arrive(cast: Cast, say: Say) -> tuple[Mapping[str, str], Sequence[providing.Offered]]:
    """Everybody gets ready side by side; each provider posts its ask as soon as it can."""
    home = Home.at(cast.operator.home)

    def provide(provider: Actor, price: str) -> tuple[str, providing.Offered]:
        enrolled = providing.enrol(provider, home)
        say(f"{provider.name} {enrolled.wallet}: bond, device attested, terms {enrolled.terms}")
        offered = providing.offer(provider, enrolled, price)
        say(f"{provider.name} asks {price} tokens per GPU-hour")
        return enrolled.wallet, offered

    with ThreadPoolExecutor(4) as pool:
        selling = [pool.submit(provide, a, p) for a, p in zip(cast.providers, PRICES, strict=True)]
        treasury = pool.submit(cast.treasury.run, "keys", "show")
        buyer = buying.prepare(cast.buyer)
        say(f"buyer {buyer}: {buying.DEPOSIT} tokens paid in, delegate named")
        sold = [future.result() for future in selling]
    wallets = {"buyer": buyer}
    wallets |= {a.name: w for a, (w, _) in zip(cast.providers, sold, strict=True)}
    wallets["treasury"] = text(treasury.result(), "address")
    return wallets, [offered for _, offered in sold]


def _trade(cast: Cast, wallets: Mapping[str, str], say: Say) -> _Traded:
    before = read_all(cast.buyer, wallets)
    say(f"buyer bids for {buying.MILLI} milli x {buying.DURATION} at most {buying.MAX_PRICE}")
    watched, during = _buy(cast.buyer, say, _only_ours(cast, wallets, say))
    lease = cast.buyer.run(
        "lease", "show", watched.lease, "--wait-for", "closed", "--timeout", _CLOSED_WITHIN
    )
    say(f"lease {watched.lease} closed")
    return _Traded(wallets, watched, lease, before, during)


def _only_ours(cast: Cast, wallets: Mapping[str, str], say: Say) -> tuple[str, ...]:
    """On a bourse that has other sellers the bid names ours, else the demo would test theirs."""
    ours = tuple(wallets[actor.name] for actor in cast.providers)
    offers = cast.buyer.run_list("book", "--class", providing.DEVICE_CLASS)
    if all(offer["seller"] in ours for offer in offers):
        return ()
    say("others sell here too: the bid allows the providers of this demo only")
    return ours


def _buy(buyer: Actor, say: Say, allow: tuple[str, ...]) -> tuple[buying.Watched, Holdings]:
    """While the job runs the buyer looks at the units that the fill minted."""
    look: list[Future[Json]] = []
    lines = _Lines(say)
    with ThreadPoolExecutor(1) as pool:

        def tell(event: Json) -> None:
            if event["event"] == "log":
                lines.add(str(event["text"]))
                if not look:
                    look.append(pool.submit(buyer.run, "balance"))
            else:
                say(f"  {_shown(event)}")

        watched = buying.buy(buyer, tell, allow)
        if not look:
            raise DemoError("the job printed nothing that the buyer received")
        return watched, Holdings.of(look[0].result())


class _Lines:
    """Output comes in pieces, people read lines."""

    def __init__(self, say: Say) -> None:
        self._say = say
        self._rest = ""

    def add(self, piece: str) -> None:
        *whole, self._rest = (self._rest + piece).split("\n")
        for line in whole:
            self._say(f"  | {line}")


def _shown(event: Json) -> str:
    hidden = ("event", "at", "digest", "ask", "milli")
    members = [f"{k}={v}" for k, v in event.items() if k not in hidden and v is not None]
    return f"{event['event']}: {' '.join(members)}"


def _cancel(provider: Actor, digest: str) -> None:
    # Where nobody answers any more, the error that ended the demo is the one to show.
    with suppress(DemoError):
        provider.run("cancel", digest)


def _dismiss(cast: Cast) -> None:
    """The stack was there before us and stays; our agents go."""
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda actor: actor.run("agent", "stop", allow=(0, 1)), cast.providers))


def _settle_up(
    cast: Cast, urls: Urls, traded: _Traded, cheaper: int, statement_offset: int
) -> Outcome:
    """Statements, the chain's own sums, and ours."""
    statements = cast.folder / "statements.json"
    with ThreadPoolExecutor(3) as pool:
        after = pool.submit(read_all, cast.buyer, traded.wallets)
        market = pool.submit(cast.buyer.run, "market")
        found = list(pool.map(lambda actor: actor.run("statement"), cast.parties))
    _spoil(found[0], statement_offset)
    statements.write_text(json.dumps(found, indent=2) + "\n")
    verified = cast.buyer.run("chain", "verify", "--statements", statements, allow=(0, 1))
    lease = traded.lease
    seller, idle = _sides(cast, traded)
    books = Books(
        lease=lease,
        fee_bps=number(market.result(), "fee_bps"),
        cheaper=cheaper,
        before=traded.before,
        during=traded.during,
        after=after.result(),
        seller=seller,
        idle=idle,
    )
    checks = (
        Check("the buyer's wallet", traded.wallets["buyer"], lease["holder"]),
        Check("job", "succeeded", traded.watched.job_status),
        Check("usage signed = usage paid", traded.watched.final_gpu_ms, lease["used_gpu_ms"]),
        *check_books(books),
    )
    return Outcome(urls, market.result(), books, traded.watched, verified, checks, statements)


def _spoil(statement: Json, offset: int) -> None:
    """The self-test: a statement that is wrong on purpose must be found out."""
    if offset:
        balances = statement["balances"]
        assert isinstance(balances, dict)
        balances["payment_token"]["closing"] += offset


def _sides(cast: Cast, traded: _Traded) -> tuple[str, str]:
    """Who served, and who did not."""
    names = [actor.name for actor in cast.providers]
    served = [name for name in names if traded.wallets[name] == traded.lease["provider"]]
    if not served:
        raise DemoError(f"the lease is with {traded.lease['provider']}, not of this demo")
    return served[0], next(name for name in names if name != served[0])


def _running(operator: Actor) -> list[Json]:
    rows = operator.run_list("status", allow=(0, 1))
    return [row for row in rows if row["state"] == "up"]


def _url(rows: list[Json], name: str) -> str:
    for row in rows:
        if row["name"] == name and isinstance(row["url"], str):
            return row["url"]
    raise DemoError(f"gpubourse up names no URL of {name}")
