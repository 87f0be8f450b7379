"""Programs that change who they are: what the loader takes from them, and directories that are another's."""
from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.privileged.detect.detect import SURE, Found, detect, detect_own
from tests.sandbox.state import run

PYTHON = ("python3", "-c", "import tempfile; tempfile.mkstemp()")
MKTEMP = ("mktemp", "/tmp/tmp.<random>", "secure-exec", "low")
WITNESS = ("privileged-witness", "/tmp/witness.<random>", "secure-exec", "low")


@pytest.fixture
def sudoers() -> Iterator[None]:
    """alice and root may become bob."""
    path = Path("/etc/sudoers.d/detect")
    path.write_text("alice ALL=(bob) NOPASSWD:SETENV: ALL\nroot ALL=(bob) NOPASSWD:SETENV: ALL\n")
    path.chmod(0o440)
    yield
    path.unlink()


@pytest.fixture
def club(alice: Any) -> Iterator[None]:
    """A second group of alice's."""
    run("groupadd", "club")
    run("usermod", "-aG", "club", "alice")
    yield
    run("groupdel", "club")


@pytest.fixture(params=["setuid", "setgid", "capability"])
def privileged(request: pytest.FixtureRequest, witness: str, bob: Any) -> Iterator[str]:
    """The witness as bob's, his group's, or with a capability."""
    path = Path("/usr/local/bin/privileged-witness")
    shutil.copy(witness, path)
    if request.param == "capability":
        run("setcap", "cap_net_bind_service+ep", path)
    else:
        os.chown(path, bob.pw_uid, bob.pw_gid)
        path.chmod(0o4755 if request.param == "setuid" else 0o2755)
    yield request.param
    path.unlink()


def secure(found: Found) -> set[str]:
    """Programs that are said to lose TMPDIR."""
    return {os.path.basename(each["program"]) for each in found.document["programs"] if each["secure"]}


def test_ssh_agent() -> None:
    """Debian's is setgid."""
    found = detect("ssh-agent", "true", options=SURE)
    assert found.faults == {("ssh-agent", "/tmp/ssh-<random>", "secure-exec", "low"),
                            ("ssh-agent", "/tmp/ssh-<random>/agent.<pid>", "secure-exec", "none")}
    assert secure(found) == {"ssh-agent"} and "ssh-agent -a" in found.findings[0]["next"]


def test_ssh_agent_takes_it_from_its_command() -> None:
    found = detect("ssh-agent", "mktemp", options=SURE)
    assert MKTEMP in found.faults
    assert "before it lost TMPDIR" in found.finding("mktemp", "/tmp/tmp.<random>")["next"]


def test_ssh_agent_with_its_knob() -> None:
    """The script names TMPDIR before it is lost."""
    found = detect("sh", "-c", 'eval $(ssh-agent -a "$TMPDIR/agent"); ssh-add -l; ssh-agent -k')
    assert (found.faults, found.verdict) == (set(), "honours")


def test_ssh_add() -> None:
    """A client of the agent: it goes where it is told, and the folder is closed."""
    found = detect("sh", "-c", "eval $(ssh-agent); ssh-add -l; ssh-agent -k")
    assert {each[0] for each in found.faults if each[3] != "none"} == {"ssh-agent"}
    assert "ssh-add" not in found.verdicts


@pytest.mark.parametrize("command", [["sg", "club", "-c", "mktemp"], ["newgrp", "club"]], ids=["sg", "newgrp"])
def test_another_group(club: None, command: list[str]) -> None:
    found = detect(*command, stdin=None, input="mktemp\n", options=SURE)
    assert found.faults == {MKTEMP}
    assert found.finding(*MKTEMP[:2])["chain"][0] == f"/usr/bin/{command[0]}"


def test_what_asks_for_tmp_too(club: None) -> None:
    """The loader leaves TMP and TEMP; Python asks for all three."""
    found = detect("sg", "club", "-c", " ".join([*PYTHON[:2], f"'{PYTHON[2]}'"]))
    assert (found.faults, found.verdicts) == (set(), {"python3": "honours"})


def test_privileged(privileged: str) -> None:
    found = detect("privileged-witness", "honest", options=SURE)
    assert found.faults == {WITNESS} and secure(found) == {"privileged-witness"}
    assert found.stderr == "" and found.document["runs"][0]["setuid_kept"]


def test_privileged_as_the_user_himself(alice, privileged: str) -> None:
    """Below his strace it has no privilege: that it would use /tmp with it cannot be seen, and must be said."""
    found = detect_own(alice, "privileged-witness", "honest", options=SURE)
    assert not found.document["runs"][0]["setuid_kept"] and secure(found) == {"privileged-witness"}
    assert "ran without setuid" in found.stderr and "--user" in found.stderr
    # The kernel has the loader drop TMPDIR of a program with capabilities even where it does not grant them.
    assert found.faults == ({WITNESS} if privileged == "capability" else set())


def test_crontab_as_the_user_himself(alice) -> None:
    """It ends before it makes anything."""
    found = detect_own(alice, "env", "EDITOR=true", "crontab", "-e")
    assert found.faults == set() and "ran without setuid" in found.stderr


def test_ssh_agent_as_the_user_himself(alice) -> None:
    """It lets nobody look into its memory: strace writes addresses instead of names, and none may be dropped."""
    found = detect_own(alice, "ssh-agent", "true", unresolved=True)
    assert found.document["unresolved_count"] >= 3
    assert any("mkdir(0x" in each["text"] for each in found.document["unresolved"])
    assert "ran without setuid" in found.stderr


@pytest.mark.parametrize("command", [
    ["mktemp"], PYTHON, ["lua5.4", "-e", "os.tmpname()"], ["dbus-run-session", "--", "mktemp"],
    ["tmp-witness", "plain"]], ids=["mktemp", "python", "lua", "dbus", "witness"])
def test_the_user_himself_and_root_see_the_same(alice, witness: str, command: list[str]) -> None:
    found = detect(*command, options=SURE)
    run("find", "/tmp", "-mindepth", "1", "-delete")
    own = detect_own(alice, *command, options=SURE)
    assert (own.faults, own.verdicts, own.stderr) == (found.faults, found.verdicts, "")


def test_sudo_of_the_user(sudoers: None) -> None:
    """sudo is setuid: it has lost TMPDIR before it could keep it, and keeps TMP."""
    assert detect("sudo", "-n", "-E", "-u", "bob", "mktemp", options=SURE).faults == {MKTEMP}
    found = detect("sudo", "-n", "-E", "-u", "bob", *PYTHON)
    assert {each[2] for each in found.faults} == {"unusable-tmpdir"}


@pytest.mark.parametrize("command", [["sudo", "-E", "-u", "bob"], ["runuser", "-u", "bob", "--"]],
                         ids=["sudo", "runuser"])
def test_roots_directory_carried_to_another_account(sudoers: None, command: list[str]) -> None:
    """bob cannot enter it: Python falls back to /tmp, mktemp fails."""
    found = detect(*command, *PYTHON, user=None, options=SURE)
    assert {each[2] for each in found.faults} == {"unusable-tmpdir"}
    assert ("python3", "/tmp/tmp<random>", "unusable-tmpdir", "low") in found.faults
    found = detect(*command, "mktemp", user=None)
    assert found.document["runs"][0]["status"] == 1 and "Permission denied" in found.stderr
    assert {(each[0], each[2]) for each in found.faults} == {("mktemp", "unusable-tmpdir")}


def test_su() -> None:
    found = detect("su", "-s", "/bin/sh", "bob", "-c", "python3 -c 'import tempfile; tempfile.mkstemp()'", user=None)
    assert {(each[0], each[2]) for each in found.faults} == {("python3", "unusable-tmpdir")}


def test_sudo_without_it(sudoers: None) -> None:
    """sudo resets the environment: there is no TMPDIR to honour, and nobody took it by setuid."""
    found = detect("sudo", "-u", "bob", "mktemp", user=None, options=SURE)
    assert {each[:2] for each in found.faults} == {("mktemp", "/tmp/tmp.<random>")}


def test_only_root_runs_it_as_another(alice, bob) -> None:
    words = ["su", "alice", "-s", "/bin/sh", "-c", "pam-mktemp detect --user bob -- mktemp"]
    done = subprocess.run(words, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (3, "") and "only root" in done.stderr
