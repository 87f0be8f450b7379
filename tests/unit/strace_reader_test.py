"""Literal lines of strace's, one or a few at a time, and the events that are read of them."""
from __future__ import annotations

import os

import pytest

from pam_mktemp_py.strace import events as acts
from pam_mktemp_py.strace.events import Event
from pam_mktemp_py.strace.reader import Reader

WATCH = ("/tmp", "/var/tmp")


def read(*lines: str, cwd: str = "", watch: tuple[str, ...] = WATCH) -> tuple[Reader, list[Event]]:
    """The reader, and the events, of lines that are all understood."""
    reader = Reader(watch=watch, cwd=cwd)
    events = list(reader.events("".join(line + "\n" for line in lines).encode("latin-1") for lines in [lines]))
    assert reader.unread == [] and not reader.cut and reader.lines == len(lines)
    return reader, events


ACTS = [
    ('open("/tmp/a", O_RDONLY) = 3', acts.OPEN, "/tmp/a", "", {"O_RDONLY"}, -1),
    ('open("/tmp/a", O_WRONLY|O_CREAT|O_EXCL, 0666) = 3</tmp/a>',
     acts.OPEN, "/tmp/a", "", {"O_CREAT", "O_EXCL"}, 0o644),
    ('creat("/tmp/a", 0600) = 3', acts.OPEN, "/tmp/a", "", {"O_CREAT", "O_TRUNC", "O_WRONLY"}, 0o600),
    ('openat(3</tmp>, "a", O_RDONLY) = -1 ENOENT (No such file or directory)',
     acts.OPEN, "/tmp/a", "ENOENT", set(), -1),
    ('openat2(3</tmp>, "o2", {flags=O_RDWR|O_CREAT, mode=0640, resolve=RESOLVE_BENEATH}, 24) = 4</tmp/o2>',
     acts.OPEN, "/tmp/o2", "", {"O_CREAT", "RESOLVE_BENEATH"}, 0o640),
    ('openat(AT_FDCWD</>, "/tmp", O_RDWR|O_EXCL|O_TMPFILE, 0600) = 4</tmp/#4>(deleted)',
     acts.OPEN, "/tmp", "", {"O_TMPFILE"}, 0o600),
    ('openat(3</tmp>, "a", O_RDONLY|O_NOFOLLOW|O_PATH) = 4</tmp/a>', acts.OPEN, "/tmp/a", "", {"O_PATH"}, -1),
    ('mkdir("/tmp//a/./b/../c/", 0777) = 0', acts.MAKE_DIRECTORY, "/tmp/a/c", "", set(), 0o755),
    ('mkdirat(3</tmp>, "a", 0700) = 0', acts.MAKE_DIRECTORY, "/tmp/a", "", set(), 0o700),
    ('mknodat(3</tmp>, "a", S_IFIFO|0600) = 0', acts.MAKE_NODE, "/tmp/a", "", {"S_IFIFO"}, 0o600),
    ('unlink("/tmp/a") = 0', acts.REMOVE, "/tmp/a", "", set(), -1),
    ('unlinkat(3</tmp>, "a", AT_REMOVEDIR) = 0', acts.REMOVE, "/tmp/a", "", {"AT_REMOVEDIR"}, -1),
    ('rmdir("/var/tmp/a") = -1 ENOTEMPTY (Directory not empty)', acts.REMOVE, "/var/tmp/a", "ENOTEMPTY", set(), -1),
    ('fchmodat2(3</tmp>, "a", 0777, AT_SYMLINK_NOFOLLOW) = 0', acts.MODE, "/tmp/a", "", {"AT_SYMLINK_NOFOLLOW"}, 0o777),
    ("fchmod(3</tmp/a>, 0640) = 0", acts.MODE, "/tmp/a", "", set(), 0o640),
    ('lchown("/tmp/a", 0, 0) = 0', acts.OWNER, "/tmp/a", "", set(), -1),
    ('fchownat(3</tmp>, "a", 0, 0, AT_SYMLINK_NOFOLLOW) = 0', acts.OWNER, "/tmp/a", "", {"AT_SYMLINK_NOFOLLOW"}, -1),
    ('truncate("/tmp/a", 0) = 0', acts.TRUNCATE, "/tmp/a", "", set(), -1),
    ('execve("/tmp/a", ["a"], 0x7f /* 3 vars */) = -1 EACCES (Permission denied)',
     acts.EXECUTE, "/tmp/a", "EACCES", set(), -1),
    ('execveat(3</tmp/a>, "", ["a"], 0x7f /* 3 vars */, AT_EMPTY_PATH) = 0',
     acts.EXECUTE, "/tmp/a", "", {"AT_EMPTY_PATH"}, -1),
    ('statx(3</tmp>, "a", AT_STATX_SYNC_AS_STAT, STATX_ALL, 0x7f) = 0', acts.LOOK, "/tmp/a", "", set(), -1),
    ('newfstatat(3</tmp/a>, "", {st_mode=S_IFREG|0644, ...}, AT_EMPTY_PATH) = 0', acts.LOOK, "/tmp/a", "", set(), -1),
    ('inotify_add_watch(4<anon_inode:inotify>, "/tmp", IN_CREATE) = 1', acts.LOOK, "/tmp", "", {"IN_CREATE"}, -1),
    ('fanotify_mark(3, FAN_MARK_ADD, FAN_OPEN, AT_FDCWD, "/tmp") = 0', acts.LOOK, "/tmp", "", {"FAN_MARK_ADD"}, -1),
    ('utimensat(3</tmp/a>, NULL, NULL, 0) = 0', acts.OTHER, "/tmp/a", "", set(), -1),
    ('setxattr("/tmp/a", "user.x", "y", 1, 0) = 0', acts.OTHER, "/tmp/a", "", set(), -1),
    ('bind(3<socket:[1]>, {sa_family=AF_UNIX, sun_path="/tmp/s"}, 110) = 0', acts.BIND, "/tmp/s", "", set(), -1),
    ('connect(3, {sa_family=AF_UNIX, sun_path="/tmp/s"}, 110) = -1 ECONNREFUSED (Connection refused)',
     acts.CONNECT, "/tmp/s", "ECONNREFUSED", set(), -1),
    ('sendto(3, "a", 1, 0, {sa_family=AF_UNIX, sun_path="/tmp/s"}, 9) = 1', acts.SEND, "/tmp/s", "", set(), -1),
    ('exit_group(0) = ?', None, "", "", set(), -1),
    ('openat(AT_FDCWD</>, "/tmpfoo/a", O_RDONLY) = 4</tmpfoo/a>', None, "", "", set(), -1),
    ('getsockname(3, {sa_family=AF_UNIX, sun_path="/tmp/s"}, [110 => 9]) = 0', None, "", "", set(), -1),
    ('readlink(0x1, 0x7f, 9) = -1 EFAULT (Bad address)', None, "", "", set(), -1),
    ('bind(3, {sa_family=AF_UNIX}, 2) = 0', None, "", "", set(), -1),
    ('openat(7, "a", O_RDONLY) = -1 EBADF (Bad file descriptor)', None, "", "", set(), -1),
    ('newfstatat(3<pipe:[1]>, "", {st_mode=S_IFIFO|0600, ...}, AT_EMPTY_PATH) = 0', None, "", "", set(), -1),
    ('openat(AT_FDCWD</>, "/proc/self/fd/5", O_RDWR) = 4</memfd:/tmp/fake>(deleted)', None, "", "", set(), -1),
]


@pytest.mark.parametrize(("line", "act", "path", "error", "flags", "mode"), ACTS)
def test_one_act(line: str, act: str | None, path: str, error: str, flags: set[str], mode: int) -> None:
    reader, events = read("77 " + line)
    assert reader.unresolved == []
    assert len(events) == (act is not None)
    for event in events:
        assert (event.act, event.path, event.error, event.mode) == (act, path, error, mode)
        assert flags <= event.flags
        assert (event.pid, event.line, event.text) == (77, 1, "77 " + line)
        assert event.call == line.partition("(")[0]


@pytest.mark.parametrize("before", ["", "[pid    77] ", "77    ", "77<a b> 12:34:56.123456 [ 257] [00007ff80c4f7ad7] "])
@pytest.mark.parametrize("after", ["", " <0.000163>", " (INJECTED)", "\r", "\x1b[0m"])
def test_what_stands_around_a_call(before: str, after: str) -> None:
    _, events = read(before + 'mkdir("/tmp/a", 0700) = 0' + after)
    assert [event.path for event in events] == ["/tmp/a"]


@pytest.mark.parametrize(("line", "told"), [
    ('rename("/tmp/a", "/home/b") = 0', [(acts.RENAMED, "/tmp/a", "/home/b")]),
    ('rename("/home/b", "/tmp/a") = 0', [(acts.MADE_BY_RENAME, "/tmp/a", "/home/b")]),
    ('renameat2(3</tmp>, "a", 3</tmp>, "b", RENAME_NOREPLACE) = 0',
     [(acts.RENAMED, "/tmp/a", "/tmp/b"), (acts.MADE_BY_RENAME, "/tmp/b", "/tmp/a")]),
    ('link("/tmp/a", "/tmp/b") = 0', [(acts.OTHER, "/tmp/a", "/tmp/b"), (acts.LINK, "/tmp/b", "/tmp/a")]),
    ('linkat(AT_FDCWD</>, "/proc/self/fd/4", 3</tmp>, "b", AT_SYMLINK_FOLLOW) = 0',
     [(acts.LINK, "/tmp/b", "/proc/self/fd/4")]),
    ('symlink("/tmp/target", "/home/b") = 0', []),
    ('symlinkat("../to", 3</tmp>, "b") = 0', [(acts.SYMLINK, "/tmp/b", "../to")]),
])
def test_two_names(line: str, told: list[tuple[str, str, str]]) -> None:
    _, events = read("77 " + line)
    assert [(event.act, event.path, event.other) for event in events] == told


def test_where_a_link_led() -> None:
    _, events = read('7 openat(AT_FDCWD</>, "/home/u/scratch", O_RDONLY) = 3</tmp/real>',
                     '7 openat(AT_FDCWD</>, "/tmp/link", O_RDONLY) = 3</home/u>',
                     '7 openat(AT_FDCWD</>, "/home/link/../a", O_RDONLY) = 3</tmp/a>')
    assert [(event.path, event.real) for event in events] == [
        ("/home/u/scratch", "/tmp/real"), ("/tmp/link", "/home/u"), ("/tmp/a", "/tmp/a")]


def test_any_name() -> None:
    name = 'x, y) = 3\n"q" <z> \\b\t\x01\x027 h\udce9'
    written = r'x, y) = 3\n\"q\" <z> \\b\t\1\0027 h\351'
    _, events = read(f'7 openat(AT_FDCWD</tmp>, "{written}", O_RDONLY) = 3</tmp/' +
                     r'x, y) = 3\n\"q\" \74z\76 \\b\t\1\0027 h\351>')
    assert [(event.path, event.real) for event in events] == [("/tmp/" + name, "/tmp/" + name)]
    os.fsencode(events[0].path)


@pytest.mark.parametrize("option", ["", "-xx"])
def test_escaped_letters_are_not_passed_over(option: str) -> None:
    def spelled(text: str) -> str:
        return "".join(f"\\x{ord(letter):02x}" for letter in text) if option else text
    fill = ['7 access("/etc/passwd", R_OK) = 0'] * 300
    line = f'7 openat(AT_FDCWD<{spelled("/")}>, "{spelled("/tmp/a")}", O_RDONLY) = 3<{spelled("/tmp/a")}>'
    _, events = read(*fill, line)
    assert [event.path for event in events] == ["/tmp/a"]


def test_abstract_names() -> None:
    _, events = read('7 bind(3, {sa_family=AF_UNIX, sun_path=@"/tmp/.X11-unix/X97"}, 21) = 0',
                     '7 connect(3, {sa_family=AF_UNIX, sun_path=@"other"}, 21) = 0')
    assert [(event.path, event.abstract) for event in events] == [("/tmp/.X11-unix/X97", True)]


def test_a_name_of_108_bytes() -> None:
    long = "/tmp/" + "n" * 103
    _, events = read(f'7 bind(3, {{sa_family=AF_UNIX, sun_path="{long}"}}, 110) = 0')
    assert events[0].path == long


PEER = "getsockopt({}, SOL_SOCKET, SO_PEERCRED, {{pid=5, uid=0, gid=0}}, [12]) = 0"
NAMED = '{sa_family=AF_UNIX, sun_path="/tmp/s"}'


@pytest.mark.parametrize(("lines", "told"), [
    ([f"7 connect(3, {NAMED}, 9) = 0", "7 " + PEER.format("3")], 1),
    ([f"7 connect(3<socket:[9]>, {NAMED}, 9) = 0", "7 " + PEER.format("4<socket:[9]>")], 1),
    ([f"7 connect(3<UNIX-STREAM:[9]>, {NAMED}, 9) = 0", "7 " + PEER.format('3<UNIX-STREAM:[9->8,"/tmp/s"]>')], 1),
    ([f"7 connect(3, {NAMED}, 9) = -1 ENOENT (No such file or directory)", "7 " + PEER.format("3")], 0),
    ([f"7 connect(3, {NAMED}, 9) = 0", "7 accept(5, NULL, NULL) = 3", "7 " + PEER.format("3")], 0),
    ([f"7 connect(3, {NAMED}, 9) = 0", "7 " + PEER.format("3").replace("uid=0", "uid=-1")], 0),
    ([f"7 connect(3, {NAMED}, 9) = 0", "7 fork() = 8", "8 " + PEER.format("3")], 1),
])
def test_whether_the_owner_was_asked_for(lines: list[str], told: int) -> None:
    _, events = read(*lines)
    assert [event.path for event in events if event.act == acts.PEER] == ["/tmp/s"] * told


def test_the_umask() -> None:
    _, events = read('7 mkdir("/tmp/a", 0777) = 0', "7 umask(077) = 022", '7 mkdir("/tmp/b", 0777) = 0',
                     '7 chmod("/tmp/b", 0777) = 0')
    assert [event.mode for event in events] == [0o755, 0o700, 0o777]


def test_a_working_io_uring() -> None:
    assert not read("7 io_uring_setup(8, 0x7f) = -1 ENOSYS (Function not implemented) (INJECTED)")[0].uring
    assert read("7 io_uring_setup(8, 0x7f) = 3<anon_inode:[io_uring]>")[0].uring


def test_what_is_no_line_is_told() -> None:
    reader = Reader(watch=WATCH)
    lines = ['7 mkdir("/tmp/a", 0700) = 0', "hello", '7 mkdir("/tmp/b', '7 mkdir("/tmp/c", 0700) = 0']
    events = list(reader.events(["\n".join(lines).encode() + b"\n"]))
    assert [event.path for event in events] == ["/tmp/a", "/tmp/c"]
    assert [(unread.line, unread.text) for unread in reader.unread] == [(2, "hello"), (3, '7 mkdir("/tmp/b')]
    assert reader.unread_count == 2


@pytest.mark.parametrize(("last", "told", "cut"), [
    ('7 mkdir("/tmp/b", 0700) = 0', [("/tmp/b", "")], False),
    ('7 mkdir("/tmp/b", 0700) = -1 EEX', [("/tmp/b", "?")], True),
    ('7 mkdir("/tmp/b", 07', [("/tmp/b", "?")], True),
    ('7 mkdir("/tmp/b', [], True),
    ("7 mkd", [], True),
    ("7", [], True),
    ("7 +++ exi", [], True),
    ('7 mkdir("/tmp/b", 0700 <unfinished ...>', [("/tmp/b", "?")], False),
])
def test_the_last_line_may_be_cut_off(last: str, told: list[tuple[str, str]], cut: bool) -> None:
    reader = Reader(watch=WATCH)
    events = list(reader.events(['7 mkdir("/tmp/a", 0700) = 0\n'.encode(), last.encode()]))
    assert [(event.path, event.error) for event in events[1:]] == told
    assert (reader.cut, reader.lines, reader.unread) == (cut, 2, [])


def test_texts_are_short() -> None:
    _, events = read(f'7 mkdir("/tmp/{"n" * 3000}", 0700) = 0')
    assert len(events[0].text) == 500 and len(events[0].path) == 3005
