"""Real programs that do what readers of strace's logs get wrong, under the real strace, and what is read of them."""
from __future__ import annotations

import contextlib
import functools
import platform
import random
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from pam_mktemp_py.strace.events import Event
from pam_mktemp_py.strace.reader import Reader
from pam_mktemp_py.tracer.arguments import for_command
from tests import traps
from tests.sandbox import capabilities
from tests.traps import Story, View

SET = ",".join("""
    open openat openat2 creat mkdir mkdirat mknod mknodat link linkat symlink symlinkat rename renameat renameat2 unlink
    unlinkat rmdir chmod fchmodat chown lchown fchownat truncate bind connect sendto sendmsg sendmmsg getsockopt chdir
    fchdir chroot execve execveat clone clone3 fork vfork unshare setns mount umount2 pivot_root umask io_uring_setup
""".split())
LOOKS = frozenset("newfstatat stat lstat statx access faccessat readlink readlinkat inotify_add_watch".split())
NO_FILES = frozenset("bind connect sendto sendmsg sendmmsg getsockopt".split())
NO_RING = ("-e", "inject=io_uring_setup:error=ENOSYS")
CHOSEN = ("-e", f"trace={SET}", *NO_RING)


class Variant(NamedTuple):
    """Options of strace, and what their log does not show."""

    name: str
    options: tuple[str, ...]
    view: View
    not_for: frozenset[str] = frozenset()


DEFAULT = Variant("default", ("-f", "--seccomp-bpf", "-y", "-s", "256", *CHOSEN), View(calls=LOOKS))
LONG = pytest.mark.long
VARIANTS = [pytest.param(variant, id=variant.name, marks=marks) for variant, *marks in (
    (Variant("bare", ("-f", *CHOSEN), View(lacks=frozenset("ys"), calls=LOOKS)),),
    (Variant("shipped", tuple(for_command("strace", "/dev/null", False, True, ())[1:-1]),
             View(calls=LOOKS | {"sendmsg", "sendmmsg"})),),
    (Variant("rich", ("-f", "-yy", "-x", "-T", "-tt", "-Y", "-n", "-i", *CHOSEN), View(calls=LOOKS)),),
    (Variant("hex", ("-f", "--seccomp-bpf", "-y", "-xx", "-ttt", "-r", *CHOSEN), View(calls=LOOKS)), LONG),
    (Variant("full", ("-f", "-yy", "-s", "64", *NO_RING), View()), LONG),
    # Nothing tells of fchdir, of the birth of processes and of namespaces.
    (Variant("file", ("-f", "-y", "--seccomp-bpf", "-e", "trace=%file,io_uring_setup", *NO_RING),
             View(lacks=frozenset("c"), calls=NO_FILES, forks=False, masks=False),
             frozenset(("legacy", "shared", "own_cwd", "crowd", "jailed", "mounted"))), LONG),
)]
TRAPS = """
    names shell_names twice comm legacy fresh moved removed shared own_cwd crowd opened nameless links gone fake deep
    masks looks born thread_exec executed killed left restarted interrupted became jailed mounted many socket_names
    full_name abstract_names datagrams peers unknown ring int80 bits32
""".split()
STATUS = {"left": 5}
SINGLE = """
    names shell_names legacy fresh removed opened nameless links gone deep looks socket_names full_name
    abstract_names datagrams peers ring
""".split()


class Run(NamedTuple):
    """What a witness told and what strace wrote of it."""

    story: Story
    log: bytes
    top: Path

    def read(self, seed: int = 0, cwd: str = "") -> tuple[Reader, list[Event]]:
        """The log in chunks of odd sizes."""
        reader = Reader(watch=(str(self.top),), cwd=cwd)
        return reader, list(reader.events(chunked(self.log, seed)))


def chunked(log: bytes, seed: int) -> Iterator[bytes]:
    """0: in one; 1: byte by byte; else pieces of up to 997 bytes."""
    dice = random.Random(seed)
    at = 0
    while at < len(log):
        size = {0: len(log), 1: 1}.get(seed, dice.randint(1, 997))
        yield log[at:at + size]
        at += size


def flat(events: list[Event]) -> list[tuple[object, ...]]:
    """Events that can be compared with those of another reader."""
    return [(event.process.pid, *event[1:]) for event in events]


@pytest.fixture(scope="session")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the witnesses, compiled."""
    capabilities.need(capabilities.have("gcc"), "gcc")
    capabilities.need(capabilities.can_trace(), "strace")
    folder = tmp_path_factory.mktemp("traps")
    traps.build(folder)
    if platform.machine() == "x86_64":
        traps.build_32(folder)
    return folder


@contextlib.contextmanager
def short_directory() -> Iterator[Path]:
    """A directory with a short name: the names of sockets have to fit."""
    folder = Path(tempfile.mkdtemp(prefix="traps-")).resolve()
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


@pytest.fixture
def top() -> Iterator[Path]:
    """Where the witness of a test does what it does."""
    with short_directory() as folder:
        yield folder


@pytest.fixture(scope="session")
def traced(programs: Path) -> Callable[[str], Run]:
    """The runs with the default options, each done once."""
    @functools.cache
    def run(trap: str) -> Run:
        with short_directory() as folder:
            return trace(trap, DEFAULT.options, programs, folder)
    return run


def need_for(trap: str, programs: Path) -> None:
    """Skip what the kernel does not do here."""
    if trap in ("int80", "bits32"):
        capabilities.need(capabilities.can_run_32(programs / "run32"), "32-bit system calls")
    if trap in ("jailed", "mounted"):
        capabilities.need(capabilities.can_unshare(), "a user and a mount namespace of our own")
    if trap == "became":
        capabilities.need(capabilities.can_become_nobody(), "becoming another user")


def trace(trap: str, options: tuple[str, ...], programs: Path, top: Path) -> Run:
    """Run a witness under strace; its story must explain what is in its directory."""
    need_for(trap, programs)
    for name, source in zip(traps.BEFORE, ("trap", "run32")):
        if (programs / source).exists():
            shutil.copy(programs / source, top / name)
    out, log = programs / "told", programs / "log"
    out.write_bytes(b"")
    command = ["strace", *options, "-o", log, programs / "trap", trap, top]
    with out.open("ab") as told:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=told, stderr=subprocess.PIPE, cwd=top,
                              umask=0o022)
    assert done.returncode == STATUS.get(trap, 0), done.stderr.decode()
    run = Run(traps.read_story(out.read_text()), log.read_bytes() if log.exists() else b"", top)
    assert run.story.told or run.story.exists
    assert traps.left_behind(run.story) == traps.found(top)
    return run


def agree(run: Run, view: View) -> None:
    """What was read is what was done."""
    reader, events = run.read(seed=7)
    traps.agree(reader, events, run.story, view)
    assert reader.lines == run.log.count(b"\n")
    assert {told.thread for told in run.story.told} <= reader.pids


@pytest.mark.parametrize("trap", TRAPS)
def test_what_was_done_is_read(trap: str, traced: Callable[[str], Run]) -> None:
    agree(traced(trap), DEFAULT.view)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("trap", TRAPS)
def test_whatever_the_options(trap: str, variant: Variant, programs: Path, top: Path) -> None:
    if trap not in variant.not_for:
        agree(trace(trap, variant.options, programs, top), variant.view)


@pytest.mark.parametrize("trap", TRAPS)
def test_pieces_do_not_matter(trap: str, traced: Callable[[str], Run]) -> None:
    run = traced(trap)
    reader, events = run.read()
    for seed in (1, 2, 3):
        again, same = run.read(seed)
        assert flat(same) == flat(events)
        assert (again.lines, again.unread, again.unresolved) == (reader.lines, reader.unread, reader.unresolved)


@pytest.mark.parametrize("trap", TRAPS)
def test_the_dead_are_forgotten(trap: str, traced: Callable[[str], Run]) -> None:
    """In the end no process is left, and each one that acted has ended in the way the witness says."""
    run = traced(trap)
    reader, events = run.read()
    assert reader.processes == {}
    assert reader.root is not None
    assert reader.root.status == STATUS.get(trap, 0)
    assert [event.text for event in events if event.process.status is None] == []


def test_statuses_and_words(programs: Path, traced: Callable[[str], Run]) -> None:
    """A grandchild that exits with 7, its parent that is killed, and one that became another program."""
    run = traced("born")
    _, events = run.read()
    by_path = {Path(event.path).name: event.process for event in events}
    assert by_path["grandchild"].status == 7
    assert by_path["grandchild"].parent is not None and by_path["grandchild"].parent.status == -9
    assert by_path["after-exec"] is by_path["vfork"]
    assert by_path["after-exec"].program == str(run.top / "run")
    assert by_path["after-exec"].argv == ("run", "after_exec", str(run.top / "d"))
    assert by_path["parent"].program == str(programs / "trap")


def test_threads_are_one_process(traced: Callable[[str], Run]) -> None:
    run = traced("crowd")
    _, events = run.read()
    assert len({event.pid for event in events}) == 9
    assert len({id(event.process) for event in events}) == 1


def test_a_log_that_begins_in_the_middle_of_a_directory(programs: Path, top: Path) -> None:
    """Without -y the first relative paths are known only if the reader is told where the process started."""
    run = trace("fresh", ("-f", "-e", f"trace={SET}"), programs, top)
    reader, events = run.read()
    assert [event.path for event in events if event.act != "execute"] == []
    assert reader.unresolved_count >= 3
    reader, events = run.read(cwd=str(top))
    traps.agree(reader, events, run.story, View(calls=LOOKS))


def test_a_working_ring_is_told(programs: Path, top: Path) -> None:
    """What io_uring does cannot be seen; that there was one can."""
    run = trace("ring", ("-f", "-y", "-e", f"trace={SET}"), programs, top)
    capabilities.need(run.story.uring, "io_uring")
    reader, events = run.read()
    assert reader.uring
    traps.agree(reader, events, run.story, View(calls=LOOKS))


@pytest.mark.parametrize("trap", SINGLE)
def test_a_log_for_each_process(trap: str, programs: Path, top: Path) -> None:
    """strace -ff: no line says which process it is of."""
    run = trace(trap, ("-ff", *DEFAULT.options[1:]), programs, top)
    logs = list(programs.glob("log.*"))
    log = b"".join(path.read_bytes() for path in logs)
    for path in logs:
        path.unlink()
    assert len(logs) == 1
    reader, events = run._replace(log=log).read(seed=5)
    traps.agree(reader, events, run.story, View(calls=LOOKS, threads=False))


@pytest.mark.parametrize("trap", ["names", "thread_exec", "killed", "mounted", "many"])
def test_a_log_that_was_cut_off(trap: str, traced: Callable[[str], Run]) -> None:
    """At any byte: nothing is read that was not done, and that it was cut is known unless what is left looks whole."""
    run = traced(trap)
    _, all_events = run.read()
    whole = {(event.pid, event.act, event.path, event.line) for event in all_events}
    dice = random.Random(3)
    for _ in range(60):
        size = dice.randint(1, len(run.log) - 1)
        reader, events = run._replace(log=run.log[:size]).read(seed=9)
        rest = run.log[:size].rsplit(b"\n", 1)[-1]
        assert not reader.cut or rest
        assert reader.cut or not rest or b" = " in rest or rest.endswith((b"+++", b"---", b"...>"))
        known = {(event.pid, event.act, event.path, event.line) for event in events if event.error != "?"}
        assert known <= whole
