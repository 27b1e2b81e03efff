"""Foundry on this tree or on a copy of it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from pathlib import Path

ROOT = Path(__file__).absolute().parents[2]
FORGE = ROOT / "contracts" / "toolchain" / "forge"
REPORTS = ROOT / "reports"
FUZZ = Path("tests") / "fuzz"


class BuildError(RuntimeError):
    """The contracts do not compile; the message is the compiler's."""


class HungError(RuntimeError):
    """A command that did not end in time; it and its children are gone."""


def forge(
    folder: Path, *arguments: str, limit_s: float | None = None, **environment: str | int
) -> subprocess.CompletedProcess[str]:
    """Run forge on a folder that looks like this tree."""
    return run([FORGE, *arguments], _environment(folder, environment), ROOT, limit_s)


def run(
    command: list[str | Path], environment: dict[str, str], folder: Path, limit_s: float | None
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, or to the end of the time that it has."""
    with subprocess.Popen(
        command,
        env=environment,
        cwd=folder,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        try:
            output, errors = process.communicate(timeout=limit_s)
        except subprocess.TimeoutExpired as late:
            os.killpg(process.pid, signal.SIGKILL)
            raise HungError(f"no end within {limit_s} s") from late
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise
    return subprocess.CompletedProcess(command, process.returncode, output, errors)


def start_forge(folder: Path, *arguments: str, **environment: str | int) -> subprocess.Popen[bytes]:
    """The same without waiting; what it prints is dropped."""
    return subprocess.Popen(
        [FORGE, *arguments],
        env=_environment(folder, environment),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def _environment(folder: Path, extra: dict[str, str | int]) -> dict[str, str]:
    plain = {name: value for name, value in os.environ.items() if not name.startswith("FOUNDRY_")}
    return plain | {"FORGE_ROOT": str(folder)} | {name: str(value) for name, value in extra.items()}


def build(folder: Path) -> None:
    """Compile; quick where nothing changed."""
    done = forge(folder, "build", "--quiet")
    if done.returncode != 0:
        raise BuildError(done.stdout + done.stderr)


def copy_to(folder: Path) -> None:
    """Put contracts and campaign into a folder; files that did not change keep their times."""
    for source in sources():
        target = folder / source
        target.parent.mkdir(parents=True, exist_ok=True)
        text = (ROOT / source).read_bytes()
        if not target.exists() or target.read_bytes() != text:
            target.write_bytes(text)
    wanted = set(sources())
    for known in [*folder.glob("contracts/**/*.sol"), *folder.glob("tests/fuzz/*.sol")]:
        if known.relative_to(folder) not in wanted:
            known.unlink()
    (folder / "reports").mkdir(exist_ok=True)
    link = folder / "node_modules"
    if not link.is_symlink():
        link.symlink_to(ROOT / "node_modules")


def sources() -> list[Path]:
    """Every file that forge needs, relative to the root."""
    contracts = [
        path.relative_to(ROOT)
        for path in (ROOT / "contracts").rglob("*.sol")
        if "build" not in path.parts
    ]
    campaign = [path.relative_to(ROOT) for path in (ROOT / FUZZ).glob("*.sol")]
    return sorted([*contracts, *campaign, FUZZ / "foundry.toml"])


def clear(folder: Path) -> None:
    """Remove a copy."""
    shutil.rmtree(folder, ignore_errors=True)


def commit() -> str:
    """The commit that is tested, with a plus where the contracts or the campaign differ from it."""
    if not (ROOT / ".git").exists():
        return "unknown"
    head = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.strip()
    changed = subprocess.run(
        ["git", "diff", "--quiet", "HEAD", "--", "contracts", "tests/fuzz"], cwd=ROOT, check=False
    ).returncode
    return head + ("+" if changed else "")
