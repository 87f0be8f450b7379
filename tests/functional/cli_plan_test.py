"""pam-mktemp plan, as far as it can be asked without root: decisions, reasons, and nothing changed."""
from __future__ import annotations

import os
import pwd
from pathlib import Path

import pytest

from pam_mktemp_py.linux import boot
from tests import twin
from tests.functional.commands import BASE, USER, Command

HOME = f"{BASE}/.private/{USER}"


def test_defaults_with_their_reasons(command: Command) -> None:
    found = command.json("plan", USER, "--service", "sshd")
    assert (found["user"], found["uid"], found["service"]) == (USER, pwd.getpwnam(USER).pw_uid, "sshd")
    assert found["stage"] == "env" and "the default, not set in" in found["reason"]
    assert found["failure"]["policy"] == "open" and found["fresh"]["seconds"] == 3600
    assert [(v["name"], v["value"]) for v in found["variables"]] == [
        (name, f"{HOME}/tmp") for name in ("TMPDIR", "TMP", "TEMP", "TEMPDIR")]
    assert found["depends"] == [{"path": str(command.config), "state": "absent"},
                                {"path": str(command.config.with_suffix(".d")), "state": "absent"}]
    assert [(p["path"], p["fate"]) for p in found["directory"]["parts"]] == [
        (f"{BASE}/.private", "made"), (HOME, "made"), (f"{HOME}/tmp", "made")]
    assert (found["stored"], found["remembered"], found["finding"]) == ([], [], False)


def test_every_line_has_its_reason(command: Command) -> None:
    command.config.write_text(
        'failure = "closed"\nfresh_for = 60\n[directories.cache]\nvariables = ["XDG_CACHE_HOME"]\n')
    os.utime(command.config, (1, 1))
    text = command("plan", USER).stdout
    for line in (f'failure is "closed" ({command.config}:1)', f"directories.cache.variables ({command.config}:4)",
                 f"{HOME}/cache", "not there yet: a login makes it", "the next login has the planner make one"):
        assert line in text
    # its ctime is of now, whatever its mtime says
    assert "relied on for   2 s  the configuration was changed less than 2 s ago" in text


@pytest.mark.parametrize(("text", "service", "reason"), [
    (f'exempt_users = ["{USER}"]', "su", f"user {USER} is in exempt_users (FILE:1)"),
    ('\nexempt_groups = ["nogroup"]', "su", "is in group nogroup, which is in exempt_groups (FILE:2)"),
    ("min_uid = 70000", "su", "is below min_uid 70000 (FILE:1)"),
    ('exempt_services = ["cron"]', "cron", "service cron is in exempt_services (FILE:1)"),
    ('services = ["sshd"]', "su", "service su is not in services (FILE:1)"),
])
def test_exempt(command: Command, text: str, service: str, reason: str) -> None:
    command.config.write_text(text)
    found = command.json("plan", USER, "-s", service)
    assert found["stage"] == "off" and reason.replace("FILE", str(command.config)) in found["reason"]
    assert found["failure"] == {"policy": "open", "reason": "who is exempt is never refused"}
    assert (found["variables"], found["directory"]) == ([], None)


def test_root_is_never_refused(command: Command) -> None:
    command.config.write_text('failure = "closed"')
    assert command.json("plan", "root")["failure"]["policy"] == "open"


def test_broken_configuration_is_a_finding(command: Command) -> None:
    command.config.write_text('\nstage = "of"')
    result = command("plan", USER)
    assert result.exit_code == 1
    assert f"{command.config}:2: stage is 'of'; did you mean 'off'?" in result.stdout
    assert command.json("plan", USER, status=1)["stage"] is None
    result = command("plan", USER, "--text")
    assert (result.exit_code, result.stdout) == (3, "")
    assert result.stderr == f"pam-mktemp: {command.config}:2: stage is 'of'; did you mean 'off'?\n"


def test_unknown_names_are_told(command: Command) -> None:
    command.config.write_text('exempt_users = ["nosuchuser"]')
    [warning] = command.json("plan", USER)["config"]["warnings"]
    assert warning in command("plan", USER).stdout and "'nosuchuser' in exempt_users is unknown" in warning


def test_switched_off(command: Command) -> None:
    command.off.touch()
    assert command.json("plan", USER)["switched_off"]
    text = command("plan", USER).stdout
    assert "nothing is done for new sessions" in text and f"{command.off} exists; without it:" in text


def test_base_that_cannot_be_trusted(command: Command, tmp_path: Path) -> None:
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    command.base = str(tmp_path / "open")
    found = command.json("plan", USER, status=1)
    assert found["directory"]["refused"] and found["finding"]
    assert command("plan", USER, "--text").exit_code == 3


def test_remembered_failures(command: Command) -> None:
    now = boot.boottime_ns()
    for name, age in ((f"{USER}:su", 1), ("@planner", 2), (f"{USER}:login", 40)):
        (command.run / "failures" / name).symlink_to(f"{now - age * 10**9} open it \x1b[31m broke")
    found = command.json("plan", USER, "-s", "su", status=1)
    assert [(f["planner"], f["policy"], f["message"]) for f in found["remembered"]] == [
        (True, "open", "it \x1b[31m broke"), (False, "open", "it \x1b[31m broke")]
    assert 25 < found["remembered"][0]["seconds_left"] < 29
    assert "it \\x1b[31m broke" in command("plan", USER, "-s", "su").stdout
    assert len(command.json("plan", USER, status=1)["remembered"]) == 1


def test_text_is_a_plan(command: Command) -> None:
    result = command("plan", USER, "-s", "sshd", "--text")
    assert result.exit_code == 0 and "are shown as 0" in result.stderr
    plan = twin.parse(result.stdout.encode())
    assert plan["service"] == [[b"sshd"]] and plan["setenv"][0] == [b"TMPDIR", f"{HOME}/tmp".encode()]
    assert command.json("plan", USER, "-s", "sshd", "--text")["text"].startswith("pam-mktemp-plan 3\n")
    assert command("-q", "plan", USER, "--text").stderr == ""
    command.config.write_text('stage = "off"')
    result = command("plan", USER, "--text")
    assert result.stderr == "" and twin.parse(result.stdout.encode())["stage"] == [[b"off"]]


def test_nothing_is_made(command: Command, tmp_path: Path) -> None:
    before = sorted(tmp_path.rglob("*"))
    command("plan", USER)
    command("plan", USER, "--text")
    command("where", USER)
    assert sorted(tmp_path.rglob("*")) == before and not os.path.lexists(f"{BASE}/.private")
