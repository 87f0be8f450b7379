"""pam-mktemp where PID: who made what a process sees, told of real mounts.

pam_namespace, bwrap, unshare and chroot are the real ones. Neither snapd nor flatpak can be had here: what
snap-confine mounts is mounted by mount(8), and flatpak's own sandbox, which is bwrap, is started as flatpak does.
"""
from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.privileged.bind.enter_test import ask, process
from tests.sandbox import capabilities
from tests.sandbox.accounts import CLEAN

pytestmark = pytest.mark.usefixtures("fresh_state")
READY = "echo ready; read x"
USER = ("setpriv", "--reuid=2101", "--regid=2101", "--clear-groups")


def seen(pid: int, at: str = "/tmp") -> dict[str, Any]:
    """What a process sees there."""
    document = json.loads(ask("--json", "where", "--pid", str(pid)).stdout)
    found: dict[str, Any] = next(each for each in document["seen"] if each["directory"] == at)
    assert pid in found["together"]
    return found


def child(pid: int, name: str = "sh") -> int:
    """The last descendant: a sandbox's own process starts others."""
    while True:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        if not children:
            assert Path(f"/proc/{pid}/comm").read_text() == f"{name}\n"
            return pid
        pid = int(children[0])


@contextmanager
def login(service: str, name: str) -> Iterator[int]:
    """A real su through PAM; the shell's pid."""
    command = ["su", "-s", "/bin/sh", name, "-c", f"echo $$; {READY}"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=CLEAN) as running:
        assert running.stdin and running.stdout
        pid = int(running.stdout.readline())
        assert running.stdout.readline() == "ready\n"
        yield pid
        running.communicate("go\n")


@pytest.mark.parametrize("method, kind", [("user:noinit", "pam_namespace"), ("tmpfs:noinit", "unknown")])
def test_pam_namespace(alice: Any, pam_service: Callable[..., Path], method: str, kind: str) -> None:
    """What it makes of a tmpfs looks like a sandbox's."""
    instances, conf = Path("/var/instances"), Path("/etc/security/namespace.conf")
    instances.mkdir(mode=0)
    before = conf.read_text()
    conf.write_text(f"# one\n/tmp {instances}/ {method} root\n/var/tmp {instances}/var- user:noinit root\n")
    pam_service("su", ["auth required pam_permit.so", "account required pam_permit.so",
                       "session required pam_namespace.so"])
    try:
        with login("su", "alice") as pid:
            found = seen(pid)
            assert found["maker"] == kind and os.getpid() not in found["together"]
            if kind == "pam_namespace":
                assert (found["host"], found["name"]) == ("/var/instances/alice", "alice")
            other = seen(pid, "/var/tmp")
            assert (other["maker"], other["host"], other["name"]) == (
                "pam_namespace", "/var/instances/var-alice", "alice")
            assert seen(pid, "/dev/shm")["maker"] == "host"
    finally:
        conf.write_text(before)
        shutil.rmtree(instances)


@pytest.mark.parametrize("folder, name", [
    ("snap-private-tmp/snap.firefox", "firefox"), ("snap.hello-world", "hello-world"),
    ("snap.1000_hello-world_A1b2C3", "hello-world"), ("snap-private-tmp/snap.hello_one", "hello_one"),
])
def test_snap(folder: str, name: str) -> None:
    place = Path("/tmp", folder, "tmp")
    place.mkdir(parents=True)
    with process("unshare", "-m", "sh", "-c", f"mount --bind {place} /tmp; mount --make-private /tmp; {READY}") as pid:
        found = seen(pid)
        assert (found["maker"], found["name"], found["host"]) == ("snap", name, str(place))


def bwrap(*words: str, before: tuple[str, ...] = ()) -> Any:
    """A shell in a real sandbox."""
    return process(*before, "bwrap", *words, "--die-with-parent", "sh", "-c", READY)


WHOLE = ("--dev-bind", "/", "/")


def test_flatpak(alice: Any) -> None:
    """As an ordinary user, so in a user namespace: the name is as good as that user's word, which is said."""
    capabilities.need(capabilities.can_unshare_user() and capabilities.have("bwrap"), "bwrap of an ordinary user")
    place = Path("/run/user/2101/.flatpak/org.example.App/tmp")
    place.mkdir(parents=True)
    for path in (place, *place.parents[:3]):
        os.chown(path, 2101, 2101)
    with bwrap(*WHOLE, "--bind", str(place), "/tmp", before=USER) as pid:
        found = seen(child(pid))
        assert (found["maker"], found["name"], found["host"]) == ("flatpak", "org.example.App", str(place))
        assert "user namespace of alice's own" in found["about"]
        refused = ask("enter", str(child(pid)), "--", "true")
        assert refused.returncode == 125 and "user namespace" in refused.stderr
    shutil.rmtree("/run/user/2101")


def test_a_user_cannot_pass_for_us(alice: Any) -> None:
    """A directory called as ours are, mounted by a user in a namespace of his own."""
    forged = Path("/home/alice/.private/root/tmp")
    forged.mkdir(parents=True)
    for path in (forged, *forged.parents[:2]):
        os.chown(path, 2101, 2101)
    with process(*USER, "unshare", "-Urm", "sh", "-c", f"mount --bind {forged} /tmp; {READY}") as pid:
        found = seen(pid)
        assert (found["maker"], found["name"]) == ("user-namespace", "alice")


@pytest.mark.parametrize("tmp", [(), ("--tmpfs", "/tmp"), ("--bind", "/tmp/own", "/tmp")],
                         ids=["its own", "tmpfs", "bound"])
def test_container(tmp: tuple[str, ...]) -> None:
    """Another / than the host's, with what programs need in it."""
    capabilities.need(capabilities.have("bwrap"), "bwrap")
    Path("/tmp/own").mkdir()
    links = [word for name in ("bin", "lib", "lib64", "sbin") for word in ("--symlink", f"usr/{name}", f"/{name}")]
    with bwrap("--ro-bind", "/usr", "/usr", *links, "--proc", "/proc", "--dir", "/tmp", *tmp, "--unshare-pid") as pid:
        found = seen(child(pid))
        assert found["maker"] == "container" and found["name"] == ""
        assert found["host"] == ("/tmp/own" if "--bind" in tmp else None)


def test_a_sandbox_with_the_hosts_root() -> None:
    """bwrap with / as it is, and a /tmp of its own: all that is known is that it is a tmpfs."""
    capabilities.need(capabilities.have("bwrap"), "bwrap")
    with bwrap(*WHOLE, "--tmpfs", "/tmp") as pid:
        found = seen(child(pid))
        assert found["maker"] == "unknown" and "bwrap" in found["about"] and found["host"] is None


def test_chroot() -> None:
    jail = Path("/srv/jail")
    for name in ("usr", "proc", "tmp"):
        (jail / name).mkdir(parents=True)
    for name in ("bin", "lib", "lib64"):
        (jail / name).symlink_to(f"usr/{name}")
    subprocess.run(["mount", "--bind", "/usr", jail / "usr"], check=True)
    try:
        with process("chroot", str(jail), "/bin/sh", "-c", READY) as pid:
            found = seen(pid)
            assert (found["maker"], found["host"]) == ("chroot", "/srv/jail/tmp")
    finally:
        subprocess.run(["umount", "-l", jail / "usr"], check=True)
        shutil.rmtree(jail)


@pytest.mark.parametrize("cgroup, name", [
    ("0::/system.slice/fax.service\n", "fax.service"), ("0::/system.slice/fax.service/part\n", "fax.service"),
    ("0::/user.slice/user-2101.slice/user@2101.service/app.slice\n", ""), ("0::/\n", ""),
])
def test_a_tmpfs_of_a_unit(tmp_path: Path, cgroup: str, name: str) -> None:
    """PrivateTmp=disconnected makes one; which unit, the process's cgroup tells. No systemd runs here."""
    (tmp_path / "cgroup").write_text(cgroup)
    with process("unshare", "-m", "sh", "-c", f"mount -t tmpfs x /tmp; {READY}") as pid:
        subprocess.run(["mount", "--bind", tmp_path / "cgroup", f"/proc/{pid}/cgroup"], check=True)
        found = seen(pid)
        assert (found["maker"], found["name"]) == ("unknown", name) and found["about"].startswith("a tmpfs")
        subprocess.run(["umount", f"/proc/{pid}/cgroup"], check=True)
