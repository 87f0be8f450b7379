"""What is mounted below the directories, and the options of what they lie on."""
from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.privileged.run.start import LAUNCH, RUN, good, own

pytestmark = pytest.mark.usefixtures("fresh_state")
CLASSIC = ("strace", "-f", "-qq", "-o", "/dev/null", "--inject=mount_setattr:error=ENOSYS")
CALLS = pytest.mark.parametrize("calls", [(), CLASSIC], ids=["new", "classic"])


@pytest.fixture(autouse=True)
def prepared(fresh_state: None, alice: Any, bob: Any) -> None:
    """Both have their directories."""
    for who in (alice, bob):
        good(*RUN, "-u", who.pw_name, "--", "true")
    good(*RUN, "--", "true", user=alice)


@pytest.fixture
def mounted(prepared: None) -> Iterator[None]:
    """A file system in each one's directory, as of FUSE."""
    places = [own(user) / "mnt" for user in ("alice", "bob")]
    for place in places:
        place.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "none", place], check=True)
    (places[0] / "file").touch()
    yield
    for place in places:
        subprocess.run(["umount", place], check=True)


@CALLS
def test_mounts_below(mounted: None, calls: tuple[str, ...], alice: Any) -> None:
    """In a user namespace they cannot be left out; a mount of bob's must not forbid alice to have a private /tmp."""
    assert good(*calls, *LAUNCH, "ls", "/tmp/mnt", user=alice) == "file\n"
    assert good(*calls, *LAUNCH, "-u", "alice", "ls", "/tmp/mnt") == "", "root's leave them out"


@CALLS
def test_options_of_the_host(calls: tuple[str, ...], alice: Any) -> None:
    """A /tmp that is noexec stays so when it is the account's own."""
    Path("/tmp/.private/alice/tmp/x").write_bytes(Path("/usr/bin/true").read_bytes())
    (own("alice") / "x").chmod(0o755)
    subprocess.run(["mount", "-o", "remount,noexec", "/tmp"], check=True)
    try:
        for words, user in ((("-u", "alice"), None), ((), alice)):
            script = "/tmp/x || grep -c ' /tmp[^ ]* [^ ]*noexec' /proc/self/mountinfo"
            assert good(*calls, *LAUNCH, *words, "sh", "-c", script, user=user) == "5\n"
    finally:
        subprocess.run(["mount", "-o", "remount,exec", "/tmp"], check=True)
