"""Which services run the module, and pam.d files that libpam cannot use."""
from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.privileged.doctor.doctor import LINE, PLAIN, add_line, assert_cured, find, follow, ids, run

SHARED = ("common-session", "common-session-noninteractive")


@pytest.fixture
def shared(fresh_state: None, alice: None, profiles: None, pam_service: Callable[..., Path]) -> Callable[..., Path]:
    """The module where Debian's profile puts it; all that `enable` may write is put back."""
    for name in (*SHARED, "su", "runuser"):
        pam_service(name, Path("/etc/pam.d", name).read_text().splitlines())
    for name in SHARED:
        add_line(name)
    return pam_service


def test_no_problems_with_one_service_alone(machine: Callable[..., Path]) -> None:
    document = run()
    assert ids(document, "problem") == set()
    assert not ids(document) & {"service-not-covered", "switch-not-covered"}


def test_no_problems_with_the_profile_and_runuser(shared: Callable[..., Path]) -> None:
    add_line("runuser")
    assert ids(run(), "problem") == set()


def test_nothing_enabled(fresh_state: None, alice: None, shared: Callable[..., Path]) -> None:
    for name in SHARED:
        shared(name, [line for line in Path("/etc/pam.d", name).read_text().splitlines() if line != LINE])
    document = run()
    assert find(document, "not-enabled")["commands"] == [["pam-mktemp", "enable"]]
    assert "service-not-enabled" not in ids(document)
    assert_cured("not-enabled")


def test_the_service_asked_for(machine: Callable[..., Path]) -> None:
    machine("cron", Path("/etc/pam.d/cron").read_text().splitlines())
    assert_cured("service-not-enabled", "--service", "cron")


def test_runuser_does_not_include_what_the_profile_changes(shared: Callable[..., Path]) -> None:
    finding = assert_cured("service-not-covered")
    assert finding["where"] == "/etc/pam.d/runuser"  # runuser-l reads that one
    assert finding["commands"] == [["pam-mktemp", "enable", "--service", "runuser"]]


def test_the_fallback_of_services_without_lines(machine: Callable[..., Path]) -> None:
    """other is a service, and no shared file that others would have to include."""
    machine("su", [line for line in PLAIN if not line.startswith("session")])
    machine("other", [*PLAIN, LINE])
    for words, service in (((), "other"), (("--service", "su"), "su")):
        document = run(*words)
        assert document["service"] == service and document["session"]["outcome"] == "private"
        assert ids(document, "problem") == set()
    machine("other", PLAIN)
    assert "not-enabled" in ids(run("--service", "su"))


def test_a_service_that_the_configuration_leaves_out(shared: Callable[..., Path],
                                                     put: Callable[..., Path]) -> None:
    put("/etc/security/pam_mktemp.toml", 'exempt_services = ["runuser", "runuser-l"]\n')
    assert "service-not-covered" not in ids(run())


def test_a_greeter_is_nobodys_login(shared: Callable[..., Path]) -> None:
    add_line("runuser")
    shared("lightdm-greeter", PLAIN)
    assert ids(run(), "problem") == set()
    shared("lightdm", PLAIN)
    assert find(run(), "service-not-covered")["where"] == "/etc/pam.d/lightdm"


def test_su_keeps_the_tmpdir_of_a_login(shared: Callable[..., Path]) -> None:
    for name in SHARED:
        shared(name, [line for line in Path("/etc/pam.d", name).read_text().splitlines() if line != LINE])
    add_line("runuser")
    shared("sshd", [*Path("/etc/pam.d/sshd").read_text().splitlines(), LINE])
    finding = assert_cured("switch-not-covered", kind="note")
    assert finding["where"] == "/etc/pam.d/su"


BROKEN = ("session required pam_limits.so\r", "@include no-such-file", "session include no-such-file",
          "@include broken-4", "sesion required pam_limits.so", "session required")


def test_broken_files(machine: Callable[..., Path]) -> None:
    for number, line in enumerate(BROKEN, 1):
        machine(f"broken-{number}", [*PLAIN, line])
    found = [each for each in run()["findings"] if each["id"] == "pam-file-broken"]
    assert [each["where"] for each in found] == [f"/etc/pam.d/broken-{at}:5" for at in range(1, len(BROKEN) + 1)]
    for finding in found:
        follow(finding)
    assert "pam-file-broken" not in ids(run())
