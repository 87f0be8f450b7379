"""The workers: given files in batches, watched, and replaced when one hangs or dies."""
from __future__ import annotations

import json
import os
import select
import signal
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from mmap import mmap
from typing import Any

from pam_mktemp_py.scan import worker
from pam_mktemp_py.scan.model import Limits, Looked, Place
from pam_mktemp_py.scan.regular import Task
from pam_mktemp_py.scan.watched import Watched

_WINDOW = 8192  # files that are known ahead: the largest of them come first, so that none ends the scan alone
_FIRST = 32  # of the first window and for each worker: the walk shall not be waited for
_BATCH = 256
_SHARES = 3  # a batch is this part of one worker's share of what is left, so that all end together
_LEAST = 8 << 20  # bytes of reading that a batch is at least worth
_PER_FILE = 300_000  # bytes of reading that the opening of a file is worth
_GLANCE = 0.1  # s between two looks at the workers
_LAST = 1.0  # s for a killed worker to end: one that waits for a file system may not

Found = tuple[Task, Looked]


class _Worker:
    """One process, with the batch that it has."""

    def __init__(self, watched: Watched, limits: Limits) -> None:
        """OSError: no more processes or descriptors."""
        self.counter = mmap(-1, worker.COUNTER.size)
        self.batch: list[Task] = []
        self.answer = b""
        self.hand, self.since = -1, 0.0
        theirs, self.tasks = os.pipe()
        self.answers, answers = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            status = 1
            try:
                worker.work(theirs, answers, self.counter, watched, limits)
                status = 0
            except BaseException as error:  # nothing of the parent's may run here
                os.write(2, f"pam-mktemp: a worker ended: {type(error).__name__}: {error}\n".encode("ascii", "replace"))
            finally:
                os._exit(status)
        os.close(theirs)
        os.close(answers)

    def give(self, batch: list[Task]) -> None:
        """Let it look at a batch, whole; a worker that has died is noticed when it is listened to."""
        self.batch, self.answer, self.hand, self.since = batch, b"", -1, time.monotonic()
        worker.COUNTER.pack_into(self.counter, 0, 0)
        try:
            worker.send(self.tasks, batch)
        except BrokenPipeError:
            pass

    def current(self) -> int:
        """The number of the file in hand."""
        number: int = worker.COUNTER.unpack_from(self.counter)[0]
        return min(number, len(self.batch) - 1)

    def hangs(self, seconds: float) -> bool:
        """Whether it has had the same file in hand for so long."""
        now, hand = time.monotonic(), self.current()
        if hand != self.hand:
            self.hand, self.since = hand, now
        return bool(self.batch) and now - self.since > seconds

    def kill(self) -> None:
        """End it, whatever it does."""
        os.kill(self.pid, signal.SIGKILL)
        os.close(self.tasks)
        os.close(self.answers)
        self.counter.close()

    def status(self) -> int:
        """After kill(): as waitpid(2) has it, 0 if it hangs in the kernel and cannot end."""
        deadline = time.monotonic() + _LAST
        while time.monotonic() < deadline:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                return status
            time.sleep(0.001)
        return 0


class Pool:
    """Looks at files with `jobs` workers; `progress(looked at, known)` is called now and then."""

    def __init__(self, watched: Watched, limits: Limits, jobs: int,
                 progress: Callable[[int, int], None] | None = None) -> None:
        self._watched, self._limits, self._progress = watched, limits, progress
        self._jobs = jobs
        self._workers: dict[int, _Worker] = {}
        self._poll = select.poll()
        self._known = self._done = 0
        self.kinds: Counter[str] = Counter()

    def look(self, tasks: Iterable[Task]) -> Iterator[Found]:
        """What was found, as it comes; files with neither places nor trouble are only counted in `kinds`. OSError."""
        tasks = iter(tasks)
        queue: deque[list[Task]] = deque()
        try:
            for _ in range(self._jobs):
                self._start()
            while self._feed(queue, tasks):
                for fd, _ in self._poll.poll(1000 * _GLANCE):
                    yield from self._heard(fd, queue)
                for fd, each in list(self._workers.items()):
                    if each.hangs(self._limits.seconds):
                        yield self._lost(fd, queue, f"it took more than {self._limits.seconds:g} s to read")
                if self._progress:
                    self._progress(self._done, self._known)
        finally:
            for each in self._workers.values():
                each.kill()
            for each in self._workers.values():
                each.status()
            self._workers.clear()

    @property
    def done(self) -> int:
        """How many files were looked at."""
        return self._done

    def _drop(self, fd: int) -> int:
        """Without a worker; its status. One that ends while it is idle is nobody's fault, and is not missed."""
        each = self._workers.pop(fd)
        self._poll.unregister(fd)
        each.kill()
        return each.status()

    def _start(self) -> None:
        started = _Worker(self._watched, self._limits)
        self._workers[started.answers] = started
        self._poll.register(started.answers, select.POLLIN)

    def _feed(self, queue: deque[list[Task]], tasks: Iterator[Task]) -> bool:
        """Give each idle worker something; whether there is anything left to wait for."""
        if not self._workers:
            self._start()
        for each in self._workers.values():
            if not each.batch:
                if not queue:
                    window = list(islice(tasks, _WINDOW if self._known else _FIRST * self._jobs))
                    self._known += len(window)
                    queue.extend(batches(window, self._jobs))
                if not queue:
                    break
                each.give(queue.popleft())
        return any(each.batch for each in self._workers.values())

    def _heard(self, fd: int, queue: deque[list[Task]]) -> Iterator[Found]:
        each = self._workers[fd]
        piece = os.read(fd, 1 << 16)
        if not piece:
            if each.batch:
                yield self._lost(fd, queue, "")
            else:
                self._drop(fd)
        elif piece.endswith(b"\n"):
            batch, each.batch = each.batch, []
            self._done += len(batch)
            kinds, found = json.loads(each.answer + piece)
            self.kinds.update(kinds)
            for number, fields in found:
                yield batch[number], _looked(fields)
        else:
            each.answer += piece

    def _lost(self, fd: int, queue: deque[list[Task]], why: str) -> Found:
        """Replace a worker that hangs or has died; what it had in hand is not tried again."""
        each = self._workers[fd]
        batch, number = each.batch, each.current()
        status = self._drop(fd)
        queue.extendleft(part for part in (batch[number + 1:], batch[:number]) if part)
        self._done += 1
        self._start()
        return batch[number], Looked(failed=why or f"its reader was ended by {_ended(status)}")


def batches(window: list[Task], jobs: int) -> Iterator[list[Task]]:
    """The files in batches, the largest files first, of ever less work."""
    window.sort(key=lambda task: (-task.size, task.path))
    left = sum(map(_work, window))
    batch: list[Task] = []
    work = 0
    for task in window:
        if batch and (work + _work(task) > max(left // (jobs * _SHARES), _LEAST) or len(batch) == _BATCH):
            yield batch
            left -= work
            batch, work = [], 0
        batch.append(task)
        work += _work(task)
    if batch:
        yield batch


def _work(task: Task) -> int:
    return min(task.size, 64 << 20) + _PER_FILE


def _looked(fields: list[Any]) -> Looked:
    kind, places, *rest = fields
    return Looked(kind, tuple(Place(*each) for each in places), *rest)


def _ended(status: int) -> str:
    return signal.Signals(os.WTERMSIG(status)).name if os.WIFSIGNALED(status) else f"status {status >> 8}"
