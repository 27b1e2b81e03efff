"""Control groups of both versions on plain folders; the one that the machine has runs for real."""

from __future__ import annotations

from pathlib import Path

import pytest

from provider_agent.runner.cgroup import LEAF, GroupLimits, V1Hierarchy, V2Hierarchy
from provider_agent.runner.driver import SandboxUnavailableError
from provider_agent.runner.hierarchy import v1_folders, v2_folder

LIMITS = GroupLimits(memory_bytes=256 << 20, pids=66, cpu_milli=1500)
HYBRID_MOUNTS = """\
30 24 0:26 / /sys/fs/cgroup rw - tmpfs tmpfs rw
31 30 0:27 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
32 30 0:28 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct
33 30 0:29 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids
34 30 0:30 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw
"""
HYBRID_OWN = "4:memory:/agents/one\n3:pids:/\n2:cpu,cpuacct:/x\n1:name=systemd:/\n0::/\n"


def fill(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).write_text(text)


class TestV1:
    @pytest.fixture
    def hierarchy(self, tmp_path: Path) -> V1Hierarchy:
        for name in ("memory", "pids", "cpu"):
            (tmp_path / name).mkdir()
        both = tmp_path / "cpu"
        return V1Hierarchy(
            {
                "memory": tmp_path / "memory",
                "pids": tmp_path / "pids",
                "cpu": both,
                "cpuacct": both,
            }
        )

    def test_create__limits__are_written(self, hierarchy: V1Hierarchy, tmp_path: Path) -> None:
        group = hierarchy.create("job", LIMITS)
        found = {
            str(p.relative_to(tmp_path)): p.read_text().strip() for p in tmp_path.glob("*/job/*")
        }
        assert found == {
            "memory/job/memory.limit_in_bytes": str(256 << 20),
            "pids/job/pids.max": "66",
            "cpu/job/cpu.cfs_period_us": "100000",
            "cpu/job/cpu.cfs_quota_us": "150000",
        }
        assert len(group.entrances) == 3

    def test_usage__books__are_read(self, hierarchy: V1Hierarchy, tmp_path: Path) -> None:
        group = hierarchy.create("job", LIMITS)
        fill(
            tmp_path / "memory/job",
            {
                "memory.usage_in_bytes": "5\n",
                "memory.max_usage_in_bytes": "9\n",
                "memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n",
            },
        )
        fill(tmp_path / "pids/job", {"pids.current": "3\n"})
        fill(tmp_path / "cpu/job", {"cpuacct.usage": "7000000\n"})
        usage = group.usage()
        assert (usage.cpu_us, usage.memory_bytes, usage.memory_peak_bytes) == (7000, 5, 9)
        assert (usage.pids, usage.oom_kills) == (3, 2)

    def test_new__controller_missing__is_unavailable(self, tmp_path: Path) -> None:
        with pytest.raises(SandboxUnavailableError, match="pids"):
            V1Hierarchy({"memory": tmp_path, "cpu": tmp_path, "cpuacct": tmp_path})

    def test_create__not_writable__says_what_to_do(self, hierarchy: V1Hierarchy) -> None:
        hierarchy._folders["pids"] = Path("/proc/nowhere")
        with pytest.raises(SandboxUnavailableError, match="as root"):
            hierarchy.create("job", LIMITS)


class TestV2:
    def test_create__limits__are_written(self, tmp_path: Path) -> None:
        group = V2Hierarchy(tmp_path).create("job", LIMITS)
        found = {p.name: p.read_text().strip() for p in (tmp_path / "job").iterdir()}
        assert found == {
            "memory.max": str(256 << 20),
            "memory.oom.group": "1",
            "pids.max": "66",
            "cpu.max": "150000 100000",
        }
        assert group.entrances == (tmp_path / "job/cgroup.procs",)

    def test_usage__old_kernel_without_peak__keeps_the_highest_seen(self, tmp_path: Path) -> None:
        group = V2Hierarchy(tmp_path).create("job", LIMITS)
        files = {
            "memory.current": "50\n",
            "cpu.stat": "usage_usec 7000\nuser_usec 1\n",
            "memory.events": "low 0\noom 1\noom_kill 1\n",
            "pids.current": "2\n",
        }
        fill(tmp_path / "job", files)
        group.usage()
        fill(tmp_path / "job", {"memory.current": "20\n"})
        usage = group.usage()
        assert (usage.cpu_us, usage.memory_bytes, usage.memory_peak_bytes) == (7000, 20, 50)
        assert (usage.pids, usage.oom_kills) == (2, 1)

    def test_below__own_group__moves_everybody_into_a_leaf_first(self, tmp_path: Path) -> None:
        fill(
            tmp_path,
            {
                "cgroup.type": "domain\n",
                "cgroup.procs": "41\n",
                "cgroup.controllers": "cpu memory pids\n",
                "cgroup.subtree_control": "cpu\n",
            },
        )
        V2Hierarchy.below(tmp_path, 42)
        assert (tmp_path / LEAF / "cgroup.procs").read_text() in ("41\n", "42\n")
        assert (tmp_path / "cgroup.subtree_control").read_text() == "+pids\n"

    def test_below__started_in_a_leaf__shares_it(self, tmp_path: Path) -> None:
        fill(
            tmp_path,
            {
                "cgroup.controllers": "cpu memory pids",
                "cgroup.subtree_control": "memory pids cpu\n",
            },
        )
        (tmp_path / LEAF).mkdir()
        hierarchy = V2Hierarchy.below(tmp_path / LEAF, 42)
        assert hierarchy._base == tmp_path

    def test_below__controllers_not_delegated__uses_the_nearest_group_that_has_them(
        self, tmp_path: Path
    ) -> None:
        fill(
            tmp_path,
            {
                "cgroup.controllers": "cpu memory pids",
                "cgroup.subtree_control": "memory pids cpu\n",
            },
        )
        own = tmp_path / "session/agent"
        own.mkdir(parents=True)
        for folder in (own, own.parent):
            fill(folder, {"cgroup.type": "domain\n", "cgroup.controllers": "", "cgroup.procs": ""})
        assert V2Hierarchy.below(own, 42)._base == tmp_path
        assert not (own / LEAF).exists()

    def test_below__not_writable__says_what_to_do(self, tmp_path: Path) -> None:
        with pytest.raises(SandboxUnavailableError, match="Delegate=yes"):
            V2Hierarchy.below(tmp_path / "nowhere", 42)


class TestDetection:
    def test_v1_folders__hybrid__follows_the_agents_own_group(self) -> None:
        assert v1_folders(HYBRID_MOUNTS, HYBRID_OWN) == {
            "memory": Path("/sys/fs/cgroup/memory/agents/one"),
            "cpu": Path("/sys/fs/cgroup/cpu,cpuacct/x"),
            "cpuacct": Path("/sys/fs/cgroup/cpu,cpuacct/x"),
            "pids": Path("/sys/fs/cgroup/pids"),
        }

    def test_v2_folder__unified__is_found(self) -> None:
        mounts = "30 24 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw\n"
        assert v2_folder(mounts, "0::/system.slice/a.service\n") == Path(
            "/sys/fs/cgroup/system.slice/a.service"
        )

    def test_v2_folder__in_a_container__is_relative_to_the_part_mounted(self) -> None:
        mounts = "30 24 0:26 /docker/abc /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"
        assert v2_folder(mounts, "0::/docker/abc/agent\n") == Path("/sys/fs/cgroup/agent")

    def test_v2_folder__none__is_none(self) -> None:
        assert v2_folder("", "0::/\n") is None
