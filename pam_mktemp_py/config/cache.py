"""The configuration, kept compiled in /run: a login that finds it fresh parses nothing.

Written only by root into a directory that is root's alone, and still verified: marshal must not be
fed by anyone else. Not kept while a file is so young that it could change again unnoticed.
"""
from __future__ import annotations

import marshal
import os
import stat
import sys
import time

from pam_mktemp_py import __version__, paths
from pam_mktemp_py.config import depends
from pam_mktemp_py.config.model import SETTINGS, Config

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable

# marshal's format changes with Python's version, and the meaning of the settings with ours.
_HEADER = f"pam-mktemp-config {__version__} {sys.hexversion:08x} {' '.join(SETTINGS)}\n".encode("ascii")
_LARGEST = 1024 * 1024
_MODE = 0o600


def cached(path: str = paths.CONFIG, cache: str = paths.CONFIG_CACHE, *, owner: int = 0,
           clock: Callable[[], int] = time.time_ns) -> Config:
    """The configuration of `path`, from `cache` if that is fresh, else from the files (then kept).

    `owner`: the uid that the files and the cache must have. Raises ConfigError as load() does.
    """
    config = _kept(path, cache, owner)
    if config is None:
        from pam_mktemp_py.config.load import load
        config = load(path, owner=owner, clock=clock)
        if not config.recent:
            store(config, cache)
        return config
    config.recent = depends.recent(config.depends, clock())
    if config.exempt_groups:
        from pam_mktemp_py.config import names
        names.resolve_groups(config)
    return config


def store(config: Config, cache: str) -> bool:
    """Write `cache` through a temporary name. False if that failed: the next login just parses again."""
    kept = ([getattr(config, key) for key in SETTINGS], config.path, config.origins, config.depends)
    data = _HEADER + marshal.dumps(kept)
    if len(data) > _LARGEST:
        return False
    new = f"{cache}.{os.getpid()}"
    try:
        fd = _created(new)
        try:
            os.fchmod(fd, _MODE)  # the umask is the caller's
            while data:
                data = data[os.write(fd, data):]
        finally:
            os.close(fd)
        os.rename(new, cache)
        return True
    except OSError:  # full, read-only, not made yet: no reason may cost a login
        try:
            os.unlink(new)
        except OSError:  # it was not made, or the next writer with this pid removes it
            return False
        return False


def _created(path: str) -> int:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        return os.open(path, flags, _MODE)
    except FileExistsError:  # left by a writer that was killed and had our pid
        os.unlink(path)
        return os.open(path, flags, _MODE)


def _kept(path: str, cache: str, owner: int) -> Config | None:
    """What `cache` holds, if it is ours, of `path`, and nothing changed since."""
    try:
        data = _read(cache, owner)
        if data is None:
            return None
        values, kept_path, origins, kept_depends = marshal.loads(data)
        if kept_path != path or not depends.unchanged(kept_depends):
            return None
    except (OSError, ValueError, EOFError, TypeError):  # missing, cut short: parse the files instead
        return None
    config = Config(path)
    for key, value in zip(SETTINGS, values):
        setattr(config, key, value)
    config.origins = origins
    config.depends = kept_depends
    config.parsed = False
    return config


def _read(cache: str, owner: int) -> bytes | None:
    fd = os.open(cache, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode) or status.st_uid != owner or stat.S_IMODE(status.st_mode) != _MODE:
            return None
        if status.st_size > _LARGEST:
            return None
        data = os.read(fd, status.st_size)
    finally:
        os.close(fd)
    return data[len(_HEADER):] if data.startswith(_HEADER) else None
