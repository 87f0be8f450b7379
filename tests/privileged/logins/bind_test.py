"""Real logins at stage bind: what they see at /tmp, what the host sees of them, and who changes the view."""
from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.privileged.logins.session import CONFIG, all_four, eventually, login, open_records, variables
from tests.privileged.logins.sshd_test import Ssh, ssh  # noqa: F401  a real sshd
from tests.sandbox.accounts import CLEAN

VIEW = "readlink /proc/self/ns/mnt"


@pytest.fixture(autouse=True)
def bind(machine: None) -> Iterator[None]:
    """Stage bind, and alice may do everything by sudo."""
    CONFIG.write_text('stage = "bind"\nfailure = "closed"\n')
    sudoers = Path("/etc/sudoers.d/test")
    sudoers.write_text("alice ALL=(ALL) NOPASSWD: ALL\n")
    yield
    sudoers.unlink()
    eventually(lambda: not seen_anywhere("/.private/"), "the end of all private mounts")


def seen_anywhere(text: str) -> list[str]:
    """The lines of all processes' mountinfo that hold the text."""
    found = []
    for path in Path("/proc").glob("[0-9]*/mountinfo"):
        with contextlib.suppress(OSError):
            found += [line for line in path.read_text().splitlines() if text in line]
    return found


def said(command: Sequence[str]) -> str:
    """What a login that ends well prints."""
    done = login(command)
    assert (done.returncode, done.stderr) == (0, ""), done
    return done.stdout


def by(name: str, script: str) -> list[str]:
    """A login by su."""
    return ["su", "-", name, "-c", script]


@contextlib.contextmanager
def held(command: Sequence[str]) -> Iterator[subprocess.Popen[str]]:
    """A login whose script says ready and then waits for input."""
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=CLEAN,
                          cwd="/") as running:
        assert running.stdout and running.stdin
        assert running.stdout.readline() == "ready\n"
        yield running
        running.communicate("go\n", timeout=20)
    assert running.returncode == 0


def test_tmp_is_the_directory_of_tmpdir() -> None:
    Path("/tmp/hosts").touch()
    out = said(by("alice", "echo hers > /tmp/f; cat $TMPDIR/f; ls -A /tmp; env"))
    assert variables(out) == all_four("alice")
    assert out.startswith("hers\n") and "\nhosts\n" not in out and "\n.README-private-tmp\n" in out
    assert not os.path.exists("/tmp/f") and Path("/tmp/.private/alice/tmp/f").read_text() == "hers\n"
    text = said(by("alice", "cat /tmp/.README-private-tmp"))
    assert "alice" in text and "/tmp/.private/alice/tmp" in text


def test_one_view_for_an_account_whatever_the_login(ssh: Ssh) -> None:  # noqa: F811
    with held(by("alice", "echo ready; read x")):
        record, = open_records("su-l")
        own = f"mnt:[{record.number('namespace')}]"
        assert (record.get("stage"), record.get("outcome"), record.get("view")) == ("bind", "private", "made")
        assert own != os.readlink("/proc/self/ns/mnt")
        for command in (ssh("alice", VIEW), by("alice", VIEW), ["sudo", "-i", "-u", "alice", "sh", "-c", VIEW]):
            assert said(command) == own + "\n", command
        assert said(by("bob", VIEW)) != own + "\n"


def test_two_accounts_with_one_name_do_not_meet() -> None:
    with held(by("alice", "echo alice > /tmp/name; echo ready; read x; test $(cat /tmp/name) = alice")):
        said(by("bob", "test ! -e /tmp/name && echo bob > /tmp/name && cat /tmp/name"))
        inside = said(by("alice", "cat /proc/self/mountinfo; df 2>/dev/null; mount"))
        assert "alice" in inside and "bob" not in inside


def test_the_host_sees_none_of_it() -> None:
    before = Path("/proc/self/mountinfo").read_text()
    with held(by("alice", "echo ready; read x")):
        assert Path("/proc/self/mountinfo").read_text() == before
        assert seen_anywhere("/.private/alice/tmp /tmp ")


@pytest.mark.parametrize("command", ["sudo -n", "sudo -n -u bob", "sudo -n su bob -c", "sudo -n runuser -u bob --"])
def test_only_a_login_changes_the_view(command: str) -> None:
    script = f"{VIEW}; echo $TMPDIR"
    words = f"'{script}'" if command.endswith("-c") else f"sh -c '{script}'"
    own, theirs, directory = said(by("alice", f"{VIEW}; {command} {words}")).split()
    assert own == theirs != os.readlink("/proc/self/ns/mnt")
    assert directory == ("/tmp/.private/bob/tmp" if "bob" in command else "/tmp/.private/root/tmp")


def test_a_login_from_within_has_its_own_view() -> None:
    with held(by("bob", "echo ready; read x")):
        record, = open_records("su-l")
        bobs = f"mnt:[{record.number('namespace')}]"
        for command in ("sudo -n su - bob -c", "sudo -n -i -u bob sh -c"):
            assert said(by("alice", f"{command} '{VIEW}'")) == bobs + "\n"
    hosts = os.readlink("/proc/self/ns/mnt")
    for command in ("sudo -n su - -c", "sudo -n -i sh -c"):
        assert said(by("alice", f"{command} '{VIEW}; ls -d /tmp/.private/alice/tmp'")).split()[0] == hosts


@pytest.mark.parametrize("command", ["sudo -n su - bob -c", "sudo -n -i -u bob sh -c",
                                     "sudo -n pam-mktemp run -u bob -- sh -c"])
def test_a_plan_that_is_asked_for_in_a_view_is_of_the_host(command: str) -> None:
    """alice is no member: what is in her /tmp is not what bob shares, and nothing may be made for him there."""
    CONFIG.write_text('stage = "bind"\nfailure = "closed"\n[shared.people]\nusers = ["bob"]\n')
    assert said(by("alice", f"{command} 'id -un'; ls -d /tmp/shared-* 2>/dev/null; true")) == "bob\n"
    assert said(by("bob", "echo given > /tmp/shared-people/f; cat /tmp/shared-people/f")) == "given\n"
    assert Path("/tmp/shared-people/f").read_text() == "given\n"


def test_sudo_runs_the_callers_own_script() -> None:
    """mallory has one of the same name in the /tmp that everybody shares."""
    theirs = Path("/tmp/work")
    theirs.mkdir()
    (theirs / "build.sh").write_text("#!/bin/sh\necho mallory\n")
    (theirs / "build.sh").chmod(0o755)
    shutil.chown(theirs, "mallory")
    make = ("mkdir /tmp/work; printf '#!/bin/sh\\necho alice as $(id -un)\\n' > /tmp/work/build.sh; "
            "chmod +x /tmp/work/build.sh")
    run = "sudo -n /tmp/work/build.sh; cd /tmp/work; sudo -n ./build.sh"
    assert said(by("alice", f"{make}; {run}")) == "alice as root\n" * 2
    refused = login(by("alice", "sudo -n pam-mktemp host -- /tmp/work/build.sh"))
    assert (refused.returncode, refused.stdout) == (125, "") and "another file" in refused.stderr


def test_programs_of_other_accounts_can_use_it() -> None:
    """Setuid: root's, and one that is bob's."""
    program = Path("/usr/local/bin/touch-as-bob")
    shutil.copy("/usr/bin/touch", program)
    shutil.chown(program, "bob")
    program.chmod(0o4755)
    try:
        out = said(by("alice", f"{program} /tmp/a; stat -c '%U %n' /tmp/a; sudo -n id -un"))
    finally:
        program.unlink()
    assert out.split() == ["bob", "/tmp/a", "root"]


def test_mounts_come_from_the_host_and_are_made_on_it(tmp_path: Path) -> None:
    """Those of the host come and go; `pam-mktemp host` makes one there."""
    late, made = tmp_path / "late", tmp_path / "made"
    late.mkdir(), made.mkdir()
    subprocess.run(["mount", "--make-rshared", "/"], check=True)
    try:
        with held(by("alice", "echo ready; read x")) as session:
            record, = open_records("su-l")
            mounts = Path(f"/proc/{record.number('pid')}/mountinfo")
            for expected in (True, False):
                subprocess.run(["mount", "-t", "tmpfs", "late", late] if expected else ["umount", late], check=True)
                assert (f" {late} " in mounts.read_text()) is expected
            assert session.poll() is None
            said(by("alice", f"sudo -n pam-mktemp host -- mount -t tmpfs made {made}"))
            assert f" {made} " in Path("/proc/self/mountinfo").read_text()
            subprocess.run(["umount", made], check=True)
    finally:
        subprocess.run(["mount", "--make-rprivate", "/"], check=True)


def test_a_changed_plan_is_for_new_sessions() -> None:
    with held(by("alice", "echo ready; read x; test -z \"$(ls /tmp/shared-people)\"")):
        before, = open_records("su-l")
        CONFIG.write_text('stage = "bind"\n[shared.people]\nusers = ["alice", "bob"]\n')
        assert said(by("alice", "echo given > /tmp/shared-people/f; cat /tmp/shared-people/f")) == "given\n"
        assert said(by("bob", "cat /tmp/shared-people/f")) == "given\n"
        mallorys = login(by("mallory", "ls /tmp/shared-people"))
        assert mallorys.returncode != 0
        after = said(by("alice", VIEW))
        assert after != f"mnt:[{before.number('namespace')}]\n"
    assert Path("/tmp/shared-people/f").read_text() == "given\n"


def test_looked_at_from_outside() -> None:
    with held(by("alice", "echo hers > /tmp/f; echo ready; read x")):
        assert said(["pam-mktemp", "enter", "alice", "--", "cat", "/tmp/f"]) == "hers\n"
        record, = open_records("su-l")
        found = json.loads(said(["pam-mktemp", "--json", "where", "/tmp/.private/alice/tmp"]))
        assert record.number("pid") in found["seen_by"]["/tmp"]
        assert found["seen_by"].keys() == {"/tmp"} and os.getpid() not in found["seen_by"]["/tmp"]
