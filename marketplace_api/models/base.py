"""Base of every table: names of constraints, column types of the protocol's units."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any

from sqlalchemy import BigInteger, DateTime, Dialect, Enum, MetaData, Numeric, String, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, mapped_column
from sqlalchemy.types import TypeDecorator


class Uint256(TypeDecorator[int]):
    """An exact integer as wide as the EVM's; a plain ``int`` in Python, signed in ledgers."""

    impl = Numeric(78, 0)
    cache_ok = True

    def process_bind_param(self, value: int | None, dialect: Dialect) -> Decimal | None:  # noqa: ARG002
        """Refuse anything that is not exactly an integer: a float would lose money silently."""
        if value is not None and type(value) is not int:
            raise TypeError(f"an int is needed, not {value!r}")
        return None if value is None else Decimal(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> int | None:  # noqa: ARG002
        """Back to ``int``."""
        return None if value is None else int(value)


Json = dict[str, Any]
"""A document whose shape the protocol defines; parsed before it crosses a module border."""
Wallet = Annotated[str, mapped_column(String(42))]
"""EIP-55 address."""
Hash = Annotated[str, mapped_column(String(66))]
"""0x and 64 lower-case hex digits."""
Digest = Annotated[str, mapped_column(String(64))]
"""SHA-256 as 64 lower-case hex digits."""
Wide = Annotated[int, mapped_column(Uint256())]
"""Money, series ids: exact integers of any width."""
Number = Annotated[int, mapped_column(BigInteger())]
"""Counts, GPU-ms, unix seconds."""
Instant = Annotated[datetime, mapped_column(DateTime(timezone=True))]
"""By the server's clock."""
Created = Annotated[datetime, mapped_column(DateTime(timezone=True), server_default=func.now())]
Document = Annotated[Json, mapped_column(JSONB())]
Documents = Annotated[list[Json], mapped_column(JSONB())]
Words = Annotated[list[str], mapped_column(JSONB())]


def status_column(kind: type[StrEnum]) -> Enum:
    """A status as readable text that the database checks."""
    return Enum(
        kind,
        native_enum=False,
        create_constraint=True,
        length=16,
        name=kind.__name__.lower(),
        values_callable=lambda members: [member.value for member in members],
    )


class Base(DeclarativeBase):
    """Metadata that all tables share."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
