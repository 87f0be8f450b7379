"""Logs in, findings out: classes, dangers, what is joined and what is not counted."""

from __future__ import annotations

import pytest

from pam_mktemp_py.detect.judge import Judge, judged
from pam_mktemp_py.detect.model import Context, Finding, Verdict
from pam_mktemp_py.prove.known_remedies import Remedies
from pam_mktemp_py.remedies import catalogue
from pam_mktemp_py.strace.reader import Reader

TMPDIR = "/tmp/.private/u1/tmp"
SHIPPED = Remedies(catalogue.load(site="/nonexistent", state="/nonexistent"))
START = '100 execve("/usr/bin/prog", ["prog"{}], 0x7ffd /* 9 vars */) = 0\n'


def judge(log: str, argv: str = "", **context: object) -> Verdict:
    """The verdict on a log whose first process is /usr/bin/prog, 100."""
    return judged([counted(log, argv, **context)], SHIPPED.known)


def counted(log: str, argv: str = "", **context: object):
    known = Context(**{"tmpdir": TMPDIR, "uids": frozenset({1000}), "users": frozenset({"u1"}), **context})
    reader = Reader(watch=(*known.shared, TMPDIR), cwd=known.cwd)
    told = Judge(known, reader.pids)
    told.add_all(reader.events([(START.format(argv) + log).encode()]))
    assert (reader.unread, reader.unresolved) == ([], [])
    return told.end()


def only(verdict: Verdict) -> Finding:
    [finding] = verdict.findings
    return finding


def opened(path: str, flags: str, result: str = "3", pid: int = 100, mode: str = ", 0666") -> str:
    return f'{pid} openat(AT_FDCWD</>, "{path}", {flags}{mode if "CREAT" in flags else ""}) = {result}\n'


def forked(child: int, parent: int = 100) -> str:
    return (f"{parent} clone(child_stack=NULL, flags=CLONE_CHILD_CLEARTID|CLONE_CHILD_SETTID|SIGCHLD, "
            f"child_tidptr=0x7f) = {child}\n")


def execed(pid: int, program: str, *words: str) -> str:
    argv = ", ".join(f'"{word}"' for word in (program.rpartition("/")[2], *words))
    return f'{pid} execve("{program}", [{argv}], 0x55 /* 9 vars */) = 0\n'


WRITE = "O_WRONLY|O_CREAT|O_TRUNC"
CLASSES = [
    (opened("/tmp/fixed", WRITE), "hardcoded", "high"),
    (opened("/tmp/fixed", WRITE, mode=", 0666") + '100 chmod("/tmp/fixed", 0666) = 0\n', "hardcoded", "critical"),
    (opened("/tmp/fixed", "O_RDWR|O_CREAT|O_NOFOLLOW"), "hardcoded", "medium"),
    (opened("/tmp/fixed", "O_RDWR|O_CREAT|O_EXCL", mode=", 0600"), "hardcoded", "low"),
    (opened("/tmp/f-100", "O_RDWR|O_CREAT"), "hardcoded", "high"),
    (opened("/tmp/f.aB3dE9", "O_RDWR|O_CREAT|O_EXCL", mode=", 0600"), "hardcoded", "low"),
    (opened("/tmp/f.aB3dE9", "O_RDWR|O_CREAT", mode=", 0600"), "hardcoded", "medium"),
    (opened("/tmp/fixed", WRITE, "-1 EACCES (Permission denied)"), "hardcoded", "high"),
    (opened("/tmp/fixed", WRITE, "-1 ENOENT (No such file or directory)"), "look-only", "none"),
    ('100 openat(AT_FDCWD</>, "/tmp", O_RDWR|O_EXCL|O_TMPFILE, 0600) = 3</tmp/#5>(deleted)\n', "anonymous", "none"),
    ('100 mkdir("/tmp/fixed", 0700) = 0\n', "hardcoded", "medium"),
    ('100 mkdir("/tmp/fixed", 0700) = -1 EEXIST (File exists)\n', "hardcoded", "medium"),
    ('100 mkdir("/tmp/f.aB3dE9", 0700) = 0\n', "hardcoded", "low"),
    ('100 mkdir("/tmp", 0777) = -1 EEXIST (File exists)\n', "look-only", "none"),
    ('100 bind(3<socket:[7]>, {sa_family=AF_UNIX, sun_path="/tmp/sock"}, 110) = 0\n', "user-ipc", "medium"),
    ('100 connect(3<socket:[7]>, {sa_family=AF_UNIX, sun_path="/tmp/sock"}, 110) = 0\n', "user-ipc", "medium"),
    ('100 lstat("/tmp/sock", {st_mode=S_IFSOCK|0700, st_size=0, ...}) = 0\n'
     '100 connect(3<socket:[7]>, {sa_family=AF_UNIX, sun_path="/tmp/sock"}, 110) = 0\n', "user-ipc", "low"),
    ('100 connect(3<socket:[7]>, {sa_family=AF_UNIX, sun_path="/tmp/sock"}, 110) = 0\n'
     "100 getsockopt(3<socket:[7]>, SOL_SOCKET, SO_PEERCRED, {pid=9, uid=1000, gid=1000}, [12]) = 0\n",
     "user-ipc", "low"),
    ('100 connect(3<socket:[7]>, {sa_family=AF_UNIX, sun_path="/tmp/.X11-unix/X0"}, 20) = -1 ENOENT (No such file)\n',
     "look-only", "none"),
    ('100 connect(3<socket:[7]>, {sa_family=AF_UNIX, sun_path="/tmp/.X11-unix/X0"}, 20) = 0\n', "shared-ipc", "low"),
    ('100 bind(3<socket:[7]>, {sa_family=AF_UNIX, sun_path="/tmp/.s.PGSQL.5432"}, 110) = 0\n', "shared-ipc", "low"),
    ('100 connect(3<socket:[7]>, {sa_family=AF_UNIX, sun_path=@"/tmp/.X11-unix/X0"}, 20) = 0\n', "look-only", "none"),
    (opened("/tmp/krb5cc_1000", "O_RDWR|O_CREAT|O_EXCL", mode=", 0600"), "user-ipc", "low"),
    ('100 mknod("/tmp/fifo", S_IFIFO|0666) = 0\n', "hardcoded", "low"),
    (opened("/tmp/fixed", "O_RDONLY"), "look-only", "low"),
    ('100 readlink("/tmp", 0x7ffd, 1023) = -1 EINVAL (Invalid argument)\n', "look-only", "none"),
    ('100 execve("/tmp/tool", ["tool"], 0x55 /* 9 vars */) = 0\n', "hardcoded", "high"),
    ('100 chown("/tmp/fixed", 1000, 1000) = 0\n', "hardcoded", "high"),
    ('100 symlink("/etc/x", "/tmp/link") = 0\n', "hardcoded", "low"),
    ('100 access("/etc/suid-debug", F_OK) = -1 ENOENT (No such file or directory)\n' + opened("/tmp/fixed", WRITE),
     "secure-exec", "high"),
    (opened(TMPDIR + "/x", WRITE, "-1 EACCES (Permission denied)") + opened("/tmp/fixed", WRITE),
     "unusable-tmpdir", "high"),
    ("100 unshare(CLONE_NEWUSER|CLONE_NEWNS) = 0\n"
     '100 mount("none", "/tmp", "tmpfs", 0, NULL) = 0\n' + opened("/tmp/fixed", WRITE), "already-private", "none"),
]


@pytest.mark.parametrize(("log", "kind", "danger"), CLASSES)
def test_classes_and_dangers(log: str, kind: str, danger: str) -> None:
    found = judge(log).findings
    finding = next((each for each in found if each.path != "/tmp"), found[0])
    assert (finding.kind, finding.danger) == (kind, danger), finding


@pytest.mark.parametrize(("path", "argv"), [
    ("/tmp/out", ', "/tmp/out"'), ("/tmp/sortaB3dE9", ', "-T", "/tmp"'), ("/tmp/d/x", ', "--dir=/tmp/d/"'),
    ("/tmp/out", ', "-c", "echo >/tmp/out; true"'), ("/tmp/a", ', "/tmp/b:/tmp/a"'),
    ("/tmp/f.aB3dE9", ', "/tmp/f.XXXXXX"'),
])
def test_what_was_typed_is_asked_for(path: str, argv: str) -> None:
    verdict = judge(opened(path, WRITE), argv)
    assert only(verdict).kind == "user-requested" and verdict.verdict == "none" and not verdict.fault


@pytest.mark.parametrize(("path", "argv"), [
    ("/tmp/outer", ', "/tmp/out"'), ("/tmp/x", ', "/home/u1/tmp/x"'), ("/tmp/x", ', "/tmpx"'), ("/tmp/x", ', "tmp/x"'),
    ("/tmp/x", ', "/tmp/xy..."...'), ("/tmp/x", ', "~/tmp/x"'),
])
def test_what_only_looks_like_it_is_not(path: str, argv: str) -> None:
    assert only(judge(opened(path, WRITE), argv)).kind == "hardcoded"


def test_words_that_a_program_made_up_are_not_typed() -> None:
    log = forked(101) + execed(101, "/usr/bin/tool", "/tmp/fixed") + opened("/tmp/fixed", WRITE, pid=101)
    assert only(judge(log)).kind == "hardcoded"
    assert only(judge(log, ', "-c", "tool /tmp/fixed"')).kind == "user-requested"
    assert only(judge(log, wrapper=True)).kind == "user-requested"


def test_the_model_case() -> None:
    """CVE-2011-2722: fopen("/tmp/hpcupsfax.out", "w"), then system("chmod 666 /tmp/hpcupsfax.out")."""
    log = (opened("/tmp/hpcupsfax.out", WRITE) + forked(101)
           + execed(101, "/bin/sh", "-c", "chmod 666 /tmp/hpcupsfax.out") + forked(102, 101)
           + execed(102, "/usr/bin/chmod", "666", "/tmp/hpcupsfax.out")
           + '102 fchmodat(AT_FDCWD</>, "/tmp/hpcupsfax.out", 0666) = 0\n'
           + opened("/tmp/.other", "O_RDWR|O_CREAT|O_EXCL"))
    first, second = judge(log).findings
    assert (first.program, first.path, first.danger) == ("/usr/bin/prog", "/tmp/hpcupsfax.out", "critical")
    assert first.cwe == ("CWE-59", "CWE-377", "CWE-732") and first.calls == {"openat": 1, "fchmodat": 1}
    assert [each.program for each in first.evidence] == ["/usr/bin/prog", "/usr/bin/chmod"]
    assert first.chain == ("/usr/bin/prog",) and first.left == 1 and second.danger == "low"


def test_what_lies_in_a_directory_of_its_own_is_safe() -> None:
    made = '100 mkdir("/tmp/d.aB3dE9", 0700) = 0\n'
    top, inner = judge(made + opened("/tmp/d.aB3dE9/fixed", WRITE)).findings
    assert (top.path, top.danger, inner.path, inner.danger, inner.cwe) == (
        "/tmp/d.<random>", "low", "/tmp/d.<random>/fixed", "none", ())
    wide = judge("100 umask(000) = 022\n" + made.replace("0700", "0777")
                 + opened("/tmp/d.aB3dE9/fixed", WRITE, mode=", 0600"))
    assert {each.path: each.danger for each in wide.findings} == {
        "/tmp/d.<random>": "medium", "/tmp/d.<random>/fixed": "medium"}
    there = judge('100 mkdir("/tmp/d", 0700) = -1 EEXIST (File exists)\n' + opened("/tmp/d/fixed", WRITE))
    assert {each.path: each.danger for each in there.findings} == {"/tmp/d": "medium", "/tmp/d/fixed": "high"}


@pytest.mark.parametrize(("log", "verdict"), [
    (opened(TMPDIR + "/x", WRITE), "honours"), (opened("/tmp/x", WRITE), "hardcodes"),
    (opened(TMPDIR + "/x", WRITE) + opened("/tmp/x", WRITE), "mixed"), ("", "none"),
    (opened(TMPDIR + "/x", "O_RDONLY"), "none"), (opened("/tmp/x", "O_RDONLY"), "none"),
    (opened("/usr/share/x", "O_RDONLY"), "none"), (opened("/home/u1/x", WRITE), "none"),
    (opened("/tmp/.private/u1/other", WRITE), "hardcodes"), (opened("/dev/shm/x", WRITE), "hardcodes"),
    (opened("/var/tmp/x", WRITE), "hardcodes"), (opened("/tmpx", WRITE), "none"),
    ('100 mkdir("' + TMPDIR + '/d", 0700) = 0\n', "honours"),
    ('100 openat(AT_FDCWD</>, "' + TMPDIR + '", O_RDWR|O_EXCL|O_TMPFILE, 0600) = 3\n', "honours"),
])
def test_verdicts(log: str, verdict: str) -> None:
    found = judge(log)
    assert found.verdict == verdict and found.fault == (verdict in ("hardcodes", "mixed"))


def test_a_program_is_judged_apart_from_its_children() -> None:
    log = (opened(TMPDIR + "/x", WRITE) + forked(101) + execed(101, "/usr/bin/tool")
           + opened("/tmp/x", WRITE, pid=101))
    found = judge(log)
    assert {each.program: each.verdict for each in found.programs} == {
        "/usr/bin/prog": "honours", "/usr/bin/tool": "hardcodes"}
    assert found.verdict == "mixed" and only(found).chain == ("/usr/bin/prog", "/usr/bin/tool")


def test_children_of_a_setuid_program_have_lost_tmpdir_too() -> None:
    log = forked(101) + execed(101, "/usr/bin/sg") + execed(101, "/bin/sh") + opened("/tmp/x", WRITE, pid=101)
    finding = only(judge(log, secure=lambda program: program == "/usr/bin/sg"))
    assert finding.kind == "secure-exec" and "lost TMPDIR" in finding.advice


def test_two_looks_at_one_name_are_one_finding() -> None:
    log = "".join(
        opened(f"/tmp/f.{name}", "O_RDWR|O_CREAT|O_EXCL", mode=", 0600") + f'100 unlink("/tmp/f.{name}") = 0\n'
        for name in ("aB3dE9", "Zq81mN", "x7Ty2K"))
    finding = only(judge(log))
    assert (finding.path, finding.count, finding.left, finding.name) == ("/tmp/f.<random>", 3, 0, "random")
    assert finding.calls == {"openat": 3, "unlink": 3}


def test_many_names_in_one_directory_are_told_together() -> None:
    log = '100 mkdir("/tmp/d", 0755) = 0\n' + "".join(opened(f"/tmp/d/{name}", WRITE) for name in "abcdefghijklmnop")
    paths = [each.path for each in judge(log).findings]
    assert len(paths) == 10 and "/tmp/d/*" in paths


def test_names_of_one_template_are_one_finding() -> None:
    names = ("aB3dE9", "strato", "Banana", "violet")
    log = "".join(opened(f"/tmp/f.{name}", "O_RDWR|O_CREAT|O_EXCL", mode=", 0600") for name in names)
    log += opened("/tmp/f.strategic", "O_RDWR|O_CREAT|O_EXCL", mode=", 0600")  # another length, another template
    assert {each.path: each.count for each in judge(log).findings} == {"/tmp/f.<random>": 4, "/tmp/f.strategic": 1}
    words = "".join(opened(f"/tmp/sort{name}", "O_RDWR|O_CREAT|O_EXCL", mode=", 0600")
                    for name in ("strato", "banana", "violet"))
    assert {each.path: each.count for each in judge(words).findings} == {"/tmp/sort<random>": 3}


def test_a_folder_that_was_there_already() -> None:
    log = '100 mkdir("/tmp/tmux-1000", 0700) = -1 EEXIST (File exists)\n'
    log += opened("/tmp/tmux-1000/x", "O_WRONLY|O_CREAT")
    connect = '100 connect(3<socket:[7]>, {sa_family=AF_UNIX, sun_path="/tmp/tmux-1000/x"}, 110) = 0\n'
    assert only(judge(connect, folder=lambda _: 2)).danger == "none"
    for kind, danger in ((0, "high"), (1, "none"), (2, "none")):
        found = judge(log, folder=lambda path, kind=kind: kind if path == "/tmp/tmux-1000" else 0)
        assert {each.path: each.danger for each in found.findings} == {
            "/tmp/tmux-<uid>": "medium", "/tmp/tmux-<uid>/x": danger}


def test_what_a_script_execs_was_not_typed() -> None:
    log = execed(100, "/usr/bin/sort", "-T", "/tmp") + opened("/tmp/x", WRITE)
    assert only(judge(log, typed=("prog",))).kind == "hardcoded"
    assert only(judge(log, typed=("env", "sort", "-T", "/tmp"))).kind == "user-requested"


def test_findings_are_bounded() -> None:
    log = "".join(opened(f"/tmp/name{chr(97 + n % 26)}{chr(97 + n // 26 % 26)}{chr(97 + n // 676)}-x", WRITE)
                  for n in range(6000))
    found = judge(log)
    assert len(found.findings) == 2000 and found.dropped == 4000


def test_where_the_command_was_started_is_asked_for() -> None:
    assert only(judge(opened("/tmp/w/x", WRITE), cwd="/tmp/w")).kind == "user-requested"
    assert only(judge(opened("/tmp/x", WRITE), cwd="/tmp")).kind == "hardcoded"
    assert only(judge('100 openat(AT_FDCWD</tmp>, "x", O_WRONLY|O_CREAT, 0666) = 3</tmp/x>\n', cwd="/tmp")
                ).kind == "user-requested"


def test_a_view_of_its_own_for_all_of_the_trace() -> None:
    assert only(judge(opened("/tmp/x", WRITE), private=frozenset({"/tmp"}))).kind == "already-private"


@pytest.mark.parametrize(("normal", "name"), [
    ("/usr/bin/tmux", "tmux-1000"), ("/usr/bin/ssh-agent", "ssh-T21XVD2kAQ8y"), ("/usr/bin/dbus-daemon", "dbus-x")])
def test_known_programs_have_their_own_advice(normal: str, name: str) -> None:
    log = execed(100, normal) + f'100 mkdir("/tmp/{name}", 0700) = 0\n'
    finding = only(judge(log))
    assert finding.kind == "user-ipc" and "private mount" not in finding.advice


def test_who_has_become_another_account_cannot_use_the_directory() -> None:
    log = forked(101) + "101 setresuid(42, 42, 42) = 0\n" + opened("/tmp/x", WRITE, pid=101)
    assert only(judge(log)).kind == "unusable-tmpdir"
    assert only(judge(log.replace("42", "1000"))).kind == "hardcoded"  # its own
    assert only(judge(log.replace("42", "0"))).kind == "hardcoded"  # root can use all
