"""sshd without PAM, as a real sshd reads its configuration."""
from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.privileged.doctor.doctor import LINE, PLAIN, assert_cured, ids, run
from tests.sandbox import capabilities

CONFIG = "/etc/ssh/sshd_config"
DROP_IN = "/etc/ssh/sshd_config.d/pam.conf"


@pytest.fixture(autouse=True)
def covered(machine: Callable[..., Path]) -> None:
    capabilities.need(capabilities.have("sshd"), "sshd")
    subprocess.run(["ssh-keygen", "-A"], check=True, capture_output=True)  # it reads nothing without keys
    machine("sshd", [*PLAIN, LINE])


@pytest.mark.parametrize("file, text, where", [
    (CONFIG, "# x\nUsePAM no\n", f"{CONFIG}:2"), (DROP_IN, "usepam=no\n", f"{DROP_IN}:1"),
    (CONFIG, "# UsePAM yes\nX11Forwarding no\n", CONFIG),
])
def test_no_pam(put: Callable[..., Path], file: str, text: str, where: str) -> None:
    put(file, text)
    finding = assert_cured("sshd-without-pam")
    assert finding["where"] == where
    assert "usepam yes" in subprocess.run(["/usr/sbin/sshd", "-T"], capture_output=True, text=True).stdout


def test_a_value_that_does_not_count(put: Callable[..., Path]) -> None:
    put(DROP_IN, "UsePAM yes\n")
    put(CONFIG, "Include /etc/ssh/sshd_config.d/*.conf\nUsePAM no\n")
    assert "sshd-without-pam" not in ids(run())


def test_sshd_is_not_covered(machine: Callable[..., Path], put: Callable[..., Path]) -> None:
    machine("sshd", PLAIN)
    put(CONFIG, "UsePAM no\n")
    assert "sshd-without-pam" not in ids(run())
