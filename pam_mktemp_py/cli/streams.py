"""The standard streams when one is closed, full, or nobody reads it any more."""
from __future__ import annotations

import os
import sys
from typing import TextIO


def occupied() -> None:
    """Put /dev/null where a standard stream was closed.

    Else a file that is opened later takes its number, and gets what a program that is started, or a PAM module,
    writes to its standard error.
    """
    for name in ("stdin", "stdout", "stderr"):
        if getattr(sys, name) is None:
            null = os.open(os.devnull, os.O_RDWR)  # the lowest number that is free: the stream's
            os.set_inheritable(null, True)
            setattr(sys, name, os.fdopen(null, "r" if name == "stdin" else "w"))


def settled() -> None:
    """Write now what is still buffered: at its end Python would say in its own words that it cannot, as status 120."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            drop(stream)


def drop(*streams: TextIO) -> None:
    """Nothing more is written to them."""
    null = os.open(os.devnull, os.O_WRONLY)
    for stream in streams:
        os.dup2(null, stream.fileno())
    os.close(null)
