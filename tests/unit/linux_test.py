"""Clocks, processes and accounts, against what the system itself says."""
from __future__ import annotations

import os
import pwd
import subprocess
import time
from pathlib import Path

import pytest

from pam_mktemp_py.linux import accounts, boot, process
from pam_mktemp_py.linux.accounts import Account


def test_boot_id_and_clock() -> None:
    assert boot.boot_id() == Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    assert abs(boot.boottime_ns() / 1e9 - float(Path("/proc/uptime").read_text().split()[0])) < 5
    with pytest.raises(OSError):
        boot.boot_id("/nonexistent")


def test_start_time_of_a_real_process() -> None:
    before = boot.boottime_ns() / 1e9
    child = subprocess.Popen(["sleep", "60"])
    try:
        start = process.start_time(child.pid)
        assert start is not None
        assert abs(start / os.sysconf("SC_CLK_TCK") - before) < 5
    finally:
        child.kill()
        child.wait()
    assert process.start_time(child.pid) is None


def test_start_time_is_not_fooled_by_the_name_of_a_program(tmp_path: Path) -> None:
    (tmp_path / "7").mkdir()
    fields = ["S"] + [str(n) for n in range(4, 53)]
    (tmp_path / "7" / "stat").write_text("7 (x) R 1 2 (3) " + ") " + " ".join(fields) + "\n")
    assert process.start_time(7, str(tmp_path)) == 22
    assert process.start_time(8, str(tmp_path)) is None


def test_lookup() -> None:
    me = pwd.getpwuid(0)
    account = accounts.lookup(me.pw_name)
    assert account is not None
    assert (account.name, account.uid, account.gid, account.canonical) == (me.pw_name, 0, me.pw_gid, me.pw_name)
    assert account.gid in accounts.groups_of(account)
    assert accounts.gid_of("root") == 0


@pytest.mark.parametrize("name", ["", "no-such-user-", "a\0b", "\ud800", "\udcff", "x" * 300, "root\n", ".", "../etc"])
def test_impossible_names_are_unknown(name: str) -> None:
    assert accounts.lookup(name) is None
    assert accounts.gid_of(name) is None


ALICE = Account("alice", 1000, 1000, "alice")


@pytest.mark.parametrize("own,groups,others,alone", [
    ("alice", [(1000, [])], [(1000, 1000)], True),
    ("alice", [(1000, ["alice"])], [(1000, 1000), (1001, 1001)], True),
    ("alice", [(1000, ["bob"])], [(1000, 1000)], False),  # a member who is not the account
    ("alice", [(1000, [])], [(1000, 1000), (1001, 1000)], False),  # somebody else's primary group
    ("alice", [(1000, []), (1000, ["bob"])], [(1000, 1000)], False),  # a second name of the same gid
    ("users", [(1000, [])], [(1000, 1000)], False),  # shared, though nobody else can be listed
    ("alice", [], [], True),  # a directory service that lists nobody: the name vouches
    ("alice", [(1000, [])], [(1000, 1000), (1000, 1000)], True),  # two accounts, one uid
])
def test_a_private_group_is_the_accounts_alone(own: str, groups: list[tuple[int, list[str]]],
                                               others: list[tuple[int, int]], alone: bool) -> None:
    assert accounts.alone(ALICE, own, groups, others) is alone


def test_private_group_of_unknown_gid() -> None:
    assert not accounts.private_group(Account("alice", 1000, 2**31, "alice"))


def test_clock_counts_on() -> None:
    first = boot.boottime_ns()
    time.sleep(0.001)
    assert boot.boottime_ns() > first
