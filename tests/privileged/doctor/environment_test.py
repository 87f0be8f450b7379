"""Files that set one of the variables after the module did."""
from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.privileged.doctor.doctor import LINE, PLAIN, assert_cured, ids, run
from tests.privileged.logins.console_test import Console
from tests.sandbox.accounts import CLEAN

ENV = "session required pam_env.so"
ENVFILE = f"{ENV} readenv=1 envfile=/etc/default/locale"


@pytest.mark.parametrize("line, file, text", [
    (ENV, "/etc/environment", "TMPDIR=/scratch\n"),
    (ENV, "/etc/environment", 'LANG=C\nexport TEMP="/scratch"\n'),
    (ENV, "/etc/security/pam_env.conf", "TMP DEFAULT=/scratch OVERRIDE=${NOT_SET}\n"),
    (ENVFILE, "/etc/default/locale", "TEMPDIR=/scratch\n"),
    (f"{ENV} conffile=/etc/mine.conf", "/etc/mine.conf", "TMPDIR DEFAULT=/scratch\n"),
])
def test_pam_env_after_ours(machine: Callable[..., Path], put: Callable[..., Path],
                            line: str, file: str, text: str) -> None:
    put(file, text)
    machine("su", [*PLAIN, LINE, line])
    environment = run("--full")["session"]["environment"]
    assert set(environment.values()) & {"/scratch"}
    finding = assert_cured("environment-sets")
    assert finding["where"] == f"{file}:{text.count(chr(10))}"
    assert "/scratch" not in run("--full")["session"]["environment"].values()


def test_pam_env_in_auth(machine: Callable[..., Path], put: Callable[..., Path]) -> None:
    """login runs it a second time, by pam_setcred, when the session is open; su does not."""
    put("/etc/environment", "# x\nTMPDIR=/scratch\n")
    lines = ["auth required pam_env.so", "auth required pam_permit.so", "account required pam_permit.so", LINE]
    machine("su", lines)
    assert accounts_tmpdir(["su", "alice", "-s", "/bin/sh"]) == "/tmp/.private/alice/tmp"
    assert ids(run(), "problem") == set()
    machine("login", ["auth include login-auth", *lines[1:]])
    machine("login-auth", lines[:1])
    assert accounts_tmpdir(["login", "-f", "alice"]) == "/scratch"
    finding = assert_cured("environment-sets")
    assert finding["where"] == "/etc/environment:2" and "service login" in finding["what"]
    assert accounts_tmpdir(["login", "-f", "alice"]) == "/tmp/.private/alice/tmp"


def accounts_tmpdir(command: list[str]) -> str:
    """What alice's shell has after a login on a terminal."""
    seen = Path("/home/alice/seen")
    console = Console(*command)
    console.type(f"echo $TMPDIR > {seen}; exit")
    assert console.end() == 0, console.shown
    text = seen.read_text().strip()
    seen.unlink()
    return text


def test_pam_env_before_ours_is_overridden(machine: Callable[..., Path], put: Callable[..., Path]) -> None:
    put("/etc/default/locale", "TMPDIR=/scratch\n")
    machine("su", [*PLAIN, ENVFILE, LINE])
    document = run("--full")
    assert ids(document, "problem") == set()
    assert document["session"]["environment"]["TMPDIR"] == "/tmp/.private/alice/tmp"


def test_other_variables(machine: Callable[..., Path], put: Callable[..., Path]) -> None:
    put("/etc/environment", "MYTMPDIR=/x\n#TMPDIR=/x\nLANG=C\nPATH=/a:$TMPDIR\n")
    machine("su", [*PLAIN, LINE, ENV])
    assert ids(run(), "problem") == set()


@pytest.mark.parametrize("file, text", [
    ("/etc/ssh/sshd_config.d/tmp.conf", "setenv FOO=1 TMPDIR=/scratch\n"),
    ("/etc/ssh/sshd_config.d/tmp.conf", 'SetEnv "TMPDIR=/scratch"\n'),
    ("/etc/environment.d/50-tmp.conf", "TMPDIR=/scratch\n"),
    ("/etc/systemd/user.conf.d/tmp.conf", '[Manager]\nDefaultEnvironment="LANG=C" "TMP=/scratch"\n'),
])
def test_read_by_others(machine: Callable[..., Path], put: Callable[..., Path], file: str, text: str) -> None:
    put(file, text)
    assert ids(run(), "problem") == set()  # it matters to no su
    machine("sshd" if "ssh" in file else "systemd-user", [*PLAIN, LINE])
    finding = assert_cured("environment-sets")
    assert finding["where"] == f"{file}:{text.count(chr(10))}"


def test_a_file_that_sshd_includes(machine: Callable[..., Path], put: Callable[..., Path]) -> None:
    put("/etc/ssh/sshd_config.d/more.conf", "Include more/*.conf\n")
    put("/etc/ssh/more/tmp.conf", "Match User alice\n  SetEnv TMPDIR=/scratch\n")
    machine("sshd", [*PLAIN, LINE])
    assert assert_cured("environment-sets")["where"] == "/etc/ssh/more/tmp.conf:2"


def test_etc_environment_is_said_once(machine: Callable[..., Path], put: Callable[..., Path]) -> None:
    """systemd reads it under another name, too."""
    put("/etc/environment", "TMPDIR=/scratch\n")
    put("/etc/environment.d/99-environment.conf", "").unlink()
    os.symlink("/etc/environment", "/etc/environment.d/99-environment.conf")
    machine("su", [*PLAIN, LINE, ENV])
    machine("systemd-user", [*PLAIN, LINE])
    finding = assert_cured("environment-sets")
    assert "pam_env in service su" in finding["what"] and "systemd" in finding["what"]


@pytest.mark.parametrize("name", [".pam_environment", ".config/environment.d/x.conf"])
def test_the_accounts_own(machine: Callable[..., Path], name: str) -> None:
    machine("su", [*PLAIN, LINE, f"{ENV} user_readenv=1"])
    machine("systemd-user", [*PLAIN, LINE])
    path = Path("/home/alice", name)
    subprocess.run(["setpriv", "--reuid=2101", "--regid=2101", "--clear-groups", "sh", "-c",
                    'mkdir -p "$(dirname "$1")" && echo "TMPDIR=/mine" > "$1"', "sh", path], check=True, env=CLEAN)
    finding = assert_cured("own-environment-sets", kind="note")
    assert finding["where"] == f"{path}:1"
    assert path.stat().st_uid == 2101  # the command ran as the account
    path.unlink()


def test_a_users_traps(machine: Callable[..., Path], tmp_path: Path) -> None:
    """A FIFO keeps nobody waiting, a link is not followed, an endless file is not read."""
    machine("su", [*PLAIN, LINE, f"{ENV} user_readenv=1"])
    secret = tmp_path / "secret"
    secret.write_text("TMPDIR=/secret\n")
    path = Path("/home/alice/.pam_environment")
    for trap in (lambda: os.mkfifo(path), lambda: path.symlink_to(secret), lambda: path.symlink_to("/dev/zero"),
                 path.mkdir):
        trap()
        assert "own-environment-sets" not in ids(run(timeout=20))
        path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
    with open(path, "w") as file:
        file.write("TMPDIR=/x\n")
        file.truncate(1 << 40)
    assert "own-environment-sets" not in ids(run(timeout=20))
    path.unlink()
