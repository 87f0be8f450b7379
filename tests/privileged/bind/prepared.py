"""What the tests of instances share: an account prepared for a private mount, by a configuration given as TOML."""
from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

from pam_mktemp_py.config.load import compiled
from pam_mktemp_py.directory import instances, prepare
from pam_mktemp_py.directory.handover import PREFIX
from pam_mktemp_py.linux.accounts import lookup
from pam_mktemp_py.namespace import view

SERVER = Path("/run/postgresql")
LINK = ".s.PGSQL.5432"
PASSED = (".X11-unix", ".ICE-unix")


def mounts(name: str, toml: str = "", service: str = "", **options: Any) -> list[Any]:
    """The mounts of the account's view, everything that they need being made."""
    account = lookup(name)
    assert account is not None
    config = compiled("f", [("f", toml.encode())])
    leaf = f"svc-{service}" if service else "tmp"
    ready = prepare.prepare(account, [leaf])
    options.setdefault("in_use", lambda _device, _inode: False)
    return view.lines(instances.prepared(config, account, service, ready, **options))


def ours_in_tmp() -> list[str]:
    """What lies in the host's /tmp; not the checkout of one who works there."""
    return sorted(name for name in os.listdir("/tmp") if name.startswith((".", PREFIX)))


def pairs(lines: list[Any]) -> list[tuple[str, str]]:
    """Source and target of each."""
    return [(source, target) for source, _, _, target, _ in lines]


def assert_sources(lines: list[Any]) -> None:
    """Each source is the directory that the line says, root's, and safe from others; each target is a directory."""
    for source, device, inode, target, _ in lines:
        found = os.lstat(source)
        assert (found.st_dev, found.st_ino, found.st_uid) == (device, inode, 0), source
        assert stat.S_ISDIR(found.st_mode) and (not found.st_mode & 0o022 or found.st_mode & stat.S_ISVTX), source
        assert os.path.realpath(target) == target and os.path.isdir(target), target


def entries(tmp: Path) -> dict[str, str]:
    """What lies in an instance, by name: "root:root 711 directory", with the target of a link."""
    found = {}
    for path in tmp.iterdir():
        try:
            about = path.lstat()
            target = f" {os.readlink(path)}" if stat.S_ISLNK(about.st_mode) else ""
        except OSError:  # its user has just taken it away, or put another thing in its place
            continue
        kind = {stat.S_IFDIR: "directory", stat.S_IFLNK: "link", stat.S_IFREG: "file"}.get(
            stat.S_IFMT(about.st_mode), "other")
        mode = "" if kind == "link" else f" {about.st_mode & 0o7777:o}"
        found[path.name] = f"{about.st_uid}{mode} {kind}" + target
    return found


def assert_instance(tmp: Path, *, shared: tuple[str, ...] = (), links: bool = True) -> None:
    """Everything of root's is there, exactly; what else is there is the account's own business."""
    found = entries(tmp)
    wanted = {".private": "0 711 directory", instances.MARKER: "0 444 file",
              **{name: "0 755 directory" for name in (*PASSED, *(PREFIX + name for name in shared))}}
    if links:
        wanted[LINK] = f"0 link {SERVER}/{LINK}"
    assert {name: found.get(name) for name in wanted} == wanted
