"""What is read from mountinfo: lines as the kernel writes them, and which of the mounts a path lies on."""
from __future__ import annotations

import os
from pathlib import Path

import pytest

from pam_mktemp_py.linux import mountinfo

# Of a private mount, as a process in it sees it; the last but two as after the directory was removed.
LINES = """\
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw
30 22 0:26 / /tmp rw,nosuid,nodev master:9 - tmpfs tmpfs rw
41 30 0:26 /.private/alice/tmp /tmp rw,nosuid,nodev - tmpfs tmpfs rw
42 41 0:26 /.private /tmp/.private rw,nosuid,nodev - tmpfs tmpfs rw
43 22 8:1 /srv/a\\040b /mnt/x\\011y rw shared:1 master:2 propagate_from:3 - ext4 /dev/vda1 rw
44 22 0:30 /gone//deleted /var/tmp rw - tmpfs none rw
45 22 0:31 / /run/user/1000 rw - fuse.sshfs host:/a rw
46 22 0:32 / /empty rw - tmpfs  rw
"""


@pytest.fixture
def proc(tmp_path: Path) -> str:
    (tmp_path / "7").mkdir()
    (tmp_path / "7/mountinfo").write_text(LINES)
    return str(tmp_path)


def test_lines(proc: str) -> None:
    found = mountinfo.read(7, proc=proc)
    assert [mount.point for mount in found] == ["/", "/tmp", "/tmp", "/tmp/.private", "/mnt/x\ty", "/var/tmp",
                                                "/run/user/1000", "/empty"]
    assert [mount.slave for mount in found] == [True, True, False, False, True, False, False, False]
    assert [mount.gone for mount in found] == [False] * 5 + [True, False, False]
    assert found[4].root == "/srv/a b" and found[4].device == os.makedev(8, 1)
    assert found[5].root == "/gone"
    assert (found[6].kind, found[6].source, found[7].source) == ("fuse.sshfs", "host:/a", "")


@pytest.mark.parametrize(("path", "place"), [
    ("/tmp", "/.private/alice/tmp"), ("/tmp/x", "/.private/alice/tmp/x"), ("/tmp/.private/bob", "/.private/bob"),
    ("/tmpx", "/tmpx"), ("/", "/"), ("/var/tmp/f", "/gone/f"), ("/mnt/x\ty/z", "/srv/a b/z"),
])
def test_where_a_path_lies(proc: str, path: str, place: str) -> None:
    mount = mountinfo.covering(mountinfo.read(7, proc=proc), path)
    assert mount is not None and mountinfo.inside(mount, path) == place


def test_only_what_is_on_the_way(proc: str) -> None:
    some = mountinfo.read(7, ["/tmp/.private/alice"], proc)
    assert [mount.point for mount in some] == ["/", "/tmp", "/tmp", "/tmp/.private"]


def test_from_a_place_to_a_path(proc: str) -> None:
    """What another mount hides is nowhere, and of two paths it is the shortest."""
    mounts, tmpfs = mountinfo.read(7, proc=proc), os.makedev(0, 26)
    assert mountinfo.path_of(mounts, tmpfs, "/.private/alice/tmp") == "/tmp"
    assert mountinfo.path_of(mounts, tmpfs, "/.private/bob") == "/tmp/.private/bob"
    assert mountinfo.path_of(mounts, tmpfs, "/other") == ""
    assert mountinfo.path_of(mounts, os.makedev(8, 1), "/srv/a b/c") == "/mnt/x\ty/c"
    assert mountinfo.path_of(mounts, os.makedev(0, 30), "/gone") == ""
    assert mountinfo.covering([], "/tmp") is None


def test_a_process_that_has_just_ended() -> None:
    """A zombie's file is there, and cannot be opened: whoever ends many of them would keep all from being looked at."""
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
    try:
        with pytest.raises(ProcessLookupError):
            mountinfo.read(child)
    finally:
        os.waitpid(child, 0)
