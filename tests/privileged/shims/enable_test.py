"""pam-mktemp shims enable on a real installation: what a login is given, who can read it, and what was planted."""
from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pam_mktemp_py import paths
from pam_mktemp_py.sessions.shims import default_path
from tests import launch_twin
from tests.privileged.logins.session import CONFIG, LINE, WITNESS, login, open_records, prepare_meeting, session
from tests.privileged.setup.pam_files import command, done
from tests.sandbox.state import run
from tests.sandbox.syslog import Syslog

FOLDER = Path(paths.SHIMS)
BIN, PLANS = FOLDER / "bin", FOLDER / "plans"
LAUNCHER = "/usr/lib/pam-mktemp-shim"
DROP_IN = Path(paths.CONFIG_DIR, "50-shims.toml")
TMP = "/tmp/.private/alice/tmp"


@pytest.fixture(autouse=True)
def logins(nothing_is_left: None, pam_service: Callable[..., Path]) -> Iterator[None]:
    """Stage shim, and our line for su and su -."""
    CONFIG.write_text('stage = "shim"\n')
    pam_service("su", [*Path("/etc/pam.d/su").read_text().splitlines(), LINE])
    yield
    DROP_IN.unlink(missing_ok=True)
    run("rm", "-rf", FOLDER)


def planned(user: str, service: str) -> tuple[str, dict[str, str]]:
    """The stage and the variables of the plan that a login would get now."""
    lines = [line.split(" ") for line in done("-q", "plan", user, "-s", service, "--text").splitlines()]
    [stage] = [line[1] for line in lines if line[0] == "stage"]
    return stage, {line[1]: line[2] for line in lines if line[0] == "setenv"}


def environment(*words: str) -> dict[str, str]:
    """What a login that ends well has."""
    found = login([*words, "-c", "env"])
    assert (found.returncode, found.stderr) == (0, ""), found
    return dict(line.split("=", 1) for line in found.stdout.splitlines() if "=" in line)


def enable(*programs: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(done("--json", "shims", "enable", *programs))
    return found


def test_what_a_login_is_given(syslog: Syslog) -> None:
    assert environment("su", "-", "alice").get("TMUX_TMPDIR") is None
    assert enable("tmux", "ssh-agent")["reached"]
    assert syslog.wait_for(r"\[shims-written\] .*ssh-agent, tmux")
    stage, found = planned("alice", "su-l")
    assert (stage, found["TMUX_TMPDIR"], found["PAM_MKTEMP_SHIMS"]) == ("shim", TMP, str(BIN))
    assert found["PATH"] == f"{BIN}:{default_path()}"
    stage, found = planned("alice", "su")
    assert (stage, found["TMUX_TMPDIR"], "PATH" in found) == ("shim", TMP, False)
    for service in ("su", "su-l"):
        stage, found = planned("root", service)
        assert stage == "env" and found.keys() == {"TMPDIR", "TMP", "TEMP", "TEMPDIR"}
    for words in (["su", "-", "alice"], ["su", "alice"]):  # at once, though there was a plan
        seen = environment(*words)
        assert (seen["TMUX_TMPDIR"], seen["TMPDIR"], seen["PAM_MKTEMP_SHIMS"]) == (TMP, TMP, str(BIN))
    assert "TMUX_TMPDIR" not in environment("su", "-", "root")
    done("shims", "disable", "--all")
    assert not {"TMUX_TMPDIR", "PAM_MKTEMP_SHIMS"} & environment("su", "-", "alice").keys()


@pytest.mark.parametrize(("text", "stage", "has"), [
    ('stage = "env"\n', "env", False), ('stage = "bind"\n', "bind", True),
    ('stage = "shim"\nexempt_users = ["alice"]\n', "off", False),
])
def test_at_the_other_stages(text: str, stage: str, has: bool) -> None:
    CONFIG.write_text(text)
    assert enable("tmux")["reached"] == ("env" not in text)
    planned_stage, found = planned("alice", "su-l")
    assert planned_stage == stage and ("TMUX_TMPDIR" in found) == ("PATH" in found) == has
    if stage == "bind":
        found = environment("su", "-", "alice")
        assert found["TMUX_TMPDIR"] == TMP and "PATH" not in planned("alice", "run")[1]


def test_everybody_can_get_to_the_launcher() -> None:
    """The folder of all state was made by a login, closed."""
    login(["su", "alice", "-c", "true"])
    Path(paths.STATE).mkdir(exist_ok=True)
    os.chmod(paths.STATE, 0o700)
    enable("ssh-agent")
    found = login(["su", "alice", "-c", f"readlink {BIN}/ssh-agent; cat {PLANS}/ssh-agent; ls {paths.STATE}"])
    assert found.stdout.startswith(f"{LAUNCHER}\n") and "denied" in found.stderr
    assert launch_twin.parse(found.stdout.removeprefix(f"{LAUNCHER}\n").encode()) == [
        launch_twin.Section("*", arguments=["-a", "<tmp dir>/agent"])]
    assert os.access(LAUNCHER, os.X_OK)


def test_what_another_account_planted(alice: Any) -> None:
    enable("ssh-agent")
    plan = (PLANS / "ssh-agent").read_bytes()
    for folder in (BIN, PLANS):
        os.chown(folder, alice.pw_uid, 0)
        folder.chmod(0o777)
    evil = Path("/home/alice/evil")
    evil.write_text("x")
    for path in (BIN / "ls", BIN / "ssh-agent", PLANS / "ls", PLANS / "ssh-agent"):
        path.unlink(missing_ok=True)
        path.symlink_to(evil)
        os.lchown(path, alice.pw_uid, 0)
    (PLANS / "deep/er").mkdir(parents=True)
    os.chown(PLANS / "deep", alice.pw_uid, 0)
    found = json.loads(done("--json", "shims", "sync"))
    assert {(step["path"], step["action"]) for step in found["steps"]} >= {(str(BIN), "mended"), (str(PLANS), "mended")}
    assert (os.listdir(BIN), os.listdir(PLANS)) == (["ssh-agent"], ["ssh-agent"])
    assert os.readlink(BIN / "ssh-agent") == LAUNCHER and (PLANS / "ssh-agent").read_bytes() == plan
    assert {path.lstat().st_uid for path in FOLDER.rglob("*")} == {0}
    assert [path.stat().st_mode & 0o7777 for path in (FOLDER, BIN, PLANS, PLANS / "ssh-agent")] == [0o755] * 3 + [0o644]
    assert evil.read_text() == "x"
    os.lchown(BIN / "ssh-agent", alice.pw_uid, 0)
    assert json.loads(done("--json", "shims", "sync"))["steps"] == [
        {"path": str(BIN / "ssh-agent"), "action": "replaced"}]
    os.chown(paths.STATE, alice.pw_uid, 0)
    result = command("shims", "sync")
    os.chown(paths.STATE, 0, 0)
    assert result.returncode == 1 and "not a folder that only root can write" in result.stderr


def test_a_session_is_recorded_with_its_stage() -> None:
    enable("tmux")
    CONFIG.write_text('stage = "shim"\n[directories.tmp]\nvariables = ["TMPDIR", "TMUX_TMPDIR"]\n')
    prepare_meeting()
    with session(["su", "alice", "-c", f"{WITNESS} one"]) as seen:
        assert [record.get("stage") for record in open_records("su")] == ["shim"]
        assert seen.environment["TMUX_TMPDIR"] == TMP  # the administrator's own line counts
