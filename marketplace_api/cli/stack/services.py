"""Our own processes: the API, the relay, the watcher, the worker and its clock."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from marketplace_api.cli.stack.errors import StepError
from marketplace_api.cli.stack.home import Home
from marketplace_api.cli.stack.progress import Progress
from marketplace_api.cli.stack.settings import PROJECT
from marketplace_api.cli.stack.state import Part, load_state, record_part
from marketplace_api.embedded import process

_READY_S = 60
_POLL_S = 0.1
# Long enough for a wrong import or setting to end a process that says nothing when it is ready.
_SETTLE_S = 1.0


@dataclass(frozen=True, slots=True)
class Service:
    """One process: how to start it and how to see that it works."""

    name: str
    arguments: tuple[str, ...]
    is_ready: Callable[[Part], bool] | None = None


def services(home: Home, environment: Mapping[str, str]) -> list[Service]:
    """All of them, in the order of their start."""
    listen = urlsplit(environment["API_LISTEN"])
    celery = ("celery", "-A", "settlement.celery_app")
    clock = home.root / "celery"
    clock.mkdir(exist_ok=True)
    return [
        Service(
            "api",
            ("uvicorn", "marketplace_api.app:create_app", "--factory", "--no-access-log",
             # Agents wait for work with open requests: a stop must not wait for them.
             "--timeout-graceful-shutdown", "2",
             "--host", str(listen.hostname), "--port", str(listen.port)),
            lambda part: answers(str(part.url)),
        ),
        Service("relay", ("settlement.relay",)),
        Service("watcher", ("settlement.chain.watcher",)),
        Service(
            "worker",
            (*celery, "worker", "--pool", "threads", "--concurrency", "4", "--loglevel", "INFO",
             "--without-gossip", "--without-mingle", "--hostname", "worker@%h"),
            lambda part: " ready." in Path(str(part.log)).read_text(errors="replace"),
        ),
        Service(
            "beat",
            (*celery, "beat", "--loglevel", "INFO", "--pidfile", "",
             "--schedule", str(clock / "schedule")),
        ),
    ]  # fmt: skip


def start_services(home: Home, environment: Mapping[str, str], progress: Progress) -> None:
    """Start those that don't run, then wait until all work."""
    waiting: dict[str, tuple[Service, Part, float]] = {}
    known = load_state(home).parts
    for service in services(home, environment):
        part = known.get(service.name)
        if part is None or not part.ref.is_alive():
            part = _start(home, service, environment)
        waiting[service.name] = (service, part, time.monotonic())
    _wait(waiting, progress)


def _wait(waiting: dict[str, tuple[Service, Part, float]], progress: Progress) -> None:
    deadline = time.monotonic() + _READY_S
    while waiting:
        for name, (service, part, started) in list(waiting.items()):
            if _is_up(service, part, started):
                progress.say(f"  {name:<10} ready in {time.monotonic() - started:.1f} s")
                del waiting[name]
            elif time.monotonic() > deadline:
                raise _failure(part, f"{name} was not ready after {_READY_S} s")
        time.sleep(_POLL_S)


def answers(url: str) -> bool:
    """Whether the API says that it is well."""
    try:
        return httpx.get(f"{url}/healthz", timeout=2).is_success
    except httpx.HTTPError:
        return False


def _start(home: Home, service: Service, environment: Mapping[str, str]) -> Part:
    log = home.log(service.name)
    # A new life starts a new log: readiness is read from it.
    if log.exists():
        log.replace(log.with_suffix(".log.1"))
    ref = process.spawn(
        [sys.executable, "-m", *service.arguments], log=log, env=environment, cwd=PROJECT
    )
    url = environment["API_LISTEN"] if service.name == "api" else None
    part = Part(ref, str(log), url)
    record_part(home, service.name, part)
    return part


def _is_up(service: Service, part: Part, started: float) -> bool:
    if not part.ref.is_alive():
        raise _failure(part, f"{service.name} ended while starting")
    if service.is_ready is None:
        return time.monotonic() - started > _SETTLE_S
    return service.is_ready(part)


def _failure(part: Part, message: str) -> StepError:
    log = Path(str(part.log))
    return StepError("\n".join([f"{message}; the end of {log}:", *process.last_lines(log)]))
