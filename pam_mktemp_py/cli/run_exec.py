"""The end of `pam-mktemp run`: the launcher takes our place, with the plan in a file that has no name."""
from __future__ import annotations

import os
import signal
import sys
from typing import NoReturn

from pam_mktemp_py.cli import run_plan
from pam_mktemp_py.errors import InstallError
from pam_mktemp_py.pamstack import pieces
from pam_mktemp_py.plan import Plan

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
NAME = "pam-mktemp-launch"


def launcher() -> str:
    """The path of the launcher: the installation's, a wheel's or a checkout's. Raises InstallError."""
    manifest = pieces.read_manifest()
    installed = f"{manifest.layout.prefix}/bin/{NAME}" if manifest else f"/usr/bin/{NAME}"
    for path in (installed, f"{_PACKAGE}/lib/{pieces.LAUNCH}", f"{os.path.dirname(_PACKAGE)}/{pieces.LAUNCH}"):
        if os.access(path, os.X_OK):
            return path
    raise InstallError(installed, "is not there, or cannot be run", "run: pam-mktemp install; in a checkout: make")


def go(made: Plan, wanted: run_plan.Wanted, command: tuple[str, ...]) -> NoReturn:
    """Become the launcher, which becomes the command. Raises Error, OSError."""
    path = launcher()
    fd = os.memfd_create("pam-mktemp-plan", 0)  # open after exec; the launcher closes it
    data = run_plan.handed(made)
    if os.pwrite(fd, data, 0) != len(data):
        raise OSError(28, "the plan could not be written", NAME)
    words = [path, "-p", str(fd)]
    for option, value in (("-u", wanted.user), ("-s", wanted.name)):
        words += [option, value] if value else []
    sys.stderr.flush()
    _callers_locale()
    for number in (signal.SIGPIPE, signal.SIGXFSZ):  # Python ignores them, and an ignored signal outlives exec
        signal.signal(number, signal.SIG_DFL)
    os.execv(path, [*words, "--", *command])


def _callers_locale() -> None:
    """The LC_CTYPE that Python gives itself instead of none or of C (PEP 538) is not the command's."""
    try:
        with open("/proc/self/environ", "rb") as file:  # as it was when we were started
            given = [entry.partition(b"=") for entry in file.read().split(b"\0")]
    except OSError:
        return
    os.environ.pop("LC_CTYPE", None)
    for name, _, value in given:
        if name == b"LC_CTYPE":
            os.environb[name] = value
