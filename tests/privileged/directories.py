"""What the tests of the private directory share: the witness, and independent tools to judge by."""
from __future__ import annotations

import hashlib
import os
import pwd
import subprocess
from pathlib import Path
from typing import Any

from pam_mktemp_py.directory.place import Prepared
from pam_mktemp_py.directory.prepare import prepare
from pam_mktemp_py.linux.accounts import lookup
from tests.sandbox.state import CHECKOUT

WITNESS = CHECKOUT / "tests/programs/prepare_directory.py"
PYTHON = ["/usr/bin/python3", "-I", "-S", "-B", str(WITNESS)]
PRIVATE = Path("/tmp/.private")


def made(name: str, *leaves: str, **options: Any) -> Prepared:
    """prepare() in this process."""
    account = lookup(name)
    assert account is not None
    return prepare(account, list(leaves) or ["tmp"], **options)


def witness(*words: str, before: tuple[str, ...] = (), **options: Any) -> subprocess.CompletedProcess[str]:
    """prepare() in a process of its own, `before` being a command that runs it."""
    return subprocess.run([*before, *PYTHON, *words], capture_output=True, text=True, timeout=60, **options)


def tool(*command: str | Path) -> str:
    """What another program says."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, f"{command}: {done.stderr}"
    return done.stdout.strip()


def owner_and_mode(path: str | Path) -> str:
    """As stat(1) has it: "root:root 711 directory"."""
    return tool("stat", "-c", "%U:%G %a %F", path)


def append_only(path: str | Path) -> bool:
    """As lsattr(1) has it."""
    return "a" in tool("lsattr", "-d", path).split()[0]


def acl(path: str | Path) -> list[str]:
    """As getfacl(1) has it, without default entries meant to be none."""
    return tool("getfacl", "-cpn", path).split()


def assert_right(name: str, form: str = "acl", *, leaves: tuple[str, ...] = ("tmp",), dirname: str = "",
                 base: Path = Path("/tmp"), append: bool | None = True) -> None:
    """Judge everything with stat, lsattr and getfacl, and as the user and as another user."""
    entry = pwd.getpwnam(name)
    private = base / ".private"
    user = private / (dirname or name)
    assert owner_and_mode(base).split()[0] == "root:root"
    assert owner_and_mode(private) == "root:root 711 directory"
    if append is not None:
        assert append_only(private) == append
    uid, gid = entry.pw_uid, entry.pw_gid
    assert tool("stat", "-c", "%u:%g %a %F", user) == {
        "acl": "0:0 710 directory", "group": f"0:{gid} 710 directory", "owner": f"{uid}:{gid} 700 directory"}[form]
    if form == "acl":
        assert acl(user) == ["user::rwx", f"user:{entry.pw_uid}:--x", "group::---", "mask::--x", "other::---"]
    else:
        assert all(line.count(":") == 2 and "::" in line for line in acl(user))
    for leaf in leaves:
        assert owner_and_mode(user / leaf) == "root:root 1777 directory"
        assert acl(user / leaf) == ["user::rwx", "group::rwx", "other::rwx"]
        assert writable_by(entry.pw_uid, entry.pw_gid, user / leaf)
        assert entry.pw_uid == 0 or not writable_by(65500, 65500, user / leaf)
    for room in (".new", ".aside"):
        assert owner_and_mode(private / room) == "root:root 700 directory"
    assert os.listdir(private / ".new") == []


def writable_by(uid: int, gid: int, path: Path) -> bool:
    """Whether a process with these ids alone can make and remove a file in the directory."""
    script = f"t={path}/probe.$$; : > $t && rm $t"
    ids = ["setpriv", f"--reuid={uid}", f"--regid={gid}", "--clear-groups"]
    return subprocess.run([*ids, "sh", "-c", script], capture_output=True).returncode == 0


def asides() -> list[str]:
    """What lies in .aside, without the time."""
    return sorted(name.rsplit(".", 1)[0] for name in os.listdir(PRIVATE / ".aside"))


def aside(label: str) -> Path:
    """The one thing in .aside of this label."""
    found = [p for p in (PRIVATE / ".aside").iterdir() if p.name.rsplit(".", 1)[0] == label]
    assert len(found) == 1, found
    return found[0]


def fingerprint(path: str | Path) -> tuple[object, ...]:
    """Everything about a file that an attack could be after: owner, mode, links, content."""
    found = os.stat(path)
    content = hashlib.sha256(Path(path).read_bytes()).hexdigest() if Path(path).is_file() else ""
    return found.st_uid, found.st_gid, found.st_mode, found.st_ino, content, *acl(path)
