"""A statically linked witness, unseen by any preloaded library: every way to use a shared directory, told apart."""
from __future__ import annotations

import os

import pytest

from tests.privileged.detect.detect import SURE, Found, detect, script

LINK, TEMPORARY, DIRECTORY, MODE, OWNER = "CWE-59", "CWE-377", "CWE-379", "CWE-732", "CWE-283"


@pytest.mark.parametrize(("act", "path", "danger", "cwe"), [
    ("plain", "/tmp/witness.plain", "high", {LINK, TEMPORARY}),
    ("pid", "/tmp/witness-<pid>.log", "high", {LINK, TEMPORARY}),
    ("uid", "/tmp/witness-<uid>", "high", {LINK, TEMPORARY}),
    ("memory", "/dev/shm/witness", "high", {LINK, TEMPORARY}),
    ("kept", "/var/tmp/witness", "high", {LINK, TEMPORARY}),
    ("nofollow", "/tmp/witness.nofollow", "medium", {TEMPORARY}),
    ("opened", "/tmp/witness.opened", "medium", {TEMPORARY, MODE}),
    ("exclusive", "/tmp/witness.exclusive", "low", {TEMPORARY}),
    ("random", "/tmp/witness.<random>", "low", set()),
])
def test_files(witness: str, act: str, path: str, danger: str, cwe: set[str]) -> None:
    try:
        found = detect(witness, act, options=SURE if act == "random" else ())
    finally:
        for left in ("/dev/shm/witness", "/var/tmp/witness"):
            if os.path.exists(left):
                os.unlink(left)
    assert found.faults == {("tmp-witness", path, "hardcoded", danger)}
    assert set(found.finding("tmp-witness", path)["cwe"]) == cwe
    assert (found.verdict, found.finding("tmp-witness", path)["left"]) == ("hardcodes", 1)


def test_directory(witness: str) -> None:
    """Who gets to it first owns it; what is in one that is closed is safe."""
    found = detect(witness, "directory")
    assert found.dangers() == {"/tmp/witness.d": ("medium", (DIRECTORY,)), "/tmp/witness.d/inside": ("none", ())}


def test_directory_of_another(witness: str) -> None:
    """It is there already: whoever made it is its owner."""
    os.mkdir("/tmp/witness.d")
    os.chmod("/tmp/witness.d", 0o777)
    found = script(f"{witness} directory || true; echo x > /tmp/witness.d/inside")
    assert found.dangers()["/tmp/witness.d"] == ("medium", (DIRECTORY,))
    assert found.finding("task", "/tmp/witness.d/inside")["danger"] == "high"


def _peer(found: Found) -> dict[str, object]:
    one: dict[str, object] = found.finding("tmp-witness", "/tmp/witness.socket")
    return one


@pytest.mark.parametrize(("act", "danger", "cwe"), [
    ("listen", "medium", [TEMPORARY]), ("trust", "medium", [OWNER]), ("ask", "low", [])])
def test_sockets(witness: str, listening: None, act: str, danger: str, cwe: list[str]) -> None:
    """A client that asks who has bound the name (SO_PEERCRED) cannot be fooled by another user's."""
    if act == "listen":
        os.unlink("/tmp/witness.socket")
    one = _peer(detect(witness, act))
    assert (one["class"], one["danger"], one["cwe"]) == ("user-ipc", danger, cwe)


def test_honest(witness: str) -> None:
    found = detect(witness, "honest")
    assert (found.verdicts, found.findings) == ({"tmp-witness": "honours"}, [])


def test_both(witness: str) -> None:
    found = detect(witness, "honest", "random")
    assert (found.verdict, found.verdicts) == ("mixed", {"tmp-witness": "mixed"})
    assert found.document["programs"][0]["private"] == found.document["programs"][0]["shared"] == 1


def test_worst_first(witness: str) -> None:
    found = detect(witness, "random", "plain", "nofollow", "exclusive", options=SURE)
    assert [each["danger"] for each in found.findings] == ["high", "medium", "low", "low"]


def test_names_that_were_typed(witness: str) -> None:
    """A relative name below the folder that the command was started in, and one that was written out."""
    found = detect("sh", "-c", "echo > typed; echo > /tmp/written; tmp-witness plain", cwd="/tmp")
    assert found.faults == {("tmp-witness", "/tmp/witness.plain", "hardcoded", "high")}
    assert {each[1:] for each in found.told} == {("/tmp/typed", "user-requested"), ("/tmp/written", "user-requested")}
