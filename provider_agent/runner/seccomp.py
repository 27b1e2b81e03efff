"""System calls that no job needs and that escapes are made of, refused by a filter.

Refusals look like a kernel that lacks the feature or a user who lacks the right, so that programs
fall back. The filter knows one architecture: calls by another ABI (x32, i386) end the process.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping

from provider_agent.runner.driver import SandboxUnavailableError

_NAMESPACES = 0x7E020080
"""CLONE_NEWNS | NEWCGROUP | NEWUTS | NEWIPC | NEWUSER | NEWPID | NEWNET, without CLONE_IO."""
_TIOCSTI = 0x5412
_TIOCLINUX = 0x541C
_FAMILIES = (16, 17, 38, 40)
"""Netlink, packet, kernel crypto, virtual machine sockets."""
_DENIED = (  # noqa: SIM905 - a table of words reads better than quotes
    # mounts and namespaces
    "mount umount umount2 pivot_root chroot setns unshare move_mount open_tree fsopen fsconfig "
    "fsmount fspick mount_setattr open_tree_attr statmount listmount listns "
    # other processes
    "ptrace process_vm_readv process_vm_writev process_madvise kcmp pidfd_getfd "
    # kernel attack surface
    "bpf perf_event_open userfaultfd io_uring_setup io_uring_enter io_uring_register "
    "add_key request_key keyctl lookup_dcookie modify_ldt vm86 vm86old personality "
    "open_by_handle_at name_to_handle_at fanotify_init quotactl quotactl_fd vhangup "
    # the machine
    "kexec_load kexec_file_load init_module finit_module delete_module create_module "
    "query_module get_kernel_syms reboot swapon swapoff acct syslog iopl ioperm "
    "settimeofday clock_settime clock_settime64 clock_adjtime clock_adjtime64 adjtimex stime "
    "sethostname setdomainname nfsservctl _sysctl uselib ustat sysfs "
    "set_mempolicy_home_node migrate_pages move_pages"
).split()
_SINCE_5_1: Mapping[str, int] = {
    # The same on every architecture; libraries older than the call do not know its name.
    "io_uring_setup": 425,
    "io_uring_enter": 426,
    "io_uring_register": 427,
    "open_tree": 428,
    "move_mount": 429,
    "fsopen": 430,
    "fsconfig": 431,
    "fsmount": 432,
    "fspick": 433,
    "pidfd_getfd": 438,
    "process_madvise": 440,
    "mount_setattr": 442,
    "quotactl_fd": 443,
    "set_mempolicy_home_node": 450,
    "statmount": 457,
    "listmount": 458,
    "open_tree_attr": 467,
    "listns": 470,
}
_CLONE3 = 435


def filter_program() -> bytes:
    """The filter as the kernel takes it; raises ``SandboxUnavailableError`` without libseccomp."""
    try:
        import pyseccomp  # noqa: PLC0415 - it loads the C library, which may be missing
    except (ImportError, OSError, RuntimeError) as error:
        raise SandboxUnavailableError(
            "no system-call filter: install libseccomp2 (apt install libseccomp2)"
        ) from error
    rules = pyseccomp.SyscallFilter(pyseccomp.ALLOW)
    for name in _DENIED:
        number = pyseccomp.resolve_syscall(pyseccomp.system_arch(), name)
        number = _SINCE_5_1.get(name, number) if number < 0 else number
        # Negative: this architecture never had the call.
        if number >= 0:
            rules.add_rule(pyseccomp.ERRNO(errno.EPERM), number)
    refuse = pyseccomp.ERRNO(errno.EPERM)
    # A new namespace of any kind would give the job capabilities inside it.
    for flag in _single_bits(_NAMESPACES):
        rules.add_rule(refuse, "clone", pyseccomp.Arg(0, pyseccomp.MASKED_EQ, flag, flag))
    # Its flags lie in memory, out of the filter's sight; "no such call" makes libc use clone.
    rules.add_rule(pyseccomp.ERRNO(errno.ENOSYS), _CLONE3)
    for request in (_TIOCSTI, _TIOCLINUX):
        rules.add_rule(refuse, "ioctl", pyseccomp.Arg(1, pyseccomp.MASKED_EQ, 0xFFFFFFFF, request))
    for family in _FAMILIES:
        unknown = pyseccomp.ERRNO(errno.EAFNOSUPPORT)
        rules.add_rule(unknown, "socket", pyseccomp.Arg(0, pyseccomp.EQ, family))
    return _export(rules)


def _single_bits(mask: int) -> list[int]:
    return [1 << bit for bit in range(32) if mask >> bit & 1]


def _export(rules: object) -> bytes:
    descriptor = os.memfd_create("seccomp")
    with os.fdopen(descriptor, "w+b") as file:
        rules.export_bpf(file)  # type: ignore[attr-defined]
        file.seek(0)
        return file.read()
