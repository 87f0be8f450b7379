"""A file system of its own for an account's /tmp, as for a quota, where the directory above is the account's own."""

from __future__ import annotations

import pytest

from tests.adversarial import binding, host
from tests.privileged.directories import made
from tests.sandbox import state

SERVICE = "sshd"  # that starts a login


@pytest.mark.parametrize("closed", [True, pytest.param(False, marks=pytest.mark.long)])
def test_mount_point_in_a_directory_that_is_the_users(
    site, account, filesystem, syslog, pam_service, monkeypatch: pytest.MonkeyPatch, closed: bool,
) -> None:
    """He could put a link to /etc there. The login is refused, or has the variables only; the log says why."""
    filesystem("btrfs", "/tmp", "noacl")
    account("dave", uid=1504, gid=100)
    monkeypatch.setattr(host, "SERVICE", SERVICE)
    pam_service(SERVICE, [])
    made("dave")
    state.run("mount", "-t", "tmpfs", "-o", "mode=1777,size=1M", "quota", binding.own("dave"))
    site(closed, 'stage = "bind"\n')
    caller = binding.namespace(), binding.number("/tmp")
    for _ in range(2):
        one = binding.login("dave")
        assert not one.problems(closed=closed) and not binding.wrong_view(one, caller, True), one
        assert one.denied == closed and one.fields["ns"] == caller[0] and bool(one.variables) != closed
    assert syslog.find(f"failed-{'closed' if closed else 'open'}.*its mount point is not safe")
    assert syslog.find("mount-skipped.*dave/tmp: is a file system of its own in a directory of uid 1504's")
