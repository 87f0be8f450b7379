"""A place of the benchmark's own: mount and PID namespace, its own /tmp, /run, /var, /usr and /etc.

Nothing here undoes anything: every mount is private to the namespace and every file lies on one of its
tmpfs, so the kernel takes all of it away when the last process ends, also after kill -9.
"""
from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

STAGE = Path("/media")
MARK = "PAM_MKTEMP_BENCHMARK_OUTSIDE"
NOT_COPIED = shutil.ignore_patterns("__pycache__", "*.egg-info")
NOT_COPIED_OF_TOP = (".git", ".tox", "dist")
# What `make` made and would make again only if it is older than its sources; not contrib/manual/build.
COPIED_OF_BUILD = {"shims", "manual", "completion", "pam_mktemp_py.so", "pam-mktemp-launch", "pam-mktemp-shim"}
FIRST_UID = 64200
TMP_SIZE = 2 << 30
TMP_INODES = 200_000


class ArenaError(Exception):
    """Something that the benchmark stands on could not be made; str() says what and why."""


def run(*command: str | Path, cwd: Path | None = None) -> str:
    """A command's output; raises ArenaError with its last words if it fails."""
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        words = (done.stderr or done.stdout).strip()[-600:]
        raise ArenaError(f"{' '.join(map(str, command))}: exit {done.returncode}: {words}")
    return done.stdout


def enter() -> None:
    """Start this program again inside new namespaces, unless it runs there already (checked, not believed)."""
    here = os.readlink("/proc/self/ns/mnt")
    if os.environ.get(MARK, here) != here:
        return
    if os.geteuid() != 0:
        raise ArenaError("this needs root: it makes a mount namespace")
    os.environ[MARK] = here
    flags = ["--mount", "--propagation=private", "--pid", "--fork", "--kill-child", "--mount-proc"]
    os.execvp("unshare", ["unshare", *flags, sys.executable, *sys.argv])


def copy_sources(repository: Path) -> Path:
    """A copy of what `make install` needs, so that building leaves the working tree as it was."""
    def ignored(folder: str, names: list[str]) -> set[str]:
        if Path(folder) == repository / "build":
            return set(names) - COPIED_OF_BUILD
        top = NOT_COPIED_OF_TOP if Path(folder) == repository else ()
        return NOT_COPIED(folder, names) | {name for name in names if name in top}

    return Path(shutil.copytree(repository, STAGE / "source", symlinks=True, ignore=ignored))


def overlay(path: str) -> None:
    """Make PATH privately writable; what is there already stays visible."""
    upper, work = (STAGE / kind / path.strip("/") for kind in ("upper", "work"))
    upper.mkdir(parents=True)
    work.mkdir(parents=True)
    run("mount", "-t", "overlay", "-o", f"lowerdir={path},upperdir={upper},workdir={work}", "overlay", path)


def own_etc(users: list[str]) -> None:
    """A copy of /etc with USERS added, each with a group of its own.

    A copy on tmpfs and no overlay: overlayfs would make each look into /etc/passwd dearer than it is on a
    real machine, and modules differ in how often they look.
    """
    etc = STAGE / "etc"
    run("cp", "-a", "/etc", etc)
    with open(etc / "passwd", "a") as passwd, open(etc / "group", "a") as group:
        for uid, user in enumerate(users, FIRST_UID):
            passwd.write(f"{user}:x:{uid}:{uid}::/nonexistent:/usr/sbin/nologin\n")
            group.write(f"{user}:x:{uid}:\n")
    run("mount", "--bind", etc, "/etc")


def own_tmp(kind: str) -> None:
    """/tmp as ext4 (Debian 12 keeps it on the root file system) or as tmpfs."""
    if kind == "tmpfs":
        run("mount", "-t", "tmpfs", "-o", f"mode=1777,size={TMP_SIZE},nr_inodes={TMP_INODES}", "tmpfs", "/tmp")
        return
    image = STAGE / "tmp.img"
    with open(image, "wb") as file:
        file.truncate(TMP_SIZE)
    run("mkfs.ext4", "-q", "-N", str(TMP_INODES), image)
    run("mount", "-o", "loop", image, "/tmp")
    os.chmod("/tmp", 0o1777)


def mounts(count: int) -> None:
    """COUNT further mounts, of the kind that containers and automounters leave: each a small directory elsewhere."""
    source = STAGE / "mounted"
    source.mkdir(exist_ok=True)
    for i in range(count):
        (STAGE / "mounts" / str(i)).mkdir(parents=True)
    run("sh", "-ec", f'for place in "$@"; do mount --bind {source} "$place"; done', "sh", *STAGE.glob("mounts/*"))


def stage() -> None:
    """The tmpfs that holds everything else. First of all, since the rest is copied or downloaded into it."""
    run("mount", "-t", "tmpfs", "-o", "mode=0755,size=4g", "tmpfs", STAGE)


def build(users: list[str], tmp: str) -> None:
    """Cover the machine's writable places. After this /tmp and /run are empty and USERS exist."""
    own_etc(users)
    overlay("/usr")
    overlay("/var")
    run("mount", "-t", "tmpfs", "-o", "mode=0755", "tmpfs", "/run")
    own_tmp(tmp)
