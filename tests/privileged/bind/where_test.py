"""pam-mktemp where USER: the live views of an account, which real logins made."""
from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.privileged.bind.enter_test import ask
from tests.privileged.doctor.conftest import bound, machine, profiles  # noqa: F401  stage bind, our line in su
from tests.privileged.logins.bind_test import by, held
from tests.privileged.logins.session import open_records
from tests.privileged.setup.installed import alice  # noqa: F401  fixture
from tests.sandbox import accounts

OWN = "/tmp/.private/alice/tmp"
pytestmark = pytest.mark.usefixtures("bound")


def views(whose: str = "alice") -> Any:
    return json.loads(ask("--json", "where", whose).stdout)["views"]


def inside(namespace: str) -> list[int]:
    """Every process of that mount namespace, by /proc."""
    found = []
    for path in Path("/proc").glob("[0-9]*/ns/mnt"):
        try:
            if os.readlink(path) == namespace:
                found.append(int(path.parts[2]))
        except OSError:
            continue
    return sorted(found)


@pytest.fixture
def bob() -> Iterator[None]:
    accounts.add("bob", uid=2102)
    yield
    accounts.remove("bob")


def test_none() -> None:
    assert views() == []
    assert "view" not in ask("where", "alice").stdout


def test_one_view_and_all_who_live_in_it(bob: None) -> None:
    begun = int(time.time())
    with held(by("alice", "sleep 20 & echo ready; read x; kill $!")), held(by("bob", "echo ready; read x")):
        record = next(each for each in open_records("su-l") if each.get("user") == "alice")
        view, = views()
        name, = (path.name for path in Path("/run/pam-mktemp/views").iterdir() if path.name.startswith("2101."))
        namespace = f"mnt:[{record.number('namespace')}]"
        assert (view["name"], view["namespace"], view["directory"], view["deleted"]) == (name, namespace, OWN, False)
        assert view["processes"] == inside(namespace) and len(view["processes"]) >= 3
        assert record.number("pid") in view["processes"] and begun <= view["made"] <= time.time()
        text = ask("where", "alice").stdout
        assert name in text and namespace in text and OWN in text
        assert f"seen by {' '.join(map(str, view['processes']))}" in text
        assert views(OWN) == [view]
    assert views() == []


def test_two_after_a_change_of_the_configuration(bound: Callable[..., Path]) -> None:  # noqa: F811
    with held(by("alice", "echo ready; read x")):
        old, = views()
        bound('[mounts."/var/tmp"]\n')
        with held(by("alice", "echo ready; read x")):
            new, again = views()
            assert again == old and new["name"] != old["name"] and not set(new["processes"]) & set(old["processes"])


def test_a_view_that_outlives_its_login() -> None:
    with held(by("alice", "setsid sleep 20 > /dev/null 2>&1 < /dev/null & echo ready; read x")):
        view, = views()
    try:
        left, = views()
        sleeper, = left["processes"]
        assert left["namespace"] == view["namespace"] and Path(f"/proc/{sleeper}/comm").read_text() == "sleep\n"
        entries = Path("/run/pam-mktemp/views", view["name"])
        for entry in entries.iterdir():  # as the planner's sweep does
            entry.unlink()
        assert views()[0]["name"] == "" and "no login lives in it" in ask("where", "alice").stdout
    finally:
        subprocess.run(["pkill", "-u", "alice", "-x", "sleep"], check=True)


@pytest.mark.parametrize("removed", [True, False], ids=["removed", "unmounted"])
def test_its_directory_is_gone_from_the_host(removed: bool) -> None:
    """A cleaner of root's removed it, or somebody unmounted /tmp: the view is shown, and what is the matter with it."""
    with held(by("alice", "echo ready; read x")):
        subprocess.run(["chattr", "-a", "/tmp/.private"], check=True)
        subprocess.run(["rm", "-rf", OWN] if removed else ["umount", "-l", "/tmp"], check=True)
        done = ask("--json", "where", "alice")
        view, = json.loads(done.stdout)["views"]
        assert (view["directory"], view["deleted"]) == (None, removed)
        assert not removed or done.returncode == 1
        if not removed:
            subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=1777", "sandbox", "/tmp"], check=True)


def test_a_stale_mark_is_no_view() -> None:
    """The number of a namespace that ended became that of another: of one that another program made."""
    Path("/tmp/snap-private-tmp/snap.alice/tmp").mkdir(parents=True)
    script = "mount --bind /tmp/snap-private-tmp/snap.alice/tmp /tmp; echo ready; read x"
    with subprocess.Popen(["unshare", "-m", "sh", "-c", script],
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout and other.stdout.readline() == b"ready\n"
        Path("/run/pam-mktemp/views").mkdir(parents=True, exist_ok=True)
        Path("/run/pam-mktemp/views", os.readlink(f"/proc/{other.pid}/ns/mnt")).symlink_to("46.6")
        assert views() == []
        other.communicate(b"go\n")


def test_without_root() -> None:
    with held(by("alice", "echo ready; read x")):
        done = ask("--json", "where", "alice", before=("setpriv", "--reuid=2101", "--regid=2101", "--clear-groups"))
        found = json.loads(done.stdout)
        assert found["views"] is None and found["needs_root"] is True


def test_a_path_inside_of_a_view() -> None:
    """What lies in /tmp there is nothing that everybody shares; X11's directory is."""
    def told(*command: str) -> Any:
        return json.loads(subprocess.run(command, capture_output=True, text=True, check=True, cwd="/").stdout)

    file = told(*by("alice", "touch /tmp/f; pam-mktemp --json where /tmp/f"))
    assert (file["private"], file["user"], file["path"]) == (True, "alice", f"{OWN}/f")
    with held(by("alice", "echo ready; read x")):
        pid = open_records("su-l")[0].number("pid")
        inside = ("nsenter", f"--mount=/proc/{pid}/ns/mnt", "pam-mktemp", "--json", "where")
        tmp, shared = told(*inside, "/tmp"), told(*inside, "/tmp/.X11-unix")
        assert tmp["path"] == OWN and pid in tmp["seen_by"]["/tmp"]
        assert (shared["private"], shared["path"]) == (False, "/tmp/.X11-unix")


@pytest.mark.parametrize("words, where", [
    (("pam-mktemp", "-q", "run", "--fresh", "--"), "the host has it nowhere"),
    (("unshare", "-m", "sh", "-c", 'mkdir /tmp/d; mount --bind /tmp/d /tmp; exec "$@"', "-"), "it is /tmp/d/x")])
def test_a_path_inside_of_another_mount(words: tuple[str, ...], where: str) -> None:
    done = subprocess.run([*words, "sh", "-c", "touch /tmp/x; pam-mktemp where /tmp/x"], capture_output=True, text=True,
                          cwd="/")
    assert where in done.stdout and "alice" not in done.stdout, done


@pytest.mark.parametrize("words, about, host", [
    ((), "alice's own", OWN), (("pam-mktemp", "-q", "run"), "alice's own", OWN),
    (("pam-mktemp", "-q", "run", "--fresh"), "an empty one of pam-mktemp run --fresh", "/tmp")])
def test_what_she_is_told_inside(words: tuple[str, ...], about: str, host: str) -> None:
    """Without root what she sees herself stands for the host's."""
    command = by("alice", f"{' '.join(words)} sh -c 'pam-mktemp --json where --pid $$'")
    said = json.loads(subprocess.run(command, capture_output=True, text=True, check=True, cwd="/").stdout)["seen"]
    tmp, shm = said[0], said[2]
    assert (tmp["maker"], tmp["about"], tmp["host"]) == ("ours", about, host)
    assert (shm["maker"], shm["host"]) == ("host", "/dev/shm")
