"""Who is whose child: strace may show a child's lines before the call that made it returns, so those wait.

A child without a known parent would be taken for a stranger, its names would be relative to nothing, and a
thread would be taken for a process. So while any call that makes a child has not returned, the lines of a
new pid are kept, and read as soon as its parent is known (vfork(2) returns when the child has executed).
"""
from __future__ import annotations

import re

from pam_mktemp_py.strace import arguments, calls
from pam_mktemp_py.strace.lexer import Call
from pam_mktemp_py.strace.places import Files
from pam_mktemp_py.strace.tasks import Task, Tasks

MOST_LINES = 4096  # that wait, of all pids together
MOST_CHARACTERS = 1 << 22
DELETED = " (deleted)"
MOST_UNNAMED = 64
_real_pid = re.compile(r"/\* (\d{1,7}) in strace's PID NS \*/")


class Family:
    """The tasks, and the lines that wait for one."""

    def __init__(self, cwd: str | None) -> None:
        self.tasks = Tasks(cwd)
        self.waiting: dict[str, list[tuple[int, str]]] = {}
        self.ready: list[tuple[int, str]] = []  # the next one last
        self._lines = 0
        self._characters = 0

    def task(self, key: str | None, number: int, text: str, first: str) -> Task | None:
        """Whose line it is; None if it waits. `first`: the first character of what is no prefix in it."""
        alive = self.tasks.alive
        task = alive.get(key)
        if task is not None:
            return task
        if key is None:
            return next(iter(alive.values())) if len(alive) == 1 else self.tasks.begin(None, number)
        self.tasks.name(int(key))
        alone = alive.get(None)
        if alone is not None and (first == "<" or not self.tasks.cloning):
            self.tasks.rename(alone, key)  # on a terminal the pid is written only while there are several
            return alone
        if self.tasks.cloning and key not in alive:
            self._wait(key, number, text)
            return None
        return self.tasks.begin(key, number)

    def _wait(self, key: str, number: int, text: str) -> None:
        self.waiting.setdefault(key, []).append((number, text))
        self._lines += 1
        self._characters += len(text)
        if self._lines > MOST_LINES or self._characters > MOST_CHARACTERS:
            self.give_up()

    def give_up(self) -> None:
        """Nobody waits any longer: their parents are not told."""
        for task in self.tasks.alive.values():
            task.cloning = None
        self.tasks.cloning = 0

    def released(self) -> list[tuple[int, str]]:
        """The lines that may be read now, the first one last."""
        if self.waiting and not self.tasks.cloning:
            lines = sorted(line for waiting in self.waiting.values() for line in waiting)
            self.waiting.clear()
            self._lines = self._characters = 0
            self.ready = lines[::-1] + self.ready
        ready, self.ready = self.ready, []
        return ready

    def born(self, call: Call, parent: Task, text: str, number: int, files: Files | None = None) -> None:
        """A call that makes a child has returned."""
        if call.error or not call.value.isdecimal() or len(call.value) > 7:
            return
        flags = frozenset().union(*(arguments.flags(arg) for arg in call.args)) if call.args else frozenset()
        real = _real_pid.findall(text[-80:]) if "PID NS" in text else None
        pid = real[-1] if real else call.value
        if parent.renumbered and not real:
            pid = next(iter(self.waiting), "")
        if call.name not in calls.CLONES:
            return
        there = self.tasks.alive.get(pid) if pid else None
        child = self.tasks.child(parent, int(pid or 0), flags, number, files)
        if not pid:
            self.tasks.unnamed = [*self.tasks.unnamed, child][-MOST_UNNAMED:]
        elif there is not None and not there.linked:
            self._adopt(there, child)
        else:
            self.tasks.add(child)
            waiting = self.waiting.pop(pid, [])
            self._lines -= len(waiting)
            self._characters -= sum(len(line) for _, line in waiting)
            self.ready = waiting[::-1] + self.ready

    def _adopt(self, there: Task, child: Task) -> None:
        """The child was taken for a stranger: it is told who its parent is, and where it began."""
        there.linked = True
        there.depth = child.depth
        if child.process is not there.process and child.pid == child.process.pid:
            there.process.parent = child.process.parent
        if there.files.cwd is None:
            there.files.cwd = child.files.cwd

    def place(self, call: Call, task: Task) -> bool:
        """-y shows the current directory: take it over; True if it was not known, or another one."""
        shape = calls.CALLS.get(call.name)
        if shape is None or shape.at == calls.NONE or shape.at >= len(call.args):
            return False
        arg = call.args[shape.at]
        cwd = task.files.cwd
        if arg[:8] != arguments.HERE or arg[8:] == f"<{cwd}>":
            return False
        found = arguments.descriptor(arg)
        if found is None or not found[1] or found[1] == cwd:
            return False
        path = found[1].removesuffix(DELETED)  # here, unlike behind other descriptors, it stands within the brackets
        changed = path != cwd
        task.files.cwd = path
        return changed

    def take_over(self, task: Task, key: str) -> None:
        """A thread executed a program and got the pid of its process's first thread."""
        leader = self.tasks.alive.get(key)
        if leader is not None and leader is not task:
            if task.process is not leader.process:  # the log did not show that it was a thread
                task.process.pids.discard(task.pid)
                task.process = leader.process
                task.files = task.files if task.linked else leader.files
            self.tasks.drop(leader)
        self.tasks.rename(task, key)
        task.executed = True
