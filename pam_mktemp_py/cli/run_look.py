"""What the view of `pam-mktemp run` is made of, looked at and never made: for ordinary users, and for --dry-run."""
from __future__ import annotations

import os
from typing import TYPE_CHECKING

from pam_mktemp_py import paths
from pam_mktemp_py.cli.settings import Settings
from pam_mktemp_py.directory import handover, inspect
from pam_mktemp_py.directory.base import open_base
from pam_mktemp_py.directory.instances import Instance, Instances
from pam_mktemp_py.directory.seen import KEPT, UNKNOWN, Look
from pam_mktemp_py.errors import DirectoryError

if TYPE_CHECKING:
    from pam_mktemp_py.config.model import Config
    from pam_mktemp_py.directory.handover import Point
    from pam_mktemp_py.linux.accounts import Account


def looked(settings: Settings, config: Config, account: Account, service: str, look: Look) -> Instances:
    """As directory/instances.prepared(), but device and inode are 0 for what is not there yet.

    `service` is '' or its name, `look` what is at the account's directory in /tmp. Raises DirectoryError, OSError.
    """
    base = look.base
    _usable(look)
    tmp = Instance(base, look.prepared(), paths.leaf_of(paths.BASE, service), config.mounts["/tmp"]["noexec"], True)
    others = [_other(settings, config, account, directory, service) for directory in sorted(config.mounts)
              if directory != "/tmp" and os.path.isdir(directory)]
    passed = _there(base, config.mounts["/tmp"]["pass"], True)
    shared = _there(base, [handover.PREFIX + name for name in handover.member_of(config, account)], False)
    return Instances(tmp, [other for other in others if not other.target.startswith(f"{base}/")], passed, shared)


def complete(look: Look, service: str) -> None:
    """Raises DirectoryError if not all of an account's directory is there and right."""
    options = f"--user {look.account.name}{' --service ' + service if service else ''}"
    for part in look.chain:
        if part.fate not in (KEPT, UNKNOWN):
            raise DirectoryError(part.path, part.why or "is not there", f"root can make it: pam-mktemp run {options} "
                                 "-- true; without it you can have an empty one: pam-mktemp run --fresh")
    _usable(look)


def _usable(look: Look) -> None:
    if look.refused:
        raise DirectoryError(look.base, look.refused.removeprefix(f"{look.base}: "))


def _other(settings: Settings, config: Config, account: Account, directory: str, service: str) -> Instance:
    about = config.mounts[directory]
    fd, target = open_base(directory)
    os.close(fd)
    leaf = paths.leaf_of(directory, service, about["instance"] == directory)
    look = inspect.look(account, [leaf], about["instance"], settings.state)
    if os.geteuid() != 0:
        complete(look, service)
    _usable(look)
    return Instance(target, look.prepared(), leaf, about["noexec"], look.base == target)


def _there(base: str, names: list[str], safe: bool) -> list[Point]:
    """Those of the directories that are there and root's, as the planner takes them; for root also what it makes."""
    found = []
    for name in names:
        path = f"{base.rstrip('/')}/{name}"
        try:
            at = os.lstat(path)
        except OSError as error:
            if isinstance(error, FileNotFoundError) and os.geteuid() == 0:
                found.append((path, 0, 0))
            continue
        if handover.roots(at) and (handover.safe(at) or not safe):
            found.append((path, at.st_dev, at.st_ino))
    return found
