"""Other modules that have to do with /tmp: real pam_namespace, and stand-ins that set variables as theirs do."""
from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.privileged.doctor.doctor import LINE, PLAIN, assert_cured, find, ids, run
from tests.sandbox import capabilities

SOURCE = """
#include <security/pam_modules.h>
int pam_sm_open_session(pam_handle_t *p, int f, int n, const char **a) {
    (void)f; (void)n; (void)a;
    return %s PAM_SUCCESS;
}
int pam_sm_close_session(pam_handle_t *p, int f, int n, const char **a) {
    (void)p; (void)f; (void)n; (void)a;
    return PAM_SUCCESS;
}
"""
SETS = {
    "pam_tmpdir.so": ("TMP=/tmp/user/1", "TMPDIR=/tmp/user/1", "TEMP=/tmp/user/1", "TEMPDIR=/tmp/user/1"),
    "pam_mktemp.so": ("TMPDIR=/tmp/other", "TMP=/tmp/other"),
    "pam_house.so": ("TEMP=/srv/house",),
    "pam_harmless.so": ("HOUSE=/tmp/1", "MY_TMP=/tmp/1"),
}


@pytest.fixture(scope="module")
def modules() -> Iterator[None]:
    """The stand-ins, compiled, where PAM looks for modules."""
    capabilities.need(capabilities.have("gcc"), "gcc")
    folder = Path("/lib", subprocess.run(["gcc", "-print-multiarch"], capture_output=True, text=True,
                                         check=True).stdout.strip(), "security")
    for name, values in SETS.items():
        text = SOURCE % " ".join(f'pam_putenv(p, "{value}") ?:' for value in values)
        subprocess.run(["gcc", "-shared", "-fPIC", "-o", folder / name, "-x", "c", "-", "-lpam"], input=text, text=True,
                       check=True)
    yield
    for name in SETS:
        (folder / name).unlink()


@pytest.mark.usefixtures("modules")
class TestSetters:
    @pytest.mark.parametrize("module", ["pam_tmpdir.so", "pam_mktemp.so", "pam_house.so"])
    def test_after_ours(self, machine: Callable[..., Path], module: str) -> None:
        machine("su", [*PLAIN, LINE, f"session optional {module}"])
        finding = find(run("--full"), "other-module")
        assert (finding["kind"], finding["where"]) == ("problem", "/etc/pam.d/su:6")
        named = finding["what"].partition(" sets ")[2].partition(":")[0].split()
        assert set(named) == {value.partition("=")[0] for value in SETS[module]}
        assert_cured("other-module")
        assert ids(run("--full"), "problem") == set()

    def test_before_ours_it_only_works_for_nothing(self, machine: Callable[..., Path]) -> None:
        machine("su", [*PLAIN, "session optional pam_tmpdir.so", LINE])
        assert run("--full")["session"]["environment"]["TMP"] == "/tmp/.private/alice/tmp"
        assert_cured("other-module", kind="note")

    def test_in_auth_of_a_program_that_runs_it_last(self, machine: Callable[..., Path]) -> None:
        auth = ["auth optional pam_tmpdir.so", "auth required pam_permit.so", "account required pam_permit.so"]
        machine("su", [*auth, LINE])
        assert "other-module" not in ids(run())
        machine("sshd", [*auth, LINE])
        assert assert_cured("other-module")["where"] == "/etc/pam.d/sshd:1"

    def test_one_of_a_profile(self, machine: Callable[..., Path], put: Callable[..., Path]) -> None:
        """What pam-auth-update wrote it takes out itself."""
        put("/usr/share/pam-configs/tmpdir", "Name: tmpdir\nDefault: yes\nPriority: 0\nSession-Type: Additional\n"
                                             "Session:\n\toptional\tpam_tmpdir.so\n")
        for name in ("common-auth", "common-account", "common-password", "common-session",
                     "common-session-noninteractive"):
            machine(name, Path("/etc/pam.d", name).read_text().splitlines())
        subprocess.run(["pam-auth-update", "--enable", "tmpdir"], check=True)
        su = Path("/etc/pam.d/su").read_text().splitlines()
        machine("su", [LINE, *(line for line in su if line != LINE)])
        finding = assert_cured("other-module")
        assert finding["commands"] == [["pam-auth-update", "--disable", "tmpdir"]]

    def test_one_that_sets_something_else(self, machine: Callable[..., Path]) -> None:
        machine("su", [*PLAIN, LINE, "session optional pam_harmless.so"])
        assert "other-module" not in ids(run())


@pytest.fixture
def polydirs(instances: None, put: Callable[..., Path]) -> Callable[..., Path]:
    """polydirs("root") writes pam_namespace's configuration, which leaves these users out."""
    return lambda users="": put("/etc/security/namespace.conf", f"/tmp /var/instances/ user:noinit {users}\n")


class TestNamespace:
    def test_after_ours(self, machine: Callable[..., Path], polydirs: Callable[..., Path]) -> None:
        polydirs()
        machine("su", [*PLAIN, LINE, "session optional pam_namespace.so"])
        assert run("--full")["session"]["usable"]["TMPDIR"] != ""  # it is hidden
        assert_cured("namespace-after")
        assert run("--full")["session"]["usable"]["TMPDIR"] == ""

    def test_before_ours(self, machine: Callable[..., Path], polydirs: Callable[..., Path]) -> None:
        polydirs("root")
        machine("su", [*PLAIN, "session optional pam_namespace.so", LINE])
        finding = assert_cured("namespace-before", kind="note")
        assert finding["where"] == "/etc/security/namespace.conf:1"

    @pytest.mark.parametrize("users", ["root,alice", "~bob"])
    def test_who_is_exempt(self, machine: Callable[..., Path], polydirs: Callable[..., Path], users: str) -> None:
        polydirs(users)
        machine("su", [*PLAIN, LINE, "session optional pam_namespace.so"])
        assert "namespace-after" not in ids(run())

    def test_another_directory(self, machine: Callable[..., Path], put: Callable[..., Path]) -> None:
        put("/etc/security/namespace.conf", "/var/tmp /var/instances/ user root\n")
        machine("su", [*PLAIN, LINE, "session optional pam_namespace.so"])
        assert "namespace-after" not in ids(run())


@pytest.mark.parametrize("module", ["pam_mkhomedir.so", "pam_oddjob_mkhomedir.so"])
def test_the_home_is_made_later(machine: Callable[..., Path], module: str) -> None:
    machine("su", [*PLAIN, LINE, f"session optional {module}"])
    assert_cured("home-after", kind="note")
    machine("su", [*PLAIN, f"session optional {module}", LINE])
    assert "home-after" not in ids(run())
