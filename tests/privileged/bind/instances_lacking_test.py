"""What root keeps in a private /tmp where a file system lacks something, or many ask for it at once."""
from __future__ import annotations

import contextlib
import os
import threading
from pathlib import Path
from typing import Any

import pytest

from pam_mktemp_py.config.model import Config
from pam_mktemp_py.directory import instances, prepare
from pam_mktemp_py.errors import DirectoryError
from pam_mktemp_py.linux.accounts import lookup
from tests.privileged.bind.instances_test import (  # noqa: F401
    ALICE, SHARED, TMP, assert_found, nothing_foreign_is_touched, people, server,
)
from tests.privileged.bind.prepared import assert_instance, assert_sources, mounts, pairs
from tests.privileged.directories import PRIVATE, made, owner_and_mode, tool, writable_by
from tests.privileged.directory_races_test import plant as compiled  # noqa: F401  the attacker

pytestmark = pytest.mark.usefixtures("fresh_state")


def test_exchanged_after_it_was_prepared(filesystem: Any, account: Any) -> None:
    """In the form `owner` the directory above is its user's: what he puts in between gets nothing of root's."""
    filesystem("btrfs", "/tmp", "noacl")
    account("carol", uid=2003, gid=100)
    found = lookup("carol")
    assert found is not None
    ready = prepare.prepare(found, ["tmp"])
    for change, said in (("mv tmp x; mkdir -m 1777 tmp", "was exchanged"),
                         ("rm -r tmp; ln -s /etc/victim tmp", "is gone")):
        tool("setpriv", "--reuid=2003", "--regid=100", "--clear-groups", "sh", "-c",
             f"cd /tmp/.private/carol; {change}")
        with pytest.raises(DirectoryError, match=said):
            instances.prepared(Config("f"), found, "", ready, in_use=lambda _device, _inode: False)
    assert os.listdir(PRIVATE / "carol/x") == []


def test_many_at_once() -> None:
    results: list[Any] = []
    threads = [threading.Thread(target=lambda: results.append(mounts("alice", SHARED))) for _ in range(8)]
    made("alice")
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 8 and all(result == results[0] for result in results)
    assert_instance(TMP, shared=("web",))


@pytest.mark.parametrize("full", ["nr_inodes=12", "size=64k"])
def test_no_room(full: str) -> None:
    made("alice")
    tool("mount", "-o", f"remount,{full}", "/tmp")
    if full.startswith("size"):
        with contextlib.suppress(OSError), open("/tmp/filling", "wb") as filling:
            filling.write(b"x" * 200000)
    with pytest.raises(DirectoryError, match="No space left.*df -i"):
        mounts("alice")
    tool("mount", "-o", "remount,nr_inodes=1000,size=1M", "/tmp")
    Path("/tmp/filling").unlink(missing_ok=True)
    mounts("alice")
    assert_instance(TMP)


def test_read_only() -> None:
    made("alice")
    tool("mount", "-o", "remount,ro", "/tmp")
    with pytest.raises(DirectoryError, match="Read-only file system; .*read-only"):
        mounts("alice")


def test_leaf_that_is_a_file_system_of_its_own() -> None:
    made("alice")
    tool("mount", "-t", "tmpfs", "-o", "mode=1777,size=1M", "quota", TMP)
    lines = mounts("alice")
    assert pairs(lines)[:3] == [(str(TMP), "/tmp"), (str(PRIVATE), str(PRIVATE)), (str(TMP), str(TMP))]
    assert_sources(lines)
    assert_instance(TMP)


@pytest.mark.parametrize("form", ["group", "owner"])
def test_forms_without_acls(form: str, filesystem: Any, account: Any) -> None:
    filesystem("btrfs", "/tmp", "noacl")
    account("carol", uid=2003, **({} if form == "group" else {"gid": 100}))
    tmp = PRIVATE / "carol/tmp"
    lines = mounts("carol")
    assert {"group": "root:carol 710 directory", "owner": "carol:users 700 directory"}[form] == \
        owner_and_mode(PRIVATE / "carol")
    assert_sources(lines)
    assert_instance(tmp)
    assert mounts("carol") == lines


def test_leaf_that_is_a_file_system_of_its_own_without_acls(filesystem: Any, account: Any, syslog: Any) -> None:
    """In the form `group` it can be mounted once more; in `owner` its user could put a link to /etc in its place."""
    filesystem("btrfs", "/tmp", "noacl")
    for name, uid, options in (("carol", 2003, {}), ("dave", 2004, {"gid": 100})):
        account(name, uid=uid, **options)
        made(name)
        tool("mount", "-t", "tmpfs", "-o", "mode=1777,size=1M", "quota", PRIVATE / name / "tmp")
    own = str(PRIVATE / "carol/tmp")
    assert (own, own) in pairs(mounts("carol")) and "mount-skipped" not in syslog.ids()
    mounts("dave")
    assert syslog.find("mount-skipped.*dave/tmp: is a file system of its own in a directory of uid 2004's")


def test_service_of_its_own() -> None:
    lines = mounts("alice", service="web-1")
    assert pairs(lines)[:2] == [("/tmp/.private/alice/svc-web-1", "/tmp"), ("/tmp/.private", "/tmp/.private")]
    assert_instance(PRIVATE / "alice/svc-web-1")
    assert mounts("alice") != lines and writable_by(ALICE, ALICE, PRIVATE / "alice/svc-web-1")
