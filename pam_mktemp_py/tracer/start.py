"""Starts strace with its seccomp filter, and as root without what that filter does to setuid programs.

strace sets no_new_privs before it installs its filter, and then no setuid, setgid or capable program below it has
its nature: Debian's ssh-agent, crontab and sudo would be judged as what they are not. Root needs no no_new_privs for
a filter. So root's strace is told that it was set when it was not (see supervise.py), and the command drops root's
rights only after that, through setpriv, since strace -u drops them before.
"""
from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field

from pam_mktemp_py.linux import seccomp
from pam_mktemp_py.linux.accounts import groups_of
from pam_mktemp_py.tracer import arguments, log, ready
from pam_mktemp_py.tracer.request import Request
from pam_mktemp_py.tracer.supervise import Supervisor

SLOWER = "so strace ran without it: slower, but setuid and setgid programs kept their nature"


@dataclass
class Started:
    """strace as it runs: the process, whether it filters, whether setuid programs keep their nature, and notes."""

    process: subprocess.Popen[bytes]
    filtered: bool
    setuid_kept: bool
    supervisor: Supervisor | None = None
    notes: list[str] = field(default_factory=list)


def start(request: Request, environment: Mapping[str, str]) -> Started:
    """strace on the command of the request; nothing of ours is inherited but 0, 1 and 2. TraceError, OSError."""
    strace = ready.strace()
    command = list(request.command)
    path = ready.command(request.command, request.user, environment)
    log.create(request.log)
    if request.user is not None and os.geteuid() == 0:
        command = arguments.as_account(ready.setpriv(), request.user, groups_of(request.user), command)
    else:
        command[0] = ready.as_strace_finds(command[0], path, environment)
    launch = _Launch(strace, request, command, environment)
    if os.geteuid() != 0:
        return Started(launch(request.filter), request.filter, setuid_kept=False)
    if not request.filter:
        return Started(launch(False), False, setuid_kept=True)
    return _as_root(launch)


class _Launch:
    """Starts one strace; called with whether it shall filter."""

    def __init__(self, strace: str, request: Request, command: list[str], environment: Mapping[str, str]) -> None:
        self.strace = strace
        self._request = request
        self._command = command
        self._environment = environment

    def __call__(self, filtered: bool) -> subprocess.Popen[bytes]:
        request = self._request
        words = arguments.for_command(self.strace, request.log, request.everything, filtered, self._command)
        return subprocess.Popen(words, env=self._environment)  # and SIGPIPE, which Python ignores, as it was


def _as_root(launch: _Launch) -> Started:
    """In a thread of its own: the filter is that thread's, and what it starts inherits it. It ends right away."""
    box: list[Started] = []
    failed: list[BaseException] = []

    def work() -> None:
        try:
            box.append(_with_filter(launch))
        except BaseException as error:  # to be raised where it is waited for
            failed.append(error)

    thread = threading.Thread(target=work, name="start")
    thread.start()
    thread.join()
    if failed:
        raise failed[0]
    return box[0]


def _with_filter(launch: _Launch) -> Started:
    why = _unfit(launch.strace)
    listener = -1
    if not why:
        try:
            listener = seccomp.notify_of_prctl(seccomp.PR_SET_NO_NEW_PRIVS)
        except OSError as error:  # EACCES in a container, EBUSY below another supervisor, ENOSYS, EINVAL
            why = f"{error.filename}: {error.strerror}"
    if why:
        note = f"the seccomp filter cannot be used here ({why}), {SLOWER}"
        return Started(launch(False), False, setuid_kept=True, notes=[note])
    try:
        process = launch(True)
    except BaseException:
        os.close(listener)
        raise
    return Started(process, True, setuid_kept=True, supervisor=Supervisor(listener, process.pid, launch.strace))


def _unfit(strace: str) -> str:
    """Why the calls of this strace cannot be told from others, or be let through; '' if they can."""
    if seccomp.numbers() is None:
        return f"its numbers are not known for {os.uname().machine}"
    if not seccomp.can_continue():
        return f"Linux {os.uname().release} is older than 5.5"
    with open(strace, "rb") as file:
        return "" if file.read(4) == b"\x7fELF" else f"{strace} is a script"
