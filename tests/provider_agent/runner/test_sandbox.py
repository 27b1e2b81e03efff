"""Jobs in the real sandbox: what works, and what is refused, ended or left behind."""

from __future__ import annotations

import socket
import threading
import time
from pathlib import Path

import psutil
import pytest

from contracts.protocol.errors import ProtocolError
from contracts.protocol.lifecycle import ExitReason
from tests.provider_agent.conftest import Boxes

CALLS = """
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
def call(name, number, *args):
    ctypes.set_errno(0)
    result = libc.syscall(number, *args)
    print(name, "ALLOWED" if result >= 0 else os.strerror(ctypes.get_errno()))
call("unshare", 272, 0x10000000)
call("mount", 165, b"none", b"/job", b"tmpfs", 0, None)
call("ptrace", 101, 0, 1, 0, 0)
call("bpf", 321, 0, 0, 0)
call("io_uring", 425, 8, 0)
call("keyctl", 250, 0, 0)
call("pivot_root", 155, b"/", b"/")
call("setns", 308, 0, 0)
call("perf", 298, 0, 0, 0, 0, 0)
call("userfaultfd", 323, 0)
call("open_tree", 428, -100, b"/", 1)
call("clone", 56, 0x10000000 | 17, 0, 0, 0, 0)
call("clone3", 435, 0, 0)
call("kexec", 246, 0, 0, 0, 0)
call("init_module", 175, 0, 0, b"")
call("reboot", 169, 0xfee1dead, 672274793, 0)
"""


class TestHappyPath:
    def test_run__imports_and_writes__finds_its_packages_and_leaves_its_outputs(
        self, boxes: Boxes
    ) -> None:
        report, log = boxes.run(
            "import sklearn.linear_model, numpy, os, pathlib\n"
            "print('sklearn', sklearn.__version__)\n"
            "pathlib.Path(os.environ['JOB_OUTPUTS'], 'model.bin').write_bytes(b'abc')\n"
            "pathlib.Path('checkpoint/step').write_text('7')\n",
            memory_mib=512,
        )
        assert (report.code, report.reason) == (0, ExitReason.EXIT), log
        assert log.startswith("sklearn 1.")
        assert [(f.path, f.size) for f in report.outputs] == [
            ("outputs/model.bin", 3),
            ("checkpoint/step", 1),
        ]
        assert report.usage.cpu_us > 100_000
        assert report.usage.memory_peak_bytes > 20 << 20
        assert 0 < report.running_ms < 20_000

    def test_run__exit_code__is_the_jobs(self, boxes: Boxes) -> None:
        report, _ = boxes.run("import sys; sys.exit(7)")
        assert (report.code, report.reason) == (7, ExitReason.EXIT)

    def test_run__killed_by_a_signal__says_so(self, boxes: Boxes) -> None:
        report, _ = boxes.run("import os; os.kill(os.getpid(), 11)")
        assert (report.code, report.reason) == (128 + 11, ExitReason.EXIT)

    def test_run__no_such_program__is_an_exit(self, boxes: Boxes) -> None:
        report, log = boxes.run("", argv=("no-such-program",))
        assert (report.code, report.reason) == (127, ExitReason.EXIT)
        assert "no-such-program" in log

    def test_run__first_line__arrives_at_once(self, boxes: Boxes) -> None:
        arrived: list[float] = []
        _, log = boxes.run(
            "import time; print(time.monotonic()); time.sleep(0.5)",
            on_output=lambda: arrived.append(time.monotonic()),
        )
        # The monotonic clock is one for all namespaces.
        assert arrived[0] - float(log) < 0.05

    def test_signal__term__reaches_the_job_and_not_only_its_init(self, boxes: Boxes) -> None:
        box = boxes.driver.prepare(
            boxes.spec(
                "import signal, sys, time\n"
                "signal.signal(signal.SIGTERM, lambda *_: (print('saved'), sys.exit(3)))\n"
                "print('ready')\ntime.sleep(20)"
            ),
            boxes.find,
            lambda: None,
        )
        box.start()
        while b"ready" not in box.logs(0, 100):
            time.sleep(0.02)
        box.signal(15)
        report = box.wait(10)
        assert report is not None
        assert (report.code, box.logs(0, 100)) == (3, b"ready\nsaved\n")
        box.destroy()


class TestLimits:
    def test_memory__hog__is_killed_by_the_kernel(self, boxes: Boxes) -> None:
        report, log = boxes.run("print('start')\nx = bytearray(900 << 20)", memory_mib=64)
        assert (report.code, report.reason) == (137, ExitReason.OOM)
        assert log == "start\n"

    def test_memory__hog_in_a_child__ends_the_job_too(self, boxes: Boxes) -> None:
        report, _ = boxes.run(
            "import os, time\nif os.fork() == 0:\n    x = bytearray(900 << 20)\ntime.sleep(15)",
            memory_mib=64,
        )
        assert report.reason is ExitReason.OOM
        assert report.running_ms < 10_000

    def test_pids__fork_bomb__is_stopped_at_the_limit(self, boxes: Boxes) -> None:
        report, log = boxes.run(
            "import os, time\nn = 0\ntry:\n    while True:\n        if os.fork() == 0:\n"
            "            time.sleep(30)\n        n += 1\nexcept OSError as e: print(n, e.errno)",
            pids=20,
        )
        assert report.reason is ExitReason.EXIT
        assert log == "19 11\n"

    def test_cpu__four_spinners_on_half_a_core__get_half_a_core(self, boxes: Boxes) -> None:
        report, _ = boxes.run(
            "import os, time\nfor _ in range(3): os.fork()\nend = time.time() + 1.5\n"
            "while time.time() < end: pass",
            cpu_milli=500,
        )
        assert report.usage.cpu_us < 1_400_000

    def test_wall__sleeper__is_ended_in_time(self, boxes: Boxes) -> None:
        report, _ = boxes.run("import time; time.sleep(60)", wall_s=1)
        assert (report.reason, report.code) == (ExitReason.WALL, 137)
        assert 1000 <= report.running_ms < 1500

    def test_disk__flood__fills_the_bounded_disk_only(self, boxes: Boxes) -> None:
        report, _ = boxes.run(
            "f = open('outputs/x', 'wb')\nwhile True: f.write(b'a' * (1 << 20))", disk_mib=8
        )
        assert report.reason is ExitReason.DISK
        assert report.code == 1
        assert 7 << 20 <= report.usage.disk_bytes <= 8 << 20

    def test_disk__every_writable_place__is_bounded(self, boxes: Boxes) -> None:
        report, log = boxes.run(
            "import os\nfor p in ('/job', '/job/tmp', '/tmp', '/dev/shm', '/', '/run', '/etc',"
            " '/opt', '/dev', '/usr', '/var', '/home', '/proc', '/job/inputs'):\n"
            "    try:\n        n = 0\n        with open(p + '/x', 'wb', 0) as f:\n"
            "            while n < 200: f.write(b'a' * (1 << 20)); n += 1\n"
            "        print(p, 'UNBOUNDED')\n"
            "    except OSError as e: print(p, n)\n"
            "    if os.path.exists(p + '/x'): os.unlink(p + '/x')",
            disk_mib=8,
            memory_mib=512,
        )
        assert report.code == 0, log
        written = dict(line.split(maxsplit=1) for line in log.splitlines())
        assert {p: n for p, n in written.items() if n != "0"} == {
            "/job": "8",
            "/job/tmp": "8",
            "/tmp": "8",  # noqa: S108
            "/dev/shm": "64",  # noqa: S108
        }

    def test_output__flood__is_cut_at_the_limit(self, boxes: Boxes) -> None:
        report, log = boxes.run("while True: print('x' * 10000)", output_mib=1)
        assert report.reason is ExitReason.OUTPUT
        assert (len(log), report.usage.output_bytes) == (1 << 20, 1 << 20)

    def test_stop__agents_reason__stands(self, boxes: Boxes) -> None:
        box = boxes.driver.prepare(
            boxes.spec("import time; time.sleep(60)"), boxes.find, lambda: None
        )
        box.start()
        box.stop(ExitReason.GPU_LOST)
        box.stop(ExitReason.KILLED)
        report = box.wait(10)
        assert report is not None
        assert report.reason is ExitReason.GPU_LOST
        box.destroy()


class TestContainment:
    def test_user__job__is_nobody_with_no_rights(self, boxes: Boxes) -> None:
        _, log = boxes.run(
            "for line in open('/proc/self/status'):\n"
            "    if line.split(':')[0] in ('Uid', 'Gid', 'Groups', 'CapInh', 'CapPrm', 'CapEff',"
            " 'CapBnd', 'CapAmb', 'NoNewPrivs', 'Seccomp'): print(*line.split())"
        )
        found = dict(line.split(":", 1) for line in log.splitlines())
        assert {k: v.split() for k, v in found.items()} == {
            "Uid": ["65534"] * 4,
            "Gid": ["65534"] * 4,
            "Groups": [],
            **{f"Cap{kind}": ["0" * 16] for kind in ("Inh", "Prm", "Eff", "Bnd", "Amb")},
            "NoNewPrivs": ["1"],
            "Seccomp": ["2"],
        }

    def test_calls__that_escapes_are_made_of__are_refused(self, boxes: Boxes) -> None:
        _, log = boxes.run(CALLS)
        answers = dict(line.split(maxsplit=1) for line in log.splitlines())
        assert answers.pop("clone3") == "Function not implemented"
        assert len(answers) == 15
        assert set(answers.values()) == {"Operation not permitted"}

    def test_network__everything__is_unreachable(self, boxes: Boxes) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
            _, log = boxes.run(
                "import socket\n"
                f"for a in (('127.0.0.1', {port}), ('10.0.0.1', 80), ('8.8.8.8', 53)):\n"
                "    s = socket.socket(); s.settimeout(2)\n"
                "    try: s.connect(a); print('CONNECTED', a)\n"
                "    except OSError as e: print(e.errno)\n"
                "for family in (16, 17, 38, 40):\n"
                "    try: socket.socket(family, socket.SOCK_RAW); print('OPENED', family)\n"
                "    except OSError as e: print(e.errno)\n"
            )
        assert log.split() == ["111", "101", "101", "97", "97", "97", "97"]

    def test_files__of_the_machine__are_not_there(self, boxes: Boxes, tmp_path: Path) -> None:
        secret = tmp_path / "secret"
        secret.write_text("key")
        _, log = boxes.run(
            "import os\n"
            "for p in ('/etc/shadow', '/etc/passwd', '/root', '/home', '/sys', '/var',"
            f" {str(secret)!r},"
            " '/proc/1/root/etc/passwd', '/proc/sysrq-trigger'):\n"
            "    try: print(p, os.listdir(p) if os.path.isdir(p) else open(p).read(9))\n"
            "    except OSError: print(p, 'absent')\n"
            "for p in ('/usr/x', '/x', '/opt/python/packages/x', '/job/inputs/x',"
            " '/job/inputs/main.py', '/proc/sys/kernel/core_pattern', '/dev/x'):\n"
            "    try: open(p, 'a'); print('WROTE', p)\n"
            "    except OSError: pass\n"
            "print(*sorted(os.listdir('/dev')))"
        )
        lines = log.splitlines()
        assert [line.rsplit(" ", 1)[1] for line in lines[:9]] == ["absent"] * 9, log
        assert len(lines) == 10, log
        assert set(lines[9].split()) <= {
            *("core", "fd", "full", "null", "ptmx", "pts", "random", "shm", "stderr", "stdin"),
            *("stdout", "tty", "urandom", "zero", "console"),
        }

    def test_environment__of_the_agent__does_not_leak(
        self, boxes: Boxes, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PLANTED_SECRET", "xyzzy")
        _, log = boxes.run(
            "import os, glob\nprint(sorted(os.environ))\n"
            "for p in glob.glob('/proc/[0-9]*/environ'):\n"
            "    try: print('xyzzy' in open(p).read())\n"
            "    except OSError: pass",
            env=(("MINE", "a'b\"$c\n"), ("EPOCHS", "3")),
        )
        assert "PLANTED_SECRET" not in log
        assert "True" not in log
        assert "'EPOCHS'" in log
        assert "'MINE'" in log

    def test_environment__of_the_job__is_on_no_command_line(self, boxes: Boxes) -> None:
        box = boxes.driver.prepare(
            boxes.spec("import time; time.sleep(20)", env=(("TOKEN", "sesame-open"),)),
            boxes.find,
            lambda: None,
        )
        box.start()
        lines = [" ".join(p.info["cmdline"] or ()) for p in psutil.process_iter(["cmdline"])]
        box.stop(ExitReason.KILLED)
        box.wait(10)
        box.destroy()
        assert any("bwrap" in line for line in lines)
        assert not any("sesame-open" in line for line in lines)

    def test_daemon__left_behind__is_gone_with_the_job(self, boxes: Boxes) -> None:
        name = f"left-behind-{time.monotonic_ns()}"
        report, _ = boxes.run(
            "import os, time\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n"
            f"        os.execvp('sh', ['{name}', '-c', 'sleep 100'])\n    os._exit(0)\n"
            "time.sleep(0.2)"
        )
        assert report.reason is ExitReason.EXIT
        lines = [" ".join(p.info["cmdline"] or ()) for p in psutil.process_iter(["cmdline"])]
        assert not any(name in line for line in lines)

    def test_outputs__links_devices_and_giants__are_not_followed_or_copied(
        self, boxes: Boxes
    ) -> None:
        report, log = boxes.run(
            "import os, socket\n"
            "os.symlink('/etc/passwd', 'outputs/link')\n"
            "os.symlink('/proc/1/environ', 'checkpoint/link')\n"
            "os.mkfifo('outputs/pipe')\n"
            "socket.socket(socket.AF_UNIX).bind('outputs/socket')\n"
            "os.truncate(os.open('outputs/sparse', os.O_CREAT | os.O_RDWR), 1 << 40)\n"
            "open(b'outputs/\\xff\\n', 'w')\n"
            "os.mkdir('outputs/folder'); open('outputs/folder/good', 'w').write('x')\n"
        )
        assert report.code == 0, log
        assert [f.path for f in report.outputs] == ["outputs/folder/good"]
        assert len(report.refused) == 6

    def test_outputs__folder_itself__cannot_be_replaced(self, boxes: Boxes) -> None:
        report, log = boxes.run("import os\nos.rename('outputs', 'x')")
        assert "Operation not permitted" in log
        assert (report.code, report.outputs, report.refused) == (1, (), ())

    def test_report__forged_by_the_job__is_not_believed(self, boxes: Boxes) -> None:
        report, _ = boxes.run(
            "import os\nfor p in ('exit', 'report.json', 'outputs/exit_code'):\n"
            "    open(p, 'w').write('0')\nos._exit(9)"
        )
        assert (report.code, report.reason) == (9, ExitReason.EXIT)


class TestLeftovers:
    def test_destroy__many_jobs__leave_no_file_group_process_or_descriptor(
        self, boxes: Boxes, tmp_path: Path
    ) -> None:
        boxes.run("pass")
        me = psutil.Process()
        before = (me.num_fds(), threading.active_count(), len(me.children(recursive=True)))
        for _ in range(5):
            boxes.run("print(1)")
        after = (me.num_fds(), threading.active_count(), len(me.children(recursive=True)))
        assert after == before
        assert list((tmp_path / "jobs").iterdir()) == []
        assert list(Path("/sys/fs/cgroup").glob(f"**/{boxes.driver._prefix}*")) == []

    def test_start__impossible_limits__leaves_nothing(self, boxes: Boxes, tmp_path: Path) -> None:
        with pytest.raises(ProtocolError, match=r"limits\.memory_mib"):
            boxes.driver.prepare(boxes.spec("", memory_mib=10**9), boxes.find, lambda: None)
        assert not (tmp_path / "jobs").exists()

    def test_prepare__tampered_input__is_refused(self, boxes: Boxes) -> None:
        spec = boxes.spec("print(1)")
        (boxes.blobs / spec.inputs[0].sha256).write_text("print(2)")
        with pytest.raises(ProtocolError, match=r"inputs\.sha256"):
            boxes.driver.prepare(spec, boxes.find, lambda: None)
