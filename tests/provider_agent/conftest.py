"""What the tests of the agent share: the NVML stub, a sandbox driver, a counted clock."""

from __future__ import annotations

import ctypes
import hashlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pynvml
import pytest

from provider_agent.gpu.nvml import NvmlBackend
from provider_agent.runner.bubblewrap import BubblewrapDriver
from provider_agent.runner.driver import ExitReport
from provider_agent.runner.spec import InputFile, JobSpec, Limits
from tests.nvml_stub.build import HERE, build

MOST = Limits(4096, 4000, 512, 3600, 1024, 64)


class FakeClock:
    """Both clocks, moved by the test."""

    def __init__(self, wall: float = 1_800_000_000.0) -> None:
        self.now = 1000.0
        self.offset = wall - self.now

    def monotonic(self) -> float:
        return self.now

    def wall(self) -> float:
        return self.now + self.offset


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(scope="session")
def nvml_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The stub, compiled in this run; loaded first, so that the binding finds it by its name."""
    library = build(tmp_path_factory.mktemp("nvml"))
    ctypes.CDLL(str(library))
    return library


class StubState:
    """The state file; every change is a new file renamed over the old one."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.write((HERE / "state.txt").read_text())

    def write(self, text: str) -> None:
        temporary = self.path.with_suffix(".new")
        temporary.write_text(text)
        temporary.replace(self.path)

    def add(self, index: int, line: str) -> None:
        """Add a line to a device."""
        self.write(self.path.read_text().replace(f"gpu {index}\n", f"gpu {index}\n{line}\n"))


@pytest.fixture
def nvml(nvml_library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StubState:
    """The world that the NVML binding sees."""
    state = StubState(tmp_path / "nvml_state")
    monkeypatch.setenv("NVML_STUB_STATE", str(state.path))
    # Another test may have hidden the library from the binding.
    monkeypatch.setattr(pynvml, "nvmlLib", None)
    return state


@pytest.fixture
def backend(nvml: StubState) -> Iterator[NvmlBackend]:
    backend = NvmlBackend()
    yield backend
    backend.close()


@dataclass
class Boxes:
    """Runs Python programs in the sandbox, as the agent would."""

    driver: BubblewrapDriver
    blobs: Path

    def run(
        self,
        program: str,
        *,
        argv: tuple[str, ...] = ("python3", "main.py"),
        on_output: Callable[[], None] = lambda: None,
        env: tuple[tuple[str, str], ...] = (),
        device_nodes: tuple[Path, ...] = (),
        **limits: int,
    ) -> tuple[ExitReport, str]:
        sandbox = self.driver.prepare(
            self.spec(program, argv=argv, env=env, device_nodes=device_nodes, **limits),
            self.find,
            on_output,
        )
        try:
            sandbox.start()
            report = sandbox.wait(60)
            assert report is not None
            return report, sandbox.logs(0, 1 << 20).decode(errors="replace")
        finally:
            sandbox.destroy()

    def spec(
        self,
        program: str,
        *,
        argv: tuple[str, ...] = ("python3", "main.py"),
        env: tuple[tuple[str, str], ...] = (),
        device_nodes: tuple[Path, ...] = (),
        **limits: int,
    ) -> JobSpec:
        chosen = {"memory_mib": 256, "wall_s": 20, "disk_mib": 32, "output_mib": 1, **limits}
        return JobSpec(
            job=f"job-{os.getpid()}",
            argv=argv,
            env=env,
            limits=Limits(**chosen),
            inputs=(InputFile("main.py", self.store(program.encode())),),
            device_nodes=device_nodes,
        )

    def store(self, content: bytes) -> str:
        sha256 = hashlib.sha256(content).hexdigest()
        (self.blobs / sha256).write_bytes(content)
        return sha256

    def find(self, sha256: str) -> Path:
        return self.blobs / sha256


@pytest.fixture
def boxes(tmp_path: Path) -> Boxes:
    blobs = tmp_path / "blobs"
    blobs.mkdir()
    driver = BubblewrapDriver(tmp_path / "jobs", MOST, f"0x{os.getpid():08x}")
    driver.require()
    return Boxes(driver, blobs)
