"""What instances.py would give a login, looked at and never changed, by anyone. No login runs it."""
from __future__ import annotations

import os

from pam_mktemp_py import paths
from pam_mktemp_py.directory import handover, inspect
from pam_mktemp_py.directory.base import open_base
from pam_mktemp_py.directory.explain import explained
from pam_mktemp_py.directory.instances import Instance, Instances, state_folder
from pam_mktemp_py.errors import DirectoryError
from pam_mktemp_py.linux import served

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pam_mktemp_py.config.model import Config
    from pam_mktemp_py.directory.handover import Point
    from pam_mktemp_py.directory.seen import Look
    from pam_mktemp_py.linux.accounts import Account


def look(config: Config, account: Account, service: str, tmp: Look, state: str) -> tuple[Instances, list[str]]:
    """The instances, device and inode being 0 of what a login makes, and what is left out of them with the reason.

    `service` as in instances.prepared(); `tmp` what inspect.look() saw of /tmp.
    """
    notes: list[str] = []
    own = Instance(tmp.base, tmp.prepared(), paths.leaf_of(paths.BASE, service), config.mounts["/tmp"]["noexec"], True)
    others = [each for each in [_other(config, account, directory, service, tmp, state, notes)
                                for directory in sorted(config.mounts) if directory != "/tmp"] if each]
    passed = _points(tmp.base, config.mounts["/tmp"]["pass"], notes)
    names = [handover.PREFIX + name for name in handover.member_of(config, account)]
    shared = _points(tmp.base, names, notes)
    return Instances(own, others, passed, shared), notes


def _points(base: str, names: list[str], notes: list[str]) -> list[Point]:
    found: list[Point] = []
    try:
        folder = os.open(base, os.O_PATH | os.O_CLOEXEC)
    except OSError:  # `tmp.refused` says why
        return [(f"{base.rstrip('/')}/{name}", 0, 0) for name in names]
    try:
        for name in names:
            path = f"{base.rstrip('/')}/{name}"
            try:
                at = served.look(folder, name)
            except FileNotFoundError:
                found.append((path, 0, 0))
            except OSError as error:
                notes.append(f"{path}: {error.strerror}: somebody has mounted something there")
            else:
                if handover.roots(at) and handover.safe(at):
                    found.append((path, at.st_dev, at.st_ino))
                else:
                    notes.append(f"{path}: is {inspect.described(at)}, and must be root's own directory")
    finally:
        os.close(folder)
    return found


def _other(
    config: Config, account: Account, directory: str, service: str, tmp: Look, state: str, notes: list[str],
) -> Instance | None:
    about = config.mounts[directory]
    try:
        fd, target = open_base(directory)
        os.close(fd)
        fd, base = open_base(about["instance"])
        os.close(fd)
    except (DirectoryError, OSError) as error:
        why = explained(error, directory) if isinstance(error, OSError) else error
        notes.append(f"{directory}: {why}: no private mount can be had" if os.path.lexists(directory) else
                     f"{directory}: there is no such directory")
        return None
    if f"{target}/".startswith(f"{tmp.base.rstrip('/')}/"):
        notes.append(f"{directory}: leads to {target}, which is private already")
        return None
    leaf = paths.leaf_of(directory, service, about["instance"] == directory)
    seen = inspect.look(account, [leaf], base, state if base == tmp.base else state_folder(base, state))
    return Instance(target, seen.prepared(), leaf, about["noexec"], base == target)
