"""pam-mktemp plan and where as installed, as root and as ordinary users, against real logins and real damage."""
from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import twin
from tests.privileged.directories import PRIVATE, made, tool
from tests.sandbox import capabilities

CONFIG = Path("/etc/security/pam_mktemp.toml")
STORED = Path("/run/pam-mktemp/plans/alice:witness")
OURS = ("/run/pam-mktemp", "/var/lib/pam-mktemp", "/tmp")
pytestmark = pytest.mark.usefixtures("fresh_state")


def ask(*words: str, status: int = 0) -> Any:
    """The JSON document, as root."""
    done = subprocess.run(["pam-mktemp", "--json", *words], capture_output=True, text=True, timeout=60)
    assert done.returncode == status, done.stdout + done.stderr
    return json.loads(done.stdout)


def plan(status: int = 0, user: str = "alice") -> Any:
    return ask("plan", user, "--service", "witness", status=status)


def fates(document: Any) -> list[str]:
    return [part["fate"] for part in document["directory"]["parts"]]


@pytest.fixture
def alice(account: Callable[..., Any]) -> Any:
    return account("alice", uid=2101)


@pytest.fixture
def login(alice: Any, pam_service: Callable[..., Path]) -> Callable[[], None]:
    """Opens a session of alice and ends it."""
    pam_service("witness", ["session required pam_mktemp_py.so"])
    return lambda: subprocess.run(["pamtester", "witness", "alice", "open_session", "close_session"],
                                  check=True, capture_output=True)


@pytest.fixture
def open_session(alice: Any, pam_service: Callable[..., Path]) -> Iterator[None]:
    """A session of alice that stays open."""
    pam_service("su", ["auth sufficient pam_rootok.so", "account required pam_permit.so",
                       "session required pam_mktemp_py.so"])
    with subprocess.Popen(["su", "alice", "-c", "echo; read x"], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE) as host:
        assert host.stdin and host.stdout
        host.stdout.readline()
        yield
        host.stdin.close()


def snapshot() -> list[tuple[object, ...]]:
    """Everything that a login would have written."""
    found: list[tuple[object, ...]] = []
    for top in OURS:
        for folder, names, files in os.walk(top):
            for name in [*names, *files]:
                about = os.lstat(f"{folder}/{name}")
                found.append((folder, name, about.st_ino, about.st_mode, about.st_uid, about.st_ctime_ns))
    return sorted(found)


def test_before_and_after_a_login(login) -> None:
    before = snapshot()
    first = plan()
    assert fates(first) == ["made"] * 3 and first["stored"] == [] and not first["needs_root"]
    assert ask("where", "alice")["made_for"] is None
    assert snapshot() == before
    login()
    after = snapshot()
    second = plan()
    assert fates(second) == ["kept"] * 3 and second["directory"]["form"] == "acl"
    assert second["directory"]["append_only"] == capabilities.can_set_append_only()
    [stored] = second["stored"]
    assert (stored["service"], stored["right"], stored["why"], stored["differs"]) == ("witness", True, "", None)
    assert 3500 < stored["expires_in"] <= 3600
    assert snapshot() == after


def test_text_is_what_the_planner_wrote(login) -> None:
    login()
    text = tool("pam-mktemp", "plan", "alice", "-s", "witness", "--text") + "\n"
    ours, theirs = twin.parse(text.encode()), twin.parse(STORED.read_bytes())
    assert int(ours.pop("expires")[0][0]) >= int(theirs.pop("expires")[0][0])
    assert ours == theirs


@pytest.mark.parametrize(("damage", "why"), [
    (lambda: CONFIG.write_text("fresh_for = 60"), f"{CONFIG} was changed, added or removed"),
    (lambda: tool("chmod", "0711", PRIVATE / "alice"), "another owner or mode"),
    (lambda: tool("setfacl", "-m", "u:2102:x", PRIVATE / "alice"), "another access list"),
    (lambda: os.removexattr(PRIVATE / "alice", "trusted.pam_mktemp"), "another stamp"),
    (lambda: os.rmdir(PRIVATE / "alice/tmp"), "/tmp/.private/alice/tmp is gone"),
    (lambda: tool("groupmod", "-g", "2777", "alice"), "the account had uid 2101 and gid 2101, and has 2101 and 2777"),
    (lambda: STORED.write_bytes(STORED.read_bytes().replace(b"expires ", b"expires 0")), "not spelt"),
    (lambda: STORED.write_bytes(STORED.read_bytes().replace(b"boot ", b"boot x")), "started anew"),
    (lambda: STORED.chmod(0o666), "not root's own file"),
])
def test_why_a_stored_plan_is_not_used(login, damage, why: str) -> None:
    login()
    damage()
    done = subprocess.run(["pam-mktemp", "--json", "plan", "alice", "-s", "witness"], capture_output=True, text=True)
    [stored] = json.loads(done.stdout)["stored"]
    assert not stored["right"] and why in stored["why"]
    login()
    assert plan()["stored"][0]["right"]


def test_a_plan_that_outlives_a_change_of_groups(login) -> None:
    tool("groupadd", "-f", "operators")
    CONFIG.write_text('exempt_groups = ["operators"]')
    time.sleep(2.1)  # younger, the plan would be for 2 s only
    login()
    tool("usermod", "-aG", "operators", "alice")
    found = plan()
    assert found["stage"] == "off" and found["stored"][0]["right"]
    assert "a new one would say: stage off, because user alice is in group operators" in found["stored"][0]["differs"]


def test_a_failure_is_remembered(login) -> None:
    CONFIG.write_text("stage = 1")
    login()
    found = plan(1)
    assert found["config"]["error"].startswith(f"{CONFIG}:1: stage is 1")
    assert found["remembered"][0]["message"].startswith(f"{CONFIG}:1: stage is 1")


def test_open_session(open_session) -> None:
    sessions = ask("where", "alice")["sessions"]
    assert [(s["service"], s["outcome"], s["directory"]) for s in sessions] == [
        ("su", "private", "/tmp/.private/alice")]
    assert "su of alice, process" in tool("pam-mktemp", "where", "/tmp/.private/alice/tmp/x")
    os.chmod(PRIVATE / "alice", 0o700)
    found = plan(1)
    assert found["directory"]["in_use"] == "/tmp/.private/alice" and fates(found)[1] == "replaced"


def own(as_user: Any, account: Any, *words: str) -> Any:
    done = as_user(account, ["pam-mktemp", "--json", *words])
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def test_ordinary_user(login, alice, account, as_user) -> None:
    bob = account("bob", uid=2102)
    login()
    found = own(as_user, alice, "plan", "alice", "-s", "witness")
    assert fates(found) == ["kept"] * 3 and found["stage"] == "env"
    assert (found["stored"], found["remembered"], found["directory"]["stamp"]) == (None, None, None)
    assert found["needs_root"] and found["directory"]["append_only"] is None
    shown = as_user(alice, ["pam-mktemp", "plan", "alice"])
    assert shown.returncode == 0 and "? stored plans  needs root" in shown.stdout and shown.stderr == ""
    text = as_user(alice, ["pam-mktemp", "plan", "alice", "--text"])
    assert twin.parse(text.stdout.encode())["stamp"] == [[b"?"]] and "the stamp needs root" in text.stderr
    mine = own(as_user, alice, "where", "alice")
    assert (mine["sessions"], mine["aside"], mine["made_for"]) == (None, None, None)
    as_user(alice, ["touch", "/tmp/.private/alice/tmp/file"])
    path = own(as_user, alice, "where", "/tmp/.private/alice/tmp/file")
    assert (path["user"], path["private"]) == ("alice", True)
    assert "alice:alice 0644" in as_user(alice, ["pam-mktemp", "where", "/tmp/.private/alice/tmp/file"]).stdout
    theirs = own(as_user, bob, "where", "/tmp/.private/alice/tmp/file")
    assert theirs["user"] == "alice" and fates(theirs) == ["kept", "kept", "unknown"]


def test_a_configuration_for_root_alone(alice, as_user) -> None:
    CONFIG.write_text("")
    CONFIG.chmod(0o600)
    done = as_user(alice, ["pam-mktemp", "plan", "alice"])
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == f"pam-mktemp: {CONFIG}: cannot be opened: Permission denied; run it as root\n"


def plant_parent(kind: str) -> None:
    {"link": lambda: PRIVATE.symlink_to("/etc"), "file": PRIVATE.touch, "fifo": lambda: os.mkfifo(PRIVATE),
     "mode": lambda: (PRIVATE.mkdir(), PRIVATE.chmod(0o777)),
     "theirs": lambda: (PRIVATE.mkdir(0o711), os.chown(PRIVATE, 2102, 2102))}[kind]()


def plant_user(kind: str) -> None:
    user = PRIVATE / "alice"
    made("alice")
    if kind == "leaf":
        (user / "tmp").chmod(0o700)
        return
    tool("chattr", "-a", PRIVATE)
    user.rename(PRIVATE / "old")
    {"link": lambda: user.symlink_to("old"), "file": user.touch, "fifo": lambda: os.mkfifo(user),
     "unstamped": lambda: tool("cp", "-a", "--no-preserve=xattr", PRIVATE / "old", user),
     "theirs": lambda: (user.mkdir(), os.chown(user, 2102, 2102)), "gone": lambda: None}[kind]()


@pytest.mark.parametrize("kind", ["link", "file", "fifo", "mode", "theirs"])
def test_planted_parent_is_told_and_then_what_is_done(alice, kind: str) -> None:
    plant_parent(kind)
    found = plan(1)
    assert fates(found) == ["mended" if kind == "mode" else "replaced", "made", "made"]
    assert ask("where", "alice", status=1)["directory"]["parts"] == found["directory"]["parts"]
    tool("pam-mktemp", "where", "/tmp/.private")
    before = os.lstat(PRIVATE).st_ino
    made("alice")
    assert (os.lstat(PRIVATE).st_ino == before) == (kind == "mode")
    assert fates(plan()) == ["kept"] * 3


@pytest.mark.parametrize("kind", ["link", "file", "fifo", "unstamped", "theirs", "gone", "leaf"])
def test_planted_directory_is_told_and_then_what_is_done(alice, kind: str) -> None:
    plant_user(kind)
    found = plan(kind != "gone")
    assert fates(found) == {"gone": ["kept", "made", "made"], "leaf": ["kept", "kept", "replaced"]}.get(
        kind, ["kept", "replaced", "made"])
    old = os.lstat(PRIVATE / "alice").st_ino if kind != "gone" else 0
    made("alice")
    assert fates(plan()) == ["kept"] * 3
    assert (os.lstat(PRIVATE / "alice").st_ino == old) == (kind == "leaf")
    aside = ask("where", "alice")["aside"]
    assert len(aside) == (kind != "gone") and all(path.startswith("/tmp/.private/.aside/alice.") for path in aside)
    for path in aside:
        assert "found wrong" in tool("pam-mktemp", "where", path)


def test_shared_uid_and_a_uid_given_out_again(alice, account) -> None:
    account("alias", uid=2101, gid=alice.pw_gid)
    made("alias")
    found = ask("where", "alias")
    assert (found["directory"]["path"], found["shared_with"]) == ("/tmp/.private/alice", ["alice"])
    assert found["made_for"]["name"] == "alice" and found["made_for"]["uid"] == 2101
    assert ask("where", "2101")["user"] == "alice"
    tool("userdel", "-f", "alias")
    tool("userdel", "-f", "alice")
    gone = ask("where", "/tmp/.private/alice/tmp")
    assert not gone["private"] and "made for alice (uid 2101)" in gone["what"] and "no such account now" in gone["what"]
    account("carol", uid=2101)
    assert "no such account now" in ask("where", "/tmp/.private/alice")["what"]
    assert fates(ask("where", "carol")) == ["kept", "made", "made"]


def test_a_name_that_no_path_can_bear(account) -> None:
    account("a" * 30, uid=2103)
    assert ask("where", "a" * 30)["directory"]["path"] == "/tmp/.private/2103"
    made("a" * 30)
    found = ask("where", "/tmp/.private/2103")
    assert found["user"] == "a" * 30 and fates(found) == ["kept"] * 3


@pytest.mark.parametrize(("gid", "form"), [(None, "group"), (100, "owner")])
def test_without_acls(account, as_user, filesystem, gid: int | None, form: str) -> None:
    capabilities.need(capabilities.can_mount_loop(), "loop devices")
    filesystem("btrfs", "/tmp", "noacl")
    alice = account("alice", uid=2101, gid=gid)
    made("alice")
    for found in (plan(), own(as_user, alice, "plan", "alice")):
        assert found["directory"]["form"] == form and fates(found) == ["kept"] * 3


def test_on_a_terminal_there_are_colors(login) -> None:
    login()
    seen = subprocess.run(["script", "-qec", "pam-mktemp where alice", "/dev/null"], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, env=os.environ | {"TERM": "xterm"})
    assert seen.returncode == 0 and "\x1b[32m" in seen.stdout
