"""Programs in mounts of their own: what is called /tmp there is not the one of all."""
from __future__ import annotations

import subprocess
from typing import Any

import pytest

from tests.privileged.detect.detect import detect, detect_own
from tests.sandbox import capabilities

PLAIN = ("tmp-witness", "/tmp/witness.plain")
MOUNTED = "mount -t tmpfs none /tmp; tmp-witness plain"


@pytest.fixture(autouse=True)
def namespaces(witness: str) -> None:
    """Users can make them, and find the witness there."""
    capabilities.need(capabilities.can_unshare_user(), "user namespaces")


def bubble(*options: str) -> list[str]:
    """The machine in a mount namespace of bubblewrap's."""
    return ["bwrap", "--bind", "/", "/", *options, "--dev", "/dev", "tmp-witness", "plain"]


@pytest.mark.parametrize("himself", [False, True], ids=["root", "user"])
@pytest.mark.parametrize("command", [["unshare", "-Urm", "sh", "-c", MOUNTED], bubble("--tmpfs", "/tmp"),
                                     bubble("--bind", "/home/alice", "/tmp")], ids=["unshare", "bwrap", "bind"])
def test_own_tmp(alice: Any, command: list[str], himself: bool) -> None:
    found = detect_own(alice, *command) if himself else detect(*command)
    assert (*PLAIN, "already-private") in found.told
    assert (found.faults, found.verdicts, found.status) == (set(), {}, 0)


def test_roots() -> None:
    found = detect("unshare", "-m", "sh", "-c", MOUNTED, user=None)
    assert ((*PLAIN, "already-private") in found.told, found.faults) == (True, set())


@pytest.mark.parametrize("himself", [False, True], ids=["root", "user"])
def test_ours(alice: Any, himself: bool) -> None:
    """The launcher makes its mounts with open_tree(2) and move_mount(2)."""
    subprocess.run(["pam-mktemp", "run", "-u", "alice", "--", "true"], check=True)
    command = ("pam-mktemp-launch", "tmp-witness", "plain")
    found = detect_own(alice, *command) if himself else detect(*command)
    assert (*PLAIN, "already-private") in found.told
    assert "tmp-witness" not in {program for program, *_ in found.faults}


def test_before_it_is_mounted() -> None:
    found = detect("unshare", "-Urm", "sh", "-c", f"tmp-witness exclusive; {MOUNTED}")
    assert found.faults == {("tmp-witness", "/tmp/witness.exclusive", "hardcoded", "low")}
    assert (*PLAIN, "already-private") in found.told


def test_another_is_mounted_on() -> None:
    """A mount namespace with the machine's /tmp in it."""
    for command in (bubble(), ["unshare", "-Urm", "tmp-witness", "plain"]):
        found = detect(*command)
        assert found.faults == {(*PLAIN, "hardcoded", "high")}
        found.finding(*PLAIN)


def test_started_beside_it() -> None:
    """A process outside of the namespace is not in it, though it is a child of the same."""
    found = detect("sh", "-c", f"unshare -Urm sh -c '{MOUNTED}'; tmp-witness uid")
    assert found.faults == {("tmp-witness", "/tmp/witness-<uid>", "hardcoded", "high")}
