"""pam-mktemp run, as far as nothing is run or made: what --dry-run shows, and what is refused before."""
from __future__ import annotations

import os
import pwd
from pathlib import Path

import pytest

from tests.functional.commands import BASE, USER, Command

# What it would be for others than oneself is root's to ask.
WHOSE = ("--user", USER) if os.geteuid() == 0 else ()
NAME = USER if WHOSE else pwd.getpwuid(os.geteuid()).pw_name


def test_dry_run(command: Command) -> None:
    found = command.json("run", *WHOSE, "--fresh", "--dry-run", "--", "make", "-j", "all of it")
    assert (found["user"], found["service"], found["words"]) == (NAME, None, ["make", "-j", "all of it"])
    assert found["user_namespace"] is not bool(WHOSE) and found["refused"] is None
    assert found["mounts"][0] == {"target": BASE, "source": "tmpfs", "options": "nosuid,nodev"}
    assert {"name": "TMPDIR", "value": BASE} in found["variables"]
    assert ({"name": "USER", "value": USER} in found["variables"]) is bool(WHOSE)
    text = command("run", *WHOSE, "--fresh", "--dry-run", "--", "make", "-j", "all of it").stdout
    assert "make -j 'all of it'" in text and f"{NAME} (uid {found['uid']}" in text
    assert not Path(BASE, ".private").exists()


def test_an_account_without_a_directory(command: Command) -> None:
    """Root would make it; others are told that root can."""
    command.config.write_text('[mounts."/tmp"]\nnoexec = true\n[mounts."/var/tmp"]\n')
    words = ("run", *WHOSE, "--service", "web", "--dry-run", "--", "true")
    place = f"{BASE}/.private/{NAME}/svc-web"
    if not WHOSE:
        done = command(*words)
        assert done.exit_code == 125 and f"{BASE}/.private: is not there" in done.stderr
        assert f"pam-mktemp run --user {NAME} --service web -- true" in done.stderr
        return
    found = command.json(*words)
    assert found["mounts"][0] == {"target": BASE, "source": place, "options": "nosuid,nodev,noexec"}
    assert {"target": "/var/tmp", "source": f"/var/tmp/.private/{NAME}/svc-web",
            "options": "nosuid,nodev"} in found["mounts"]
    assert {"name": "TMPDIR", "value": place} in found["variables"]
    assert "which is made first" in command(*words).stdout


@pytest.mark.parametrize(("words", "status", "why"), [
    (("run",), 2, "Missing argument"),
    (("run", "--service", "A/b", "true"), 2, "1 to 12 of a-z"),
    (("run", "--service", "", "true"), 2, "1 to 12 of a-z"),
    (("run", "--service", "a" * 13, "true"), 2, "1 to 12 of a-z"),
    (("run", "--share", "/tmp/../etc", "--fresh", "--dry-run", "true"), 125, "absolute path"),
    (("run", "--share", "/etc", "--fresh", "--dry-run", "true"), 125, "there as it is"),
])
def test_refused(command: Command, words: tuple[str, ...], status: int, why: str) -> None:
    done = command(*words)
    assert (done.exit_code, done.stdout) == (status, ""), done.stdout + done.stderr
    assert why in done.stderr and done.stderr.startswith("pam-mktemp: ")


def test_another_user(command: Command) -> None:
    done = command("run", "--user", "nosuchuser", "--", "true")
    assert done.exit_code == 125 and ("no such account" if WHOSE else "only root") in done.stderr


def test_broken_configuration(command: Command) -> None:
    command.config.write_text("x = 1")
    done = command("run", "--fresh", "--dry-run", "--", "true")
    assert done.exit_code == 125 and f"{command.config}:1: unknown key" in done.stderr


def test_words_behind_the_command_are_its_own(command: Command) -> None:
    assert command.json("run", *WHOSE, "--fresh", "--dry-run", "ls", "--fresh", "-u", "x")["words"] == [
        "ls", "--fresh", "-u", "x"]
