"""System calls made to fail, or a process killed at one of them: strace's -e inject, one occurrence at a time."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from tests.adversarial import host

LOG = Path("/var/tmp/strace.log")
PYTHON = Path("/usr/bin/python3")
# The witness says where it is by a call of its own: access("/opening").
OPENING, CLOSING = '"/opening"', '"/closing"'
IMPORT = "  <- import"

# What the kernel may well say; EIO for all others.
ERRORS = {
    "openat": "EMFILE", "open": "EMFILE", "mkdirat": "ENOSPC", "mkdir": "ENOSPC", "symlink": "ENOSPC",
    "symlinkat": "ENOSPC", "write": "ENOSPC", "rename": "ENOSPC", "renameat": "ENOSPC", "renameat2": "EINVAL",
    "brk": "ENOMEM", "mmap": "ENOMEM", "mprotect": "ENOMEM", "clone": "EAGAIN", "socket": "EMFILE",
    "connect": "EACCES", "sendto": "EAGAIN", "fsetxattr": "ENOSPC", "setxattr": "ENOSPC", "fgetxattr": "ENOMEM",
    "fchown": "EPERM", "fchmod": "EPERM", "ioctl": "EPERM", "flock": "ENOLCK", "unlink": "EACCES",
    "setresuid": "EAGAIN", "setresgid": "EPERM", "setgroups": "EPERM", "prlimit64": "EPERM", "chdir": "EACCES",
    "fcntl": "EMFILE", "dup": "EMFILE", "getdents64": "ENOMEM", "poll": "EINTR", "newfstatat": "ENOMEM",
    "execve": "ENOMEM", "readlink": "ENOMEM", "getrandom": "EINTR",
}
# In `long` each call fails in each of these ways too.
MORE_ERRORS = ("EIO", "ENOMEM", "EACCES", "ENOENT", "EINTR", "EPERM", "ENOSYS")
# These cannot fail with the arguments they are given, so their callers do not look.
CANNOT_FAIL = frozenset((
    "exit_group", "exit", "getpid", "gettid", "getppid", "getuid", "geteuid", "getgid", "getegid", "umask",
    "rt_sigreturn", "rt_sigprocmask", "rt_sigaction", "restart_syscall", "munmap", "sched_yield", "access",
))


class Call(NamedTuple):
    """The `when`-th call `name` of its process; `site` tells it from others by what it was called with."""

    name: str
    when: int
    site: str

    @property
    def error(self) -> str:
        """How it fails in the ring `real`."""
        return ERRORS.get(self.name, "EIO")

    def fail(self, error: str = "") -> str:
        """The option for strace."""
        return f"inject={self.name}:error={error or self.error}:when={self.when}"

    def kill(self) -> str:
        """The option for strace: SIGKILL before the call."""
        return f"inject={self.name}:signal=KILL:when={self.when}"


def calls(log: str, start: str = "", stop: str = "\0") -> list[Call]:
    """The calls in one process's log, from the line that holds `start` to before the one that holds `stop`."""
    counts: dict[str, int] = {}
    found: list[Call] = []
    inside = not start
    for line in log.splitlines():
        if not (hit := re.match(r"(\w+)\((.*)", line)):
            continue
        inside = inside or start in line
        if inside and stop in line:
            break
        counts[hit[1]] = counts.get(hit[1], 0) + 1
        if inside and not line.endswith(IMPORT):
            found.append(Call(hit[1], counts[hit[1]], _site(hit[2])))
    return found


def _site(arguments: str) -> str:
    """The arguments without numbers, that is descriptors, pids and times, and without the answer."""
    return re.sub(r"0x[0-9a-f]+|\d+", "N", re.split(r"\)\s+= |, \{", arguments)[0])


def failing(found: list[Call]) -> list[Call]:
    """Those that can fail."""
    return [call for call in found if call.name not in CANNOT_FAIL]


def one_of_each(found: list[Call], seen: set[tuple[str, str]]) -> list[Call]:
    """The first from each place; `seen` holds the places that had their turn, and is added to."""
    chosen = []
    for call in found:
        # The 64 signals, and the many file descriptors of one kind, are one place each.
        place = (call.name, "" if call.name in ("rt_sigaction", "lseek", "read", "close", "ioctl") else call.site)
        if place not in seen:
            seen.add(place)
            chosen.append(call)
    return chosen


def without_imports(log: str) -> str:
    """The log, marked where the interpreter loads a module, by path or descriptor; calls() leaves those out."""
    loading: set[str] = set()
    lines = []
    for line in log.splitlines():
        number = re.match(r"\w+\((\d+)[,)]", line)
        own = "/usr/lib/" in line or (number is not None and number[1] in loading)
        opened = re.match(r"openat\(.*\) = (\d+)$", line)
        if opened:
            (loading.add if own else loading.discard)(opened[1])
        elif line.startswith("close(") and number:
            loading.discard(number[1])
        lines.append(line + IMPORT if own else line)
    return "\n".join(lines)


def by_process(log: str) -> list[str]:
    """The log of `strace -f`, taken apart: one text for each process, in the order of their first calls."""
    texts: dict[str, list[str]] = {}
    for line in log.splitlines():
        pid, _, rest = line.partition(" ")
        texts.setdefault(pid, []).append(rest.lstrip())
    return ["\n".join(lines) for lines in texts.values()]


def was_injected(log: str) -> bool:
    """Whether the failure took place, at least once."""
    return "(INJECTED)" in log


@contextlib.contextmanager
def instead_of_python(script: str) -> Iterator[None]:
    """While inside, the module starts this shell script in the planner's place; "$python" is the interpreter."""
    real, wrapper, link = PYTHON.resolve(), PYTHON.with_name("python3.wrapper"), os.readlink(PYTHON)
    wrapper.write_text(f"#!/bin/sh\npython={real}\n{script}\n")
    wrapper.chmod(0o755)
    wrapper.rename(PYTHON)
    try:
        yield
    finally:
        wrapper.symlink_to(link)
        wrapper.rename(PYTHON)


@contextlib.contextmanager
def planner(option: str = "trace=all") -> Iterator[None]:
    """While inside, every planner runs under strace: -D, so that it keeps its pid, parent and death signal."""
    LOG.unlink(missing_ok=True)
    with instead_of_python(f"exec /usr/bin/strace -D -qq -o {LOG} -e '{option}' $python \"$@\""):
        yield


def traced_login(user: str, option: str = "trace=all", *, follow: bool = False, timeout: float = 30) -> host.Login:
    """One session whose host is traced from pam_open_session on; with `follow` the planner's helper too."""
    (one,) = traced(user, option, follow=follow, timeout=timeout)
    return one


def traced(
    user: str, option: str, *, follow: bool = False, timeout: float = 30, before: tuple[str, ...] = (), **options: Any,
) -> list[host.Login]:
    """The same; none if the host was killed. `before` is a command before it, the other options are Popen's."""
    LOG.unlink(missing_ok=True)
    start = [*before, host.program(), "-w", host.SERVICE, user]
    with subprocess.Popen(start, stdout=subprocess.PIPE, text=True, **options) as witness:
        assert witness.stdout
        assert witness.stdout.readline() == "ready\n"
        follow_options = ["-f", "-b", "execve"] if follow else []
        command = ["strace", "-o", LOG, "-e", option, *follow_options, "-p", str(witness.pid)]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as tracer:
            assert tracer.stderr
            assert "attached" in tracer.stderr.readline()
            witness.send_signal(signal.SIGUSR1)
            try:
                output = witness.communicate(timeout=timeout)[0]
            except subprocess.TimeoutExpired:
                witness.kill()
                raise
            tracer.communicate(timeout=10)
    return host.parse(output)
