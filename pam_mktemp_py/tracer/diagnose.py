"""Why strace could not trace: it says 'Operation not permitted' of five different things."""
from __future__ import annotations

import os
import signal

from pam_mktemp_py.errors import TraceError
from pam_mktemp_py.linux import tracing

_PTRACE_HINT = "or record it elsewhere: strace -f -y -s 256 -o FILE -- COMMAND, and then --trace FILE"


def denied(what: str, attaching: bool = False, proc: str = "/proc", sys: str = "/sys") -> TraceError:
    """The error for `what`, with the most likely of the reasons that this machine knows of."""
    for reason in (_nested(proc), _yama(attaching, proc), _selinux(sys), _container(proc)):
        if reason is not None:
            return TraceError(what, *reason)
    return TraceError(what, "strace could not trace it", "its own message says why")


def _nested(proc: str) -> tuple[str, str] | None:
    own = tracing.status("self", proc) or {}
    tracer = int(own.get("TracerPid", "0"))
    if not tracer:
        return None
    name = tracing.program(tracer, proc) or "a process outside"
    return (f"{name} ({tracer}) traces this command already, and a process can have one tracer only",
            "run it outside of strace, gdb and detect")


def _yama(attaching: bool, proc: str) -> tuple[str, str] | None:
    scope = _number(f"{proc}/sys/kernel/yama/ptrace_scope")
    capable = bool(int((tracing.status("self", proc) or {}).get("CapEff", "0"), 16) >> 19 & 1)  # CAP_SYS_PTRACE
    if scope == 3:
        return "kernel.yama.ptrace_scope is 3: nobody can trace until the machine starts anew", _PTRACE_HINT
    if not capable and (scope == 2 or (scope == 1 and attaching)):
        return f"kernel.yama.ptrace_scope is {scope}: only root can trace this", "run it as root, " + _PTRACE_HINT
    return None


def _selinux(sys: str) -> tuple[str, str] | None:
    if _number(f"{sys}/fs/selinux/booleans/deny_ptrace") != 1:
        return None
    return "SELinux's deny_ptrace is on", "turn it off for so long, as root: setsebool deny_ptrace off"


def _container(proc: str) -> tuple[str, str] | None:
    if (tracing.status("self", proc) or {}).get("Seccomp") != "2":
        return None
    return ("a seccomp filter (of a container or a sandbox) may refuse ptrace",
            "start the container with --cap-add=SYS_PTRACE, " + _PTRACE_HINT)


def _number(path: str) -> int:
    """The first number of a file of the kernel's; -1 if there is none."""
    try:
        with open(path, "rb") as file:
            return int(file.read(64).split()[0])
    except (FileNotFoundError, PermissionError, NotADirectoryError):
        return -1


def nothing_written(request_log: str, status: int) -> TraceError:
    """The error for a strace that ended with `status` before it wrote a line."""
    folder = os.path.dirname(request_log) or "."
    found = os.statvfs(folder)
    if found.f_blocks and not found.f_bavail:
        return TraceError(request_log, "no space is left for the log", f"make room in {folder}")
    return killed(status, "the command started") if status < 0 else denied("strace")


def killed(status: int, before: str = "all that it traced, and so was the command") -> TraceError:
    """The error for a strace that ended with `status` (as Popen.returncode says it) before it should have."""
    if status == -signal.SIGXFSZ:
        return TraceError("strace", f"the log became longer than files may become here (ulimit -f), before {before}",
                          "see ulimit -f, and raise it")
    how = f"signal {-status} ended it" if status < 0 else f"it gave up ({status})"
    return TraceError("strace", f"{how} before {before}", "try again")
