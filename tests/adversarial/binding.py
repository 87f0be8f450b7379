"""Sessions whose plan has mounts, and what must hold of the view that each of them is in."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.adversarial import host, inject

VIEWS = Path(f"{host.RUN}/views")
SEEN = "/run/witness"
CWD = "/var/tmp"
DIGEST = "0123456789abcdef"


def environment() -> dict[str, str]:
    """For the witness: it also says what it sees."""
    return {**os.environ, "WITNESS_VIEW": "1"}


def own(user: str) -> str:
    """Where the account's directory lies."""
    return f"/tmp/.private/{user}/tmp"


def number(path: str) -> str:
    """"DEV.INO" of a directory."""
    about = os.stat(path)
    return f"{about.st_dev}.{about.st_ino}"


def _line(source: str, target: str) -> str:
    about = os.lstat(source)
    return f"mount {source} {about.st_dev} {about.st_ino} {target} 6\n"


def plan_of(user: str, service: str = host.SERVICE) -> Path:
    """The file."""
    return Path(f"{host.RUN}/plans/{user}:{service}")


def bind(user: str) -> None:
    """Make the account's plan, by a login, and have it say what a plan with mounts says."""
    bind_plan(user, host.SERVICE, host.right)


def bind_plan(user: str, service: str, login: Callable[[str], object]) -> None:
    """The same, for a service and a way to log in."""
    login(user)
    path = plan_of(user, service)
    text = path.read_text()
    with _modes_as_given():
        for name, mode in ((".private", 0o711), (".X11-unix", 0o755)):
            Path(own(user), name).mkdir(mode, exist_ok=True)
        Path("/tmp/.X11-unix").mkdir(0o1777, exist_ok=True)
    view = f"view {pwd.getpwnam(user).pw_uid}.{DIGEST}\n"
    lines = [line for line in text.splitlines(keepends=True) if not line.startswith(("mount ", "view "))]
    text = "".join(line + view if line.startswith("fail ") else line for line in lines)
    text = text.replace("stage env", "stage bind")
    mounts = [_line(own(user), "/tmp"), _line("/tmp/.private", "/tmp/.private"),
              _line("/tmp/.X11-unix", "/tmp/.X11-unix")]
    path.write_text(text.removesuffix("end\n") + "".join(mounts) + "end\n")


def leaving(user: str) -> None:
    """The same for an account that has no private mount: its login goes to the host's view."""
    host.login(user)
    leaving_plan(user, host.SERVICE)


def leaving_plan(user: str, service: str) -> None:
    """Have the account's plan say so."""
    path = plan_of(user, service)
    lines = [line for line in path.read_text().splitlines(keepends=True) if not line.startswith("view ")]
    text = "".join(line + "view host\n" if line.startswith("fail ") else line for line in lines)
    path.write_text(text)


@contextlib.contextmanager
def _modes_as_given() -> Iterator[None]:
    """Modes as they are given."""
    before = os.umask(0)
    try:
        yield
    finally:
        os.umask(before)


def no_planner() -> None:
    """As after a failure of the planner's: what is asked of it now is not what is looked at here."""
    memo = Path(f"{host.RUN}/failures/@planner")
    memo.unlink(missing_ok=True)
    memo.symlink_to(f"{time.clock_gettime_ns(time.CLOCK_BOOTTIME)} - not asked")


def no_views() -> None:
    """As if none had ever been made."""
    for path in VIEWS.iterdir():
        path.unlink() if path.is_symlink() else shutil.rmtree(path)


@contextlib.contextmanager
def held(user: str) -> Iterator[int]:
    """A session that stays open; its host's pid."""
    with subprocess.Popen([host.program(), "-s", host.SERVICE, user], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "open\n"
        try:
            yield process.pid
        finally:
            process.kill()


def namespace(pid: int | str = "self") -> str:
    """"mnt:[N]"."""
    return os.readlink(f"/proc/{pid}/ns/mnt")


def mount_namespaces() -> set[str]:
    """Those that a process lives in or holds open."""
    found = set()
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            found.add(namespace(pid))
            for at in os.listdir(f"/proc/{pid}/fd"):
                with contextlib.suppress(OSError):
                    link = os.readlink(f"/proc/{pid}/fd/{at}")
                    found |= {link} if link.startswith("mnt:") else set()
    return found


def mounts(pid: int | str = "self") -> list[str]:
    """The lines of mountinfo."""
    return Path(f"/proc/{pid}/mountinfo").read_text().splitlines()


def locked() -> list[str]:
    """The folders of views that somebody holds."""
    locks = [line.split()[5].rsplit(":", 1)[1] for line in Path("/proc/locks").read_text().splitlines()
             if "FLOCK" in line]
    return [at.name for at in VIEWS.iterdir() if at.is_dir() and not at.is_symlink() and str(at.stat().st_ino) in locks]


def fields(pid: str) -> dict[str, str]:
    """The session's record, as the witness saw it; empty if there was none."""
    path = Path(f"{SEEN}.record.{pid}")
    text = path.read_text() if path.exists() else ""
    path.unlink(missing_ok=True)
    return dict(line.partition(" ")[::2] for line in text.splitlines())


def wrong_view(one: host.Login, caller: tuple[str, str], bound: bool) -> list[str]:
    """Is the session wholly in its view, or wholly in its caller's, given as (namespace, /tmp)? And does its record
    say so? `bound`: it has a view of its own."""
    got, record = one.fields, fields(one.fields["pid"])
    seen = Path(f"{SEEN}.mounts.{got['pid']}")
    lines = seen.read_text().splitlines()
    seen.unlink()
    wrong = []
    moved = got["ns"] != caller[0]
    if got["root"] != number("/"):
        wrong.append("another root directory")
    if got["back"] != caller[0]:
        wrong.append(f"it did not come back: {got['back']}, not {caller[0]}")
    if not moved:
        wrong += [f"unmoved, but /tmp {got['tmp']}"] if got["tmp"] != caller[1] else []
        wrong += [f"unmoved, but in {got['cwd']}"] if got["cwd"] != CWD else []
        if record.get("namespace") or record.get("view"):
            wrong.append(f"unmoved, and the record says {record}")
        if bound and record and (record["outcome"], record["stage"]) == ("private", "bind"):
            wrong.append("the record says that it is private")
        if record.get("outcome") == "failed-open" and record["reason"] in ("", "-"):
            wrong.append("no reason")
        return wrong
    if one.denied:
        wrong.append("refused, and in another view")
    if not bound or record.get("outcome") == "failed-open":  # what fails in another's view is not left there
        return wrong if got["tmp"] == number("/tmp") else [*wrong, "left, and not on the host's /tmp"]
    if f"mnt:[{record.get('namespace')}]" != got["ns"]:
        wrong.append(f"the record names another view: {record}, {got['ns']}")
    return wrong + _whole(one, lines)


def _whole(one: host.Login, lines: list[str]) -> list[str]:
    wrong = [] if one.fields["tmp"] == number(own(one.user)) else [f"in a view whose /tmp is {one.fields['tmp']}"]
    found: dict[str, list[str]] = {}
    for line in lines:
        words = line.split()
        found.setdefault(words[4], []).append(line)
    for target in ("/tmp", "/tmp/.private", "/tmp/.X11-unix"):
        ours = [line for line in found.get(target, []) if "nosuid" in line.split()[5] and "nodev" in line.split()[5]]
        if len(ours) != 1:
            wrong.append(f"{target} is mounted {len(ours)} times: {found.get(target)}")
    if " master:" not in found["/"][-1] and " shared:" in mounts()[0]:
        wrong.append("/ is no slave")
    view = VIEWS / one.fields["ns"]
    if not view.is_symlink() or os.readlink(view).rpartition(".")[0] != number(own(one.user)):
        wrong.append("the view is not recorded")
    return wrong


def stale(before: set[str], lines: list[str]) -> list[str]:
    """What is left on the host when all sessions are over; given a second, for the kernel ends them later."""
    end = time.monotonic() + 2
    while (left := mount_namespaces() - before) and time.monotonic() < end:
        time.sleep(0.01)
    wrong = [f"{name} is left" for name in left]
    wrong += [f"mounted on the host: {line}" for line in mounts() if line not in lines]
    return wrong + [f"{name} is locked" for name in locked()]


def traced(user: str, option: str, inside: int | None = None) -> list[host.Login]:
    """inject.traced(), in the host's view or in that of another process."""
    before = () if inside is None else ("nsenter", f"--mount=/proc/{inside}/ns/mnt", f"--wd={CWD}")
    return inject.traced(user, option, before=before, env=environment(), cwd=CWD)


def login(user: str, inside: int | None = None) -> host.Login:
    """One session of a fresh host."""
    before = () if inside is None else ("nsenter", f"--mount=/proc/{inside}/ns/mnt", f"--wd={CWD}")
    done = subprocess.run([*before, host.program(), host.SERVICE, user], capture_output=True, text=True, timeout=30,
                          env=environment(), cwd=CWD)
    (one,) = host.parse(done.stdout)
    return one
