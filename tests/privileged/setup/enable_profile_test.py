"""enable as Debian does it: what pam-auth-update makes of the files, before, after and instead of us."""
from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.privileged.logins.session import all_four, configure, login, su, variables
from tests.privileged.setup.pam_files import (  # noqa: F401
    LINE, PAM_D, SAVED, command, done, ours, pam_files, refused, state,
)

pytestmark = pytest.mark.usefixtures("pam_files")
SHARED = ("common-session", "common-session-noninteractive")
MANAGED = "session\t[success=ok ignore=ignore module_unknown=ignore default=bad] pam_mktemp_py.so "
PROFILES = Path("/usr/share/pam-configs")


def pam_auth_update(*words: str) -> str:
    """Debian's own program on the files themselves; what it said to its standard error."""
    environment = {"PATH": os.environ["PATH"], "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
    run = subprocess.run(["pam-auth-update", *words], env=environment, capture_output=True, text=True, timeout=60)
    assert run.returncode == 0
    return run.stderr


def contents(folder: Path = PAM_D) -> dict[str, object]:
    """Only what is in the files: pam-auth-update keeps no modes."""
    return {name: what[0] for name, what in state(folder).items()}


@pytest.fixture
def carol(account: Callable[..., Any]) -> None:
    """An account to log in."""
    account("carol", uid=3011)


def test_there_and_back(carol: None) -> None:
    before, debconf = state(), Path("/var/cache/debconf/config.dat").read_bytes()
    done("enable")
    assert [ours(name) for name in SHARED] == [[MANAGED], [MANAGED]]
    assert variables(su("carol").stdout) == all_four("carol")
    assert variables(login(["sudo", "-u", "carol", "env"]).stdout) == all_four("carol")
    once = state(), state(SAVED)
    done("enable")
    assert (state(), state(SAVED)) == once
    done("disable")
    assert state() == before
    assert variables(su("carol").stdout) == {}
    assert Path("/var/cache/debconf/config.dat").read_bytes() == debconf
    assert not [name for name in os.listdir("/run") if "profile" in name]


def test_the_same_as_pam_auth_update_would_do() -> None:
    """Off and on, with and without another profile below and above ours."""
    for other in ([], ["mkhomedir"]):
        pam_auth_update("--package", "--enable", "unix", *other)
        before = contents()
        pam_auth_update("--enable", "pam-mktemp")
        theirs = contents(), contents(SAVED)
        pam_auth_update("--disable", "pam-mktemp")
        assert contents() == before
        saved = contents(SAVED)
        done("enable")
        assert (contents(), contents(SAVED)) == theirs
        done("disable")
        assert (contents(), contents(SAVED)) == (before, saved)


def test_another_package_keeps_our_line() -> None:
    """Its arguments too; and what it changed stays when we go."""
    configure('failure = "closed"\n')
    pam_auth_update("--package", "--enable", "mkhomedir")
    with_other = contents()
    pam_auth_update("--package", "--disable", "mkhomedir")
    done("enable")
    line = f"{MANAGED}fail=closed"
    assert ours("common-session") == [line]
    assert pam_auth_update("--package", "--enable", "mkhomedir") == ""
    assert [ours(name) for name in SHARED] == [[line], [line]]
    assert (PAM_D / "common-session").read_text().index("pam_mkhomedir") < \
        (PAM_D / "common-session").read_text().index("pam_mktemp_py")  # we come last
    configure("")
    done("enable")
    assert ours("common-session") == [MANAGED]
    done("disable")
    assert contents() == with_other
    assert pam_auth_update("--package") == "" and contents() == with_other


def test_a_line_of_ours_stops_no_other_package() -> None:
    """Within its block it would be a local modification, after which pam-auth-update changes nothing any more."""
    done("enable", *(word for name in SHARED for word in ("-s", name)))
    assert pam_auth_update("--package", "--enable", "mkhomedir") == ""
    text = (PAM_D / "common-session").read_text()
    assert 0 < text.index("pam_mkhomedir") < text.index("pam_mktemp_py")
    assert [ours(name) for name in SHARED] == [[LINE], [LINE]]
    done("disable")
    assert pam_auth_update("--package", "--disable", "mkhomedir") == ""
    assert "pam_mkhomedir" not in (PAM_D / "common-session").read_text()


def test_local_modifications_are_refused() -> None:
    """pam-auth-update says so with exit status 0, and does nothing."""
    path = PAM_D / "common-session"
    text = path.read_text()
    path.write_text(text.replace("# end of pam-auth-update config", "session optional pam_umask.so\n# end of pam-auth-"
                                 "update config"))
    assert "modified locally" in (said := refused("enable"))
    assert "enable --service common-session" in said and "pam-auth-update --force" in said
    done("enable", "-s", "common-session", "-s", "common-session-noninteractive")  # as it was told
    assert len(ours("common-session")) == 1
    done("disable")
    assert "pam_umask" in path.read_text() and ours("common-session") == []


def test_turned_off_where_pam_auth_update_would_refuse() -> None:
    done("enable")
    path = PAM_D / "common-session"
    text = path.read_text()
    assert text.count("session\trequired\tpam_unix.so") == 1
    path.write_text(text.replace("session\trequired\tpam_unix.so", "session optional pam_umask.so\n"
                                 "session\trequired\tpam_unix.so"))
    (PROFILES / "pam-mktemp").rename("/root/profile")
    try:
        done("disable")
    finally:
        Path("/root/profile").rename(PROFILES / "pam-mktemp")
    assert ours("common-session") == [] and "pam_umask" in path.read_text()
    assert "mktemp" not in (SAVED / "session").read_text()


def test_more_changes_than_ours_are_refused() -> None:
    """A profile that appeared without its package's run would come with ours, and disable could not undo that."""
    (PROFILES / "zz-test").write_text("Name: test\nDefault: yes\nPriority: 1\nSession-Type: Additional\nSession:\n"
                                      "\toptional pam_umask.so\n")
    try:
        assert "more of it than our line" in refused("enable")
        pam_auth_update("--package")  # as it was told
        done("enable")
        assert (PAM_D / "common-session").read_text().count("pam_umask") == 1
    finally:
        (PROFILES / "zz-test").unlink()


def test_line_of_ours_already_there() -> None:
    done("enable", "-s", "su")
    assert "pam-mktemp disable --service su" in refused("enable")
    done("disable", "-s", "su")
    done("enable", "-s", "common-session")
    assert "pam-mktemp disable --service common-session" in refused("enable")
    done("disable")
    done("enable")
    for name in ("common-session", "su"):  # which includes it
        assert "; take all back: pam-mktemp disable\n" in refused("disable", "-s", name)
    assert "su already runs the module: /etc/pam.d/common-session:" in command("enable", "-s", "su").stderr


def test_a_jump_over_the_shared_lines_is_refused() -> None:
    """One line more, and it would land before its goal."""
    (PAM_D / "jumps").write_text("auth required pam_permit.so\nsession [success=6 default=ignore] pam_permit.so\n"
                                 "@include common-session\nsession required pam_deny.so\n"
                                 "session required pam_permit.so\n")
    said = refused("enable")
    assert "/etc/pam.d/jumps:2: jumps over the line of ours" in said
    done("enable", "-s", "jumps", "-u", "nobody")
    done("disable", "-s", "jumps")


def test_copies_of_killed_runs_are_removed() -> None:
    gone, alive = Path("/run/pam-mktemp-profile-4194305-x"), Path(f"/run/pam-mktemp-profile-{os.getpid()}-x")
    for folder in (gone, alive):
        (folder / "etc").mkdir(parents=True)
    done("enable")
    assert (gone.exists(), alive.exists()) == (False, True)
    shutil.rmtree(alive)


@pytest.mark.parametrize(("make", "what", "status"), [
    (lambda: None, "/var/lib/pam: No such file or directory", 3),
    (lambda: SAVED.symlink_to("/var/lib/kept"), "/var/lib/pam: is a symbolic link to /var/lib/kept", 1),
    (lambda: SAVED.write_text(""), "/var/lib/pam: Not a directory", 3),
])
def test_no_saved_state(make: Callable[[], object], what: str, status: int) -> None:
    """The profile cannot be turned on; what does not need it works."""
    before = state()
    shutil.move(SAVED, "/var/lib/kept")
    try:
        make()
        assert what in refused("enable", status=status)
        done("enable", "-s", "su")
        done("disable")
    finally:
        SAVED.unlink(missing_ok=True)
        shutil.move("/var/lib/kept", SAVED)
    assert state() == before


def test_no_debian() -> None:
    Path("/usr/sbin/pam-auth-update").rename("/root/pam-auth-update")
    try:
        assert "this is no Debian; name the services" in refused("enable")
        done("enable", "-s", "su")
        done("disable")
    finally:
        Path("/root/pam-auth-update").rename("/usr/sbin/pam-auth-update")
