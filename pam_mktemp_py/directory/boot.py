"""At boot, before any user could take the name: make /tmp/.private, for hosts without systemd-tmpfiles."""
from __future__ import annotations

import os
import sys

from pam_mktemp_py import log, paths
from pam_mktemp_py.directory import lock, parent
from pam_mktemp_py.directory.aside import Rooms
from pam_mktemp_py.directory.base import open_base
from pam_mktemp_py.directory.explain import explained
from pam_mktemp_py.directory.place import Place
from pam_mktemp_py.errors import DirectoryError
from pam_mktemp_py.linux.accounts import Account


def make(base: str = paths.BASE, lock_path: str = paths.LOCK) -> str:
    """Make or repair BASE/.private as root; its real path. Raises DirectoryError."""
    try:
        base_fd, real = open_base(base)
        try:
            root = Account("root", 0, 0, "root")
            place = Place(root, [], real, base_fd, lambda dev, ino: False, False, "", lock_path)
            held = lock.wait(lock_path)
            try:
                fd = parent.ensure(place)
                Rooms(fd, place.path(paths.PRIVATE)).close()
                parent.protect(fd)
                os.close(fd)
            finally:
                os.close(held)
            return place.path(paths.PRIVATE)
        finally:
            os.close(base_fd)
    except OSError as error:
        raise explained(error, f"{base}/{paths.PRIVATE}") from error


def main() -> int:
    """What `python3 -I -S -B DIR --boot` does: 0, or 1 with a line on stderr and in the log."""
    try:
        make()
    except DirectoryError as error:
        log.say(error.id, str(error), log.ERROR)
        print(f"pam-mktemp: {log.escaped(str(error))}", file=sys.stderr)
        return 1
    return 0
