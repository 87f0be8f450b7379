"""What doctor says of the configuration, and of what our line says differently."""
from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.privileged.doctor.doctor import LINE, PLAIN, USER, assert_cured, find, ids, run, shown
from tests.privileged.logins.session import CONFIG, configure
from tests.sandbox.accounts import CLEAN

Machine = Callable[..., Path]
OFF = Path("/etc/security/pam_mktemp.off")


def test_switched_off(machine: Machine) -> None:
    OFF.touch()
    assert run()["session"]["outcome"] == "off"
    assert_cured("switched-off")


@pytest.mark.parametrize("damage", [
    lambda: os.chmod(CONFIG, 0o666),
    lambda: os.chown(CONFIG, 2101, 0),
    lambda: CONFIG.write_bytes(b"min_uid = 0\r\n"),
    lambda: CONFIG.write_bytes(b"\xef\xbb\xbfmin_uid = 0\n"),
], ids=["mode", "owner", "carriage return", "byte order mark"])
def test_commands_mend_it(machine: Machine, damage: Callable[[], object]) -> None:
    configure("")
    damage()
    assert_cured("config-invalid")


def test_a_key_is_unknown(machine: Machine) -> None:
    configure("# one\nstages = 'env'\n")
    found = assert_cured("config-invalid", by=lambda: configure("stage = 'env'\n"))
    assert found["where"] == f"{CONFIG}:2" and "did you mean 'stage'?" in found["do"]


def test_a_name_is_unknown(machine: Machine) -> None:
    configure('exempt_users = ["nosuchuser"]\nexempt_groups = ["nosuchgroup"]\n')
    document = run()
    assert [each["where"] for each in document["findings"] if each["id"] == "config-unknown-name"] == [
        f"{CONFIG}:1", f"{CONFIG}:2"]
    configure("")
    assert "config-unknown-name" not in ids(run())


@pytest.mark.parametrize(("policy", "arguments"), [
    ("closed", ""), ("closed", " fail=closed fail=open debug"), ("open", " debug fail=closed"),
])
def test_the_lines_policy(machine: Machine, policy: str, arguments: str) -> None:
    configure(f'failure = "{policy}"\n')
    path = machine("su", [*PLAIN, LINE + arguments])
    assert_cured("fail-differs")
    line = path.read_text().splitlines()[-1]
    assert line.split()[-1 if "debug" not in arguments else -2].endswith(policy) or f"fail={policy}" in line
    assert ("debug" in arguments) == ("debug" in line) and path.stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("damage", [lambda: os.chmod(CONFIG.parent, 0o777), lambda: os.chown(CONFIG.parent, 2101, 0)])
def test_a_folder_that_others_write(machine: Machine, damage: Callable[[], None]) -> None:
    """Its files are root's, but another could take their place, or switch all off."""
    damage()
    done = shown("config", "check")
    assert done.returncode == 1 and "Not only root can change it" in done.stdout and str(CONFIG.parent) in done.stdout
    assert_cured("config-exposed")
    assert shown("config", "check").returncode == 0


def test_what_is_shown_can_be_typed(machine: Machine) -> None:
    """Backslashes of a command are not doubled, as they are in other text."""
    configure('failure = "closed"\n')
    path = machine("su", [*PLAIN, LINE + " fail=open"])
    text = shown("doctor", USER, "--service", "su").stdout
    [line] = [line for line in text.splitlines() if line.startswith("  run ")]
    subprocess.run(["bash", "-c", line.removeprefix("  run ")], check=True)
    assert path.read_text().splitlines()[-1] == LINE + " fail=closed"


@pytest.mark.parametrize(("arguments", "after"), [
    (" debg", ""), (" debg debug", " debug"), (" a.c/*[x] debug", " debug"), (" debug fail=maybe", " debug")])
def test_an_unknown_argument(machine: Machine, arguments: str, after: str) -> None:
    path = machine("su", [*PLAIN, LINE + arguments])
    assert_cured("argument-unknown")
    assert path.read_text().splitlines()[-1] == LINE + after


def test_another_configuration(machine: Machine) -> None:
    other = Path("/etc/security/other.toml")
    machine("su", [*PLAIN, f"{LINE} config={other}"])
    other.write_text('exempt_users = ["alice"]\n')
    document = run()
    assert find(document, "config-elsewhere")["kind"] == "note"
    assert document["session"]["outcome"] == "shared"
    done = subprocess.run(shlex.split(find(document, "config-elsewhere")["do"].removeprefix("look at it with ")),
                          capture_output=True, text=True, env=CLEAN)
    assert done.returncode == 0 and f"{other}:1" in done.stdout
    other.unlink()
    assert_cured("config-absent")
    assert not ids(run(), "problem")
