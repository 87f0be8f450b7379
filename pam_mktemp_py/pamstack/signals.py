"""Control-C, SIGTERM and a lost connection while files are changed: what was begun is put back, and not halfway."""
from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator

ENDING = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)


@contextlib.contextmanager
def as_interrupts() -> Iterator[None]:
    """Inside, each of them raises KeyboardInterrupt, unless it is ignored as by nohup(1). In the main thread only."""
    taken = [number for number in ENDING if signal.getsignal(number) == signal.SIG_DFL]
    try:
        for number in taken:
            signal.signal(number, signal.default_int_handler)
        yield
    finally:
        for number in taken:
            signal.signal(number, signal.SIG_DFL)


@contextlib.contextmanager
def held_back() -> Iterator[None]:
    """Inside, none of them does anything; what has come meanwhile comes at the end."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
