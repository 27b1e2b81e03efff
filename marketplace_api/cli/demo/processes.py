"""Commands of `gpubourse` as processes of their own, observed from outside."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

GPUBOURSE = Path(sys.executable).with_name("gpubourse")
_TIMEOUT_S = 240

Json = Mapping[str, object]


class DemoError(Exception):
    """A step that failed; the message carries what its process said."""


@dataclass(slots=True)
class Journal:
    """Raw observations of the demo, in the order in which they were made."""

    records: list[Json] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, kind: str, **members: object) -> None:
        """Remember one, stamped with our clock; commands end in threads of their own."""
        with self._lock:
            self.records.append({"kind": kind, "at": time.time(), **members})

    def write(self, path: Path) -> None:
        """One JSON object a line."""
        lines = [json.dumps(record) for record in self.records]
        path.write_text("\n".join(lines) + "\n")


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody with a home folder and a key file of its own."""

    name: str
    home: Path
    environment: Mapping[str, str]
    journal: Journal

    def run(self, *arguments: str | Path, allow: Sequence[int] = (0,)) -> Json:
        """Run a command with ``--json`` and return the object that it prints."""
        answer = self._answer(arguments, allow)
        if not isinstance(answer, dict):
            raise DemoError(f"{self._shown(arguments)}: an object, not {answer!r}")
        return answer

    def run_list(self, *arguments: str | Path, allow: Sequence[int] = (0,)) -> list[Json]:
        """The same for a command that prints a list."""
        answer = self._answer(arguments, allow)
        if not isinstance(answer, list):
            raise DemoError(f"{self._shown(arguments)}: a list, not {answer!r}")
        return answer

    def _answer(self, arguments: Sequence[str | Path], allow: Sequence[int]) -> object:
        printed = self._finish(arguments, allow)
        try:
            answer: object = json.loads(printed)
        except ValueError as error:
            raise DemoError(f"{self._shown(arguments)}: JSON, not {printed!r}") from error
        return answer

    def events(self, *arguments: str | Path) -> Iterator[Json]:
        """Run a command and yield the events that it prints, as they come."""
        argv = self._argv(arguments)
        process = subprocess.Popen(
            argv,
            env=dict(self.environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            for line in process.stdout:
                event = json.loads(line)
                self.journal.add("event", actor=self.name, said=event)
                yield event
            complaint = process.stderr.read()
        finally:
            if process.poll() is None:
                process.terminate()
            code = process.wait()
        if code != 0:
            raise DemoError(f"{self._shown(arguments)} ended with {code}: {complaint.strip()}")

    def _finish(self, arguments: Sequence[str | Path], allow: Sequence[int]) -> str:
        began = time.monotonic()
        try:
            result = subprocess.run(
                self._argv(arguments),
                env=dict(self.environment),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=_TIMEOUT_S,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise DemoError(f"{self._shown(arguments)} took over {_TIMEOUT_S} s") from error
        self.journal.add(
            "command",
            actor=self.name,
            command=[str(part) for part in arguments],
            exit_code=result.returncode,
            wall_s=round(time.monotonic() - began, 3),
        )
        if result.returncode not in allow:
            said = (result.stdout + result.stderr).strip()
            raise DemoError(f"{self._shown(arguments)} ended with {result.returncode}: {said}")
        return result.stdout

    def _argv(self, arguments: Sequence[str | Path]) -> list[str]:
        return [str(GPUBOURSE), *(str(part) for part in arguments), "--json"]

    def _shown(self, arguments: Sequence[str | Path]) -> str:
        return f"{self.name}: gpubourse {' '.join(str(part) for part in arguments)}"


def text(answer: Json, name: str) -> str:
    """A text of an answer; a demo that meets another form stops and says so."""
    value = answer.get(name)
    if not isinstance(value, str):
        raise DemoError(f"{name}: a text, not {value!r}")
    return value


def number(answer: Json, name: str) -> int:
    """An integer of an answer."""
    value = answer.get(name)
    if type(value) is not int:
        raise DemoError(f"{name}: an integer, not {value!r}")
    return value
