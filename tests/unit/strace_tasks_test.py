"""Who did it, where it stood, and calls that strace wrote in two parts."""
from __future__ import annotations

import pytest

from pam_mktemp_py.strace import events as acts
from pam_mktemp_py.strace.events import Event
from pam_mktemp_py.strace.reader import Reader

WATCH = ("/tmp",)
FORK = "clone(child_stack=NULL, flags=CLONE_CHILD_CLEARTID|SIGCHLD, child_tidptr=0x7f)"
THREAD = "clone3({flags=CLONE_VM|CLONE_FS|CLONE_FILES|CLONE_SIGHAND|CLONE_THREAD, stack=0x7f} => {parent_tid=[8]}, 88)"
SHARES = "clone(child_stack=0x7f, flags=CLONE_FS|SIGCHLD)"
EXEC = 'execve("/bin/sh", ["sh", "-c", "x"...], 0x7f /* 3 vars */)'


def read(*lines: str, cwd: str = "") -> tuple[Reader, list[Event]]:
    """The reader and the events but looks; every line must be understood."""
    reader = Reader(watch=WATCH, cwd=cwd)
    text = "".join(line + "\n" for line in lines)
    events = [event for event in reader.events([text.encode()]) if event.act != acts.LOOK]
    assert reader.unread == []
    return reader, events


def paths(*lines: str, cwd: str = "") -> list[str]:
    """The paths of the events; all must be known."""
    reader, events = read(*lines, cwd=cwd)
    assert reader.unresolved == []
    return [event.path for event in events]


@pytest.mark.parametrize("before", [
    ['7 chdir("/tmp") = 0'],
    ['7 chdir("/") = 0', '7 chdir("tmp/x/..") = 0'],
    ["7 fchdir(3</tmp>) = 0"],
    ['7 openat(AT_FDCWD</tmp>, "/etc/passwd", O_RDONLY) = 3</etc/passwd>'],
    ['7 openat(AT_FDCWD</tmp (deleted)>, "/etc/passwd", O_RDONLY) = 3</etc/passwd>'],
    ['7 getcwd("/tmp", 99) = 5'],
    ['7 chdir("/tmp/none") = 0', '7 chdir("..") = 0', '7 chdir("gone") = -1 ENOENT (No such file or directory)'],
    ['6 chdir("/tmp") = 0', f"6 {FORK} = 7", '6 chdir("/") = 0'],
    ['6 chdir("/") = 0', f"6 {SHARES} = 7", '6 chdir("/tmp") = 0'],
    ['6 chdir("/tmp") = 0', "6 vfork() = 7"],
    ['7 chdir("/tmp") = 0', f"7 {SHARES} = 8", "8 unshare(CLONE_FS) = 0", '8 chdir("/") = 0'],
    ['7 mkdir("/tmp/a", 0700) = 0', '7 chdir("/tmp/a") = 0', '7 rename("/tmp/a", "/tmp") = 0'],
])
def test_relative_names(before: list[str]) -> None:
    got = paths(*before, '7 mkdir("x", 0700) = 0', '7 openat(AT_FDCWD, "y", O_RDONLY) = 3')
    assert got[-2:] == ["/tmp/x", "/tmp/y"]


def test_the_first_directory_may_be_known() -> None:
    assert paths('7 mkdir("x", 0700) = 0', cwd="/tmp/d") == ["/tmp/d/x"]


@pytest.mark.parametrize("line", [
    '7 mkdir("x", 0700) = 0', '7 openat(3, "x", O_RDONLY) = 4', '7 bind(3, {sa_family=AF_UNIX, sun_path="x"}, 9) = 0',
    '7 renameat(AT_FDCWD</>, "x", 3, "y") = 0', "7 <... mkdir resumed>) = 0",
])
def test_what_cannot_be_known_is_told(line: str) -> None:
    reader, events = read("7 getpid() = 7", line)
    assert events == []
    assert [unread.text for unread in reader.unresolved] == [line] and reader.unresolved_count == 1


def test_a_root_of_its_own() -> None:
    assert paths(
        '7 chdir("/tmp/jail") = 0', '7 chroot(".") = 0', '7 mkdir("/a", 0700) = 0', '7 mkdir("/../../b", 0700) = 0',
        '7 mkdir("../c", 0700) = 0', '7 openat(AT_FDCWD</tmp/jail>, "d", O_RDONLY) = 3</tmp/jail/d>',
        '7 chdir("/in") = 0', '7 mkdir("e", 0700) = 0', '7 bind(3, {sa_family=AF_UNIX, sun_path="/s"}, 9) = 0',
    ) == ["/tmp/jail"] + [f"/tmp/jail/{name}" for name in ("a", "b", "c", "d", "in/e", "s")]


def test_halves_are_joined() -> None:
    _, events = read("7 getpid() = 7", '7 mkdir("/tmp/a", 0700 <unfinished ...>', "8 getpid() = 8",
                     "7 <... mkdir resumed>) = -1 EEXIST (File exists)")
    assert [(event.pid, event.path, event.error, event.line) for event in events] == [(7, "/tmp/a", "EEXIST", 2)]
    assert events[0].text == '7 mkdir("/tmp/a", 0700) = -1 EEXIST (File exists)'


@pytest.mark.parametrize("end", [
    ["7 +++ killed by SIGKILL +++"], ["7 <... mkdir resumed>) = ?", "7 +++ killed by SIGKILL (core dumped) +++"], [],
    ["7 getpid() = 7"],
])
def test_halves_that_stay_alone(end: list[str]) -> None:
    _, events = read('7 mkdir("/tmp/a", 0700 <unfinished ...>', *end)
    assert [(event.path, event.error) for event in events] == [("/tmp/a", "?")]


def test_detached() -> None:
    _, events = read('7 mkdir("/tmp/a", 0700 <detached ...>')
    assert [(event.path, event.error) for event in events] == [("/tmp/a", "?")]


FIFO = '7 open("/tmp/f", O_RDONLY)'
AGAIN = FIFO + " = ? ERESTARTSYS (To be restarted if SA_RESTART is set)"


@pytest.mark.parametrize(("lines", "told"), [
    ([AGAIN, "7 --- SIGUSR1 {si_signo=SIGUSR1} ---", '7 mkdir("/tmp/h", 0700) = 0', FIFO + " = 3"],
     [("/tmp/h", ""), ("/tmp/f", "")]),
    ([AGAIN, "7 --- SIGUSR1 {si_signo=SIGUSR1} ---", '7 mkdir("/tmp/h", 0700) = 0'],
     [("/tmp/h", ""), ("/tmp/f", "EINTR")]),
    ([AGAIN, AGAIN, AGAIN, FIFO + " = 3"], [("/tmp/f", "")]),
])
def test_what_the_kernel_repeats_counts_once(lines: list[str], told: list[tuple[str, str]]) -> None:
    _, events = read(*lines)
    assert [(event.path, event.error) for event in events] == told


def test_a_child_before_its_parent_returns() -> None:
    reader, events = read(
        "6 " + EXEC + " = 0", '6 chdir("/tmp") = 0', "6 vfork( <unfinished ...>", '7 mkdir("x", 0700) = 0',
        '7 execve("./a", ["a"], 0x7f /* 0 vars */) = 0', "6 <... vfork resumed>) = 7", '7 mkdir("y", 0700) = 0')
    assert [event.path for event in events] == ["/tmp/x", "/tmp/a", "/tmp/y"]
    child = events[-1].process
    assert (child.pid, child.program, child.argv, child.images) == (7, "/tmp/a", ("a",), ["/bin/sh"])
    assert child.parent is reader.root and reader.root is not None and reader.root.pid == 6


def test_grandchildren_before_their_grandparents() -> None:
    _, events = read(f"6 {FORK[:-1]} <unfinished ...>", f"7 {FORK[:-1]} <unfinished ...>", '8 mkdir("x", 0700) = 0',
                     "7 <... clone resumed>) = 8", "8 +++ exited with 3 +++", "6 <... clone resumed>) = 7", cwd="/tmp")
    process = events[0].process
    assert (events[0].path, process.pid, process.status) == ("/tmp/x", 8, 3)
    assert process.parent is not None and process.parent.pid == 7
    assert process.parent.parent is not None and process.parent.parent.pid == 6


def test_a_child_inherits_what_was_so_when_it_was_made() -> None:
    assert paths('6 chdir("/tmp/a") = 0', "6 vfork( <unfinished ...>", '7 mkdir("x", 0700) = 0',
                 '7 chdir("/tmp/b") = 0', "6 <... vfork resumed>) = 7", '7 mkdir("y", 0700) = 0',
                 '6 mkdir("z", 0700) = 0') == ["/tmp/a/x", "/tmp/b/y", "/tmp/a/z"]


def test_threads_are_one_process() -> None:
    reader, events = read(f"7 {THREAD} = 8", '8 chdir("/tmp") = 0', '7 mkdir("a", 0700) = 0', '8 mkdir("b", 0700) = 0',
                          "8 +++ exited with 0 +++")
    assert [(event.pid, event.path) for event in events] == [(7, "/tmp/a"), (8, "/tmp/b")]
    assert events[0].process is events[1].process is reader.root
    assert reader.root.pids == {7} and list(reader.processes) == [7] and reader.root.status is None


CHANGED = f"8 {EXEC[:-1]} <pid changed to 7 ...>"


@pytest.mark.parametrize("lines", [
    [CHANGED, "7 +++ superseded by execve in pid 8 +++", "7 <... execve resumed>) = 0"],
    [CHANGED, "7 +++ superseded by execve in pid 8 +++", "7 <... execve resumed>) = -1 (errno 18446744073709551359)"],
    ["7 pause( <unfinished ...>", f"8 {EXEC[:-1]} <unfinished ...>", "7 <... pause resumed>) = ?",
     "7 +++ superseded by execve in pid 8 +++", "7 <... execve resumed>) = 0"],
])
def test_a_thread_executes(lines: list[str]) -> None:
    reader, events = read('7 chdir("/tmp") = 0', f"7 {THREAD} = 8", f"7 {THREAD} = 9", *lines,
                          '7 mkdir("a", 0700) = 0')
    assert [(event.pid, event.path) for event in events] == [(7, "/tmp/a")]
    assert list(reader.processes) == [7] and events[0].process is reader.root
    assert reader.root.program == "/bin/sh" and reader.root.argv == ("sh", "-c", "x...")


def test_programs() -> None:
    reader, _ = read(EXEC + " = 0", 'access("/etc/suid-debug", F_OK <unfinished ...>',
                     "<... access resumed>) = -1 ENOENT (No such file or directory)")
    assert reader.root is not None and reader.root.secure and reader.root.started == 1
    reader, _ = read(EXEC + " = 0", 'faccessat(AT_FDCWD</>, "/etc/suid-debug", F_OK) = 0', EXEC + " = 0",
                     'execve("/none", ["none"], 0x7f) = -1 ENOENT (No such file or directory)',
                     'execveat(3</tmp/p>, "", ["p", ...], 0x7f, AT_EMPTY_PATH) = 0')
    assert reader.root is not None and not reader.root.secure
    assert (reader.root.program, reader.root.argv, reader.root.started) == ("/tmp/p", ("p", "..."), 5)
    assert reader.root.images == ["/bin/sh", "/bin/sh"]


@pytest.mark.parametrize(("line", "status"), [
    ("+++ exited with 7 +++", 7), ("+++ killed by SIGKILL +++", -9), ("+++ killed by SIGSEGV (core dumped) +++", -11),
    ("+++ killed by SIGRT_2 +++", -34),
])
def test_ends(line: str, status: int) -> None:
    reader, _ = read("7 getpid() = 7", "7 " + line)
    assert reader.root is not None and reader.root.status == status
    assert reader.processes == {} and reader.pids == {7}


def test_a_pid_is_used_again() -> None:
    _, events = read(f"6 {FORK} = 7", '7 mkdir("/tmp/a", 0700) = 0', "7 +++ exited with 0 +++", '6 chdir("/tmp") = 0',
                     f"6 {FORK} = 7", '7 mkdir("b", 0700) = 0')
    assert [event.path for event in events] == ["/tmp/a", "/tmp/b"]
    assert events[0].process is not events[1].process


def test_a_terminal_names_pids_only_while_there_are_several() -> None:
    reader, events = read(
        'chdir("/tmp") = 0', "vfork(strace: Process 8 attached", " <unfinished ...>",
        '[pid     8] mkdir("a", 0700) = 0',
        "[pid     7] <... vfork resumed>) = 8", '[pid     7] mkdir("b", 0700) = 0', "[pid     8] +++ exited with 0 +++",
        'mkdir("c", 0700) = 0', "+++ exited with 0 +++")
    assert [(event.pid, event.path) for event in events] == [(8, "/tmp/a"), (7, "/tmp/b"), (7, "/tmp/c")]
    assert reader.processes == {}


@pytest.mark.parametrize("lines", [
    ["7 unshare(CLONE_NEWPID) = 0", f"7 {FORK} = 8", f"8 {FORK} = 2", '99 mkdir("x", 0700) = 0'],
    ["7 unshare(CLONE_NEWPID) = 0", f"7 {FORK} = 8", f"8 {FORK[:-1]} <unfinished ...>", '99 mkdir("x", 0700) = 0',
     "8 <... clone resumed>) = 2"],
    ["7 unshare(CLONE_NEWPID) = 0", f"7 {FORK} = 8", f"8 {FORK} = 2 /* 99 in strace's PID NS */",
     '99 mkdir("x", 0700) = 0'],
])
def test_pids_of_a_namespace(lines: list[str]) -> None:
    _, events = read(*lines, cwd="/tmp")
    assert [(event.pid, event.path) for event in events] == [(99, "/tmp/x")]
    assert events[0].process.parent is not None and events[0].process.parent.pid == 8


def test_attached_processes() -> None:
    reader = Reader(watch=WATCH)
    reader.seed(7, "/usr/bin/x", ("x", "y"), "/tmp")
    events = list(reader.events([b'7 mkdir("a", 0700) = 0\n5 mkdir("b", 0700) = 0\n5 mkdir("/tmp/c", 0700) = 0\n']))
    assert [(event.pid, event.path) for event in events] == [(7, "/tmp/a"), (5, "/tmp/c")]
    assert (events[0].process.program, events[0].process.argv) == ("/usr/bin/x", ("x", "y"))
    assert reader.unresolved_count == 1


def test_generations_are_forgotten() -> None:
    lines = []
    for pid in range(1, 1000):
        lines += [f"{pid} fork() = {pid + 1}", f"{pid} +++ exited with 0 +++"]
    _, events = read(*lines, '1000 mkdir("/tmp/a", 0700) = 0')
    depth, process = 0, events[0].process.parent
    while process is not None:
        depth, process = depth + 1, process.parent
    assert 100 < depth < 300


@pytest.mark.parametrize(("calls", "uid"), [
    ([], None), (["1 setuid(42) = 0"], 42), (["1 setreuid(-1, 42) = 0"], 42), (["1 setresuid(1, 42, 3) = 0"], 42),
    (["1 setresuid(1, -1, 3) = 0"], None), (["1 setuid(42) = -1 EPERM (Operation not permitted)"], None),
    (["1 setuid(42) = 0", "1 setresuid(-1, 0, -1) = 0"], 0),
])
def test_whose_a_process_is(calls: list[str], uid: int | None) -> None:
    """A child has its parent's, and what one of them sets is its own."""
    _, found = read(*calls, "1 fork() = 2", '1 mkdir("/tmp/a", 0700) = 0', '2 mkdir("/tmp/b", 0700) = 0',
                    "2 setuid(7) = 0", '1 mkdir("/tmp/c", 0700) = 0')
    assert [event.process.uid for event in found] == [uid, 7, uid]
