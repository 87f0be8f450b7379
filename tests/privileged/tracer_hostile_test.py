"""What a hostile account could try on root's trace of it: links, moved folders, capabilities, a faked no_new_privs."""
from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pam_mktemp_py.errors import TraceError
from pam_mktemp_py.linux.accounts import lookup
from pam_mktemp_py.tracer.folder import private_folder
from pam_mktemp_py.tracer.keep import check, keep
from tests.privileged.tracer_root_test import as_account
from tests.sandbox.capabilities import can_trace, need
from tests.tracing import Tracer


@pytest.fixture
def tracer() -> Iterator[Tracer]:
    need(can_trace(), "strace")
    folder = Path(tempfile.mkdtemp(dir="/var/tmp"))
    folder.chmod(0o755)
    made = Tracer(folder)
    made.tmpdir.chmod(0o1777)
    yield made
    shutil.rmtree(folder)


def test_a_command_that_executes_strace_itself(tracer: Tracer, alice: Any) -> None:
    """It is a child of strace and runs strace's file, as what strace starts: its second no_new_privs is real."""
    source, library = tracer.folder / "ask.c", tracer.folder / "ask.so"
    source.write_text("""#include <stdio.h>
        #include <sys/prctl.h>
        __attribute__((constructor)) static void ask(void)
        {
            prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
            printf("after %d\\n", prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
            fflush(stdout);
        }""")
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", library, source], check=True)
    done = tracer.run("env", f"LD_PRELOAD={library}", "strace", "-V", user="alice")
    assert done["filtered"] and done["stdout"].startswith("after 1\n")


def test_inheritable_capabilities_end_with_us(tracer: Tracer, alice: Any) -> None:
    done = tracer.run("grep", "CapInh", "/proc/self/status", user="alice",
                      prefix=["setpriv", "--inh-caps=+net_raw", "--"])
    assert done["stdout"] == "CapInh:\t0000000000000000\n"


def test_a_proc_that_hides_others(tracer: Tracer, alice: Any) -> None:
    """hidepid=1: names are listed, and cannot be opened."""
    tracer.folder.chmod(0o777)
    hide = ["unshare", "-m", "sh", "-c", 'mount -t proc -o hidepid=1 proc /proc && exec "$@"', "sh"]
    done = tracer.run(tracer.witness, "daemon", "3600", grace=0.1, prefix=[*hide, *as_account(alice)])
    assert done["status"] == 3 and len(done["left"]) == 1


def test_no_room_for_the_second_folder(tmp_path: Path) -> None:
    """The first one does not stay."""
    point = tmp_path / "small"
    point.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "nr_inodes=2,mode=1777", "small", point], check=True)
    try:
        with pytest.raises(TraceError, match="No space left"), private_folder(None, str(point)):
            pass
        assert list(point.iterdir()) == []
    finally:
        subprocess.run(["umount", point], check=True)


def test_another_accounts_folder_is_not_removed(alice: Any, bob: Any, as_user: Callable[..., Any]) -> None:
    """She may move a folder that both can write to, but not remove what is closed to her in it."""
    team = Path("/tmp/team")
    team.mkdir()
    team.chmod(0o777)
    assert as_user(bob, ["sh", "-c", f"mkdir -m 700 {team}/bobs && echo x > {team}/bobs/precious"]).returncode == 0
    shutil.chown(team, "alice")
    subprocess.run(["sleep", "0.02"], check=True)  # one tick of the clock that files have
    with private_folder(lookup("alice")) as private:
        assert as_user(alice, ["mv", team, private.path]).returncode == 0
    outer = Path(private.path).parent
    try:
        assert [path.name for path in outer.rglob("precious")] == ["precious"]
        assert "older" in private.notes[0]
    finally:
        shutil.rmtree(outer)


def test_a_link_of_the_accounts_leads_nowhere(tmp_path: Path, alice: Any, as_user: Callable[..., Any]) -> None:
    """Not on the way to the kept log either: she would choose in which of the system's folders root writes."""
    home = Path(alice.pw_dir)
    assert as_user(alice, ["ln", "-s", tmp_path, home / "logs"]).returncode == 0
    target = str(home / "logs/kept")
    for act in (lambda: check(target), lambda: keep("/etc/hostname", target)):
        with pytest.raises(TraceError, match="link of another's"):
            act()
    assert list(tmp_path.iterdir()) == []
    (home / "logs").unlink()
    keep("/etc/hostname", str(home / "kept"))
    assert (home / "kept").owner() == "root"
