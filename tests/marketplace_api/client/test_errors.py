"""Problem details become exceptions that carry code, field, limit and what was given."""

from __future__ import annotations

import json

import pytest

from marketplace_api.client import errors


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, errors.PayloadError),
        (401, errors.SessionError),
        (403, errors.NotYoursError),
        (404, errors.NotFoundError),
        (409, errors.ConflictError),
        (413, errors.TooLargeError),
        (422, errors.PayloadError),
        (418, errors.RefusedError),
        (500, errors.ServerFaultError),
        (503, errors.ServerFaultError),
    ],
)
def test_refusal__each_status__has_its_type(status: int, kind: type):
    """A caller may catch what it can do something about."""
    assert type(errors.refusal(status, b"{}", {})) is kind


def test_refusal__problem_details__keeps_every_member():
    """Nothing of the API's explanation is lost."""
    body = {"code": "below-tick", "detail": "too low", "field": "p", "limit": "1000", "given": 9}
    error = errors.refusal(422, json.dumps(body).encode(), {})
    assert (error.code, error.field, error.limit, error.given) == ("below-tick", "p", "1000", "9")
    assert str(error) == "too low (below-tick, HTTP 422)"


def test_refusal__rate_limit__says_when_to_come_back():
    """Retry-After in seconds; a date, or none, counts as one second."""
    limited = errors.refusal(429, b"{}", {"retry-after": "7"})
    assert isinstance(limited, errors.RateLimitedError)
    assert limited.retry_after_s == 7
    dated = errors.refusal(429, b"{}", {"retry-after": "Wed, 01 Jan 2026 00:00:00 GMT"})
    assert isinstance(dated, errors.RateLimitedError)
    assert dated.retry_after_s == 1


def test_refusal__body_that_is_no_json__becomes_the_detail():
    """A proxy in between answers in its own words."""
    error = errors.refusal(502, b"<h1>Bad Gateway</h1>", {})
    assert (error.code, error.problem.detail) == ("http-502", "<h1>Bad Gateway</h1>")
