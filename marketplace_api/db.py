"""The database: one engine per process, and the only place that commits."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

from fastapi import Depends
from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy.orm import Session, sessionmaker

_sessions: sessionmaker[Session] = sessionmaker(expire_on_commit=False)


def connect(url: str, pool_size: int = 10) -> Engine:
    """Open the process's engine and let every later session use it."""
    engine = create_engine(
        url,
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_pre_ping=True,
        connect_args={"application_name": "gpubourse", "connect_timeout": 5},
    )
    bind(engine)
    return engine


def bind(target: Engine | Connection) -> None:
    """Let sessions use this engine. On a connection they nest inside its open transaction."""
    mode = "create_savepoint" if isinstance(target, Connection) else "conditional_savepoint"
    _sessions.configure(bind=target, join_transaction_mode=mode)


@contextmanager
def session_scope(connection: Connection | None = None) -> Iterator[Session]:
    """One transaction: commits at the end of the block, rolls back if it raises.

    A leader gives the connection that holds its advisory lock: its writes are lost with the lock.
    """
    session = _sessions(bind=connection) if connection is not None else _sessions()
    with session, session.begin():
        yield session


def get_session() -> Iterator[Session]:
    """One transaction per request."""
    with session_scope() as session:
        yield session


# "function": committed before the answer leaves, so that a client never hears of what was lost.
SessionDep = Annotated[Session, Depends(get_session, scope="function")]
