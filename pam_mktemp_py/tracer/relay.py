"""Signals while a command runs: what is sent to us alone goes on to it, what the terminal sends it has already."""
from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from types import FrameType

# Stop signals are not here: their default is right, the shell sees us stopped as it would see the command.
RELAYED = (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2,
           signal.SIGWINCH, signal.SIGCONT)
FROM_TERMINAL = (signal.SIGINT, signal.SIGQUIT, signal.SIGWINCH)
ENDING = (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM)


class Signals:
    """A context in which these signals only wake up who polls `fd`; afterwards everything is as it was.

    A signal that is ignored stays ignored, for the command too (nohup). All others have a handler here, not
    SIG_IGN: execve(2) resets those for the command. Outside the main thread no signal can be taken, so none is.
    """

    def __init__(self) -> None:
        self.fd = self._write = -1
        self._before: dict[int, Callable[[int, FrameType | None], object] | int] = {}
        self._wakeup = -1

    def __enter__(self) -> Signals:
        self.fd, self._write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        if threading.current_thread() is threading.main_thread():
            self._wakeup = signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
            for number in RELAYED:
                before = signal.getsignal(number)
                if before is not None and before != signal.SIG_IGN:
                    self._before[number] = before
                    signal.signal(number, _noted)
        return self

    def __exit__(self, *_: object) -> None:
        for number, before in self._before.items():
            signal.signal(number, before)
        if threading.current_thread() is threading.main_thread():
            signal.set_wakeup_fd(self._wakeup)
        os.close(self.fd)
        os.close(self._write)

    def arrived(self) -> list[int]:
        """The signals that came since the last call, without those of others' handlers."""
        try:
            got = os.read(self.fd, 4096)
        except BlockingIOError:
            return []
        return [number for number in got if number in self._before]


def for_us_alone(number: int) -> bool:
    """Whether the command has not got this signal already: the terminal sends to all of the foreground's processes."""
    return number not in FROM_TERMINAL or not in_foreground()


def in_foreground() -> bool:
    """Whether there is a terminal, and our process group is the one that its keys send signals to."""
    try:
        terminal = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:  # ENXIO: none; ENOENT, EACCES: a bare /dev; EIO: it was hung up
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:  # EIO, ENOTTY: it was hung up
        return False
    finally:
        os.close(terminal)


def _noted(_number: int, _frame: FrameType | None) -> None:
    """The wakeup descriptor has it."""
