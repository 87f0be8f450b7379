"""What enter and host share: statuses of our own, and the command that takes our place."""
from __future__ import annotations

import os
import signal
import sys
from typing import NoReturn

from pam_mktemp_py.cli.complaints import complain
from pam_mktemp_py.cli.settings import Settings
from pam_mktemp_py.errors import Error
from pam_mktemp_py.namespace.enter import Command, go

FAILED, NOT_RUN, NOT_FOUND = 125, 126, 127  # as of env(1)


def prepared(name: str, words: tuple[str, ...]) -> Command | int:
    """The command of the words of the command line; or, after a complaint of `name`, the exit status."""
    if os.geteuid() != 0:
        return complain(f"{name}: only root can change to other mounts; run it as root", FAILED)
    given = list(words[1:] if words[0] == "--" and len(words) > 1 else words)  # behind USER it is left to us
    try:
        return Command(given, os.environ.get("PATH", os.defpath))
    except OSError as error:
        return complain(f"{error.filename}: {error.strerror}",
                        NOT_FOUND if isinstance(error, FileNotFoundError) else NOT_RUN)


def run(settings: Settings, namespace: int | None, command: Command) -> NoReturn:
    """Become the command. Raises Refused, OSError if that cannot be."""
    if not go(namespace, command) and settings.verbosity >= 0:
        print(f"pam-mktemp: {command.folder!a} is another directory there, or none; starting in /", file=sys.stderr)
    sys.stderr.flush()
    for number in (signal.SIGPIPE, signal.SIGXFSZ):  # Python ignores them, and an ignored signal outlives exec
        signal.signal(number, signal.SIG_DFL)
    os.execv(command.path, command.words)


def failed(error: Exception) -> int:
    """Say what went wrong; the exit status."""
    if isinstance(error, Error):
        return complain(str(error), FAILED)
    assert isinstance(error, OSError)
    name = f"{error.filename}: " if error.filename else ""
    return complain(f"{name}{error.strerror}", FAILED)
