"""The counters of every program and name of a trace, and what is known of who used it."""
from __future__ import annotations

from collections.abc import Set
from functools import lru_cache

from pam_mktemp_py.detect import model
from pam_mktemp_py.detect.facts import Facts
from pam_mktemp_py.detect.model import Context, ProgramVerdict
from pam_mktemp_py.detect.names import EXCLUSIVE, FRESH, PYTHON, USED, Identity, normalised
from pam_mktemp_py.detect.requested import Requested
from pam_mktemp_py.strace.events import Event, Process

TMPDIR = "$TMPDIR"  # the path of findings about the private directory itself
_FINDINGS = 2000
_PER_DIRECTORY = 8  # further names of one program in one directory are told together
_GENERATIONS = 64  # of ancestors: a chain may be as long as the log
_REMEMBERED = 10_000
_PROGRAMS = 5000
_OTHERS = "(further programs)"


class Counters:
    """`facts` are those with a place among the findings; `programs` what each made in its own directory."""

    def __init__(self, context: Context, pids: Set[int]) -> None:
        self.facts: dict[tuple[str, str, str], Facts] = {}
        self.programs: dict[str, ProgramVerdict] = {}
        self.dropped = 0
        self.requested = Requested(context)
        self._context = context
        self._pids = pids
        self._secure = lru_cache(maxsize=4096)(context.secure)
        self._below: dict[tuple[str, str], set[str]] = {}
        self._refused: set[Process] = set()
        self._last: tuple[object, ...] = ()
        self._who = Identity(set(), pids, context.uids, context.users, context.now)
        self._lost = False

    def of(self, event: Event, path: str, top: str, made: bool, prefix: str = "") -> Facts:
        """The counters of the event's program and of `path`, below `top`; `made`: exclusively, so that it is new."""
        process = event.process
        program = name_of(process)
        self._look_up(process)
        normal, name = path, model.FIXED
        if path != top:
            normal, name = normalised(path, top, self._who, _made(event) if made else USED)
        excuse = self._excuse(event, path, top)
        normal = prefix + self._together(program, normal, top, excuse)
        facts = self._placed(process, normal, name, path, excuse)
        self._stamp(facts, event)
        return facts

    def _placed(self, process: Process, normal: str, name: str, path: str, excuse: str = "") -> Facts:
        """The counters that are there for the same program and name; else new ones, with a place if there is one."""
        program = name_of(process)
        key = (program, normal, excuse)
        facts = self.facts.get(key)
        if facts is not None:
            return facts
        if len(self.facts) >= _FINDINGS:
            self.dropped += 1
            return Facts(program, normal, name, (), path, excuse)  # counted by nobody
        new = self.facts[key] = Facts(program, normal, name, chain(process), path, excuse)
        return new

    def _look_up(self, process: Process) -> None:
        """What depends on a process's ancestors, which is the same for most events in a row."""
        parent = process.parent
        now = (process, process.program, process.secure, len(process.pids), parent, parent and parent.program)
        if now != self._last:
            ancestors = line(process)
            self._last = now
            self._who = self._who._replace(near={pid for each in ancestors for pid in (each.pid, *each.pids)})
            self._lost = any(self._stripped(each) for each in ancestors)

    def _together(self, program: str, normal: str, top: str, excuse: str) -> str:
        """`normal`, or DIRECTORY/* where this program has many names in one directory."""
        if (program, normal, excuse) in self.facts or normal == top:
            return normal
        folder = top + "/" + normal[len(top) + 1:].partition("/")[0]
        if folder == normal:
            return normal
        if len(self.facts) >= _FINDINGS:  # no place for it in any case
            return folder + "/*"
        names = self._below.setdefault((program, folder), set())
        if len(names) >= _PER_DIRECTORY and normal not in names:
            return folder + "/*"
        names.add(normal)
        return normal

    def _excuse(self, event: Event, path: str, top: str) -> str:
        if event.private or top in self._context.private:
            return model.ALREADY_PRIVATE
        return model.USER_REQUESTED if self.requested(event, path, top) else ""

    def _stamp(self, facts: Facts, event: Event) -> None:
        process = event.process
        facts.abstract += event.abstract
        if process.secure or self._secure(process.program):
            facts.secure += 1
        elif self._lost:
            facts.stripped += 1
        facts.unusable += process in self._refused or (self._foreign(process) and not self._lost)

    def _foreign(self, process: Process) -> bool:
        """Whether it has become an account that the private directory is closed to."""
        return process.uid not in (None, 0, *self._context.uids) and bool(self._context.uids)

    def _stripped(self, process: Process) -> bool:
        return process.secure or any(self._secure(image) for image in (process.program, *process.images))

    def program(self, process: Process) -> ProgramVerdict:
        """What is known of a process's program."""
        name = name_of(process)
        if name not in self.programs and len(self.programs) >= _PROGRAMS:
            name = _OTHERS
        return self.programs.setdefault(name, ProgramVerdict(name, model.NONE))

    def refused(self, event: Event) -> None:
        """The process cannot use the directory that TMPDIR names, and may turn to a shared one, or fail."""
        if len(self._refused) < _REMEMBERED:
            self._refused.add(event.process)
        facts = self._placed(event.process, TMPDIR, model.FIXED, event.path)
        facts.unusable += 1
        facts.hindered += 1
        facts.note(event, 5)


def _made(event: Event) -> int:
    """How much a name was made as by mkstemp(3): see names.py."""
    if event.mode not in (0o600, 0o700):
        return EXCLUSIVE
    return PYTHON if "O_NOFOLLOW" in event.flags and event.mode == 0o600 else FRESH


def name_of(process: Process) -> str:
    """What a process is called: its program."""
    return process.program or f"process {process.pid}"


def line(process: Process) -> list[Process]:
    """A process and its ancestors, the nearest first."""
    found = [process]
    while found[-1].parent is not None and len(found) < _GENERATIONS:
        found.append(found[-1].parent)
    return found


def chain(process: Process) -> tuple[str, ...]:
    """The programs of a process's ancestors and its own, the first one first, each once in a row."""
    names = [each.program for each in reversed(line(process)) if each.program]
    return tuple(name for number, name in enumerate(names) if not number or name != names[number - 1])
