"""What the planner writes for a private mount, read back; and what `pam-mktemp plan` says of it before and after."""
from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from pam_mktemp_py import paths, plan as plans
from pam_mktemp_py.namespace import view
from pam_mktemp_py.sessions import reader
from tests.privileged.bind.prepared import PASSED, assert_sources, entries, ours_in_tmp, pairs
from tests.privileged.directories import PRIVATE, tool
from tests.sandbox.state import CHECKOUT

pytestmark = pytest.mark.usefixtures("fresh_state")

ALICE = 2001


@pytest.fixture(autouse=True)
def people(account: Any) -> Any:
    return account("alice", uid=ALICE)


def configured(text: str) -> None:
    Path(paths.CONFIG).write_text(text)
    os.chmod(paths.CONFIG, 0o644)
    tool("touch", "-d", "1 hour ago", paths.CONFIG)


def planned(user: str, service: str, version: str = "3") -> plans.Plan:
    """The planner's own process, as the module starts it."""
    script = "import sys; sys.path.insert(0, sys.argv.pop(1)); from pam_mktemp_py import planner; " \
             "raise SystemExit(planner.main(sys.argv))"
    done = subprocess.run(["/usr/bin/python3", "-I", "-S", "-B", "-c", script, CHECKOUT, user, service, paths.CONFIG],
                          capture_output=True, text=True, timeout=60,
                          env={"PAM_MKTEMP_FORMAT": version} if version else {})
    assert done.returncode == 0, (done.stderr, [os.readlink(path) for path in Path(paths.FAILURES).iterdir()])
    return reader.read(Path(paths.PLANS, plans.key(user, service)).read_bytes())


def shown(user: str, service: str, *words: str) -> Any:
    """pam-mktemp plan --json."""
    done = subprocess.run([os.environ.get("PAM_MKTEMP_TEST_PYTHON", "/usr/bin/python3"), "-m", "pam_mktemp_py.cli.main",
                           "--json", "plan", user, "-s", service, *words], capture_output=True, text=True, cwd=CHECKOUT)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize(("toml", "mode", "key", "said"), [
    ("", 0o777, "directory", "/tmp: is writable by others and not sticky"),
    ('[mounts."/var/tmp"]\ninstance = "/srv/no"\n', 0o1777, "not_mounted",
     "/var/tmp: /srv/no: No such file or directory: no private mount can be had"),
    ('[mounts."/no/such"]\n', 0o1777, "not_mounted", "/no/such: there is no such directory")])
def test_what_a_login_could_not_use(toml: str, mode: int, key: str, said: str) -> None:
    configured(f'stage = "bind"\n{toml}')
    os.chmod("/tmp", mode)
    done = subprocess.run(["pam-mktemp", "--json", "plan", "alice", "-s", "sshd"], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (1, "") and said in str(json.loads(done.stdout)[key])


def test_login() -> None:
    configured('stage = "bind"\n')
    found = shown("alice", "sshd")
    assert (found["stage"], found["view"], found["view_name"], found["not_mounted"]) == ("bind", "bind", None, [])
    assert [(mount["target"], mount["flags"], mount["inode"]) for mount in found["mounts"]] == [
        (path, "nosuid,nodev", 0) for path in ("/tmp", "/tmp/.private", *(f"/tmp/{name}" for name in PASSED))]
    assert ours_in_tmp() == []
    plan = planned("alice", "sshd")
    assert (plan.stage, plan.view) == ("bind", view.name(ALICE, plan.mounts))
    assert_sources(plan.mounts)
    assert dict(plan.environment)["TMPDIR"] == plan.mounts[0][0] == str(PRIVATE / "alice/tmp")
    assert planned("alice", "cron").view == plan.view  # one view for all its logins
    found = shown("alice", "sshd")
    assert found["view_name"] == plan.view
    assert [tuple(mount.values()) for mount in found["mounts"]] == [
        (source, target, view.words(flags), device, inode) for source, device, inode, target, flags in plan.mounts]
    text = shown("alice", "sshd", "--text")["text"]
    assert [line for line in text.splitlines() if line.startswith(("mount", "view"))] == [
        line for line in plans.encode(plan).decode().splitlines() if line.startswith(("mount", "view"))]


@pytest.mark.parametrize(("user", "service", "stage", "expected"), [
    ("alice", "sudo", "shim", "keep"), ("alice", "su", "shim", "keep"), ("root", "sshd", "env", "host"),
    ("root", "sudo", "env", "keep"),
])
def test_who_has_no_view_of_its_own(user: str, service: str, stage: str, expected: str) -> None:
    configured('stage = "bind"\n')
    plan = planned(user, service)
    assert (plan.stage, plan.view, plan.mounts) == (stage, expected, [])
    assert dict(plan.environment)["TMPDIR"] == f"/tmp/.private/{user}/tmp"
    assert entries(PRIVATE / user / "tmp") == {} and ours_in_tmp() == [".private"]
    found = shown(user, service)
    assert (found["view"], found["mounts"]) == (expected, [])


@pytest.mark.parametrize("configuration", ['stage = "off"\n', 'stage = "env"\n', 'exempt_users = ["alice"]\n'])
def test_run_has_one_at_every_stage(configuration: str) -> None:
    configured(configuration)
    assert planned("alice", "sshd").view == "host" and planned("alice", "su").view == "keep"
    own, service = planned("alice", "run"), planned("alice", "run/web")
    assert own.view.startswith("2001.") and own.view != service.view
    assert [pairs(plan.mounts)[0] for plan in (own, service)] == [
        ("/tmp/.private/alice/tmp", "/tmp"), ("/tmp/.private/alice/svc-web", "/tmp")]
    assert dict(service.environment)["TMPDIR"] == "/tmp/.private/alice/svc-web"


def test_every_change_of_a_mount_is_another_view() -> None:
    configured('stage = "bind"\n')
    names = [planned("alice", "sshd").view]
    configured('stage = "bind"\n[mounts."/tmp"]\nnoexec = true\n')
    names.append(planned("alice", "sshd").view)
    os.rmdir("/tmp/.ICE-unix")
    Path("/tmp/x").mkdir()
    names.append(planned("alice", "sshd").view)
    assert len({*names}) == 3
    assert planned("alice", "sshd").view == names[-1]


def test_module_of_an_earlier_version_gets_the_same_variables() -> None:
    configured('stage = "shim"\n[shims]\nenabled = ["tmux"]\nvariables = {TMUX_TMPDIR = "$TMPDIR"}\n')
    plan, older = planned("alice", "sshd"), planned("alice", "sshd", version="")
    assert (plan.stage, older.stage) == ("shim", "env")
    # It would not put the folder before a PATH that PAM has, but in its place.
    assert older.environment == [(name, value) for name, value in plan.environment if name != "PATH"]
    assert dict(plan.environment)["TMUX_TMPDIR"] == "/tmp/.private/alice/tmp"


def test_failure_is_remembered_with_its_reason() -> None:
    configured('stage = "bind"\nfailure = "closed"\n[mounts."/mnt"]\ninstance = "/no/such"\n')
    with pytest.raises(AssertionError, match="closed .*No such file"):
        planned("alice", "sshd")
    assert not Path(paths.PLANS, "alice:sshd").exists()


def test_its_cost_is_some_stats() -> None:
    """All being there, a plan at bind costs no lock, no listing and few system calls more than one at env."""
    configured('stage = "bind"\n')
    planned("alice", "sshd"), planned("alice", "sudo")
    calls = {}
    script = "import sys; sys.path.insert(0, sys.argv.pop(1)); from pam_mktemp_py import planner; " \
             "raise SystemExit(planner.main(sys.argv))"
    for service in ("sshd", "sudo"):
        log = Path(f"/run/{service}.strace")
        tool("strace", "-E", "PAM_MKTEMP_FORMAT=3", "-o", log, "/usr/bin/python3", "-I", "-S", "-B", "-c", script,
             CHECKOUT, "alice", service, paths.CONFIG)
        calls[service] = [line for line in log.read_text().splitlines() if "/pam_mktemp_py" not in line]
    assert not [line for line in calls["sshd"] if paths.LOCK in line]
    assert len(calls["sshd"]) - len(calls["sudo"]) < 150
