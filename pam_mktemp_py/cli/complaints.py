"""Errors as messages, what and where and why and what to do, and as exit statuses."""
from __future__ import annotations

import os
import shlex
import sys
import traceback
from contextlib import suppress

from pam_mktemp_py.cli.report import shown
from pam_mktemp_py.errors import AccountError, Error, Refused
from pam_mktemp_py.plan import PlanError

NAME = "pam-mktemp"
FINDING, FAILED = 1, 3


def translated(error: Exception) -> int:
    """Say what went wrong, where, why and what to do; the exit status."""
    if isinstance(error, AccountError):
        return complain(f"{error}; check with: getent passwd {shlex.quote(error.name)}", FINDING)
    if isinstance(error, PlanError):
        return complain(str(error), FINDING)
    if isinstance(error, Refused):
        return complain(str(error) + _rootless(error), FINDING)
    if isinstance(error, Error):
        return complain(str(error) + _rootless(error), FAILED)
    if isinstance(error, OSError):
        return complain(_os_error(error) + _rootless(error), FAILED)
    if isinstance(error, ImportError):
        return complain(_missing(error), FAILED)
    traceback.print_exception(error)
    return complain("this is an error in pam-mktemp itself: please report the lines above", FAILED)


def complain(message: str, status: int) -> int:
    """One line to the standard error; who does not read it learns from the status."""
    with suppress(BrokenPipeError):
        print(f"{NAME}: {shown(message)}", file=sys.stderr, flush=True)
    return status


def _os_error(error: OSError) -> str:
    what = error.strerror or str(error)
    return f"{os.fsdecode(error.filename)}: {what}" if isinstance(error.filename, (str, bytes)) else what


def _missing(error: ImportError) -> str:
    """Commands are imported when they are asked for: half an installation is noticed here, not before."""
    if (error.name or "").partition(".")[0] == __name__.partition(".")[0]:
        folder = os.path.dirname(os.path.dirname(os.path.dirname(__file__)))
        return f"{folder} is not whole: {error}; run in a checkout of the sources: sudo make install"
    return f"a part of Python is missing: {error}; install the package that holds it"


def _rootless(error: BaseException) -> str:
    denied = isinstance(error, PermissionError) or isinstance(error.__cause__, PermissionError)
    return "; run it as root" if denied and os.geteuid() != 0 else ""
