"""Stacks of logins at stage bind: pam_namespace and modules that mount, and which services are logins at all."""
from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.privileged.doctor.doctor import LINE, PLAIN, USER, assert_cured, find, ids, run, shown
from tests.privileged.logins.session import CONFIG, login

Bound = Callable[..., Path]
Machine = Callable[..., Path]


def is_bound() -> bool:
    """Whether a real login of the account has its own /tmp."""
    done = login(["su", "-", USER, "-c", "test -e /tmp/.README-private-tmp && echo bound"])
    return done.stdout == "bound\n"


@pytest.mark.usefixtures("instances")
@pytest.mark.parametrize("directory, after", [("/tmp", False), ("/var/tmp", False), ("/tmp", True)])
def test_pam_namespace(bound: Bound, machine: Machine, put: Callable[..., Path], directory: str, after: bool) -> None:
    """The real one: of any directory it makes mounts of its own, and sessions have no private /tmp, or not ours."""
    put("/etc/security/namespace.conf", f"{directory} /var/instances/ user:noinit root\n")
    theirs = "session required pam_namespace.so"
    machine("su", [*PLAIN, *([LINE, theirs] if after else [theirs, LINE])])
    assert not is_bound()
    finding = assert_cured("namespace-and-bind", "--service", "su-l")
    assert finding["where"] == f"/etc/pam.d/su:{6 if after else 5}"
    assert is_bound()


@pytest.mark.parametrize("text", ["", "/tmp /var/instances/ user root,alice\n"])
def test_pam_namespace_that_does_nothing(bound: Bound, machine: Machine, put: Callable[..., Path], text: str) -> None:
    put("/etc/security/namespace.conf", text)
    machine("su", [*PLAIN, "session required pam_namespace.so", LINE])
    assert is_bound() and "namespace-and-bind" not in ids(run())


def test_a_module_that_mounts(bound: Bound, machine: Machine) -> None:
    machine("su", [*PLAIN, LINE, "session optional pam_mount.so"])
    finding = assert_cured("mounts-after")
    assert finding["where"] == "/etc/pam.d/su:6"


def test_a_login_that_is_not_listed(bound: Bound, machine: Machine) -> None:
    machine("house-login", [*PLAIN, "session required pam_loginuid.so", LINE])
    finding = find(run(), "login-not-listed")
    assert "house-login" in finding["what"] and finding["kind"] == "problem"

    def stage() -> str:
        done = shown("--json", "plan", USER, "--service", "house-login")
        return str(json.loads(done.stdout)["stage"])

    assert stage() == "shim"
    assert_cured("login-not-listed")
    assert stage() == "bind"
    assert is_bound()  # the others are logins as before


def test_services_that_are_no_logins(bound: Bound, machine: Machine) -> None:
    """No entry point (pam_loginuid(8)), or a greeter's."""
    machine("house-switch", [*PLAIN, LINE])
    machine("house-greeter", [*PLAIN, "session required pam_loginuid.so", LINE])
    assert "login-not-listed" not in ids(run())


@pytest.mark.parametrize("text", [
    "login_services = ['loginn']\n",
    'services = ["*"]\nlogin_services = [\n  "sshd",  # one\n  "loginn",\n  "su-l"\n]\nmin_uid = 0\n',
])
def test_a_service_that_is_not_there(bound: Bound, text: str) -> None:
    bound(text)
    finding = assert_cured("login-service-unknown")
    assert "loginn" in finding["what"] and finding["where"].startswith(f"{CONFIG}:")
    assert "loginn" not in CONFIG.read_text() and subprocess.run(["pam-mktemp", "config", "check"]).returncode == 0
