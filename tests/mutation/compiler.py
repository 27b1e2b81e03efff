"""What the compiler says of changed files, without making code of them."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import PurePosixPath

from marketplace_api.embedded.node import find_node
from tests.fuzz.project import ROOT
from tests.mutation.schema import SWITCH, TEXT_OF_SWITCH


def refusals(texts: Mapping[tuple[str, int], bytes]) -> dict[tuple[str, int], str]:
    """The first error of each text that has one; a key is a path and a number of its own.

    All are read at once, as neighbours of the file, because the compiler needs seconds to start.
    It may stop at the first error, so it is asked again without the faulty ones until none is left.
    """
    waiting = {_neighbour(path, number): (path, number) for path, number in texts}
    found: dict[tuple[str, int], str] = {}
    while waiting:
        errors = _errors({name: texts[key] for name, key in waiting.items()})
        if not errors:
            return found
        for name, message in errors:
            found.setdefault(waiting[name], message)
        waiting = {name: key for name, key in waiting.items() if key not in found}
    return found


def _neighbour(path: str, number: int) -> str:
    file = PurePosixPath(path)
    return str(file.with_name(f"{file.stem}.{number}.sol"))


def _errors(texts: Mapping[str, bytes]) -> list[tuple[str, str]]:
    """File and message; raises KeyError for an error that is in none of the files."""
    sources = {name: {"content": text.decode()} for name, text in texts.items()}
    request = {
        "language": "Solidity",
        "sources": sources | {str(SWITCH): {"content": TEXT_OF_SWITCH.read_text()}},
        "settings": {"remappings": ["@openzeppelin/=node_modules/@openzeppelin/"]},
    }
    compiler = ROOT / "contracts" / "toolchain" / "solc.cjs"
    answer = subprocess.run(
        [find_node().path, compiler, "--standard-json"],
        input=json.dumps(request), capture_output=True, text=True, check=True, cwd=ROOT,
    )  # fmt: skip
    errors = [e for e in json.loads(answer.stdout).get("errors", []) if e["severity"] == "error"]
    return [(e["sourceLocation"]["file"], e["message"]) for e in errors]
