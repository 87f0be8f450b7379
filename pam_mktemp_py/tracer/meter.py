"""How far a run is, told about twice a second, and whether its log could be written all the time."""
from __future__ import annotations

import time
from collections.abc import Callable

from pam_mktemp_py.tracer import log
from pam_mktemp_py.tracer.request import Progress

TICK = 0.5  # s
OnProgress = Callable[[Progress], None]


class Meter:
    """`begin`: when it started, monotonic seconds."""

    def __init__(self, path: str, on_progress: OnProgress | None) -> None:
        self._full = False
        self.begin = self._told = time.monotonic()
        self._path = path
        self._on_progress = on_progress

    def tell(self) -> None:
        """Look and tell, if it is time to."""
        now = time.monotonic()
        if now < self._told + TICK:
            return
        self._told = now
        self._full = self._full or log.full(self._path)
        if self._on_progress:
            self._on_progress(Progress(now - self.begin, log.size(self._path)))

    def due(self) -> float:
        """Seconds until the next time."""
        return max(0.0, self._told + TICK - time.monotonic())

    def silence(self) -> None:
        """From now on tell nobody: it was the telling that failed, or nobody listens any more."""
        self._on_progress = None

    def is_full(self) -> bool:
        """Whether there is no space for the log, or was none at one of the looks."""
        return self._full or log.full(self._path)

    def cut(self) -> str:
        """A sentence if the log is not whole, else ''."""
        if self.is_full():
            return f"no space was left for the log {self._path}, so calls are missing in it"
        return "" if log.whole(self._path) else f"the log {self._path} is cut: its last line has no end"
