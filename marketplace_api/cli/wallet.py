"""A logged-in client and the next nonce of the wallet."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from contracts.protocol.keys import Signer
from marketplace_api.cli.profile import Profile
from marketplace_api.client import Bourse, Slot
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


def next_slot(desk: Desk, market: Market) -> Slot:
    """A nonce that this wallet did not use before, by the API's count and by our own.

    The contract keeps a window of 128 nonces, so they are handed out one after the other; our own
    count, kept at home, holds apart two orders that are signed at the same moment.
    """
    account = desk.bourse.account()
    name = f"{market.chain_id}-{market.market}-{desk.signer.address}-{account.epoch}"
    return Slot(take_nonce(desk.profile.home / "nonces" / name, account.next_nonce), account.epoch)


def take_nonce(counter: Path, least: int) -> int:
    """The next number of a counter, held apart from whoever asks at the same moment."""
    counter.parent.mkdir(parents=True, exist_ok=True)
    with counter.open("a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        nonce = max(int(file.read() or "0"), least)
        file.truncate(0)
        file.write(str(nonce + 1))
    return nonce
