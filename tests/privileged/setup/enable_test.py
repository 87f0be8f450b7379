"""enable and disable of named services, with the logins that come of it."""
from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pam_mktemp_py.pamstack import pieces
from tests.privileged.logins.session import all_four, away, configure, logged, login, su, variables
from tests.privileged.setup.pam_files import LINE, PAM_D, command, done, ours, pam_files, refused, state  # noqa: F401
from tests.sandbox.syslog import Syslog

pytestmark = pytest.mark.usefixtures("pam_files")


@pytest.fixture
def carol(account: Callable[..., Any]) -> None:
    """An account to log in."""
    account("carol", uid=3011)


def test_there_and_back(carol: None, syslog: Syslog) -> None:
    before = state()
    assert variables(su("carol").stdout) == {}
    done("enable", "--service", "su")
    assert ours("su") == [LINE]
    assert variables(su("carol").stdout) == all_four("carol")
    done("disable", "--service", "su")
    assert state() == before
    assert variables(su("carol").stdout) == {}
    ids = logged(syslog)
    assert [id for id in ids if id in ("enabled", "disabled", "put-back")] == ["enabled", "disabled"]


@pytest.mark.parametrize("failure", ["open", "closed"])
def test_at_stage_bind(carol: None, failure: str) -> None:
    """The session that is tried has mounts of its own, where /etc/pam.d is changed, and gets the view of a login."""
    configure(f'stage = "bind"\nfailure = "{failure}"\n')
    done("enable", "--service", "su-l")
    tmp = login(["su", "-", "carol", "-c", "stat -c %i /tmp"]).stdout
    assert tmp == f"{os.stat('/tmp/.private/carol/tmp').st_ino}\n"
    done("disable", "--service", "su-l")
    assert [name for name in os.listdir("/run/pam-mktemp/views") if _of_the_host(name)] == []


def _of_the_host(mark: str) -> bool:
    """Whether a namespace's mark says that its /tmp is the host's: no login makes that."""
    path = Path("/run/pam-mktemp/views", mark)
    return path.is_symlink() and os.readlink(path).endswith(f".{os.stat('/tmp').st_ino}")


def test_twice_is_once() -> None:
    done("enable", "-s", "su")
    once = state()
    result = command("enable", "-s", "su", "-s", "su")
    assert result.returncode == 0 and "su already runs the module: /etc/pam.d/su:" in result.stderr
    assert state() == once
    done("disable", "-s", "su")
    gone = state()
    done("disable", "-s", "su")
    done("disable")
    assert state() == gone


def test_dry_run_shows_and_changes_nothing() -> None:
    before = state()
    shown = done("enable", "-s", "su", "--dry-run")
    assert f"\n+{LINE}\n" in shown and shown.startswith("--- /etc/pam.d/su\n+++ /etc/pam.d/su\n")
    assert state() == before and not os.path.exists("/run/pam-mktemp") and not os.path.exists("/tmp/.private")
    patched = subprocess.run(["patch", "-p0", "-d/"], input=shown, text=True, capture_output=True)
    assert patched.returncode == 0
    assert f"\n-{LINE}\n" in done("disable", "--dry-run")
    done("disable")
    assert state() == before


def test_several_and_one_that_includes_another() -> None:
    found = json.loads(done("--json", "enable", "-s", "su", "-s", "cron"))
    assert [change["path"] for change in found["changes"]] == ["/etc/pam.d/su", "/etc/pam.d/cron"]
    assert (found["changed"], found["dry_run"], found["finding"]) == (True, False, False)
    result = command("enable", "-s", "su-l")  # includes su
    assert result.returncode == 0 and "su-l already runs the module: /etc/pam.d/su:" in result.stderr
    assert ours("su-l") == []
    assert "it comes from /etc/pam.d/su:" in refused("disable", "-s", "su-l")


@pytest.mark.parametrize("name", ["\u00fc", "\u20ac", "a b", "a#", "\x7f"])
def test_configuration_that_no_line_can_name(name: str) -> None:
    path = Path(f"/etc/security/{name}.toml")
    path.write_text("")
    try:
        assert "this path cannot be written in a line of PAM's" in refused("--config", str(path), "enable", status=3)
    finally:
        path.unlink()


def test_configuration_that_another_can_replace(carol: None) -> None:
    """Root's own file in a folder of carol's: she could take it away, or put an older one of root's in its place."""
    folder = Path("/etc/hers")
    folder.mkdir()
    (folder / "own.toml").write_text("")
    os.chown(folder, 3011, 3011)
    try:
        said = refused("--config", f"{folder}/own.toml", "enable", status=3)
        assert "not only root could change" in said and f"chown root:root {folder}" in said
        os.chmod("/etc/security", 0o777)
        assert "chmod go-w /etc/security" in refused("enable", status=3)
    finally:
        os.chmod("/etc/security", 0o755)
        shutil.rmtree(folder)


@pytest.mark.parametrize(("names", "changed"), [
    (["su-l", "su"], ["su"]), (["su", "su-l"], ["su"]),
    (["cron", "su", "common-session", "su-l"], ["cron", "common-session"]),
])
def test_one_that_includes_another_at_once(names: list[str], changed: list[str]) -> None:
    """Whatever the order, only those that include no other one get a line."""
    done("-q", "enable", *(word for name in names for word in ("-s", name)))
    assert [name for name in names if ours(name)] == changed


def test_two_lines_in_one_session() -> None:
    """The advice is about the line that is there; where there is none yet, about the command."""
    (PAM_D / "both").write_text("auth required pam_deny.so\nsession include common-session\nsession include runuser\n")
    words = ("enable", "-s", "common-session", "-s", "runuser")
    assert "one is enough; name only one of the two" in refused(*words)
    done(*words[:3])
    assert "first: pam-mktemp disable --service common-session\n" in refused("enable", "-s", "runuser")
    done("disable", "-s", "common-session")
    done("enable", "-s", "runuser")
    assert "first: pam-mktemp disable --service runuser\n" in refused("enable")


def test_module_gone_after_enable(carol: None) -> None:
    """Seen to lock out: with `required` for a control."""
    done("enable", "-s", "su")
    with away(f"{pieces.security_dir()}/pam_mktemp_py.so"):
        result = su("carol")
        assert (result.returncode, variables(result.stdout)) == (0, {})
        assert "is not there" in refused("enable", "-s", "cron")
        done("disable")  # works without it
    assert ours("su") == []


def test_failure_policy_and_configuration_become_arguments(carol: None) -> None:
    configure('failure = "closed"\n')
    done("enable", "-s", "su")
    assert ours("su") == [f"{LINE} fail=closed"]
    configure("")
    done("enable", "-s", "su")
    assert ours("su") == [LINE]
    other = Path("/etc/security/other.toml")
    other.write_text('failure = "closed"\n')
    try:
        done("--config", str(other), "enable", "-s", "su")
        assert ours("su") == [f"{LINE} config={other} fail=closed"]
        assert variables(su("carol").stdout) == all_four("carol")
    finally:
        other.unlink()
    done("disable", "-s", "su")


def test_owner_mode_list_and_attributes_stay() -> None:
    path = PAM_D / "su"
    os.chown(path, 0, 4)
    path.chmod(0o640)
    subprocess.run(["setfacl", "-m", "u:nobody:r", path], check=True)
    os.setxattr(path, "trusted.test", b"kept")
    before = state()
    done("enable", "-s", "su")
    after = state()
    assert after["su"][1:] == before["su"][1:] and len(after["su"][4]) == 2  # type: ignore[arg-type]
    assert os.listxattr(path) and (os.stat(path).st_gid, os.stat(path).st_mode & 0o7777) == (4, 0o640)
    done("disable")
    assert state() == before


def test_the_default_list_of_the_folder_is_not_inherited() -> None:
    subprocess.run(["setfacl", "-d", "-m", "u:nobody:rw", PAM_D], check=True)
    before = state()
    done("enable", "-s", "su")
    assert state()["su"][1:] == before["su"][1:]
    done("disable")
    subprocess.run(["setfacl", "-k", PAM_D], check=True)
    assert state() == before


@pytest.mark.parametrize("text", [
    "auth required pam_permit.so\naccount required pam_permit.so\nsession required pam_permit.so",  # no newline
    "session required pam_permit.so # é\nauth required pam_permit.so\n\n",
    "auth required pam_permit.so\nsession required \\\n# between\n pam_permit.so\naccount required pam_permit.so\n",
    "auth include su\nsession [success=1 default=ignore] pam_permit.so\nsession required pam_deny.so\n"
    "session required pam_permit.so\n",
    "auth required pam_permit.so\n@include common-session\n@include common-password\n",
])
def test_any_shape_is_undone(text: str) -> None:
    path = PAM_D / "shape"
    path.write_text(text)
    done("enable", "-s", "shape", "-u", "nobody")
    assert ours("shape") == [LINE]
    done("disable", "-s", "shape")
    assert path.read_text() == text


def test_lines_by_hand_are_taken_out() -> None:
    before = state()
    path = PAM_D / "su"
    text = path.read_text()
    path.write_text("session optional /lib/pam_mktemp_py.so\n" + text
                    + f"-session required \\\n pam_mktemp_py.so \\\n debug\n{LINE}\n")
    done("disable")
    assert state() == before


def test_a_jump_by_hand_over_the_line(carol: None) -> None:
    """Seen to lock out: without our line it would lead behind the last one, which libpam takes for a failure."""
    jump = "session [success=1 default=ignore] pam_succeed_if.so quiet user = carol\n"
    with open(PAM_D / "su", "a", encoding="utf-8") as file:
        file.write(f"{jump}{LINE}\n")
    for words in (["disable"], ["disable", "-s", "su"], ["disable", "--dry-run"]):
        assert "jumps over the line of ours" in refused(*words)
    assert su("carol").returncode == 0
    (PAM_D / "su").write_text((PAM_D / "su").read_text().replace(jump, ""))  # as it was told
    done("disable")
    assert su("carol").returncode == 0


def test_root_only(carol: None) -> None:
    for words in (["enable", "--dry-run"], ["disable"]):
        result = subprocess.run(["setpriv", "--reuid=3011", "--clear-groups", "/usr/bin/pam-mktemp", *words],
                                capture_output=True, text=True)
        assert result.returncode == 3 and "run it as root" in result.stderr


def test_in_a_container_without_mounts() -> None:
    """Without CAP_SYS_ADMIN, as most containers are; su has includes, and the stack shall be tried as it will be."""
    before = state()
    for words in (["enable", "-s", "su", "-u", "nobody"], ["disable"]):
        run = subprocess.run(["setpriv", "--bounding-set=-sys_admin", "/usr/bin/pam-mktemp", *words],
                             capture_output=True, text=True)
        assert (run.returncode, run.stderr) == (0, "")
        assert ours("su") == [LINE] * (words[0] == "enable")
    assert state() == before


def test_account_that_is_tried(carol: None) -> None:
    def user(*words: str, **options: str) -> str:
        return str(json.loads(done("--json", "enable", "-s", "su", "-n", *words, **options))["user"])

    assert user(SUDO_USER="carol") == "carol"
    assert user("--user", "nobody", SUDO_USER="carol") == "nobody"
    assert user(SUDO_USER="root") != "root"
    assert "no such account" in refused("enable", "-u", "nosuch")


def test_completion() -> None:
    for words, expected in (("enable --service runu", "runuser"), ("disable -s runu", "runuser"),
                            ("enable -u nobo", "nobody")):
        found = command(COMP_WORDS=f"pam-mktemp {words}", COMP_CWORD=str(len(words.split())),
                        _PAM_MKTEMP_COMPLETE="bash_complete").stdout
        assert f"plain,{expected}\n" in found
