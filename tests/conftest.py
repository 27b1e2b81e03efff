"""Rules for every test run, Brownie's included, so only pytest itself is imported here."""

from __future__ import annotations

import os

import pytest


def pytest_sessionfinish(session: pytest.Session) -> None:
    """In CI a skipped test is a failed run: there every part that a test needs is installed."""
    if os.environ.get("CI", "").lower() not in ("1", "true"):
        return
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    skipped = reporter.stats.get("skipped", []) if reporter else []
    if skipped and session.exitstatus == pytest.ExitCode.OK:
        reporter.write_line(f"\n{len(skipped)} skipped: not allowed in CI", red=True, bold=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
