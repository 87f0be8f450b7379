"""Plans on disk, and the failures that are remembered instead of one.

All names lie in root-only folders under /run/pam-mktemp. A failure and a request are symlinks whose
target is the text: one system call makes them whole, and neither RLIMIT_FSIZE nor a full file system's
missing block can leave half of one.
"""
from __future__ import annotations

import os

from pam_mktemp_py import paths
from pam_mktemp_py.linux import boot

# The longest target that every file system takes is 1,023 bytes (btrfs and xfs; ext4 takes 4,095).
LONGEST_MEMO = 900


def make_folders(run: str = paths.RUN) -> None:
    """Make /run/pam-mktemp and its folders where they are missing (tmpfiles.d does it at boot)."""
    folders = [run, *(run + folder[len(paths.RUN):] for folder in paths.RUN_FOLDERS)]
    for folder in folders:
        try:
            os.mkdir(folder, paths.RUN_MODE if folder == run else paths.RUN_FOLDER_MODE)
        except FileExistsError:
            continue


def write(name: str, data: bytes, folder: str = paths.PLANS) -> None:
    """Put a plan in its place, whole or not at all: written to a temporary name and renamed.

    `name` is plan.key()'s. Raises OSError (ENOSPC, EDQUOT, EMFILE …); then no temporary file is left.
    """
    temporary = f'{folder}/.{os.getpid()}'
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        try:
            while data:
                data = data[os.write(fd, data):]
        finally:
            os.close(fd)
        os.rename(temporary, f'{folder}/{name}')
    except OSError:
        os.unlink(temporary)
        raise


def remember(name: str, policy: str, message: str, folder: str = paths.FAILURES) -> None:
    """Remember for 30 s that no plan could be made; `policy` is 'open', 'closed' or '-' (not known)."""
    printable = ''.join(c if ' ' <= c <= '~' else '?' for c in message)[:LONGEST_MEMO]
    forget(name, folder)
    try:
        os.symlink(f'{boot.boottime_ns()} {policy} {printable or "-"}', f'{folder}/{name}')
    except FileExistsError:  # another planner was asked the same, and failed as well
        return


def forget(name: str, folder: str = paths.FAILURES) -> None:
    """Drop what `remember` keeps, if anything."""
    try:
        os.unlink(f'{folder}/{name}')
    except FileNotFoundError:
        return


def requests(folder: str = paths.QUEUE) -> list[str]:
    """The plans that logins wait for, by name."""
    return os.listdir(folder)


def wanted(name: str, folder: str = paths.QUEUE) -> str | None:
    """What a request that still waits says, FORMAT:CONFIG (planner.answer), else None: another planner served it."""
    try:
        return os.readlink(f'{folder}/{name}')
    except FileNotFoundError:
        return None
