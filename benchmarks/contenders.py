"""What is measured: each contender's PAM line, its account, and what it needs to be there."""
from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from arena import STAGE, ArenaError, run
from driver import Session

from pam_mktemp_py import paths

NAMESPACE = "pam_namespace", "pam_namespace noinit"
TMPDIR_PACKAGE = "libpam-tmpdir"
OURS, FIRST = "ours", "ours, first login"
MODULE = "pam_mktemp_py.so"
INTERPRETER = ("/usr/bin/python3", "-I", "-S", "-c", "pass")
PRIVATE = Path(paths.BASE, paths.PRIVATE)


class Contender(NamedTuple):
    """A PAM line of its own and an account of its own; `reset` runs, unmeasured, before each session.

    `in_place` tells whether a session was in the mount namespace in which it should be.
    """

    name: str
    module: str
    user: str
    exports: bool
    reset: Callable[[], None] | None = None
    in_place: Callable[[int], bool] | None = None

    @property
    def service(self) -> str:
        """Name of the service file. Letters, digits and hyphens only."""
        return self.user.removeprefix("bench-")

    def write(self, confdir: Path) -> None:
        """Its service file; pam_namespace gets no options, as in its own example."""
        (confdir / self.service).write_text(f"session required {self.module}\n")


def all_of(modules: list[Path], skip: list[str]) -> list[Contender]:
    """Every contender that is asked for, pam_permit first: the others are set against it."""
    found = [
        Contender("permit", "pam_permit.so", "bench-permit", False),
        Contender(OURS, MODULE, "bench-ours", True),
        Contender(FIRST, MODULE, "bench-first", True, forget_first),
        Contender(TMPDIR_PACKAGE, f"{STAGE}/{TMPDIR_PACKAGE}/pam_tmpdir.so", "bench-tmpdir", True),
        Contender(NAMESPACE[0], "pam_namespace.so", "bench-namespace", False),
        Contender(NAMESPACE[1], "pam_namespace.so", "bench-noinit", False),
    ]
    found += [
        Contender(path.stem, f"{STAGE}/module{i}.so", f"bench-module{i}", False) for i, path in enumerate(modules)
    ]
    return [one for one in found if one.name == "permit" or not any(one.name.startswith(word) for word in skip)]


def fetch_tmpdir() -> None:
    """Debian's libpam-tmpdir, unpacked but not installed: installing would enable it for every login."""
    folder = STAGE / TMPDIR_PACKAGE
    folder.mkdir()
    run("apt-get", "-q", "download", TMPDIR_PACKAGE, cwd=folder)
    run("dpkg-deb", "-x", *folder.glob("*.deb"), folder)
    shutil.copy2(next(folder.glob("**/security/pam_tmpdir.so")), folder)


def place_tmpdir() -> None:
    """Its setuid helper at the path that is compiled into it; /usr is the arena's own by now."""
    helper = next((STAGE / TMPDIR_PACKAGE).glob("**/pam-tmpdir-helper"))
    shutil.copy2(helper, "/sbin/pam-tmpdir-helper")
    os.chmod("/sbin/pam-tmpdir-helper", 0o4755)


def place_namespace(accounts: set[str]) -> None:
    """One line for each variant, told apart by account; instance parents as pam_namespace demands them.

    Only for ACCOUNTS, which exist: one that does not would be looked up everywhere by every session.
    """
    lines = []
    for user, method in (("bench-namespace", "user"), ("bench-noinit", "user:noinit")):
        if user not in accounts:
            continue
        parent = Path("/tmp", f"instances-{user}")
        parent.mkdir()
        parent.chmod(0)
        lines.append(f"/tmp {parent}/ {method} ~{user}\n")
    Path("/etc/security/namespace.conf").write_text("".join(lines))


def install(source: Path) -> None:
    """Ours as `make install` lays it out, and /tmp/.private as boot makes it, with no settings but the defaults."""
    run("make", "-C", source, "install")
    if shutil.which("systemd-tmpfiles"):
        for rules in Path("/usr/lib/tmpfiles.d").glob("pam*mktemp*.conf"):
            run("systemd-tmpfiles", "--create", rules)


def forget(user: str) -> None:
    """All that is kept about USER: plan, memo, request, directory and identity. Never the configuration's cache."""
    for folder in (paths.PLANS, paths.FAILURES, paths.QUEUE):
        for entry in Path(folder).glob(f"{user}:*"):
            entry.unlink()
    for entry in (*Path(paths.OWNERS).glob("*"), *Path(paths.IDENTITY).glob("*")):
        if user in (entry.name, os.readlink(entry)):
            entry.unlink()
    if not (PRIVATE / user).exists():
        return
    try:
        shutil.rmtree(PRIVATE / user)
    except PermissionError:  # append-only: nothing can be removed from it, not even by root
        run("chattr", "-a", PRIVATE)
        shutil.rmtree(PRIVATE / user)
        run("chattr", "+a", PRIVATE)


def forget_first() -> None:
    """The account of the first logins has never been seen."""
    forget("bench-first")


def crowd(count: int) -> None:
    """COUNT directories of other users under /tmp/.private."""
    for i in range(count):
        (PRIVATE / f"crowd{i:06}").mkdir(mode=0o710)


def plans(user: str) -> list[tuple[str, int, int]]:
    """USER's plans by name, inode and mtime: they change if a session was not steady."""
    entries = sorted(Path(paths.PLANS).glob(f"{user}:*"))
    return [(entry.name, entry.stat().st_ino, entry.stat().st_mtime_ns) for entry in entries]


def check(one: Contender, session: Session) -> None:
    """A session that exported or mounted nothing would be fast for nothing."""
    if one.exports and not os.path.isdir(session.tmpdir):
        raise ArenaError(f"{one.name}: no directory exported (TMPDIR={session.tmpdir})")
    if one.in_place and not one.in_place(session.namespace):
        raise ArenaError(f"{one.name}: not the mount namespace that it should be in (mnt:[{session.namespace}])")
