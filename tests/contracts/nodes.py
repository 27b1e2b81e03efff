"""Chains of a test's own, and a stand-in for their node that watches what is sent."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from web3 import HTTPProvider, Web3

PROJECT = Path(__file__).resolve().parents[2]
GANACHE = PROJECT / "node_modules" / "ganache" / "dist" / "node" / "cli.js"
LOOPBACK = "127.0.0.1"
SEND = "eth_sendRawTransaction"
_START_S = 60


@contextlib.contextmanager
def node(chain_id: int, **options: str) -> Iterator[Web3]:
    """A Ganache on a free port; ``options`` are its own, as ``miner__blockTime="1"``."""
    url = f"http://{LOOPBACK}:{_free_port()}"
    settings = {
        "server.host": LOOPBACK,
        "server.port": url.rsplit(":", 1)[1],
        "chain.chainId": str(chain_id),
        "chain.hardfork": "shanghai",
        "logging.quiet": "true",
        **{name.replace("__", "."): value for name, value in options.items()},
    }
    argv = ["node", str(GANACHE), *(f"--{name}={value}" for name, value in settings.items())]
    process = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    web3 = Web3(HTTPProvider(url, request_kwargs={"timeout": 60}))
    try:
        _wait_for(web3)
        yield web3
    finally:
        process.kill()
        process.wait()


def fund(web3: Web3, address: str, wei: int = 10 * 10**18) -> None:
    """Let an address have so much for gas."""
    _call(web3, "evm_setAccountBalance", address, hex(wei))


def url_of(web3: Web3) -> str:
    """Where its node listens."""
    return str(web3.provider.endpoint_uri)


@contextlib.contextmanager
def undone(web3: Web3) -> Iterator[None]:
    """Whatever is done to the chain inside is taken back."""
    snapshot = _call(web3, "evm_snapshot")
    try:
        yield
    finally:
        _call(web3, "evm_revert", snapshot)


def set_code(web3: Web3, address: str, code: bytes) -> None:
    """Put other code at an address."""
    _call(web3, "evm_setAccountCode", address, "0x" + code.hex())


def _call(web3: Web3, method: str, *arguments: Any) -> Any:
    answer = web3.provider.make_request(method, list(arguments))
    assert "error" not in answer, answer
    return answer["result"]


@dataclass
class Relay:
    """Passes calls on to a node; kills its client before or after the k-th transaction."""

    upstream: str
    kill_at: int
    before: bool
    sends: int = 0
    victim: int = 0
    url: str = ""
    done: threading.Event = field(default_factory=threading.Event)

    def pass_on(self, body: bytes) -> bytes:
        """The node's answer; none reaches a client that was killed."""
        is_send = json.loads(body)["method"] == SEND
        self.sends += is_send
        dies = is_send and self.sends == self.kill_at
        if dies and self.before:
            os.kill(self.victim, signal.SIGKILL)
            return b""
        request = urllib.request.Request(  # noqa: S310
            self.upstream, body, {"content-type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=60) as response:  # noqa: S310
            answer: bytes = response.read()
        if dies:
            os.kill(self.victim, signal.SIGKILL)
        return answer


@contextlib.contextmanager
def relay(web3: Web3, kill_at: int, before: bool) -> Iterator[Relay]:
    """A stand-in that kills ``victim``; set that before the client sends."""
    state = Relay(url_of(web3), kill_at, before)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            answer = state.pass_on(self.rfile.read(int(self.headers["content-length"])))
            with contextlib.suppress(OSError):
                self.send_response(200)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

        def log_message(self, *_: Any) -> None:
            return

    server = ThreadingHTTPServer((LOOPBACK, 0), Handler)
    state.url = f"http://{LOOPBACK}:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()


_SCRIPT = """
import os
from web3 import HTTPProvider, Web3
from contracts.scripts import rollout
input()
rollout.run(Web3(HTTPProvider(os.environ["RPC_URL"], request_kwargs={"timeout": 60})), os.environ)
"""


def killed(through: Relay, environment: dict[str, str]) -> int:
    """Run the deployment in a process of its own through the relay; returns how it ended."""
    variables = {**os.environ, **environment, "RPC_URL": through.url}
    process = subprocess.Popen(
        [sys.executable, "-c", _SCRIPT],
        cwd=PROJECT,
        env=variables,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
    )
    through.victim = process.pid
    process.communicate(b"\n", timeout=120)
    return process.returncode


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def _wait_for(web3: Web3) -> None:
    deadline = time.monotonic() + _START_S
    while not web3.is_connected():
        if time.monotonic() > deadline:
            raise TimeoutError("Ganache did not start")
        time.sleep(0.1)
