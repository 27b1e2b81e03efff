"""A logged-in client and the next nonce of the wallet."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from contracts.protocol.keys import Signer
from marketplace_api.cli.profile import Profile
from marketplace_api.client import Bourse
from marketplace_api.client.answers import Market, Session


@dataclass(frozen=True, slots=True)
class Desk:
    """One user at one API."""

    profile: Profile
    signer: Signer
    bourse: Bourse


@contextmanager
def open_desk(key_file: Path | None = None) -> Iterator[Desk]:
    """A client with a session: the kept one, or a new one."""
    profile = Profile.load()
    signer = profile.signer(key_file)

    def keep(session: Session) -> None:
        profile.keep_token(signer.address, session.token)

    token = profile.token(signer.address)
    with Bourse(profile.api_url, token=token, signer=signer, on_login=keep) as bourse:
        if token is None:
            bourse.login(signer)
        yield Desk(profile, signer, bourse)


@contextmanager
def open_public() -> Iterator[Bourse]:
    """A client without a session, for what everybody may read."""
    with Bourse(Profile.load().api_url) as bourse:
        yield bourse


def next_nonce(desk: Desk, market: Market) -> int:
    """A nonce that this wallet did not use before, counted in its home and against its orders.

    The contract keeps a window of 128 nonces, so they are handed out one after the other.
    """
    folder = desk.profile.home / "nonces"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{market.chain_id}-{market.market}-{desk.signer.address}"
    with path.open("a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        counted = int(file.read() or "0")
        known = [order.nonce for order in desk.bourse.orders() if order.nonce is not None]
        nonce = max([counted, *(n + 1 for n in known)])
        file.truncate(0)
        file.write(str(nonce + 1))
    return nonce
