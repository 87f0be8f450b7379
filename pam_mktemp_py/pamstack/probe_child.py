"""The processes that probe.py starts: one that sees to it that nothing is left, and below it PAM's host.

The request comes as JSON on the standard input, the answer goes as JSON to the standard output.
"""
from __future__ import annotations

import contextlib
import errno
import glob
import json
import os
import re
import select
import shutil
import signal
import sys
import time
from typing import Any, NoReturn

from pam_mktemp_py import paths, percent
from pam_mktemp_py.config.model import TMP_VARIABLES
from pam_mktemp_py.linux import descendants, mount_calls, namespace
from pam_mktemp_py.pamstack import copy, stack, try_out
from pam_mktemp_py.pamstack.lines import MODULE

# Without CAP_SYS_ADMIN; in a chroot whose / is no mount; forbidden by seccomp.
NO_MOUNTS = frozenset((errno.EPERM, errno.EACCES, errno.EINVAL, errno.ENOSYS))
_COPIED = re.compile(rf"^(session \S+ |@include )((?:{copy.PREFIX}|{copy.BESIDE})\d+)$", re.MULTILINE)
FOLDER = "/run/pam-mktemp-probe."
TTYS = {"sshd": b"ssh", "cron": b"cron", "atd": b"atd"}  # what the programs themselves give


def main() -> NoReturn:
    """Answer the request; every descendant is dead when this ends."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # ignored, as some daemons have it, it leaves nothing to wait for
    descendants.die_with_parent()
    descendants.adopt_orphans()
    request = json.loads(sys.stdin.read())
    request["folder"] = f"{FOLDER}{os.getpid()}"  # made only where there can be no mounts of our own
    answer = _supervised(request)
    descendants.kill_all()
    _remove(request["folder"])
    sys.stdout.write(json.dumps(answer))
    sys.stdout.flush()
    os._exit(0)


def _supervised(request: dict[str, Any]) -> dict[str, Any]:
    """Run the host for at most its time. Its answer; or what it did instead of giving one."""
    end = time.monotonic() + request["timeout"]
    read, write = os.pipe()
    host = os.fork()
    if host == 0:
        os.close(read)
        _host(request, write)
    os.close(write)
    text = _read_line(read, end)
    status = _ended(host, end)
    if text:
        answer: dict[str, Any] = json.loads(text)
        return answer if status is not None else {"late": "closed"}
    if status is None:
        return {"late": "open"}
    code = os.waitstatus_to_exitcode(status)
    if code >= 0:
        return {"error": f"the session's process ended with status {code} (a module called exit?)"}
    return {"code": code, "reason": f"a module crashed: signal {-code}, {signal.strsignal(-code)}", "messages": [],
            "environment": {}, "record": None, "loaded": True, "usable": {}, "mounts": []}


def _read_line(fd: int, end: float) -> bytes:
    """What is sent until the newline. Not until the end of file: a module's daemon may hold the pipe open."""
    text = b""
    while not text.endswith(b"\n"):
        ready, _, _ = select.select([fd], [], [], max(0.0, end - time.monotonic()))
        piece = os.read(fd, 1 << 16) if ready else b""
        if not piece:
            return b""
        text += piece
    return text


def _ended(pid: int, end: float) -> int | None:
    """The wait status of a child, None if it still runs at `end`."""
    handle = os.pidfd_open(pid)
    ready, _, _ = select.select([handle], [], [], max(0.0, end - time.monotonic()))
    os.close(handle)
    return os.waitpid(pid, 0)[1] if ready else None


def _host(request: dict[str, Any], answer_to: int) -> NoReturn:
    """Open the session, look, answer, close it, end."""
    status = 1
    try:
        null = os.open(os.devnull, os.O_RDWR)
        os.dup2(null, 0)
        os.dup2(null, 1)
        descendants.die_with_parent()
        try:
            folder = _set_up(request)
            if not folder:
                _mark(request["folder"])
            from pam_mktemp_py.pamstack import pampy
            pam = pampy.Session(request["user"], request["service"], TTYS.get(request["service"], b""), folder)
        except ImportError as error:
            _send(answer_to, {"error": f"Python's {error.name} is missing",
                              "hint": "install it: apt-get install python3-pampy python3-six"})
        except OSError as error:
            _send(answer_to, _not_set_up(error))
        else:
            try:
                _send(answer_to, _open(pam, request))
            finally:
                pam.close()
        status = 0
    finally:
        sys.stderr.flush()
        os._exit(status)


def _not_set_up(error: OSError) -> dict[str, Any]:
    hint = "all modules are run only where a process can have mounts of its own (CAP_SYS_ADMIN, and no chroot)"
    what = f"{error.filename}: {error.strerror}" if error.filename else str(error.strerror)
    return {"error": what, "hint": hint if error.errno in NO_MOUNTS else ""}


def _set_up(request: dict[str, Any]) -> str:
    """Mounts of our own, and over /etc/pam.d a copy of it in which "files" stand for those of their name; "".

    The copies of what the distribution's folder has for includes lie over that.

    In most containers and in a chroot there can be none. Where no module does anything but ours, a copy in
    another folder serves as well: that folder.
    """
    _remove_stale()
    kept = {}
    for name in os.listdir(stack.PAM_D):
        if os.path.isfile(f"{stack.PAM_D}/{name}"):
            with contextlib.suppress(OSError):
                kept[name] = stack.read(f"{stack.PAM_D}/{name}")
    folder = ""
    try:
        namespace.own_mounts()
        namespace.tmpfs(stack.PAM_D)
        if any(name.startswith(copy.BESIDE) for name in request["files"]):
            namespace.tmpfs(stack.VENDOR)
    except OSError as error:
        if error.errno not in NO_MOUNTS or request["full"]:
            raise
        folder = request["folder"]
        os.mkdir(folder, 0o700)
    for name, text in (kept | request["files"]).items():
        if folder:  # pam_start_confdir(3) finds the service there, but includes still in /etc/pam.d
            text = _COPIED.sub(rf"\g<1>{folder}/\g<2>", text)
        place = stack.VENDOR if name.startswith(copy.BESIDE) else stack.PAM_D
        with open(f"{folder or place}/{name}", "x", encoding="latin-1", newline="") as file:
            file.write(text)
    return folder


def _mark(link: str) -> None:
    """Record the mounts of this process as ours, and in `link` where that is recorded.

    A login at stage bind leaves only the host's mounts and those (shims/pam/view.c).
    """
    for path, mode in ((paths.RUN, paths.RUN_MODE), (paths.VIEWS, paths.RUN_FOLDER_MODE)):
        with contextlib.suppress(FileExistsError):
            os.mkdir(path, mode)
    mark = f"{paths.VIEWS}/{os.readlink('/proc/self/ns/mnt')}"
    with contextlib.suppress(FileNotFoundError):
        os.unlink(mark)  # of another that had this number
    os.symlink(mark, link)
    os.symlink(mount_calls.place(paths.BASE), mark)


def _shared(mark: str) -> bool:
    """Whether a record is of mounts whose /tmp is the host's: those of no real view."""
    about = os.stat(paths.BASE)
    return os.readlink(mark).startswith(f"{about.st_dev}.{about.st_ino}.")


def _remove(folder: str) -> None:
    """What _set_up() or _mark() left outside. The next namespace with this number is not ours: it may be a sandbox."""
    with contextlib.suppress(OSError):
        mark = os.readlink(folder)
        if _shared(mark):
            os.unlink(mark)
    with contextlib.suppress(OSError):
        os.unlink(folder)
    shutil.rmtree(folder, ignore_errors=True)


def _remove_stale() -> None:
    """What those left who were killed with SIGKILL."""
    for path in glob.glob(f"{FOLDER}*"):
        if not os.path.exists(f"/proc/{path.removeprefix(FOLDER)}"):
            _remove(path)


def _open(pam: Any, request: dict[str, Any]) -> dict[str, Any]:
    before = _mounts()
    code, reason = pam.open()
    environment = pam.environment() if code == 0 else {}
    places = {name: environment[name] for name in TMP_VARIABLES if name in environment}
    return {
        "code": code, "reason": reason, "messages": pam.messages(), "environment": environment,
        "record": _record(request["uid"]) if code == 0 else None, "loaded": _loaded(),
        "usable": try_out.as_account(request["user"], request["uid"], request["gid"], places) if code == 0 else {},
        "mounts": [mount.split(" ")[2] for mount in _mounts() if mount not in before],
    }


def _send(fd: int, answer: dict[str, Any]) -> None:
    data = json.dumps(answer).encode() + b"\n"
    while data:
        data = data[os.write(fd, data):]


def _loaded() -> bool:
    with open("/proc/self/maps", encoding="utf-8", errors="replace") as file:
        return any(line.rstrip().endswith(f"/{MODULE}") for line in file)


def _mounts() -> list[str]:
    """Every mount: device, root and point, as /proc/self/mountinfo has them (proc(5))."""
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as file:
        return [" ".join(line.split(" ")[2:5]) for line in file]


def _record(uid: int) -> dict[str, str] | None:
    """The fields of the record that this process's session has (shims/pam/record.c), None if there is none."""
    try:
        [name] = [name for name in os.listdir(paths.SESSIONS) if name.startswith(f"{uid}.{os.getpid()}.")]
        with open(f"{paths.SESSIONS}/{name}", encoding="ascii", errors="replace") as file:
            lines = file.read().split("\n")
    except (OSError, ValueError):
        return None
    fields = {}
    for line in lines[1:-2]:
        key, _, value = line.partition(" ")
        with contextlib.suppress(ValueError):
            fields[key] = percent.decoded(value)
    return fields
