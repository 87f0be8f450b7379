"""The directories that private views are made of: where instances lie, and what of the host's /tmp is mounted there."""
from __future__ import annotations

import os
import shlex
import stat
from collections.abc import Iterator

from pam_mktemp_py import paths
from pam_mktemp_py.config.model import Config
from pam_mktemp_py.config.mounts import unfit
from pam_mktemp_py.directory import handover
from pam_mktemp_py.directory.base import open_base
from pam_mktemp_py.doctor.bind import bound, instead
from pam_mktemp_py.doctor.finding import NOTE, Finding, Patient
from pam_mktemp_py.errors import DirectoryError
from pam_mktemp_py.linux import mountinfo

AWAY = ".moved-away"
KEPT = "; stored plans say otherwise until they are removed, or too old (fresh_for)"


def check(patient: Patient) -> Iterator[Finding]:
    """Each directory of [mounts], its instances' place, and in /tmp what is passed through or handed over."""
    config = bound(patient)
    if config is None:
        return
    for directory in _others(config):
        yield from _directory(config, directory)
    for path in points(patient):
        yield from _entry(path)


def tops(patient: Patient) -> list[str]:
    """The parents of the instances that do not lie in /tmp."""
    config = bound(patient)
    found = [config.mounts[directory]["instance"] for directory in _others(config)] if config else []
    return [f"{base.rstrip('/')}/{paths.PRIVATE}" for base in dict.fromkeys(found) if base != paths.BASE]


def points(patient: Patient) -> list[str]:
    """The host's own directories in /tmp that views have too."""
    config = bound(patient)
    if config is None:
        return []
    shared = [handover.PREFIX + name for name in config.shared]
    return [f"{paths.BASE}/{name}" for name in [*config.mounts[paths.BASE]["pass"], *shared]]


def _others(config: Config) -> list[str]:
    return [directory for directory in config.mounts if directory != paths.BASE]


def _directory(config: Config, directory: str) -> Iterator[Finding]:
    where = config.origin(f'mounts."{directory}"')
    try:
        real = _real(directory)
    except FileNotFoundError:
        yield Finding("mount-missing", f'[mounts."{directory}"] is for a directory that is not there', where,
                      "views are made without it, which is logged each time (mount-skipped)",
                      f"make it, as open to everybody as /tmp, or take the table out{KEPT}",
                      (("mkdir", "-p", "-m", "1777", directory), *_forget()))
        return
    except DirectoryError as error:
        yield _unsafe(error, where, config)
        return
    if why := unfit(real) if real != directory else "":
        yield Finding("mount-unsafe", f"{directory} is a link to {real}, which {why}", where, _nobody(config),
                      "name another directory")
        return
    yield from _place(config, directory, where)


def _place(config: Config, directory: str, where: str) -> Iterator[Finding]:
    instance = config.mounts[directory]["instance"]
    try:
        base = _real(instance)
    except FileNotFoundError:
        yield Finding("instance-missing", f"{instance}, where the instances of {directory} shall lie, is not there",
                      where, _nobody(config), "make it, and have its file system mounted at boot if it has its own",
                      (("mkdir", "-p", "-m", "0755", instance), *_forget()))
    except DirectoryError as error:
        yield _unsafe(error, where, config)
    else:
        yield from _options(config, directory, base, where)


def _real(path: str) -> str:
    """Without links, as a login resolves it. FileNotFoundError, DirectoryError."""
    fd, real = open_base(path)
    os.close(fd)
    return real


def _forget() -> tuple[tuple[str, ...], ...]:
    """Removes all plans and remembered failures: each account's next login has the planner look again."""
    folders = [folder for folder in (paths.PLANS, paths.FAILURES) if os.path.isdir(folder)]
    return (("find", *folders, "-mindepth", "1", "-delete"),) if folders else ()


def _nobody(config: Config) -> str:
    return f"no login can get its private /tmp: {instead(config)}"


def _unsafe(error: DirectoryError, where: str, config: Config) -> Finding:
    words = tuple(shlex.split(error.hint)) if error.hint.startswith(("chmod ", "chown ")) else ()
    return Finding("mount-unsafe", f"{error.path} {error.what}", where, _nobody(config),
                   "put owner and mode of that folder right: who made it otherwise?",
                   (words, *_forget()) if words else ())


def _options(config: Config, directory: str, base: str, where: str) -> Iterator[Finding]:
    """Those of the mount that instances lie on: views have them too."""
    flags = os.statvfs(base).f_flag
    mount = mountinfo.covering(mountinfo.read(), base)
    point = mount.point if mount else base
    if flags & os.ST_RDONLY:
        yield Finding("instance-read-only", f"{base}, where the instances of {directory} lie, is mounted read-only",
                      where, f"accounts that have none yet cannot have one made: {instead(config)}",
                      f"mount {point} writable, and see /etc/fstab and the kernel's log for why it is not",
                      (("mount", "-o", "remount,rw", point), *_forget()))
    if flags & os.ST_NOEXEC and not os.statvfs(directory).f_flag & os.ST_NOEXEC \
            and not config.mounts[directory]["noexec"]:
        yield Finding("instance-noexec", f"{base}, where the instances of {directory} lie, is mounted noexec", where,
                      f"programs cannot be run from {directory} in a private view, and on the host they can",
                      f"mount {point} with exec, or say noexec = true there if it is meant",
                      (("mount", "-o", "remount,exec", point),), NOTE)


def _entry(path: str) -> Iterator[Finding]:
    """Nobody but root can have put there what is root's: anything else is left out of views."""
    try:
        found = os.lstat(path)
    except FileNotFoundError:  # a login makes it
        return
    handed = os.path.basename(path).startswith(handover.PREFIX)
    if not handover.roots(found):
        kind = "a directory" if stat.S_ISDIR(found.st_mode) else "no directory"
        commands: list[tuple[str, ...]] = [("mv", "--no-target-directory", "--backup=numbered", path, path + AWAY)]
        if not handed:  # with its members the next login makes it
            commands.append(("mkdir", "-m", "1777", path))
        yield Finding("passed-not-roots", f"{path} is {kind} of uid {found.st_uid}, not root's directory", path,
                      "private views are made without it: " + (
                          "nobody can hand files over there" if handed else "programs find no X server there"),
                      "look at it, and move it away" + (
                          "" if handed else "; a display that used it has to be started again") + KEPT,
                      (*commands, *_forget()))
    elif not handed and not handover.safe(found):  # what is handed over is put right by each login
        yield Finding("passed-not-sticky", f"{path} is writable by others and not sticky", path,
                      "private views are made without it, and on the host one account can take another's sockets away",
                      f"make it sticky{KEPT}", (("chmod", "+t", path), *_forget()))
