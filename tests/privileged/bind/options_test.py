"""The options of what is mounted: those of the file system below stay, whichever calls the kernel has."""
from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.privileged.run.start import LAUNCH, RUN, good, start

ENOSYS = "inject=open_tree,mount_setattr,move_mount:error=ENOSYS"


@pytest.mark.parametrize("calls", [(), ("strace", "-f", "-o/dev/null", "-e", ENOSYS)], ids=["new", "classic"])
def test_a_file_system_without_programs(
    fresh_state: None, alice: Any, filesystem: Callable[..., Path], calls: tuple[str, ...],
) -> None:
    """A host that forbids them in /tmp forbids them in everybody's."""
    filesystem("ext4", "/tmp", "noexec,nosuid")
    good(*RUN, "-u", "alice", "--", "true")
    good(*calls, *LAUNCH, "-u", "alice", "sh", "-c", "cp /bin/true /tmp/x")
    options = good(*calls, *LAUNCH, "-u", "alice", "sh", "-c", "grep ' /.private.* /tmp[ /]' /proc/self/mountinfo")
    assert options.count("\n") == 2
    assert all({"nosuid", "nodev", "noexec"} <= {*line.split()[5].split(",")} for line in options.splitlines())
    assert start(*calls, *LAUNCH, "-u", "alice", "/tmp/x").returncode == 126
    shutil.rmtree("/run/pam-mktemp/plans")
