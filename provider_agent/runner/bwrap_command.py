"""The command line of one bubblewrap box, as data."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from provider_agent.runner.runtime import ROOT, Runtime
from provider_agent.runner.spec import MIB, JobSpec, input_parts

JOB_USER = 65534
MARKER_FOLDER = "/run"
ENVIRONMENT = f"{MARKER_FOLDER}/environment"
SHM_BYTES = 64 * MIB
# What the machine needs for /usr to work: the loader's cache and the alternatives' links.
_ETC = ("/etc/ld.so.cache", "/etc/alternatives")
_GPU_LIBRARIES_NEED = Path("/sys")


@dataclass(frozen=True, slots=True)
class Descriptors:
    """Open files that bubblewrap inherits."""

    filter: int
    environment: int
    info: int
    block: int


def options(
    spec: JobSpec, runtime: Runtime, inputs: Path, marker: str, files: Descriptors
) -> list[str]:
    """Everything before the command; order matters, since each mount covers the ones before."""
    return [
        *_namespaces(),
        *_base(runtime),
        *_folders(spec),
        *_inputs(spec, inputs),
        *_devices(spec),
        *["--perms", "0755", "--dir", MARKER_FOLDER, "--dir", f"{MARKER_FOLDER}/{marker}"],
        *["--perms", "0444", "--ro-bind-data", str(files.environment), ENVIRONMENT],
        # Otherwise the root itself is a writable file system without a size.
        *["--remount-ro", "/dev", "--remount-ro", "/"],
        *["--chdir", "/job", "--seccomp", str(files.filter)],
        *["--info-fd", str(files.info), "--block-fd", str(files.block)],
    ]


def command(spec: JobSpec) -> list[str]:
    """What runs in the box: give up the last rights, take the job's variables, become the job."""
    shell = ["/bin/sh", "-c", f'. {ENVIRONMENT} && exec "$@"', "job", *spec.argv]
    if os.geteuid() != 0:
        return shell
    user = str(JOB_USER)
    return [
        *["/usr/bin/setpriv", "--reuid", user, "--regid", user, "--clear-groups"],
        *["--bounding-set", "-all", "--inh-caps", "-all", "--ambient-caps", "-all", "--"],
        *shell,
    ]


def variables(spec: JobSpec, runtime: Runtime) -> tuple[tuple[str, str], ...]:
    """The job's whole environment."""
    ours = {
        "PATH": runtime.path,
        "PYTHONPATH": runtime.python_path,
        "HOME": "/job",
        "TMPDIR": "/job/tmp",
        "LANG": "C.UTF-8",
        "JOB_ID": spec.job,
        "JOB_INPUTS": "/job/inputs",
        "JOB_OUTPUTS": "/job/outputs",
        "JOB_CHECKPOINT": "/job/checkpoint",
        # The packages are read-only, and a log that arrives late is no log.
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUNBUFFERED": "1",
        # A library that starts a thread for each core of the machine would fight for the job's few.
        "OMP_NUM_THREADS": str(max(1, spec.limits.cpu_milli // 1000)),
    }
    if runtime.library_path:
        ours["LD_LIBRARY_PATH"] = runtime.library_path
    if not spec.device_nodes:
        ours["CUDA_VISIBLE_DEVICES"] = ""
    return tuple({**ours, **dict(spec.env)}.items())


def _namespaces() -> list[str]:
    shared = ["--die-with-parent", "--new-session", "--clearenv", "--hostname", "job"]
    shared += ["--setenv", "PATH", "/usr/bin:/bin", "--cap-drop", "ALL"]
    if os.geteuid() != 0:
        user = str(JOB_USER)
        return ["--unshare-all", "--uid", user, "--gid", user, *shared]
    # With real root a user namespace would only map the job onto root's own files. Without one the
    # job is a plain nobody of the machine; the three rights serve setpriv, which gives them up.
    return [
        *["--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts"],
        *["--unshare-cgroup-try", *shared],
        *["--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID", "--cap-add", "CAP_SETPCAP"],
    ]


def _base(runtime: Runtime) -> list[str]:
    result = ["--ro-bind", "/usr", "/usr"]
    for name in ("bin", "sbin", "lib", "lib64", "lib32"):
        link = Path("/") / name
        if link.is_symlink():
            result += ["--symlink", str(link.readlink()), str(link)]
        elif link.is_dir():
            result += ["--ro-bind", str(link), str(link)]
    result += ["--perms", "0755", "--dir", "/etc"]
    for path in _ETC:
        result += ["--ro-bind-try", path, path]
    result += ["--perms", "0755", "--dir", "/opt", "--perms", "0755", "--dir", ROOT]
    for source, target in runtime.mounts:
        result += ["--ro-bind", str(source), target]
    return [*result, "--proc", "/proc", "--dev", "/dev"]


def _folders(spec: JobSpec) -> list[str]:
    """One bounded file system for all that the job writes, and a small one for shared memory."""
    result = ["--perms", "1777", "--size", str(SHM_BYTES), "--tmpfs", "/dev/shm"]  # noqa: S108
    size = str(spec.limits.disk_mib * MIB)
    result += ["--perms", "1777", "--size", size, "--tmpfs", "/job"]
    for name in ("outputs", "checkpoint", "tmp"):
        result += ["--perms", "1777", "--dir", f"/job/{name}"]
    return [*result, "--symlink", "/job/tmp", "/tmp"]  # noqa: S108


def _inputs(spec: JobSpec, inputs: Path) -> list[str]:
    result = ["--perms", "0755", "--dir", "/job/inputs", "--ro-bind", str(inputs), "/job/inputs"]
    # Found both below inputs/ and, as the buyer named them, in the working folder.
    for name in sorted({input_parts(item.path)[0] for item in spec.inputs}):
        result += ["--symlink", f"inputs/{name}", f"/job/{name}"]
    return result


def _devices(spec: JobSpec) -> list[str]:
    if not spec.device_nodes:
        return []
    # --dev-bind: a plain bind mount forbids device nodes. CUDA finds its cards through /sys.
    result = ["--ro-bind", str(_GPU_LIBRARIES_NEED), str(_GPU_LIBRARIES_NEED)]
    for node in spec.device_nodes:
        result += ["--dev-bind", str(node), str(node)]
    return result
