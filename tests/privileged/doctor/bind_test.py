"""What stage bind needs of the kernel and of the host's mounts, and doctor in mounts of its own."""
from __future__ import annotations

import json
import os
import shlex
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.privileged.doctor.doctor import USER, assert_cured, find, follow, ids, run
from tests.privileged.logins.bind_test import by, held
from tests.privileged.logins.session import CONFIG, configure
from tests.sandbox import capabilities
from tests.sandbox.accounts import CLEAN

Bound = Callable[..., Path]


def doctor(*before: str) -> Any:
    """The document of doctor as a command runs it, or of another command line that ends with it."""
    words = before if "doctor" in before else (*before, "pam-mktemp", "--json", "doctor", USER)
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, cwd="/", env=CLEAN)
    assert done.stdout, done.stderr
    return json.loads(done.stdout)


def advised(finding: Any) -> list[str]:
    """The command line that a finding ends with, with --json."""
    words = shlex.split(finding["do"].partition(": ")[2])
    at = words.index("doctor")
    return [*words[:at], "--json", *words[at:]]


def test_at_stage_env_none_of_it_is_said(machine: Callable[..., Path]) -> None:
    configure('[mounts."/srv/none"]\ninstance = "/srv/nowhere"\n')
    Path("/tmp/.X11-unix").write_text("")
    assert not ids(run()) & {"root-not-shared", "mount-missing", "instance-missing", "passed-not-roots"}
    configure('stage = "bind"\n[mounts."/srv/none"]\ninstance = "/srv/nowhere"\n')
    assert ids(run()) >= {"root-not-shared", "mount-missing", "passed-not-roots"}


@pytest.mark.parametrize("failure, so", [("open", "everybody shares"), ("closed", "refused")])
def test_a_first_process_that_cannot_be_looked_at(bound: Bound, failure: str, so: str) -> None:
    """As in a container that was given no capability to trace: logins are told of then, and the stage is set back."""
    configure(f'# one\nfailure = "{failure}"\nstage = "bind"\n')
    blind = ("setpriv", "--bounding-set=-sys_ptrace")
    finding = find(doctor(*blind), "first-namespace-unreadable")
    assert finding["kind"] == "problem" and so in finding["why"] and f"{CONFIG}:3" in finding["do"]
    follow(finding)
    assert CONFIG.read_text().endswith('stage = "env"\n')
    assert find(doctor(*blind), "first-namespace-unreadable")["kind"] == "note"
    assert "first-namespace-unreadable" not in ids(run())


@pytest.fixture
def private_again() -> Iterator[None]:
    yield
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)


def test_mounts_that_come_later(bound: Bound, private_again: None, tmp_path: Path) -> None:
    """What is said is so: a session sees the mount only when the advice was followed."""
    def arrives() -> bool:
        with held(by(USER, f"echo ready; read x; ! grep -q ' {tmp_path} ' /proc/self/mountinfo || touch /tmp/seen")):
            subprocess.run(["mount", "-t", "tmpfs", "late", tmp_path], check=True)
        subprocess.run(["umount", tmp_path], check=True)
        return os.path.exists(f"/tmp/.private/{USER}/tmp/seen")

    assert not arrives()
    assert_cured("root-not-shared", kind="note")
    assert arrives()


@pytest.mark.parametrize("call, id", [("mount_setattr", "classic-mounts"), ("statx", "mount-id-untold")])
def test_an_older_kernel(bound: Bound, call: str, id: str) -> None:
    """The kernel says of a call that it has none."""
    capabilities.need(capabilities.can_trace(), "strace")
    old = ("strace", "-qq", "-o", "/dev/null", "-e", f"trace={call}", "-e", f"inject={call}:error=ENOSYS")
    assert find(doctor(*old), id)["kind"] == "note"
    assert id not in ids(run())


def test_doctor_in_a_sandbox(bound: Bound) -> None:
    finding = find(doctor("unshare", "-m"), "doctor-apart")
    assert finding["kind"] == "note"
    assert "doctor-apart" not in ids(doctor("unshare", "-m", *advised(finding)))


def test_doctor_in_a_view(bound: Bound) -> None:
    enter = ("pam-mktemp", "enter", USER, "--")
    with held(by(USER, "echo ready; read x")):
        finding = find(doctor(*enter), "doctor-in-view")
        assert finding["kind"] == "note"
        assert "doctor-in-view" not in ids(doctor(*enter, *advised(finding)))
        assert not ids(run()) & {"doctor-in-view", "doctor-apart"}


@pytest.mark.parametrize("words", [(), ("--full",)], ids=["line", "full"])
def test_the_session_that_is_opened_gets_its_view(bound: Bound, words: tuple[str, ...]) -> None:
    configure('stage = "bind"\nfailure = "closed"\n')
    document = run("--service", "su-l", *words)
    session = document["session"]
    assert (session["outcome"], session["record"]["view"], set(session["usable"].values())) == ("private", "made", {""})
    assert {"/tmp", "/tmp/.private", "/tmp/.X11-unix"} <= set(session["mounts"])
    assert not ids(document) & {"failed-open", "session-refused", "doctor-apart"}


def test_a_view_that_cannot_be_had_is_told_in_advance(bound: Bound) -> None:
    bound('failure = "closed"\n[mounts."/srv"]\ninstance = "/srv/nowhere"\n')
    document = run("--service", "su-l")
    assert "nowhere" in find(document, "session-refused")["what"]
    assert "/srv/nowhere" in find(document, "instance-missing")["what"]


def test_without_root_what_can_be_seen_is_said(bound: Bound) -> None:
    bound('[mounts."/srv"]\ninstance = "/srv/nowhere"\n')
    document = doctor("setpriv", "--reuid=2101", "--regid=2101", "--clear-groups")
    assert "instance-missing" in ids(document) and "check-failed" not in ids(document)
    assert not ids(document) & {"root-not-shared", "first-namespace-unreadable", "doctor-apart"}
