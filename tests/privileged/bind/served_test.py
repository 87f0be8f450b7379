"""A user's FUSE file system in the place of what root needs, which may never answer: nobody asks it anything."""
from __future__ import annotations

import contextlib
import os
import struct
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.privileged.bind.prepared import LINK, PASSED, SERVER, assert_sources, entries, mounts, pairs
from tests.privileged.directories import PRIVATE, made
from tests.privileged.programs_in_view.mounts_test import can_fuse
from tests.sandbox import capabilities

pytestmark = pytest.mark.usefixtures("fresh_state")

ALICE, MALLORY = 2001, 2666
INIT = 26  # linux/fuse.h
TOML = '[shared.web]\nusers = ["alice"]\n[mounts."/var/tmp"]\n'


@pytest.fixture(autouse=True)
def people(account: Any, filesystem: Any) -> None:
    capabilities.need(can_fuse(), "FUSE")
    filesystem("tmpfs", "/var/tmp")
    account("alice", uid=ALICE)
    account("mallory", uid=MALLORY)


def serve(device: int, asked: list[int]) -> None:
    """Answer the first request, which is the kernel's own; give up at the next, so that no test waits for ever."""
    with contextlib.suppress(OSError):  # unmounted
        while not asked:
            _, operation, unique = struct.unpack_from("<IIQ", os.read(device, 1 << 17))
            if operation == INIT:
                answer = struct.pack("<4I2H2I2H8I", 7, 31, 4096, 0, 16, 12, 4096, 1, 1, 0, *[0] * 8)
                os.write(device, struct.pack("<IiQ", 16 + len(answer), 0, unique) + answer)
            else:
                asked.append(operation)
    os.close(device)


@contextlib.contextmanager
def served(path: Path, uid: int, more: str) -> Iterator[list[int]]:
    """As fusermount3 mounts it for the user; what its server was asked."""
    path.mkdir()
    os.chown(path, uid, uid)
    asked: list[int] = []
    device = os.open("/dev/fuse", os.O_RDWR)
    subprocess.run(["mount", "-i", "-t", "fuse", "-o", f"nosuid,nodev,fd={device},rootmode=40755,user_id={uid},"
                    f"group_id={uid}{more}", "deaf", path], pass_fds=[device], check=True)
    server = threading.Thread(target=serve, args=(device, asked))
    server.start()
    try:
        yield asked
    finally:
        subprocess.run(["umount", "-l", path], stderr=subprocess.DEVNULL)
        server.join(10)


@pytest.mark.parametrize("more", ["", ",allow_other"])
@pytest.mark.parametrize("name", ["shared-web", ".ICE-unix"])
def test_in_tmp_it_is_left_alone_and_the_rest_is_had(name: str, more: str, syslog: Any) -> None:
    """Else one user could keep all others from their logins."""
    with served(Path("/tmp", name), MALLORY, more) as asked:
        lines = mounts("alice", TOML)
        others = [f"/tmp/{each}" for each in (*PASSED, "shared-web") if each != name]
        assert [target for source, target in pairs(lines) if source == target and "private" not in target] == others
        assert_sources(lines)
    assert asked == []
    syslog.wait_for(rf"\[mount-skipped\] /tmp/{name}: is not root's directory")


@pytest.mark.parametrize("more", ["", ",allow_other"])
@pytest.mark.parametrize("path", [PRIVATE / "alice/tmp/.private", PRIVATE / "alice/tmp" / LINK,
                                  Path("/var/tmp/.private")])
def test_in_a_place_of_ours_it_is_detached(path: Path, more: str, syslog: Any) -> None:
    made("alice")
    there = SERVER.exists()
    SERVER.mkdir(exist_ok=True)
    try:
        with served(path, ALICE if "alice" in str(path) else MALLORY, more) as asked:
            assert_sources(mounts("alice", TOML))
            assert str(path) not in Path("/proc/self/mountinfo").read_text()
        assert asked == [] and entries(path.parent)[path.name].startswith("0 ")
    finally:
        if not there:
            SERVER.rmdir()
    syslog.wait_for(rf"{path}: somebody's file system was mounted there and is detached")
