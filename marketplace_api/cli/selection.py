"""Which profile the option before the command chose."""

from __future__ import annotations

from contextvars import ContextVar

profile_name: ContextVar[str | None] = ContextVar("profile_name", default=None)
