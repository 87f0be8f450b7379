"""Which entry of the shipped catalogue is meant for a finding, and what is said of it."""
from __future__ import annotations

from typing import Any

import pytest

from pam_mktemp_py.detect.judge import judged
from pam_mktemp_py.detect.sarif import sarif
from pam_mktemp_py.prove.known_remedies import Remedies, in_words
from pam_mktemp_py.remedies import catalogue
from pam_mktemp_py.remedies.entry import KINDS
from tests.unit.detect_judge_test import counted, execed

SHIPPED = catalogue.load(site="/nonexistent", state="/nonexistent")
TMUX = execed(100, "/usr/bin/tmux") + '100 mkdir("/tmp/tmux-1000", 0700) = 0\n'


@pytest.mark.parametrize(("program", "path", "entry", "kind"), [
    ("/usr/bin/tmux", "/tmp/tmux-<uid>/default", "tmux", "user-ipc"),
    ("/usr/bin/ruby", "/tmp/tmux-<uid>/default", "tmux", "user-ipc"),
    ("/usr/bin/tmux", "/tmp/other", "tmux", ""),
    ("sshd", "/tmp/ssh-<random>/agent.<pid>", "sshd", "user-ipc"),
    ("ssh-add", "/tmp/ssh-<random>/agent.<pid>", "ssh-agent", "user-ipc"),
    ("jps", "/tmp/hsperfdata_<user>", "jdk-attach", "user-ipc"),
    ("/usr/bin/java", "/tmp/d<random>", "java", "knob"),
    ("/opt/my-openj9/bin/java", "/tmp/.com_ibm_tools_attach", "openj9", "user-ipc"),
    ("/usr/bin/screen", "/tmp/screens/S-<user>", "screen-upstream", "user-ipc"),
    ("postgres", "/dev/shm/PostgreSQL.<random>", "postgresql-memory", "knob"),
    ("xeyes", "/tmp/.X11-unix/X<display>", "xorg", "shared-ipc"),
    ("php", "/tmp/sess_<random>", "php", "knob"),
    ("lua5.4", "/tmp/lua_<random>", "lua", "hardcoded"),
])
def test_what_is_meant(program: str, path: str, entry: str, kind: str) -> None:
    known = Remedies(SHIPPED).known(program, path)
    assert known is not None and known[:2] == (entry, kind)


@pytest.mark.parametrize(("program", "path"), [
    ("python3", "/tmp/fixed"), ("php", "/tmp/fixed"), ("mktemp", "/tmp/x"), ("unknown", "/tmp/unknown"),
    ("/usr/bin/vi", "/tmp/.X11-unixes")])
def test_what_honours_tmpdir_explains_no_other_name(program: str, path: str) -> None:
    known = Remedies(SHIPPED).known(program, path)
    assert known is None or (known.entry, known.kind) == ("vim", "")


def test_each_remedy_is_said_in_few_words() -> None:
    seen = set()
    for entry in SHIPPED.entries.values():
        text = in_words(entry)
        assert text and text[-1] not in ". " and "\n" not in text
        seen.add(entry.remedy.kind)
    assert seen == set(KINDS)


def found(remedies: Remedies, log: str = TMUX) -> Any:
    [finding] = judged([counted(log)], remedies.known).findings
    return finding


def test_how_it_is_enabled() -> None:
    for enabled, says in (((), "(pam-mktemp shims enable tmux)"), (("tmux",), "enabled, but not in force")):
        remedies = Remedies(SHIPPED, enabled)
        finding = found(remedies)
        named = remedies.named(finding)
        assert named and named.entry.name == finding.entry == "tmux" and named.enabled == bool(enabled)
        assert named.proof and finding.advice.startswith("TMUX_TMPDIR=$TMPDIR for the session") and (
            says in finding.advice)


def test_an_unproved_one_is_said_to_be() -> None:
    krb5 = '100 openat(AT_FDCWD</>, "/tmp/krb5cc_1000", O_RDWR|O_CREAT|O_EXCL, 0600) = 3\n'
    assert ", unproved)" in found(Remedies(SHIPPED), krb5).advice
    server = '100 bind(3<socket:[7]>, {sa_family=AF_UNIX, sun_path="/tmp/.s.PGSQL.5432"}, 110) = 0\n'
    finding = found(Remedies(SHIPPED), server)
    named = Remedies(SHIPPED).named(finding)
    assert named and named.command == "" and "postgresql.conf: unix_socket_directories" in finding.advice


def test_nothing_is_asked_of_what_was_only_looked_at() -> None:
    def never(program: str, path: str) -> None:
        raise AssertionError((program, path))
    assert judged([counted('100 stat("/tmp/x", 0x7ffd) = -1 ENOENT (No such file or directory)\n')], never)


def test_sarif_has_it() -> None:
    remedies = Remedies(SHIPPED)
    verdict = judged([counted(TMUX)], remedies.known)
    [result] = sarif(verdict, "1", "tmux", True, lambda finding: {"entry": finding.entry})["runs"][0]["results"]
    assert result["properties"]["remedy"] == {"entry": "tmux"} and "shims enable tmux" in result["message"]["text"]
