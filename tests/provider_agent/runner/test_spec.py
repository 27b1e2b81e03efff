"""What a job may not even ask for."""

from __future__ import annotations

import shlex
import subprocess
from dataclasses import replace

import pytest

from contracts.protocol.errors import ProtocolError
from provider_agent.runner.environment import export_script
from provider_agent.runner.spec import InputFile, JobSpec, Limits
from tests.provider_agent.conftest import MOST

GOOD = JobSpec("job", ("python3", "train.py"), (("A", "b"),), Limits(), (InputFile("a/b", "0"),))
HUGE = ("x" * 40_000, "y" * 40_000)


def test_check__good_spec__is_taken() -> None:
    GOOD.check(MOST)


@pytest.mark.parametrize(
    ("field", "spec"),
    [
        ("argv", replace(GOOD, argv=())),
        ("argv", replace(GOOD, argv=("",))),
        ("argv", replace(GOOD, argv=("a\0b",))),
        ("argv", replace(GOOD, argv=HUGE)),
        ("env", replace(GOOD, env=(("LD_PRELOAD", "x"),))),
        ("env", replace(GOOD, env=(("PATH", "x"),))),
        ("env", replace(GOOD, env=(("JOB_ID", "x"),))),
        ("env", replace(GOOD, env=(("NVIDIA_VISIBLE_DEVICES", "all"),))),
        ("env", replace(GOOD, env=(("CUDA_VISIBLE_DEVICES", "0"),))),
        ("env", replace(GOOD, env=(("A=B", "x"),))),
        ("env", replace(GOOD, env=(("A\n", "x"),))),
        ("env.A", replace(GOOD, env=(("A", "\0"),))),
        ("env", replace(GOOD, env=tuple((f"A{n}", "") for n in range(200)))),
        ("env", replace(GOOD, env=(("A", "x" * 70_000),))),
        ("limits.memory_mib", replace(GOOD, limits=Limits(memory_mib=1))),
        ("limits.cpus", replace(GOOD, limits=Limits(cpu_milli=100_000))),
        ("limits.pids", replace(GOOD, limits=Limits(pids=0))),
        ("limits.wall_s", replace(GOOD, limits=Limits(wall_s=10**9))),
        ("limits.disk_mib", replace(GOOD, limits=Limits(disk_mib=-1))),
        ("limits.output_mib", replace(GOOD, limits=Limits(output_mib=0))),
        ("inputs.path", replace(GOOD, inputs=(InputFile("../x", "0"),))),
        ("inputs.path", replace(GOOD, inputs=(InputFile("/etc/x", "0"),))),
        ("inputs.path", replace(GOOD, inputs=(InputFile("", "0"),))),
        ("inputs.path", replace(GOOD, inputs=(InputFile("a//b", "0"),))),
        ("inputs.path", replace(GOOD, inputs=(InputFile("outputs/x", "0"),))),
        ("inputs.path", replace(GOOD, inputs=(InputFile("a", "0"), InputFile("a", "1")))),
        ("inputs.path", replace(GOOD, inputs=(InputFile("a", "0"), InputFile("a/b", "1")))),
        ("inputs.path", replace(GOOD, inputs=(InputFile("a/b", "0"), InputFile("a", "1")))),
        ("inputs.path", replace(GOOD, inputs=(InputFile("a/b/c", "0"), InputFile("a", "1")))),
        ("inputs", replace(GOOD, inputs=tuple(InputFile(f"a{n}", "0") for n in range(300)))),
    ],
)
def test_check__bad_spec__is_refused_by_name(field: str, spec: JobSpec) -> None:
    with pytest.raises(ProtocolError) as refused:
        spec.check(MOST)
    assert refused.value.field == field


@pytest.mark.parametrize("value", ["", "a b", "'", '"$HOME"', "`id`", "a\nb\\", "$(id)", "ü"])
def test_export_script__any_value__arrives_as_it_is(value: str) -> None:
    script = export_script((("A", value),)).decode()
    command = f'{script} printf %s {shlex.quote("[")}"$A"]'
    assert subprocess.run(["sh", "-c", command], capture_output=True, check=True).stdout == (
        f"[{value}]".encode()
    )
