"""The threads and processes of a log: who is whose child, and what they have in common (clone(2))."""
from __future__ import annotations

import signal
from collections.abc import Iterator
from dataclasses import dataclass, field

from pam_mktemp_py.strace.arguments import Address
from pam_mktemp_py.strace.events import Event, Process
from pam_mktemp_py.strace.mounts import View
from pam_mktemp_py.strace.places import Files

MOST_TASKS = 16_384  # alive at once; a log made with -qq shows no deaths, so the oldest are forgotten
MOST_PIDS = 100_000
MOST_PROGRAMS = 10_000
MOST_SOCKETS = 256  # of a process, that are remembered as connected
DEPTH = 256  # generations of dead parents that are kept


@dataclass(eq=False, slots=True)
class Task:
    """A thread: what strace has a pid for."""

    pid: int
    key: str | None  # the pid as the log writes it, None in a log of one process
    process: Process
    files: Files
    view: View
    sockets: dict[str, Address] = field(default_factory=dict)  # by inode or descriptor: what it is connected to
    linked: bool = False  # its parent is known, or known to be none of the log's
    depth: int = 0
    renumbers: bool = False  # its children live in a pid namespace of their own
    renumbered: bool = False  # it does: the pids it sees are not the log's
    pending: str = ""  # the beginning of a call that is not finished
    pending_at: int = 0  # where the call begins in it
    pending_line: int = 0
    executed: bool = False  # an execve that its thread began has succeeded: it got its process's pid
    cloning: Files | None = None  # as they were when that call began, if it makes a child
    repeats: tuple[str, list[str], list[Event]] | None = None  # a call that a signal broke off; the kernel repeats it


class Tasks:
    """Those alive, by the pid that the log writes."""

    def __init__(self, cwd: str | None) -> None:
        self.alive: dict[str | None, Task] = {}
        self.processes: dict[int, Process] = {}
        self.pids: set[int] = set()
        self.programs: set[str] = set()
        self.root: Process | None = None
        self.cloning = 0  # calls that make a child and have not returned
        self.unnamed: list[Task] = []  # children whose pid in the log is not known yet
        self._view = View(True)
        self._cwd = cwd

    def name(self, pid: int) -> None:
        """The log named this pid."""
        if len(self.pids) < MOST_PIDS:
            self.pids.add(pid)

    def executed(self, program: str) -> None:
        """This program was executed."""
        if len(self.programs) < MOST_PROGRAMS:
            self.programs.add(program)

    def begin(self, key: str | None, line: int) -> Task:
        """A task whose parent the log does not show: the first one, or one that strace attached to."""
        if key is not None and self.unnamed:
            task = self.unnamed.pop(0)
            task.process.pids.discard(task.pid)
            if task.process.pid == task.pid:
                task.process.pid = int(key)
            task.pid = int(key)
            task.key = key
        else:
            process = Process(int(key or 0), started=line)
            files = Files(self._cwd if self.root is None else None)
            task = Task(process.pid, key, process, files, self._view, linked=self.root is None)
            self.root = self.root or process
        self.add(task)
        return task

    def before(self, pid: int, program: str, argv: tuple[str, ...], cwd: str | None) -> None:
        """A process that lived before the log began, and is known from elsewhere."""
        process = Process(pid, program=program, argv=argv)
        self.root = self.root or process
        self.add(Task(pid, str(pid), process, Files(cwd), self._view, linked=True))

    def add(self, task: Task) -> None:
        """It is alive from now on."""
        while len(self.alive) >= MOST_TASKS:
            self.drop(next(iter(self.alive.values())))
        self.name(task.pid)
        task.process.pids.add(task.pid)
        self.alive[task.key] = task
        self.processes[task.pid] = task.process

    def drop(self, task: Task, status: int | None = None) -> None:
        """It is dead; `status` is its process's if it was the last thread or the first."""
        self.alive.pop(task.key, None)
        self.processes.pop(task.pid, None)
        self.settle(task)
        process = task.process
        process.pids.discard(task.pid)
        if status is not None and (task.pid == process.pid or not process.pids):
            process.status = status

    def settle(self, task: Task) -> None:
        """Its unfinished call is over, one way or the other."""
        task.pending = ""
        if task.cloning is not None:
            task.cloning = None
            self.cloning -= 1

    def rename(self, task: Task, key: str) -> None:
        """The log calls it by another pid from now on: the one that begins its lines."""
        self.alive.pop(task.key, None)
        self.processes.pop(task.pid, None)
        process = task.process
        process.pids.discard(task.pid)
        if process.pid == task.pid or task.key is not None:
            process.pid = int(key)
        task.pid, task.key = int(key), key
        self.add(task)

    def threads(self, process: Process) -> Iterator[Task]:
        """Every thread of a process that is alive."""
        for pid in list(process.pids):
            task = self.alive.get(str(pid)) if pid else self.alive.get(None)
            if task is not None and task.process is process:
                yield task

    def child(self, parent: Task, pid: int, flags: frozenset[str], line: int, files: Files | None) -> Task:
        """What clone(2) with these flags made of a parent whose places were `files` when it was called."""
        places = parent.files if "CLONE_FS" in flags else (files or parent.files).copy()
        view = parent.view.copy() if "CLONE_NEWNS" in flags else parent.view
        thread = "CLONE_THREAD" in flags
        old = parent.process
        process = old if thread else Process(pid, old, old.program, old.argv, old.secure, old.uid, started=line)
        sockets = parent.sockets if thread or "CLONE_FILES" in flags else dict(parent.sockets)
        task = Task(pid, str(pid), process, places, view, sockets, True, parent.depth + (not thread))
        task.renumbered = parent.renumbered or parent.renumbers or "CLONE_NEWPID" in flags
        if task.depth > DEPTH:
            _forget_ancestors(task)
        return task


def _forget_ancestors(task: Task) -> None:
    """A daemon that forks, exits and forks again for days must not keep every generation in memory."""
    process: Process | None = task.process
    for _ in range(DEPTH // 2):
        process = process.parent if process else None
    if process:
        process.parent = None
    task.depth = DEPTH // 2


def signal_number(name: str) -> int:
    """The number of a signal by strace's name; real-time ones count from 32 (signal(7)); 0 if there is none."""
    if name.startswith("SIGRT_") and name[6:].isascii() and name[6:].isdecimal():
        return 32 + int(name[6:8])
    return signal.Signals[name] if name in signal.Signals.__members__ else 0
