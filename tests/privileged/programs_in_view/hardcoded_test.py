"""Programs with a name in /tmp written into them: Java's tools, which meet there, and one that others could trap."""
from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.privileged.logins.bind_test import by, held, said
from tests.privileged.logins.session import PROGRAMS, login
from tests.privileged.logins.sshd_test import Ssh

CLASSES = Path("/usr/local/share/sleeper")
FAX = Path("/usr/local/bin/fax-witness")
SOURCE = """public class Sleeper {
    public static void main(String[] words) throws Exception {
        System.out.println("ready");
        System.in.read();
    }
}
"""


@pytest.fixture(scope="module")
def sleeper(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The command line of a small Java program that says ready and waits for input."""
    source = tmp_path_factory.mktemp("java") / "Sleeper.java"
    source.write_text(SOURCE)
    subprocess.run(["javac", "-J-XX:TieredStopAtLevel=1", "-d", CLASSES, source], check=True)
    yield f"exec java -Xint -XX:+UseSerialGC -cp {CLASSES} Sleeper"
    (CLASSES / "Sleeper.class").unlink()
    CLASSES.rmdir()


@pytest.fixture
def fax() -> Iterator[None]:
    """tests/programs/fax_witness.c: a file of a fixed name that everybody may write to, as a real program had it."""
    subprocess.run(["gcc", "-o", FAX, PROGRAMS / "fax_witness.c"], check=True)
    yield
    FAX.unlink()


def test_java(ssh: Ssh, sleeper: str) -> None:
    """jps and jcmd find a virtual machine by names in /tmp, never in $TMPDIR: from another login, by root from outside,
    and not from another account's."""
    with held(by("alice", sleeper)):
        pid = said(by("alice", "jps | sed -n 's/ Sleeper$//p'")).strip()
        assert said(ssh("alice", f"jcmd {pid} VM.version")).startswith(f"{pid}:\nOpenJDK 64-Bit Server VM")
        assert said(["pam-mktemp", "enter", "alice", "--", "jcmd", pid, "Thread.print"]).startswith(f"{pid}:\n")
        assert "Sleeper" not in said(by("bob", "jps"))
        assert login(by("alice", "ls -d /tmp/hsperfdata_alice")).returncode == 0


def test_a_fixed_name_of_two_accounts_at_once(fax: None) -> None:
    """Where they shared /tmp, the second would write into the first's file, or not at all."""
    hers = "fax-witness; echo alice >> /tmp/hpcupsfax.out; echo ready; read x; cat /tmp/hpcupsfax.out > out"
    with held(by("alice", hers)):
        assert said(by("bob", "fax-witness; cat /tmp/hpcupsfax.out; stat -c %U /tmp/hpcupsfax.out")) == "fax\nbob\n"
    assert Path("/home/alice/out").read_text() == "fax\nalice\n"
    assert not Path("/tmp/hpcupsfax.out").exists()


def test_a_planted_name_is_not_met(fax: None) -> None:
    """mallory's link in the /tmp that all share leads to a file of alice's; her program makes its own instead."""
    precious = Path("/home/alice/precious")
    said(by("alice", "umask 022; echo mine > precious"))
    Path("/tmp/hpcupsfax.out").symlink_to(precious)
    said(by("alice", "fax-witness"))
    assert (precious.read_text(), precious.stat().st_mode & 0o777) == ("mine\n", 0o644)
    assert Path("/tmp/.private/alice/tmp/hpcupsfax.out").read_text() == "fax\n"
