"""What a job's environment holds: nothing of ours, and of the buyer's only harmless names."""

from __future__ import annotations

import re
import shlex

from contracts.protocol.errors import ProtocolError

MAX_VARIABLES = 128
MAX_BYTES = 64 * 1024
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_OURS = frozenset(
    {"PATH", "HOME", "TMPDIR", "PYTHONPATH", "PYTHONHOME", "IFS", "ENV", "BASH_ENV", "PWD", "SHELL"}
)
_OUR_PREFIXES = ("LD_", "JOB_", "GPUBOURSE_", "NVIDIA_", "GLIBC_")
"""Loader switches could change what runs before the job; the others say what the job may use."""


def check_environment(env: tuple[tuple[str, str], ...]) -> None:
    """Refuse names that are ours or no names; raises ``ProtocolError``."""
    if len(env) > MAX_VARIABLES:
        raise ProtocolError("env", f"at most {MAX_VARIABLES} variables", len(env))
    size = sum(len(name.encode()) + len(value.encode()) + 2 for name, value in env)
    if size > MAX_BYTES:
        raise ProtocolError("env", f"at most {MAX_BYTES} bytes", size)
    for name, value in env:
        _check_variable(name, value)


def export_script(env: tuple[tuple[str, str], ...]) -> bytes:
    """The environment as a script for the job's shell; a command line could be read on the host."""
    return "".join(f"export {name}={shlex.quote(value)}\n" for name, value in env).encode()


def _check_variable(name: str, value: str) -> None:
    if not _NAME.fullmatch(name):
        raise ProtocolError("env", "names of letters, digits and _", name)
    if name in _OURS or name.startswith(_OUR_PREFIXES) or name == "CUDA_VISIBLE_DEVICES":
        raise ProtocolError("env", "no name that the sandbox sets itself", name)
    if "\0" in value:
        raise ProtocolError(f"env.{name}", "no NUL bytes", value)
