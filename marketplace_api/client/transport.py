"""HTTP to the API: sessions, idempotency keys, retries and refusals in one place."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import httpx

from marketplace_api.client.errors import AnswerError, UnreachableError, refusal

IDEMPOTENCY_HEADER = "Idempotency-Key"
_RETRIED_STATUSES = frozenset({502, 503, 504})
_PAUSES_S = (0.2, 0.8)
_LOGIN = "/v1/auth/"
_QUIET_S = 40.0
"""The server sends a heartbeat each 15 s: a stream that is silent for longer is lost."""

Json = Mapping[str, object]


class Transport:
    """Requests to one API, with or without a session."""

    def __init__(
        self,
        api_url: str,
        *,
        token: str | None = None,
        handler: httpx.BaseTransport | None = None,
        timeout_s: float = 30.0,
        sleep: Callable[[float], None] = time.sleep,
        renew: Callable[[], str] | None = None,
    ) -> None:
        self.api_url = api_url.rstrip("/")
        self.token = token
        self._renew = renew
        self._sleep = sleep
        self._http = httpx.Client(base_url=self.api_url, timeout=timeout_s, transport=handler)

    def close(self) -> None:
        """Give the connections back."""
        self._http.close()

    def get(self, path: str, **query: str | int | None) -> object:
        """A JSON answer."""
        return self._json(self._send("GET", path, params=_given(query)))

    def get_bytes(self, path: str, **query: str | int | None) -> bytes:
        """A raw answer."""
        return self._send("GET", path, params=_given(query)).content

    def put(self, path: str, *, json: Json | None = None, content: bytes | None = None) -> object:
        """Store something under a name of its own: safe to repeat."""
        answer = self._send("PUT", path, json=json, content=content)
        return self._json(answer) if answer.content else None

    def post(self, path: str, body: Json | None = None) -> object:
        """Something without effect on money: not repeated when the answer is lost."""
        answer = self._send("POST", path, json=body or {}, attempts=1)
        return self._json(answer) if answer.content else None

    def spend(self, path: str, body: Json | None = None, key: str | None = None) -> object:
        """Something that could spend: carries an idempotency key, so a lost answer is asked again.

        Give ``key`` to make two calls of one's own the same request.
        """
        headers = {IDEMPOTENCY_HEADER: key or str(uuid.uuid4())}
        answer = self._send("POST", path, json=body or {}, headers=headers)
        return self._json(answer) if answer.content else None

    @contextmanager
    def stream(self, path: str, headers: Mapping[str, str]) -> Iterator[httpx.Response]:
        """An answer that is read line by line as it comes."""
        response = self._open(path, headers)
        if response.status_code == 401 and self._renew:
            response.close()
            self.token = self._renew()
            response = self._open(path, headers)
        try:
            if response.is_error:
                raise refusal(response.status_code, response.read(), response.headers)
            yield response
        finally:
            response.close()

    def _open(self, path: str, headers: Mapping[str, str]) -> httpx.Response:
        request = self._http.build_request(
            "GET",
            path,
            headers=self._headers({"Accept": "text/event-stream", **headers}),
            timeout=httpx.Timeout(30.0, read=_QUIET_S),
        )
        try:
            return self._http.send(request, stream=True)
        except httpx.TransportError as error:
            raise UnreachableError(self.api_url, _cause(error)) from error

    def _send(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str | int] | None = None,
        json: Json | None = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        attempts: int = 1 + len(_PAUSES_S),
    ) -> httpx.Response:
        request = self._http.build_request(
            method,
            path,
            params=params or None,
            json=json,
            content=content,
            headers=self._headers(headers or {}),
        )
        response = self._attempt(request, attempts)
        if response.status_code == 401 and self._renew and not path.startswith(_LOGIN):
            self.token = self._renew()
            request.headers.update(self._headers({}))
            response = self._attempt(request, attempts)
        if response.is_error:
            raise refusal(response.status_code, response.content, response.headers)
        return response

    def _attempt(self, request: httpx.Request, attempts: int) -> httpx.Response:
        for number in range(attempts):
            last = number == attempts - 1
            try:
                response = self._http.send(request)
            except httpx.TransportError as error:
                if last:
                    raise UnreachableError(self.api_url, _cause(error)) from error
            else:
                if last or response.status_code not in _RETRIED_STATUSES:
                    return response
            self._sleep(_PAUSES_S[number])
        raise AssertionError("the last attempt returns or raises")

    def _headers(self, extra: Mapping[str, str]) -> dict[str, str]:
        session = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        return {**session, **extra}

    @staticmethod
    def _json(response: httpx.Response) -> object:
        try:
            data: object = response.json()
        except ValueError as error:
            raise AnswerError(response.request.url.path, "JSON", response.text[:200]) from error
        return data


def _given(query: Mapping[str, str | int | None]) -> dict[str, str | int]:
    return {name: value for name, value in query.items() if value is not None}


def _cause(error: Exception) -> str:
    return str(error) or type(error).__name__
