"""The configuration decides who gets what: exempt accounts, groups and services, uids, stages, directories."""
from __future__ import annotations

import grp
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.privileged.directories import assert_right
from tests.privileged.logins.session import (
    WITNESS, all_four, assert_none_open, configure, login, open_records, session, su, variables,
)

pytestmark = pytest.mark.usefixtures("machine")
OFF = Path("/etc/security/pam_mktemp.off")


def by_su(name: str) -> dict[str, str]:
    """The variables of a good session by su."""
    done = su(name)
    assert (done.returncode, done.stderr) == (0, "")
    return variables(done.stdout)


def by_runuser(name: str) -> dict[str, str]:
    """The same by runuser."""
    done = login(["runuser", "-u", name, "env"])
    assert (done.returncode, done.stderr) == (0, "")
    return variables(done.stdout)


@pytest.fixture
def operators() -> Iterator[str]:
    """A group that alice is a member of."""
    subprocess.run(["groupadd", "exempted"], check=True)
    subprocess.run(["gpasswd", "-a", "alice", "exempted"], check=True, capture_output=True)
    yield "exempted"
    subprocess.run(["groupdel", "exempted"], check=True)


def test_exempt_user() -> None:
    configure('exempt_users = ["alice"]\n')
    assert by_su("alice") == {}
    assert not os.path.exists("/tmp/.private/alice")
    assert by_su("bob") == all_four("bob")


def test_exempt_user_has_a_record_that_says_so() -> None:
    configure('exempt_users = ["alice"]\n')
    with session(["su", "alice", "-c", f"{WITNESS} one"]) as seen:
        assert seen.variables == {}
        record, = open_records()
        assert (record.get("stage"), record.get("outcome")) == ("off", "shared")
        assert "exempt_users (/etc/security/pam_mktemp.toml:1)" in record.get("reason")
    assert_none_open()


def test_exempt_group(operators: str) -> None:
    configure(f'exempt_groups = ["{operators}"]\n')
    assert by_su("alice") == {}
    assert by_su("bob") == all_four("bob")


def test_exempt_primary_group() -> None:
    configure(f'exempt_groups = ["{grp.getgrgid(3002).gr_name}"]\n')
    assert by_su("alice") == all_four("alice")
    assert by_su("bob") == {}


def test_exempt_service() -> None:
    configure('exempt_services = ["su"]\n')
    assert by_su("alice") == {}
    assert by_runuser("alice") == all_four("alice")


def test_services() -> None:
    configure('services = ["runuser", "cron"]\n')
    assert by_su("alice") == {}
    assert by_runuser("alice") == all_four("alice")


def test_min_uid_is_not_for_root() -> None:
    configure("min_uid = 3002\n")
    assert by_su("alice") == {}
    assert by_su("bob") == all_four("bob")
    assert by_su("root") == all_four("root")


def test_stage_off() -> None:
    configure('stage = "off"\n')
    assert by_su("alice") == by_su("root") == {}
    assert not os.path.exists("/tmp/.private")


def test_a_change_is_for_the_next_login() -> None:
    assert by_su("alice") == all_four("alice")
    configure('stage = "off"\n')
    assert by_su("alice") == {}
    drop_in = configure('stage = "env"\n', "50-again.toml")
    assert by_su("alice") == all_four("alice")
    drop_in.unlink()
    assert by_su("alice") == {}


def test_off_file() -> None:
    """It is looked at first: before the plan, the configuration and everything that could be broken."""
    with session(["su", "alice", "-c", f"{WITNESS} one"]) as seen:
        OFF.touch()
        assert by_su("alice") == by_su("root") == by_runuser("bob") == {}
        assert len(open_records()) == 1
        assert seen.variables == all_four("alice")
    assert_none_open()  # those that were open end as ever
    configure("broken")
    assert by_su("alice") == {}
    configure("")
    OFF.unlink()
    assert by_su("alice") == all_four("alice")


def test_off_file_leaves_no_trace() -> None:
    OFF.symlink_to("/nowhere")  # whatever is there
    assert by_su("alice") == {}
    assert not os.path.exists("/tmp/.private")
    assert not os.path.exists("/run/pam-mktemp")


def test_a_further_directory() -> None:
    configure('[directories.cache]\nvariables = ["XDG_CACHE_HOME", "MY_CACHE"]\n')
    with session(["su", "alice", "-c", f"{WITNESS} one"]) as seen:
        assert seen.variables == all_four("alice")
        cache = seen.environment["XDG_CACHE_HOME"]
        assert cache == seen.environment["MY_CACHE"] == "/tmp/.private/alice/cache"
        assert_right("alice", leaves=("tmp", "cache"))
    assert su("alice", "echo x > $XDG_CACHE_HOME/x; cat $MY_CACHE/x").stdout == "x\n"


def test_a_further_directory_for_one_who_has_the_first() -> None:
    assert by_su("alice") == all_four("alice")
    su("alice", "echo kept > $TMPDIR/kept")
    configure('[directories.cache]\nvariables = ["XDG_CACHE_HOME"]\n')
    assert su("alice", "ls -d $XDG_CACHE_HOME; cat $TMPDIR/kept").stdout == "/tmp/.private/alice/cache\nkept\n"
    assert_right("alice", leaves=("tmp", "cache"))


def test_other_variables() -> None:
    configure('[directories.tmp]\nvariables = ["TMPDIR"]\n')
    assert by_su("alice") == {"TMPDIR": "/tmp/.private/alice/tmp"}
