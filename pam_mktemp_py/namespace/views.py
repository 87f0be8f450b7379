"""Which mount namespaces are views of ours, as the module records them."""
from __future__ import annotations

import os

from pam_mktemp_py import paths

MARK = "mnt:["


def marks(folder: str = paths.VIEWS) -> dict[str, str]:
    """{"mnt:[ID]": "DEV.INO.MOUNT" of its /tmp}; empty for other users than root, and where no view was ever made.

    A mark alone proves nothing: the kernel gives the number of a namespace that ended to another, which a user may
    have made with a setuid bwrap to look like it. Only that its /tmp is on MOUNT tells them apart (statx(2)).
    """
    try:
        return {name: os.readlink(f"{folder}/{name}") for name in os.listdir(folder) if name.startswith(MARK)}
    except (FileNotFoundError, PermissionError):
        return {}


def names(folder: str = paths.VIEWS) -> dict[str, str]:
    """{"mnt:[ID]": name of the view}, by the processes that are recorded to live in it; empty as marks() is.

    A view in which only others live, such as a tmux that outlived its login, has no name any more.
    """
    found: dict[str, str] = {}
    try:
        entries = [name for name in os.listdir(folder) if not name.startswith(MARK)]
    except (FileNotFoundError, PermissionError):
        return {}
    for name in entries:
        try:
            links = [f"{folder}/{name}/{pid}" for pid in os.listdir(f"{folder}/{name}")]
        except (FileNotFoundError, NotADirectoryError):  # swept, or root's own doing
            continue
        for link in links:
            try:
                found[os.readlink(link)] = name
            except OSError:
                continue
    return found


def mark_of(namespace: str, folder: str = paths.VIEWS) -> str:
    """The "DEV.INO.MOUNT" recorded for a namespace, or ''."""
    try:
        return os.readlink(f"{folder}/{namespace}")
    except OSError:
        return ""


def made(namespace: str, folder: str = paths.VIEWS) -> float:
    """When the view was made, in Unix seconds; 0 if that is not recorded."""
    try:
        return os.lstat(f"{folder}/{namespace}").st_mtime
    except OSError:
        return 0
