"""pam-mktemp shims verify: real programs without and with their remedies, and what proves nothing."""
from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.privileged.setup.pam_files import command
from tests.sandbox import capabilities

STATE = Path("/var/lib/pam-mktemp/shims/proved.toml")
SITE = Path("/etc/security/pam_mktemp.d/shims")
# What the machine's set-up for the tests installs; what else of the catalogue is there is proved as well.
HERE = ("dbus-daemon", "dbus-run-session", "ed", "gcc", "git", "go", "gpg-agent", "lua", "make", "mktemp", "perl",
        "php", "pulseaudio", "python", "ruby", "screen", "sort", "sqlite3", "ssh-agent", "tmux")
REMEDIED = {"dbus-daemon", "dbus-run-session", "lua", "ssh-agent", "tmux"}
ANONYMOUS = {"ed", "make"}
ENTRY = """
summary = "a program"
class = "{kind}"
does = "Makes /tmp/witness.plain."
[recognise]
names = ["{name}"]
[remedy]
{remedy}
[evidence]
observed = "here"
[check]
packages = ["none"]
commands = [{command}]
{more}
"""


@pytest.fixture(autouse=True)
def fresh(witness: str) -> Iterator[None]:
    capabilities.need(capabilities.can_unshare_user(), "user namespaces")
    yield
    STATE.unlink(missing_ok=True)
    for path in SITE.glob("*"):
        path.unlink()
    if SITE.exists():
        SITE.rmdir()
        if not os.listdir(SITE.parent):
            SITE.parent.rmdir()


def verify(*words: str, status: int = 0) -> dict[str, Any]:
    """The results by name."""
    done = command("--json", "shims", "verify", *words)
    assert done.returncode == status, done.stdout + done.stderr
    return {each["name"]: each for each in json.loads(done.stdout)["results"]}


def site(remedy: str, *, kind: str = "hardcoded", name: str = "tmp-witness", more: str = "",
         command: str = '["tmp-witness", "plain"]') -> None:
    """An entry of the administrator's about the witness."""
    SITE.mkdir(parents=True, exist_ok=True)
    (SITE / "mine.toml").write_text(ENTRY.format(remedy=remedy, kind=kind, name=name, more=more, command=command))


def test_real_programs(alice: Any) -> None:
    os.makedirs("/run/screen", exist_ok=True)
    os.chmod("/run/screen", 0o1777)
    before = set(os.listdir("/tmp")) | set(os.listdir("/var/tmp"))
    found = verify("-u", "alice", *HERE)
    assert {name: each["why"] for name, each in found.items() if each["state"] != "proved"} == {}
    assert set(HERE) <= set(found)
    for name in HERE:
        assert bool(found[name]["before"]) == (name in REMEDIED | ANONYMOUS), name
        assert found[name]["after"] == ([] if name in REMEDIED else None), name
    left = {name for name in (set(os.listdir("/tmp")) | set(os.listdir("/var/tmp"))) - before}
    assert {name for name in left if name.startswith(".detect")} == set()
    recorded = STATE.read_text()
    assert all(f'["{name}"]' in recorded for name in HERE)
    shown = json.loads(command("--json", "shims", "list").stdout)
    assert {each["name"] for each in shown["entries"] if each["proved"] and each["proved"]["here"]} >= set(HERE)


def test_a_bind_of_roots_own() -> None:
    """On a machine where nobody has logged in so far: what `run` makes is not the program's."""
    assert verify("lua")["lua"]["state"] == "proved"


@pytest.mark.parametrize("before", [(), ("run", "-u", "alice", "--", "true")], ids=["first", "later"])
def test_an_account_by_itself(alice: Any, before: tuple[str, ...]) -> None:
    """Its runs are its own; nothing is recorded but where it says."""
    if before:
        assert command(*before).returncode == 0
    done = subprocess.run(["su", "alice", "-c", "umask 002; cd; pam-mktemp --json shims verify lua tmux --record P"],
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout)
    assert [each["state"] for each in found["results"]] == ["proved", "proved"] and found["recorded"] == "P"
    assert not STATE.exists() and '["tmux"]' in Path(alice.pw_dir, "P").read_text()
    done = subprocess.run(["su", "alice", "-c", "pam-mktemp shims verify -u root lua"], capture_output=True, text=True)
    assert done.returncode == 3 and "only root can run a check as another user" in done.stderr


@pytest.mark.parametrize(("remedy", "says"), [
    ('kind = "bind"', ""),
    ('kind = "environment"\nset = {NOTHING = "$TMPDIR"}', "with the remedy it still uses /tmp/witness.plain"),
    ('kind = "launcher"\narguments = ["nosuch"]', "tmp-witness ended with"),
    ('kind = "none"\nreason = "so"', "it uses /tmp/witness.plain, so there is something to remedy"),
])
def test_a_remedy_must_work(alice: Any, remedy: str, says: str) -> None:
    site(remedy)
    result = verify("-u", "alice", "mine", status=1 if says else 0)["mine"]
    assert (result["state"], says in result["why"]) == ("failed" if says else "proved", True), result
    assert result["before"] == ["/tmp/witness.plain"]
    assert ("mine" in (STATE.read_text() if STATE.exists() else "")) == (not says)


@pytest.mark.parametrize(("command", "more", "says"), [
    ('["tmp-witness", "plain"], ["false"]', "", "false ended with 1 without the remedy"),
    ('["nosuchprogram"]', "", "nosuchprogram ended with 127"),
    ('["tmp-witness", "plain"]', 'output = "^never$"', "printed something else"),
    ('["tmp-witness", "plain"]', 'touches = "^/tmp/other$"', "and not what '^/tmp/other$' matches"),
    ('["true"]', "", "there is nothing to remedy"),
])
def test_what_proves_nothing(alice: Any, command: str, more: str, says: str) -> None:
    site('kind = "bind"', command=command, more=more)
    result = verify("-u", "alice", "mine", status=1)["mine"]
    assert (result["state"], says in result["why"]) == ("failed", True), result


def test_what_honours_tmpdir_must_make_something_there(alice: Any) -> None:
    none = 'kind = "none"\nreason = "so"'
    site(none, kind="knob", name="false", command='["true"]')
    assert "makes nothing in TMPDIR" in verify("-u", "alice", "mine", status=1)["mine"]["why"]
    site(none, kind="user-ipc", name="false", command='["true"]')
    assert verify("-u", "alice", "mine")["mine"]["state"] == "proved"


def test_no_command_has_our_terminal(alice: Any) -> None:
    """It could type what root's shell reads next."""
    site('kind = "bind"', command='["sh", "-c", "! (: < /dev/tty) && tmp-witness plain"]')
    done = subprocess.run(["script", "-qec", "/usr/bin/pam-mktemp shims verify -u alice mine", "/dev/null"],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_what_was_proved_and_fails_is_proved_no_longer(alice: Any) -> None:
    site('kind = "bind"')
    verify("-u", "alice", "mine")
    assert "mine" in STATE.read_text()
    site('kind = "environment"\nset = {NOTHING = ""}')
    verify("-u", "alice", "mine", status=1)
    assert "mine" not in STATE.read_text()


@pytest.mark.parametrize(("program", "why"), [("crontab", "it has no check"), ("xorg", "it has no check")])
def test_what_is_skipped(program: str, why: str) -> None:
    assert verify(program)[program] | {"version": None} == {
        "name": program, "state": "skipped", "why": why, "version": None, "before": None, "after": None}
    assert not STATE.exists()


def test_what_is_not_here() -> None:
    site('kind = "bind"', name="nosuchprogram")
    assert "apt-get install none" in verify("mine")["mine"]["why"]
    assert verify("nosuchentry", status=1) == {}
