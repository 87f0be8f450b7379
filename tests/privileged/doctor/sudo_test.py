"""What sudo hands on, by its own reading of sudoers, and by a real sudo."""
from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.privileged.doctor.doctor import assert_cured, ids, run
from tests.sandbox import capabilities
from tests.sandbox.accounts import CLEAN

RULES = Path("/etc/sudoers.d/rules")


@pytest.fixture(autouse=True)
def sudoers(machine: Callable[..., Path], put: Callable[..., Path]) -> Callable[[str], Path]:
    """sudoers("Defaults !env_reset") adds a file; what the advice writes is gone with the test."""
    capabilities.need(capabilities.have("sudo") and capabilities.have("cvtsudoers"), "sudo")
    for name in ("no-env-reset", "keeps", "secure-path"):
        put(f"/etc/sudoers.d/zz-pam-mktemp-{name}", "").unlink()
    return lambda text: put(RULES, f"alice ALL=(ALL) NOPASSWD: ALL\n{text}\n", 0o440)


def kept() -> bool:
    """Whether a command that alice runs with sudo has her TMP, or one that root runs as her has root's TMPDIR.

    Of alice's own variables libc drops TMPDIR, as sudo is setuid.
    """
    for command in (["setpriv", "--reuid=2101", "--regid=2101", "--clear-groups", "sudo", "-n", "env"],
                    ["sudo", "-n", "-u", "alice", "env"]):
        done = subprocess.run(command, env=CLEAN | {"TMPDIR": "/callers", "TMP": "/callers"}, capture_output=True,
                              text=True, check=True)
        if "=/callers" in done.stdout:
            return True
    return False


@pytest.mark.parametrize("text, id", [
    ("Defaults !env_reset", "sudo-no-env-reset"),
    ("Defaults:alice !env_reset", "sudo-no-env-reset"),
    ('Defaults env_keep += "TMPDIR FOO"', "sudo-keeps"),
    ('Defaults env_keep += "TMP*"', "sudo-keeps"),
    ("Defaults:alice env_keep += TMP", "sudo-keeps"),
    ("Defaults>alice env_keep += TMP", "sudo-keeps"),
])
def test_kept(sudoers: Callable[[str], Path], text: str, id: str) -> None:
    sudoers(text)
    assert kept()
    assert_cured(id)
    assert not kept()


@pytest.mark.parametrize("text", [
    "", 'Defaults env_keep += "LANG"', 'Defaults env_keep += "TMPDIR"\nDefaults env_keep -= "TMPDIR"',
    "Defaults !env_reset\nDefaults env_reset", "bob ALL=(ALL) SETENV: /bin/ls",
])
def test_not_kept(sudoers: Callable[[str], Path], text: str) -> None:
    sudoers(text)
    assert not kept()
    assert not ids(run()) & {"sudo-keeps", "sudo-no-env-reset", "sudo-no-secure-path", "sudo-unread"}


def test_for_another_target_by_hand(sudoers: Callable[[str], Path]) -> None:
    sudoers("Defaults>bob env_keep += TMPDIR")
    assert_cured("sudo-keeps", by=lambda: sudoers(""))


def test_no_secure_path(sudoers: Callable[[str], Path]) -> None:
    sudoers("Defaults !secure_path")
    assert_cured("sudo-no-secure-path", kind="note")


def test_broken(sudoers: Callable[[str], Path]) -> None:
    sudoers("Defaults env_keep += ")
    assert_cured("sudo-unread", kind="note", by=lambda: sudoers(""))
