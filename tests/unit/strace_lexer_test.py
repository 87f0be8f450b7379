"""One line of strace's: cut into its parts, and these decoded."""
from __future__ import annotations

import pytest

from pam_mktemp_py.strace import arguments, lexer
from pam_mktemp_py.strace.arguments import Address
from pam_mktemp_py.strace.beside import Beside


@pytest.mark.parametrize(("before", "pid"), [
    ("", None),
    ("123   ", "123"),
    ("1234567 ", "1234567"),
    ("[pid  6697] ", "6697"),
    ("[pid 66970<a b>] ", "66970"),
    ("18930<sh> ", "18930"),
    ("123   12:34:56 ", "123"),
    ("12:34:56.123456 ", None),
    ("123   1700000000.123456 ", "123"),
    ("1700000000.123456 ", None),
    ("1700000000 ", None),
    ("     0.000123 ", None),
    ("123        0.000123 ", "123"),
    ("123   20:18:18 (+     0.000080) ", "123"),
    ("123   [ 257] ", "123"),
    ("123   [00007ff80c4f7ad7] ", "123"),
    ("18930<sh> 1795637898.789608 [ 257] [00007f9838c7eb1d] ", "18930"),
    ("18931<sh> 1795637898.793080 [ 231] [????????????????] ", "18931"),
])
@pytest.mark.parametrize("rest", [
    "openat(1)", "+++ exited with 0 +++", "<... openat resumed>) = 3", "--- SIGHUP {} ---",
])
def test_what_a_line_begins_with(before: str, pid: str | None, rest: str) -> None:
    assert lexer.prefix(before + rest) == (pid, len(before))


@pytest.mark.parametrize(("text", "args", "value", "note", "error"), [
    ("getpid() = 7", [], "7", "", ""),
    ('access("/x", R_OK)      = -1 ENOENT (No such file or directory)', ['"/x"', "R_OK"], "-1", "", "ENOENT"),
    ('openat(AT_FDCWD</a>, "b", O_RDONLY) = 4</a/b>', ["AT_FDCWD</a>", '"b"', "O_RDONLY"], "4", "</a/b>", ""),
    ('openat(dirfd=AT_FDCWD, pathname="b", flags=O_RDONLY) = 4', ["AT_FDCWD", '"b"', "O_RDONLY"], "4", "", ""),
    ('open("x, y) = 3", 0) = 4</a/x, y) = 5>', ['"x, y) = 3"', "0"], "4", "</a/x, y) = 5>", ""),
    (r'open("q\"), \\", 0) = 4</a/\74\76>', [r'"q\"), \\"', "0"], "4", r"</a/\74\76>", ""),
    ('open("x", 0) = 4</t/#22>(deleted)', ['"x"', "0"], "4", "</t/#22>", ""),
    ('open("x", 0) = 4</dev/null<char 1:3>>', ['"x"', "0"], "4", "</dev/null<char 1:3>>", ""),
    ('read(3<UNIX-STREAM:[56622->56623,"/p/so\\"ck>x) = 1"]>, "a"..., 9) = 1',
     ['3<UNIX-STREAM:[56622->56623,"/p/so\\"ck>x) = 1"]>', '"a"...', "9"], "1", "", ""),
    ("read(3<TCPv6:[[::1]:55->[::1]:80]>, 0x7f, 9) = 0", ["3<TCPv6:[[::1]:55->[::1]:80]>", "0x7f", "9"], "0", "", ""),
    ('stat("a", {st_rdev=makedev(0x1, 0x3), ...}) = 0', ['"a"', "{st_rdev=makedev(0x1, 0x3), ...}"], "0", "", ""),
    ("wait4(-1, [{WIFEXITED(s) && WEXITSTATUS(s) == 0}], 0, NULL) = 5",
     ["-1", "[{WIFEXITED(s) && WEXITSTATUS(s) == 0}]", "0", "NULL"], "5", "", ""),
    ("capset({pid=0}, {effective=1<<CAP_CHOWN|1<<CAP_KILL}) = 0",
     ["{pid=0}", "{effective=1<<CAP_CHOWN|1<<CAP_KILL}"], "0", "", ""),
    ("clone3({flags=CLONE_VM} => {parent_tid=[9]}, 88) = 9",
     ["{flags=CLONE_VM} => {parent_tid=[9]}", "88"], "9", "", ""),
    ("accept(3, NULL, [110 => 31]) = 4", ["3", "NULL", "[110 => 31]"], "4", "", ""),
    ('execve("/a", ["a"], 0x7f /* 39 vars */) = 0', ['"/a"', '["a"]', "0x7f /* 39 vars */"], "0", "", ""),
    ("exit_group(0) = ?", ["0"], "?", "", "?"),
    ("pause() = ? ERESTARTNOHAND (To be restarted if no handler)", [], "?", "", "ERESTARTNOHAND"),
    ("io_uring_setup(8, 0x7f) = -1 ENOSYS (Function not implemented) (INJECTED)", ["8", "0x7f"], "-1", "", "ENOSYS"),
    ('mkdir("a", 0700) = 0 (DELAYED) <0.000163>', ['"a"', "0700"], "0", "", ""),
    ("getpid() = ? <unavailable>", [], "?", "", "?"),
    ("fork() = 2 /* 123 in strace's PID NS */", [], "2", "", ""),
    ("clone(child_stack=NULL) = 123<bash>", ["NULL"], "123", "<bash>", ""),
    ("poll([{fd=3</a>, events=POLLIN}], 1, 5) = 1 ([{fd=3</a>, revents=POLLIN}])",
     ["[{fd=3</a>, events=POLLIN}]", "1", "5"], "1", "", ""),
    ("fcntl(3, F_GETFL) = 0x8000 (flags O_RDONLY|O_LARGEFILE)", ["3", "F_GETFL"], "0x8000", "", ""),
    ("syscall_0x270f(0x1, 0x2) = -1 ENOSYS (Function not implemented)", ["0x1", "0x2"], "-1", "", "ENOSYS"),
    ("restart_syscall(<... resuming interrupted read ...>) = 0", ["<... resuming interrupted read ...>"], "0", "", ""),
    ("execve(\"/a\", [\"a\"], 0x7f) = -1 (errno 18446744073709551359)", ['"/a"', '["a"]', "0x7f"], "-1", "", "?"),
])
def test_calls(text: str, args: list[str], value: str, note: str, error: str) -> None:
    call = lexer.call(text, 0)
    assert (call.args, call.value, call.note, call.error) == (args, value, note, error)
    assert lexer.call("77 " + text, 3) == call
    assert lexer.line("77 " + text) in (None, ("77", call))


@pytest.mark.parametrize(("text", "args"), [
    ('openat(AT_FDCWD</a>, "b", O_RDONLY', ["AT_FDCWD</a>", '"b"', "O_RDONLY"]),
    ("read(3, ", ["3"]),
    ("vfork(", []),
    ("clone3({flags=CLONE_VM", ["{flags=CLONE_VM"]),
    ("exit_group(0) = ?", ["0"]),
    ('openat(AT_FDCWD</a>, "b', ["AT_FDCWD</a>"]),
])
def test_beginnings(text: str, args: list[str]) -> None:
    call = lexer.call(text, 0, whole=False)
    assert (call.args, call.error) == (args, "?")


@pytest.mark.parametrize(("text", "why"), [
    ("hello", "no call"),
    ("12 = 3", "no call"),
    ('open("x, 0) = 3', "does not end"),
    ("open({a, 0) = 3", "ends within"),
    ("open(0)", "no result"),
    ("open(0) = x", "no result"),
    ("open(0) = -1 ENOENT (No such file", "no result"),
    ("open(0) = 3</a", "no result"),
])
def test_what_is_no_call(text: str, why: str) -> None:
    with pytest.raises(lexer.Malformed, match=why):
        lexer.call(text, 0)


@pytest.mark.parametrize(("arg", "text"), [
    ('"/a b"', "/a b"),
    (r'"a\n\t\"\\\1\0027\303\251>x, y) = 3"', 'a\n\t"\\\1\x027\xc3\xa9>x, y) = 3'),
    (r'"\x2f\x74"', "/t"),
    ('"cut"...', "cut"),
    ("NULL", None),
    ("0x7ffd", None),
    ('@"abstract"', None),
])
def test_strings(arg: str, text: str | None) -> None:
    assert arguments.string(arg) == text


@pytest.mark.parametrize(("arg", "found"), [
    ("AT_FDCWD", ("AT_FDCWD", None)),
    ("-100", ("AT_FDCWD", None)),
    ("-100 /* AT_FDCWD */</a>", ("AT_FDCWD", "/a")),
    ("AT_FDCWD</a b>", ("AT_FDCWD", "/a b")),
    ("3", ("3", None)),
    ("3</a>(deleted)", ("3", "/a")),
    (r"3</a\74\76\12>", ("3", "/a<>\n")),
    (r"3<\x2f\x61>", ("3", "/a")),
    ("3</dev/null<char 1:3>>", ("3", "/dev/null")),
    ("3<socket:[38857]>", ("3", "")),
    ("3</memfd:/tmp/fake>(deleted)", ("3", "")),
    ("NULL", None),
])
def test_descriptors(arg: str, found: tuple[str, str | None] | None) -> None:
    assert arguments.descriptor(arg) == found


@pytest.mark.parametrize(("arg", "name"), [
    ('{sa_family=AF_UNIX, sun_path="/tmp/s"}', Address("/tmp/s", False)),
    ('{sa_family=AF_LOCAL, sun_path=@"/tmp/s"}', Address("/tmp/s", True)),
    ("{sa_family=AF_UNIX}", None),
    ('{sa_family=AF_INET, sin_port=htons(53), sin_addr=inet_addr("127.0.0.1")}', None),
    ("NULL", None),
])
def test_addresses(arg: str, name: Address | None) -> None:
    assert arguments.address(arg) == name


def test_data_is_no_address() -> None:
    """What is sent may look like the name of a socket."""
    sent = '{msg_name=NULL, msg_iov=[{iov_base="{msg_name={sun_path=", iov_len=9}], msg_iovlen=1}'
    assert arguments.addresses(sent) == []
    named = '{msg_name={sa_family=AF_UNIX, sun_path="/tmp/s"}, msg_namelen=9, msg_iov=[{iov_base="x", iov_len=1}]}'
    assert arguments.addresses(named) == [Address("/tmp/s", False)]
    assert arguments.addresses(f"[{{msg_hdr={named}, msg_len=1}}]") == [Address("/tmp/s", False)]


@pytest.mark.parametrize(("arg", "mode"), [
    ("0600", 0o600), ("S_IFIFO|0644", 0o644), ("{flags=O_RDWR|O_CREAT, mode=0640, resolve=0}", 0o640),
    ("S_ISVTX|0777", 0o1777), ("01777", 0o1777), ("000", 0), ("R_OK", -1), ("0x1b6", -1),
])
def test_modes(arg: str, mode: int) -> None:
    assert arguments.mode(arg) == mode


@pytest.mark.parametrize(("lines", "rest"), [
    ([" > /lib/libc.so.6(open64+0x5b) [0xf7d4b]"], []),
    ([""], []),
    (["strace: Process 7 attached"], []),
    (["[pid  8] strace: [ Process PID=8249 runs in 32 bit mode. ]"], []),
    (["vfork(strace: Process 7 attached", " <unfinished ...>"], ["vfork( <unfinished ...>"]),
    (["clone(flags=SIGCHLDstrace: Process 7 attached", ", x=1) = 7"], ["clone(flags=SIGCHLD, x=1) = 7"]),
    (["\x1b[31mgetpid\x1b[0m() = 1\r"], ["getpid() = 1"]),
    (['open("strace: Process 7 attached") = 3'], ['open("strace: Process 7 attached") = 3']),
    (["% time     seconds  usecs/call     calls    errors syscall", "------ ----------- -----------",
      "100.00    0.000000           0         2         1 total", "getpid() = 1"], ["getpid() = 1"]),
])
def test_what_is_beside_the_calls(lines: list[str], rest: list[str]) -> None:
    beside = Beside()
    assert [text for text in map(beside.rest, lines) if text is not None] == rest
