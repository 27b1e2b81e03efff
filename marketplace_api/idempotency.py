"""``Idempotency-Key``: the same request sent twice is carried out once."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, TypeVar

from fastapi import Depends, Header, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from marketplace_api.auth.dependencies import WalletDep
from marketplace_api.db import SessionDep
from marketplace_api.models import IdempotencyKey
from marketplace_api.problems import ConflictError, MarketError

HEADER = "Idempotency-Key"
_KEY = re.compile(r"[\x21-\x7e]{1,128}")
Checked = TypeVar("Checked")


class KeyRequiredError(MarketError):
    """A request that could spend came without a key."""

    status = 400
    code = "idempotency-key-required"

    def __init__(self, given: str | None) -> None:
        super().__init__(
            f"{HEADER}: 1 to 128 printable characters without blanks; given {given!r}",
            field=HEADER,
            limit="1 to 128 printable characters without blanks",
            given=given,
        )


@dataclass(frozen=True, slots=True)
class Idempotency:
    """The key of this request and its place in the database."""

    session: Session
    wallet: str
    key: str
    request_hash: str

    def once(
        self,
        status_code: int,
        check: Callable[[], Checked],
        act: Callable[[Checked], BaseModel],
    ) -> JSONResponse:
        """The stored answer, or: check (pure, no lock is held), take the key, act, store.

        A refusal stores nothing, so that the same key may try again.
        """
        if (stored := self._stored()) is not None:
            return stored
        checked = check()
        if not self._take(status_code):
            # Whoever held the key meanwhile has committed.
            stored = self._stored()
            assert stored is not None
            return stored
        answer = act(checked).model_dump(mode="json")
        row = self.session.get_one(IdempotencyKey, (self.wallet, self.key))
        row.response = answer
        self.session.flush()
        return JSONResponse(answer, status_code)

    def _stored(self) -> JSONResponse | None:
        row = self.session.get(IdempotencyKey, (self.wallet, self.key), populate_existing=True)
        if row is None:
            return None
        if row.request_hash != self.request_hash:
            raise ConflictError(
                "idempotency-mismatch", HEADER, "a new key for another request", self.key
            )
        return JSONResponse(row.response, row.status_code, {"Idempotent-Replay": "true"})

    def _take(self, status_code: int) -> bool:
        # Waits here for a request with the same key that is under way.
        taken = self.session.scalar(
            insert(IdempotencyKey)
            .values(
                wallet=self.wallet,
                key=self.key,
                request_hash=self.request_hash,
                status_code=status_code,
                response={},
            )
            .on_conflict_do_nothing()
            .returning(IdempotencyKey.key)
        )
        return taken is not None


async def _request_hash(request: Request) -> str:
    head = f"{request.method} {request.url.path}\n".encode()
    return hashlib.sha256(head + await request.body()).hexdigest()


def get_idempotency(
    wallet: WalletDep,
    session: SessionDep,
    request_hash: Annotated[str, Depends(_request_hash)],
    idempotency_key: Annotated[
        str | None,
        Header(
            description="Of your choice, e.g. a UUID. Required. The same key with the same body "
            "gives the stored answer, with another body 409."
        ),
    ] = None,
) -> Idempotency:
    """Require the key."""
    if idempotency_key is None or not _KEY.fullmatch(idempotency_key):
        raise KeyRequiredError(idempotency_key)
    return Idempotency(session, wallet, idempotency_key, request_hash)


IdempotencyDep = Annotated[Idempotency, Depends(get_idempotency)]
