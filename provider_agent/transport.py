"""HTTP to the API: logged in as the agent key, again when the session is over, and patient."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlsplit

import httpx

from contracts.protocol.keys import Signer
from contracts.protocol.wire import to_hex
from provider_agent.answers import Nonce
from provider_agent.login import login_message

_PAUSES_S = (0.1, 0.3, 1.0, 3.0)
_PASSING = frozenset({429, 502, 503, 504})
_MAX_PAUSE_S = 30.0


class ApiUnreachableError(Exception):
    """No answer, after all tries; worth another one later."""


class ApiRefusedError(Exception):
    """The API understood and refused; the same again would be refused again."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        self.status = status
        self.code = code
        super().__init__(f"{status} {code}: {detail}")


class LoginRefusedError(ApiRefusedError):
    """The API does not know this agent key."""


@dataclass(frozen=True, slots=True)
class Body:
    """What is sent: JSON or raw bytes."""

    json: object = None
    raw: bytes | None = None


class Transport:
    """Requests of one agent; may be used by many threads.

    Everything that the agent sends may be sent twice: reports replace, logs carry offsets and a
    receipt is itself again. So a lost answer is met by another try.
    """

    def __init__(
        self, api_url: str, http: httpx.Client, signer: Signer, pause: Callable[[float], object]
    ) -> None:
        self._api_url = api_url.rstrip("/")
        self._http = http
        self._signer = signer
        self._pause = pause
        self._token = ""
        self._login_lock = threading.Lock()

    def get(self, path: str, *, timeout_s: float = 10.0, tries: int = 4) -> httpx.Response:
        """GET as the agent."""
        return self.send("GET", path, Body(), timeout_s=timeout_s, tries=tries)

    def post(self, path: str, json: object, *, tries: int = 4) -> httpx.Response:
        """POST JSON as the agent."""
        return self.send("POST", path, Body(json=json), tries=tries)

    def put(self, path: str, raw: bytes) -> httpx.Response:
        """PUT bytes as the agent."""
        return self.send("PUT", path, Body(raw=raw), timeout_s=60.0)

    def send(
        self, method: str, path: str, body: Body, *, timeout_s: float = 10.0, tries: int = 4
    ) -> httpx.Response:
        """One request with its answer; logs in first where that is needed."""
        token = self._token or self._log_in("")
        response = self._patiently(method, path, body, token, timeout_s, tries)
        if response.status_code == httpx.codes.UNAUTHORIZED:
            token = self._log_in(token)
            response = self._patiently(method, path, body, token, timeout_s, tries)
        return _accepted(response)

    def open(self, path: str) -> httpx.Response:
        """GET without a session."""
        return _accepted(self._patiently("GET", path, Body(), "", 10.0, 4))

    def _log_in(self, stale: str) -> str:
        with self._login_lock:
            # Another thread may have done it while this one waited.
            if self._token != stale:
                return self._token
            address = self._signer.address
            answer = self._patiently(
                "POST", "/v1/auth/nonce", Body(json={"address": address}), "", 10.0, 4
            )
            nonce = Nonce.model_validate(_accepted(answer).json())
            self._check_domain(nonce)
            message = login_message(address, nonce, datetime.now(UTC))
            login = {"message": message, "signature": to_hex(self._signer.sign_text(message))}
            answer = self._patiently("POST", "/v1/auth/login", Body(json=login), "", 10.0, 4)
            if answer.status_code == httpx.codes.UNAUTHORIZED:
                raise LoginRefusedError(401, _code(answer), _detail(answer))
            self._token = str(_accepted(answer).json()["token"])
            return self._token

    def _check_domain(self, nonce: Nonce) -> None:
        """Sign for the host that we talk to only: another one could use the signature there."""
        expected = urlsplit(self._api_url).netloc
        if nonce.domain != expected:
            raise LoginRefusedError(
                401, "wrong-domain", f"domain: {expected}; given {nonce.domain!r}"
            )

    def _patiently(
        self, method: str, path: str, body: Body, token: str, timeout_s: float, tries: int
    ) -> httpx.Response:
        problem = ""
        for attempt in range(tries):
            wait = _PAUSES_S[min(attempt, len(_PAUSES_S) - 1)]
            try:
                response = self._once(method, path, body, token, timeout_s)
            except httpx.TransportError as error:
                problem = repr(error)
            else:
                if response.status_code not in _PASSING:
                    return response
                problem = f"status {response.status_code}"
                wait = _retry_after(response, wait)
            if attempt + 1 < tries:
                self._pause(wait)
        raise ApiUnreachableError(f"{method} {path}: {problem}")

    def _once(
        self, method: str, path: str, body: Body, token: str, timeout_s: float
    ) -> httpx.Response:
        return self._http.request(
            method,
            self._api_url + path,
            json=body.json,
            content=body.raw,
            headers={"Authorization": f"Bearer {token}"} if token else {},
            timeout=timeout_s,
        )


def _accepted(response: httpx.Response) -> httpx.Response:
    if response.is_success:
        return response
    raise ApiRefusedError(response.status_code, _code(response), _detail(response))


def _code(response: httpx.Response) -> str:
    return _problem(response).get("code", "unknown")


def _detail(response: httpx.Response) -> str:
    return _problem(response).get("detail", response.text[:200])


def _problem(response: httpx.Response) -> dict[str, str]:
    try:
        data = response.json()
    except ValueError:
        return {}
    return {k: str(v) for k, v in data.items()} if isinstance(data, dict) else {}


def _retry_after(response: httpx.Response, default: float) -> float:
    value = response.headers.get("Retry-After", "")
    return min(float(value), _MAX_PAUSE_S) if value.isdigit() else default
