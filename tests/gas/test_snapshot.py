"""The committed figures and the rule that compares with them."""

from __future__ import annotations

from tests.gas import report


def test_page__shows__what_the_snapshot_says() -> None:
    assert report.markdown(report.load_snapshot()) in report.PAGE.read_text()


def test_regression__of_over_one_percent__is_found() -> None:
    assert report.regressions({"a": 1_010, "b": 100}, {"a": 1_000, "b": 100}) == []
    assert len(report.regressions({"a": 1_011}, {"a": 1_000, "b": 100})) == 2
