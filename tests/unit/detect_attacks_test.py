"""What another user could do, and what only looks safe: each row was judged harmless once, or blamed for nothing."""

from __future__ import annotations

import pytest

from pam_mktemp_py.detect.judge import judged
from tests.unit.detect_judge_test import TMPDIR, WRITE, counted, execed, forked, judge, only, opened

DIRECTORY = '100 mkdir("/tmp/d", 0700) = 0\n'
INSIDE = opened("/tmp/d/f", WRITE)
MINE = opened("/tmp/d/f", "O_RDWR|O_CREAT|O_EXCL", mode=", 0600")
ENOENT = "-1 ENOENT (No such file or directory)"


def dangers(log: str, **context: object) -> dict[str, str]:
    return {each.path: each.danger for each in judge(log, **context).findings if each.kind != "look-only"}


@pytest.mark.parametrize(("log", "danger", "cwe"), [
    ('100 fchmodat(AT_FDCWD</>, "/tmp/x", 0666) = 0\n', "critical", "CWE-59"),
    ('100 fchownat(AT_FDCWD</>, "/tmp/x", 7, 7, 0) = 0\n', "high", "CWE-59"),
    ('100 fchownat(AT_FDCWD</>, "/tmp/x", 7, 7, AT_SYMLINK_NOFOLLOW) = 0\n', "medium", "CWE-377"),
    ('100 lchown("/tmp/x", 7, 7) = 0\n', "medium", "CWE-377"),
    (opened("/tmp/x", "O_RDONLY", "3</tmp/x>") + "100 fchmod(3</tmp/x>, 0666) = 0\n", "high", "CWE-732"),
    ('100 utimensat(AT_FDCWD</>, "/tmp/x", NULL, 0) = 0\n', "high", "CWE-59"),
    ('100 unlink("/tmp/x") = 0\n', "low", "CWE-377"),
    ('100 rename("/tmp/x", "/home/u1/x") = 0\n', "low", "CWE-377"),
    (opened("/tmp/lib/libx.so.1", "O_RDONLY|O_CLOEXEC"), "high", "CWE-426"),
    (opened("/tmp/lib/libx.so.1", "O_RDONLY|O_CLOEXEC", ENOENT), "high", "CWE-426"),
    ('100 execve("/tmp/bin/ls", ["ls"], 0x55 /* 9 vars */) = ' + ENOENT + "\n", "high", "CWE-426"),
    ('100 execve("/tmp/script", ["x"], 0x55 /* 9 vars */) = -1 ENOEXEC (Exec format error)\n', "high", "CWE-426"),
    (execed(100, "/bin/sh", "/tmp/s") + opened("/tmp/s", "O_RDONLY"), "high", "CWE-426"),
    (execed(100, "/usr/bin/python3.11") + opened("/tmp/m.py", "O_RDONLY|O_CLOEXEC"), "high", "CWE-426"),
    (opened("/tmp/d41d8cd98f00b204e9800998ecf8427e", WRITE), "medium", "CWE-377"),
    ('100 execve("/tmp/aB3dE9", ["x"], 0x55 /* 9 vars */) = 0\n', "medium", "CWE-426"),
    (opened("/tmp/mysql.sock", WRITE), "high", "CWE-59"),
])
def test_what_is_dangerous(log: str, danger: str, cwe: str) -> None:
    finding = judge(log, typed=("prog",)).findings[0]
    assert finding.kind != "look-only" and finding.danger == danger and cwe in finding.cwe, finding


@pytest.mark.parametrize("log", [
    opened("/tmp/x.py", "O_RDONLY"), execed(100, "/bin/sh", "-c", "cat") + opened("/tmp/x", "O_RDONLY"),
    opened("/tmp/x.so", "O_RDONLY|O_PATH|O_CLOEXEC"),
    f'100 mkdir("{TMPDIR[:-4]}", 0777) = -1 EEXIST (File exists)\n'  # mkdir -p of a directory below TMPDIR
    f'100 mkdir("{TMPDIR}", 0777) = -1 EEXIST (File exists)\n',
    '100 unlink("/tmp/x") = ' + ENOENT + "\n",
])
def test_what_is_none_of_it(log: str) -> None:
    found = judge(log, typed=("prog",))
    assert not found.fault and found.verdict == "none", found.findings


@pytest.mark.parametrize("log", [
    DIRECTORY + '100 chmod("/tmp/d", 0777) = 0\n' + INSIDE,
    DIRECTORY + INSIDE + '100 chmod("/tmp/d", 0777) = 0\n' + INSIDE,
    DIRECTORY + MINE + '100 chmod("/tmp/d", 0777) = 0\n' + INSIDE,
    DIRECTORY + '100 chown("/tmp/d", 1001, 1001) = 0\n' + INSIDE,
    DIRECTORY + MINE + "100 fchown(3</tmp/d>, 1001, 1001) = 0\n" + INSIDE,
    DIRECTORY + '100 rename("/tmp/q", "/tmp/d") = 0\n' + INSIDE,
    DIRECTORY + MINE + '100 rename("/tmp/d", "/tmp/e") = 0\n' + INSIDE,
    '100 rename("/tmp/q", "/tmp/d") = 0\n100 mkdir("/tmp/d/s", 0700) = -1 EEXIST (File exists)\n' + INSIDE,
])
def test_a_directory_that_shields_no_more(log: str) -> None:
    assert dangers(log)["/tmp/d/f"] == "high"


@pytest.mark.parametrize("log", [
    DIRECTORY + INSIDE, DIRECTORY + '100 chown("/tmp/d", 1000, 1000) = 0\n' + INSIDE,
    DIRECTORY + '100 chown("/tmp/d", -1, 50) = 0\n' + INSIDE, DIRECTORY + '100 chmod("/tmp/d", 0755) = 0\n' + INSIDE,
    DIRECTORY.replace("/d", "/e") + '100 rename("/tmp/e", "/tmp/d") = 0\n' + INSIDE,
])
def test_a_directory_that_shields_still(log: str) -> None:
    assert dangers(log)["/tmp/d/f"] == "none"


def test_what_is_renamed_into_place_is_whose_it_was() -> None:
    again = opened("/tmp/x", WRITE)
    mine = opened("/tmp/y", "O_RDWR|O_CREAT|O_EXCL", mode=", 0600") + '100 rename("/tmp/y", "/tmp/x") = 0\n'
    assert dangers(mine + again)["/tmp/x"] == "low"
    assert dangers('100 rename("/tmp/y", "/tmp/x") = 0\n' + again)["/tmp/x"] == "high"
    assert dangers('100 link("/tmp/y", "/tmp/x") = 0\n' + again)["/tmp/x"] == "high"
    assert dangers('100 rename("/home/u1/y", "/tmp/x") = 0\n' + again)["/tmp/x"] == "low"


def test_a_link_out_of_tmpdir_leads_to_where_everybody_is() -> None:
    found = judge(f'100 openat(AT_FDCWD</>, "{TMPDIR}/l", O_WRONLY|O_CREAT, 0666) = 3</tmp/x>\n')
    assert (found.verdict, only(found).path, only(found).danger) == ("hardcodes", "/tmp/x", "high")


def test_one_mount_of_its_own_excuses_nobody_elsewhere() -> None:
    log = (forked(101) + "101 unshare(CLONE_NEWUSER|CLONE_NEWNS) = 0\n"
           '101 mount("none", "/tmp", "tmpfs", 0, NULL) = 0\n' + opened("/tmp/x", WRITE, pid=101)
           + opened("/tmp/x", WRITE))
    log = log.replace(WRITE, "O_RDWR|O_CREAT|O_EXCL", 1)  # what was made in there is not what is out here
    for found in (judge(log), judged([counted(log), counted(log)])):
        assert {each.kind: each.danger for each in found.findings if each.path != "/tmp"} == {
            "already-private": "none", "hardcoded": "high"} and found.fault


def test_a_typed_folder_is_not_asked_for_by_what_a_shell_execs() -> None:
    log = execed(100, "/usr/bin/tool") + opened("/tmp/x", WRITE)
    assert only(judge(log, typed=("sh", "-c", "ls /tmp; exec tool"))).kind == "hardcoded"
    log = execed(100, "/usr/bin/tool", "/tmp/x") + opened("/tmp/x", WRITE)
    assert only(judge(log, typed=("sh", "-c", "exec tool /tmp/x"))).kind == "user-requested"


def test_a_wrapper_that_ends_in_exec_is_the_program() -> None:
    log = execed(100, "/usr/bin/tool", "-v") + opened("/tmp/x", WRITE)
    assert only(judge(log, wrapper=True)).kind == "hardcoded"
    assert only(judge(opened("/tmp/x", WRITE), wrapper=True)).kind == "user-requested"


@pytest.mark.parametrize(("log", "kind"), [
    (opened(f"{TMPDIR}/sub/x", WRITE, "-1 EACCES (Permission denied)"), "hardcoded"),
    (opened(f"{TMPDIR}/x", "O_RDONLY", "-1 EACCES (Permission denied)"), "hardcoded"),
    (f'100 unlink("{TMPDIR}/x") = -1 EPERM (Operation not permitted)\n', "hardcoded"),
    (f'100 mkdir("{TMPDIR}/x", 0700) = -1 EACCES (Permission denied)\n', "unusable-tmpdir"),
    (f'100 access("{TMPDIR}", W_OK) = -1 EACCES (Permission denied)\n', "unusable-tmpdir"),
])
def test_one_file_that_is_refused_is_not_the_directory(log: str, kind: str) -> None:
    found = judge(log + opened("/tmp/x", WRITE)).findings
    assert [each.kind for each in found if each.path == "/tmp/x"] == [kind]


def test_what_was_only_looked_at_is_never_dangerous() -> None:
    log = execed(100, "/bin/sh", "/tmp/s") + opened("/tmp/s", "O_RDONLY")
    finding = only(judge(log, typed=("sh", "/tmp/s")))
    assert (finding.kind, finding.danger) == ("look-only", "low")
