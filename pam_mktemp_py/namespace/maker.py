"""Who made what a process sees at /tmp: told by the place of the directory, and by records of ours."""
from __future__ import annotations

import os
import re
from dataclasses import dataclass

from pam_mktemp_py import paths
from pam_mktemp_py.linux import mountinfo
from pam_mktemp_py.linux.mountinfo import Mount

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pam_mktemp_py.namespace.whose import Group, Table

TMPFS = "pam-mktemp"  # what shims/plan/mount.c calls a file system of `run --fresh`
NAMESPACE_FILES = ("/etc/security/namespace.conf", "/etc/security/namespace.d")
_SYSTEMD = re.compile(r"/systemd-private-[0-9a-f]{32}-(.+)-[^-/]{6}/tmp$")
# As snap-confine has it now, as it had it with a name for each start, and as between those.
_SNAP = re.compile(r"/snap-private-tmp/snap\.([^/]+)/tmp$|/snap\.\d+_([^/]+)_[^/_]{6}/tmp$|/snap\.([^/]+)/tmp$")
_FLATPAK = re.compile(r"/\.flatpak/([^/]+)/tmp$")
_UNIT = re.compile(rb"/([^/\n]+\.service)(?:/[^\n]*)?$", re.MULTILINE)


@dataclass(frozen=True)
class Maker:
    """`kind` is host, ours, systemd, pam_namespace, snap, flatpak, user-namespace, container, chroot or unknown;
    `about` the same in words; `name` the account's directory, the unit or the application."""

    kind: str
    about: str
    name: str = ""


def of(table: Table, group: Group, directory: str, mount: Mount, place: str, host: str) -> Maker:
    """Of what a group sees at a directory."""
    usual = mountinfo.covering(table.host, table.real[directory])
    if usual and (usual.device, mountinfo.inside(usual, table.real[directory])) == (mount.device, place):
        # Without root it is what we see ourselves, which may be a private one: then only its place tells.
        found = None if table.first else _by_place(table, directory, mount, place, "", True)
        return found if found and found.kind != "unknown" else Maker("host", "the host's own, which everybody shares")
    if group.users != table.users:
        owner = _owner(group)
        if app := _FLATPAK.search(host or place):  # its sandboxes are bwrap's, which ordinary users start
            return Maker("flatpak", f"by its name that of flatpak's {app[1]}, in a user namespace of {owner}'s own",
                         app[1])
        return Maker("user-namespace", f"made in a user namespace of {owner}'s own: nothing in there is to be trusted",
                     owner)
    # By its record a view of ours with this /tmp: so it stays when the host has unmounted or removed the directory.
    recorded = group.marked.startswith(f"{mount.device}.")
    found = _by_place(table, directory, mount, place, host, recorded)
    if found.kind != "unknown":
        return found
    if group.root != "/":
        return Maker("chroot", f"in the chroot {group.root}")
    root, first = mountinfo.covering(group.mounts, "/"), mountinfo.covering(table.host, "/")
    if root and first and (root.device, root.root) != (first.device, first.root):
        return Maker("container", "in a container or sandbox with another /")
    return found


def _by_place(table: Table, directory: str, mount: Mount, place: str, host: str, recorded: bool) -> Maker:
    if mount.kind == "tmpfs" and mount.source == TMPFS and mount.root == "/":
        return Maker("ours", "an empty one of pam-mktemp run --fresh")
    path = host or place
    above, private, rest = path.rpartition(f"/{paths.PRIVATE}/")
    if private and rest.count("/") == 1 and (above or host or recorded):
        name, _, leaf = rest.partition("/")
        service = f", for the service {leaf[4:]}" if leaf.startswith("svc-") else ""
        return Maker("ours", f"{name}'s own{service}", name)
    for kind, pattern, words in (("systemd", _SYSTEMD, "systemd's PrivateTmp= of {}"),
                                 ("snap", _SNAP, "that of the snap {}"), ("flatpak", _FLATPAK, "that of flatpak's {}")):
        if match := pattern.search(path):
            name = next(filter(None, match.groups()))
            return Maker(kind, words.format(name), name)
    for polydir, prefix in _instances():
        if polydir == directory and path.startswith(prefix):
            return Maker("pam_namespace", f"pam_namespace's instance {path[len(prefix):]}", path[len(prefix):])
    return _by_unit(table, mount)


def _by_unit(table: Table, mount: Mount) -> Maker:
    """systemd's PrivateTmp=disconnected is a tmpfs, as are those of bwrap, firejail and pam_namespace's tmpfs."""
    for group in table.groups.values():
        if mount in group.mounts and mount.kind == "tmpfs":
            try:
                with open(f"/proc/{group.pids[0]}/cgroup", "rb") as file:
                    unit = _UNIT.search(file.read(1 << 16))
            except OSError:
                break
            if unit and not unit[1].startswith(b"user@"):
                return Maker("unknown", f"a tmpfs; the process is part of {os.fsdecode(unit[1])}", os.fsdecode(unit[1]))
            return Maker("unknown", "a tmpfs, as sandboxes make it (bwrap, firejail) and pam_namespace's method tmpfs")
    return Maker("unknown", "another program's: none that is known by its place")


def _owner(group: Group) -> str:
    from pam_mktemp_py.linux import accounts
    try:
        uid = os.stat(f"/proc/{group.pids[0]}").st_uid
    except OSError:
        return "somebody"
    return accounts.canonical_name(uid) or f"uid {uid}"


def _instances() -> list[tuple[str, str]]:
    """(directory, prefix of its instances) of namespace.conf(5)."""
    files = [NAMESPACE_FILES[0]]
    try:
        files += [f"{NAMESPACE_FILES[1]}/{name}" for name in sorted(os.listdir(NAMESPACE_FILES[1]))
                  if name.endswith(".conf")]
    except OSError:
        pass
    found = []
    for path in files:
        try:
            with open(path, encoding="utf-8", errors="surrogateescape") as file:
                lines = [line.split() for line in file]
        except OSError:
            continue
        found += [(words[0].rstrip("/"), words[1]) for words in lines if len(words) > 2 and words[0].startswith("/")]
    return found
