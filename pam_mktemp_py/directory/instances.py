"""Preparing all that the plan of a private mount names: instances, what root keeps in them, the host's own."""
from __future__ import annotations

import os

from pam_mktemp_py import log, paths, percent, plan
from pam_mktemp_py.directory import entries, handover, prepare
from pam_mktemp_py.directory.base import enter, open_base
from pam_mktemp_py.directory.explain import explained
from pam_mktemp_py.directory.parent import uncover
from pam_mktemp_py.directory.stamp import ELSEWHERE
from pam_mktemp_py.errors import DirectoryError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from pam_mktemp_py.config.model import Config
    from pam_mktemp_py.directory.handover import Point
    from pam_mktemp_py.directory.place import Prepared
    from pam_mktemp_py.linux.accounts import Account

MARKER = ".README-private-tmp"
_TEXT = """\
This is a private /tmp: what is here, only processes of {name} see at this path.
Outside, in the shared /tmp, the same directory is {path}.
Inside it has that path, too. pam-mktemp where PID tells which /tmp a process sees.
"""


class Instance:
    """A directory `target` that the account has an instance of: `leaf` of what was prepared for it.

    `inside`: the instances of this target lie in itself, so that what hides them is mounted there as well.
    """

    __slots__ = ("target", "ready", "leaf", "noexec", "inside")

    def __init__(self, target: str, ready: Prepared, leaf: str, noexec: bool, inside: bool) -> None:
        self.target = target
        self.ready = ready
        self.leaf = leaf
        self.noexec = noexec
        self.inside = inside


class Instances:
    """All that a view is made of: of /tmp, of the other directories, and the host's own directories in /tmp."""

    __slots__ = ("tmp", "others", "passed", "shared")

    def __init__(self, tmp: Instance, others: list[Instance], passed: list[Point], shared: list[Point]) -> None:
        self.tmp = tmp
        self.others = others
        self.passed = passed
        self.shared = shared


def prepared(
    config: Config, account: Account, service: str, tmp: Prepared, *, in_use: Callable[[int, int], bool],
    state: str = paths.STATE, lock: str = paths.LOCK,
) -> Instances:
    """Make what is missing, and give what the view is made of.

    `service` is '' or that of paths.service_of(); `tmp` what prepare() made of /tmp for the account; `in_use`
    as there, for the other directories. Raises DirectoryError; then nothing is half there that could be taken
    for whole.
    """
    try:
        others = [each for each in [_other(config, account, directory, service, tmp, in_use, state, lock)
                                    for directory in sorted(config.mounts) if directory != "/tmp"] if each]
        own = Instance(tmp.base, tmp, paths.leaf_of(paths.BASE, service), config.mounts["/tmp"]["noexec"], True)
        return _tmp(config, account, own, others, lock)
    except OSError as error:
        raise explained(error, tmp.path) from error


def _tmp(config: Config, account: Account, own: Instance, others: list[Instance], lock: str) -> Instances:
    base = own.ready.base
    base_fd, real = open_base(base)
    try:
        if real != base:
            raise DirectoryError(base, f"is {real} now, and was not a moment ago", "log in again")
        about, members = config.mounts["/tmp"], handover.member_of(config, account)
        passed = handover.passed(base_fd, base, about["pass"])
        most = plan.MAX_MOUNTS - 2 - len(passed) - 2 * len(others)
        shared = handover.shared(base_fd, base, config, account, members, most)
        links = [entries.link(name, target) for name, target in about["links"].items()]
        wanted = [entries.point(paths.PRIVATE, entries.PRIVATE_MODE)]
        wanted += [entries.point(path.rpartition("/")[2]) for path, _, _ in [*passed, *shared]]
        wanted += [link for link in links
                   if os.path.isdir(os.path.dirname(link.text))]  # else there is no such server: the name stays free
        path = f"{own.ready.path}/{own.leaf}"
        wanted.append(entries.file(MARKER, marker(account, path)))
        points = [entries.point(name) for name in [*about["pass"], *(handover.PREFIX + name for name in members)]]
        _within(base_fd, own, wanted, lock, points + links)
    finally:
        os.close(base_fd)
    return Instances(own, others, passed, shared)


def marker(account: Account, path: str) -> str:
    """What the marker says."""
    return _TEXT.format(name=log.escaped(account.name), path=log.escaped(path))


def _other(
    config: Config, account: Account, directory: str, service: str, tmp: Prepared,
    in_use: Callable[[int, int], bool], state: str, lock: str,
) -> Instance | None:
    """The instance of another directory; None where there is no such directory, or it is /tmp itself."""
    about = config.mounts[directory]
    try:
        fd, target = open_base(directory)
    except FileNotFoundError:
        origin = config.origin(f'mounts."{directory}"')
        log.say("mount-skipped", f"{directory}: there is no such directory ({origin})", log.WARNING)
        return None
    os.close(fd)
    if f"{target}/".startswith(f"{tmp.base.rstrip('/')}/"):
        return None  # a link to it: private already
    if target != directory:
        from pam_mktemp_py.config.mounts import unfit
        if why := unfit(target):
            raise DirectoryError(directory, f"is a link to {target}, which {why}", "name another directory")
    fd, base = open_base(about["instance"])
    try:
        uncover(fd, f"{base.rstrip('/')}/{paths.PRIVATE}")
    finally:
        os.close(fd)
    leaf = paths.leaf_of(directory, service, about["instance"] == directory)
    ready = prepare.prepare(account, [leaf], base=base, sessions_in_use=in_use,
                            state=state if base == tmp.base else _state_of(base, state), lock=lock)
    instance = Instance(target, ready, leaf, about["noexec"], base == target)
    if instance.inside:
        base_fd, real = open_base(ready.base)
        try:
            if real != ready.base:
                raise DirectoryError(ready.base, f"is {real} now, and was not a moment ago", "log in again")
            _within(base_fd, instance, [entries.point(paths.PRIVATE, entries.PRIVATE_MODE)], lock)
        finally:
            os.close(base_fd)
    return instance


def state_folder(base: str, state: str) -> str:
    """The folder for what must outlive a reboot about the directories below another base than /tmp.

    Each base has its own: which name a uid has there, and, where no stamp can be written, which directory is
    whose. An account that is new may then have the uid of an old one in one base and not in another.
    """
    return f"{state}/bases/{percent.encoded(base, percent.KEY)}"


def _state_of(base: str, state: str) -> str:
    """The same, its parents made if they are missing."""
    folder = state_folder(base, state)
    if not os.path.isdir(folder):
        for path in (state, f"{state}/bases"):
            try:
                os.mkdir(path, 0o700)
            except FileExistsError:
                pass
    return folder


def _say_what_will_be_refused(ready: Prepared) -> None:
    """Log the reason where a leaf has to be mounted once more, in a directory whose owner can exchange it.

    The module refuses such a mount point, for he can put a link to any directory in its place; it cannot tell why
    there is one. The plan is made all the same: with the policy `open` its variables are good without the mounts.
    """
    _, user, *leaves = ready.chain
    for leaf, device, *_ in leaves:
        if ready.form == "owner" and device != user[1]:
            log.say("mount-skipped", f"{ready.path}/{leaf}: is a file system of its own in a directory of uid "
                    f"{user[3]}'s, which is no safe mount point: no private mount can be made; unmount it, or have "
                    f"ACLs on the file system of {ready.base}, or a primary group that is the account's alone",
                    log.WARNING)


def _within(
    base_fd: int, instance: Instance, wanted: list[entries.Entry], lock: str, kept: list[entries.Entry] | None = None,
) -> None:
    """Have the entries in the instance, as entries.ensure(): reached link by link, each being what was prepared."""
    fds: list[int] = []
    path = f"{instance.ready.path}/{instance.leaf}"
    parent, user, *rest = instance.ready.chain
    _say_what_will_be_refused(instance.ready)
    try:
        at = base_fd
        for name, device, inode, *_ in [parent, user, *(link for link in rest if link[0] == instance.leaf)]:
            fd = enter(at, name)
            if fd is None:
                raise DirectoryError(path, "is gone again", "see who removes it")
            fds.append(fd)
            found = os.fstat(fd)
            if (found.st_dev, found.st_ino) != (device, inode):
                raise DirectoryError(path, "was exchanged while it was prepared", "see whose processes do that")
            at = fd
        entries.ensure(at, path, wanted, lock, None if instance.ready.stamp == ELSEWHERE else kept)
    finally:
        for fd in fds:
            os.close(fd)
