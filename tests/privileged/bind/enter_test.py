"""pam-mktemp enter and host, in views made by hand as the module makes them, and in what must not be entered."""
from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from pam_mktemp_py.linux import mount_calls
from tests.sandbox.accounts import CLEAN

VIEWS = Path("/run/pam-mktemp/views")
OWN = Path("/tmp/.private/alice/tmp")
pytestmark = pytest.mark.usefixtures("fresh_state")


def ask(*words: str, before: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*before, "pam-mktemp", *words], capture_output=True, text=True, timeout=60, env=CLEAN,
                          cwd="/")


@contextmanager
def process(*command: str) -> Iterator[int]:
    """A shell that did as it was told, says so, and waits; its pid."""
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as running:
        assert running.stdin and running.stdout
        assert running.stdout.readline() == b"ready\n"
        yield running.pid
        running.stdin.close()


@pytest.fixture
def view(account: Callable[..., Any]) -> Iterator[int]:
    """A view of alice; a process that lives in it."""
    account("alice", uid=2101)
    OWN.mkdir(parents=True)
    OWN.chmod(0o1777)
    (OWN / ".private").mkdir(mode=0o711)
    VIEWS.mkdir(parents=True, exist_ok=True)
    script = (f"mount --bind /tmp/.private /mnt; mount --bind {OWN} /tmp; mount --bind /mnt /tmp/.private; "
              "umount /mnt; echo ready; read x")
    with process("unshare", "-m", "--propagation", "slave", "sh", "-c", script) as pid:
        mark(pid)
        yield pid
    for entry in VIEWS.iterdir():
        entry.unlink()


def mark(pid: int, text: str = "") -> None:
    (VIEWS / os.readlink(f"/proc/{pid}/ns/mnt")).symlink_to(text or mount_calls.place(f"/proc/{pid}/root/tmp"))


def test_enter(view: int) -> None:
    (OWN / "mine").write_text("alice's")
    for whose in ("alice", str(view)):
        done = ask("enter", whose, "--", "sh", "-c", "cat /tmp/mine; exit 7")
        assert (done.stdout, done.returncode) == ("alice's", 7), done.stderr
    assert not Path("/tmp/mine").exists()
    assert ask("enter", "alice", "--", "no-such-program").returncode == 127
    shown = ask("enter", "--dry-run", "alice", "--", "cat", "/tmp/mine")
    assert str(OWN) in shown.stdout and os.readlink(f"/proc/{view}/ns/mnt") in shown.stdout


def test_the_accounts_own_comes_before_a_services(view: int) -> None:
    """That of a job that root has started as the account since then, with a /tmp of the service's."""
    service = OWN.with_name("svc-web")
    service.mkdir()
    with process("unshare", "-m", "--propagation", "slave", "sh", "-c",
                 f"mount --bind {service} /tmp; echo ready; read x") as pid:
        mark(pid)
        for entry in VIEWS.iterdir():
            os.utime(entry, (1, 2 if str(entry) == f"{VIEWS}/{os.readlink(f'/proc/{pid}/ns/mnt')}" else 1),
                     follow_symlinks=False)
        (OWN / "mine").write_text("alice's")
        assert ask("enter", "alice", "--", "cat", "/tmp/mine").stdout == "alice's"
        (VIEWS / os.readlink(f"/proc/{view}/ns/mnt")).unlink()
        assert ask("enter", "alice", "--", "cat", "/tmp/mine").returncode == 1


def test_no_process_has_such_a_number(view: int) -> None:
    for number in ("99999999999", "1" * 5000):
        done = ask("enter", number, "--", "true")
        assert done.returncode == 125 and "Traceback" not in done.stderr


def test_only_root(view: int) -> None:
    for words in (("enter", "alice", "--", "true"), ("host", "--", "true")):
        done = ask(*words, before=("setpriv", "--reuid=2101", "--regid=2101", "--clear-groups"))
        assert done.returncode == 125 and "as root" in done.stderr


def test_nothing_of_the_users_is_run(view: int) -> None:
    for path in (OWN / "ls", Path("/tmp/ls")):
        path.write_text("#!/bin/sh\necho bad\n")
        path.chmod(0o755)
    for env in ({"PATH": f"/tmp:{CLEAN['PATH']}"}, CLEAN):
        word = "ls" if env is not CLEAN else "/tmp/ls"
        done = subprocess.run(["/usr/bin/env", "pam-mktemp", "enter", "alice", "--", word], capture_output=True,
                              text=True, env=env, cwd="/")
        assert done.returncode == 125 and "bad" not in done.stdout and "another file there" in done.stderr
    inside = ("nsenter", f"--mount=/proc/{view}/ns/mnt", "sh", "-c", "cd /tmp; pam-mktemp host -- ./ls")
    done = subprocess.run(inside, capture_output=True, text=True, env=CLEAN)
    assert done.returncode == 125 and "bad" not in done.stdout, done.stderr


def test_a_users_own_namespace(view: int) -> None:
    """Also where a forged or stale record says that it is a view of alice's, with her directory at its /tmp."""
    with process("setpriv", "--reuid=2101", "--regid=2101", "--clear-groups", "unshare", "-Urm", "sh", "-c",
                 f"mount --bind /etc/hostname /etc/passwd; mount --rbind {OWN} /tmp; echo ready; read x") as pid:
        done = ask("enter", str(pid), "--", "true")
        assert done.returncode == 125 and "user namespace" in done.stderr and f"/proc/{pid}/root/tmp" in done.stderr
        (VIEWS / os.readlink(f"/proc/{view}/ns/mnt")).unlink()
        mark(pid)
        done = ask("enter", "alice", "--", "true")
        assert done.returncode == 125 and "no live view" in done.stderr and "where alice" in done.stderr


def test_a_number_that_became_another_namespaces(view: int) -> None:
    with process("unshare", "-m", "sh", "-c", "mount -t tmpfs x /tmp; echo ready; read x") as pid:
        mark(pid, mount_calls.place(f"/proc/{view}/root/tmp"))
        (VIEWS / os.readlink(f"/proc/{view}/ns/mnt")).unlink()
        assert ask("enter", "alice", "--", "true").returncode == 125
        done = ask("host", "--", "true", before=("nsenter", f"--mount=/proc/{pid}/ns/mnt"))
        assert done.returncode == 125 and "another's sandbox" in done.stderr


def test_a_number_that_became_a_copys(view: int) -> None:
    """What a user's setuid bwrap makes of his view, with a forged /etc, when the view has ended."""
    text = mount_calls.place(f"/proc/{view}/root/tmp")
    with process("nsenter", f"--mount=/proc/{view}/ns/mnt", "unshare", "-m", "sh", "-c",
                 "mount -t tmpfs forged /etc; echo ready; read x") as pid:
        (VIEWS / os.readlink(f"/proc/{view}/ns/mnt")).unlink()
        mark(pid, text)
        done = ask("enter", "alice", "--", "true")
        assert done.returncode == 125 and "another /tmp" in done.stderr


@pytest.mark.parametrize(("mounts", "where"), [
    ("mount --bind /srv/forged /etc", "/etc"), ("mount --bind /srv/forged/passwd /etc/passwd", "/etc/passwd"),
    ("mount -t tmpfs x /root", "/root"), ("mount -t tmpfs x /run", "/run"),
    ("mount --bind /srv/forged /tmp; mount --bind /usr /usr; mount -t tmpfs x /dev/shm", ""),
    ("mkdir -p /run/systemd/inaccessible; mount --bind /run/systemd/inaccessible /root", ""),
])
def test_what_a_setuid_sandbox_makes(mounts: str, where: str) -> None:
    """bwrap --bind ~/etc /etc, where it is setuid: no user namespace tells it from a service with PrivateTmp=."""
    forged = Path("/srv/forged")
    forged.mkdir()
    (forged / "passwd").touch()
    try:
        with process("unshare", "-m", "sh", "-c", f"{mounts}; echo ready; read x") as pid:
            done = ask("enter", str(pid), "--", "true")
            assert done.returncode == (125 if where else 0), done.stderr
            assert not where or f"sees something else at {where} than we" in done.stderr
    finally:
        subprocess.run(["rm", "-r", forged], check=True)


def test_chroot(view: int) -> None:
    with ExitStack() as stack:
        Path("/srv/jail").mkdir()
        stack.callback(lambda: subprocess.run(["sh", "-c", "umount /srv/jail; rmdir /srv/jail"], check=True))
        subprocess.run(["mount", "--bind", "/", "/srv/jail"], check=True)
        subprocess.run(["mount", "--rbind", "/usr", "/srv/jail/usr"], check=True)
        stack.callback(lambda: subprocess.run(["umount", "-l", "/srv/jail/usr"], check=True))
        with process("unshare", "-R", "/srv/jail", "sh", "-c", "echo ready; read x") as pid:
            done = ask("enter", str(pid), "--", "true")
            assert done.returncode == 125 and "chroot" in done.stderr


def test_host(view: int) -> None:
    inside = ("nsenter", f"--mount=/proc/{view}/ns/mnt")
    assert ask("host", "--", "sh", "-c", "exit 3").returncode == 3  # on the host already
    Path("/srv/here").mkdir()
    try:
        done = ask("host", "--", "mount", "-t", "tmpfs", "x", "/srv/here", before=inside)
        assert done.returncode == 0, done.stderr
        assert os.path.ismount("/srv/here")
        subprocess.run(["umount", "/srv/here"], check=True)
    finally:
        Path("/srv/here").rmdir()


def test_from_one_view_into_another(view: int) -> None:
    (OWN / "mine").write_text("alice's")
    done = ask("enter", "alice", "--", "pam-mktemp", "enter", "alice", "--", "cat", "/tmp/mine")
    assert (done.stdout, done.returncode) == ("alice's", 0), done.stderr


def test_where_a_process(view: int) -> None:
    found = json.loads(ask("--json", "where", str(view)).stdout)
    tmp = found["seen"][0]
    assert (found["kind"], tmp["host"], tmp["maker"], tmp["name"]) == ("process", str(OWN), "ours", "alice")
    assert tmp["together"] == [view]
    assert json.loads(ask("--json", "where", "--pid", "1").stdout)["seen"][0]["maker"] == "host"
    service = Path("/tmp/systemd-private-" + "a" * 32 + "-x.service-Ab12Cd/tmp")
    service.mkdir(parents=True)
    with process("unshare", "-m", "sh", "-c", f"mount --bind {service} /tmp; echo ready; read x") as pid:
        tmp = json.loads(ask("--json", "where", str(pid)).stdout)["seen"][0]
        assert (tmp["host"], tmp["maker"], tmp["name"]) == (str(service), "systemd", "x.service")
    by_path = json.loads(ask("--json", "where", str(service)).stdout)
    assert by_path["seen_by"] == {}  # its process has ended
    assert json.loads(ask("--json", "where", str(OWN)).stdout)["seen_by"] == {"/tmp": [view]}
    assert json.loads(ask("--json", "where", "/tmp").stdout)["seen_by"] == {}, "what everybody shares"
    done = ask("where", str(view), before=("setpriv", "--reuid=2101", "--regid=2101", "--clear-groups"))
    assert done.returncode == 0 and "needs root" in done.stdout
