"""Real logins where a capability is missing, as in most containers, or the file system has no ACLs."""
from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.privileged.directories import assert_right
from tests.privileged.logins.session import PLANNER, all_four, away, logged, login, variables
from tests.sandbox import capabilities
from tests.sandbox.syslog import Syslog

pytestmark = pytest.mark.usefixtures("machine")
COMMAND = ["su", "alice", "-c", "env"]


def without(*names: str) -> list[str]:
    """The login of a system whose root never has these capabilities."""
    return ["setpriv", "--bounding-set=" + ",".join(f"-{name}" for name in names), "--inh-caps=-all", *COMMAND]


def first_and_steady(command: list[str], syslog: Syslog) -> None:
    """With the planner, and then by the module alone."""
    assert variables(login(command).stdout) == all_four("alice")
    with away(PLANNER):
        assert variables(login(command).stdout) == all_four("alice")
    assert logged(syslog) == []


@pytest.mark.parametrize("names", [("linux_immutable",), ("sys_admin",), ("linux_immutable", "sys_admin"),
                                   ("dac_read_search",), ("sys_ptrace", "sys_nice", "ipc_lock")], ids="+".join)
def test_without_a_capability(names: tuple[str, ...], syslog: Syslog) -> None:
    first_and_steady(without(*names), syslog)
    assert_right("alice", append="linux_immutable" not in names)
    assert os.path.lexists("/var/lib/pam-mktemp/identity/alice") == ("sys_admin" in names)


def test_a_replaced_directory_without_trusted_attributes(syslog: Syslog) -> None:
    """The plan then has no stamp to compare: device, inode, owner, mode and ACL still tell."""
    command = without("sys_admin", "linux_immutable")
    first_and_steady(command, syslog)
    mine = Path("/tmp/.private/alice")
    mine.rename("/tmp/.private/was-alice")
    mine.mkdir(0o710)
    with away(PLANNER):
        assert variables(login(command).stdout) == {}
    os.unlink("/run/pam-mktemp/failures/@planner")
    assert variables(login(command).stdout) == all_four("alice")
    assert_right("alice", append=False)


def test_without_acls(filesystem: Callable[..., Path], syslog: Syslog) -> None:
    capabilities.need(capabilities.can_mount_loop(), "loop devices")
    filesystem("btrfs", "/tmp", "noacl")
    first_and_steady(COMMAND, syslog)
    assert_right("alice", "group")
