"""What doctor says of the session that it opens: how it begins, why it has no directory, whether we run in it."""
from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.privileged.doctor.doctor import LINE, PLAIN, assert_cured, find, follow, ids, run, shown
from tests.privileged.logins.session import CONFIG, all_four, away, configure
from tests.sandbox.accounts import CLEAN

LIBRARIES = "/usr/lib/python3/dist-packages"
Machine = Callable[..., Path]


def test_nothing_is_wrong(machine: Machine) -> None:
    document = run()
    session = document["session"]
    assert (document["user"], document["service"], document["needs_root"]) == ("alice", "su-l", False)
    assert (session["code"], session["outcome"], session["reached"]) == (0, "private", True)
    assert {name: session["environment"][name] for name in all_four("alice")} == all_four("alice")
    assert session["usable"] == dict.fromkeys(all_four("alice"), "")
    assert session["record"]["directory"] == "/tmp/.private/alice" and session["mounts"] == []
    assert not ids(document, "problem"), document["findings"]
    assert document["checks"] == len(document["checked"]) > 4
    full = run("--full")
    assert full["session"]["environment"].items() >= all_four("alice").items() and not ids(full, "problem")


def test_the_service_can_be_chosen(machine: Machine) -> None:
    assert run("--service", "su")["session"]["record"]["service"] == "su"
    done = shown("doctor", "alice", "-s", "nosuch")
    assert done.returncode == 1 and "/etc/pam.d/nosuch: there is no such service" in done.stderr
    assert run("--service", "sshd")["session"] is None


@pytest.mark.parametrize(("command", "why"), [
    (["chmod", "0777", "/tmp"], "/tmp: is writable by others and not sticky"),
    (["chown", "alice", "/tmp"], "/tmp: belongs to uid 2101"),
])
@pytest.mark.parametrize("policy", ["open", "closed"])
def test_no_directory_can_be_had(machine: Machine, command: list[str], why: str, policy: str) -> None:
    configure(f'failure = "{policy}"\n')
    machine("su", [*PLAIN, f"{LINE} fail={policy}"])
    subprocess.run(command, check=True)
    found = assert_cured({"open": "failed-open", "closed": "session-refused"}[policy])
    assert why in found["what"] and len(found["commands"]) == 2
    assert run()["session"]["outcome"] == "private"


def test_the_planner_is_damaged(machine: Machine) -> None:
    with away("/usr/lib/pam-mktemp/__main__.py"):
        finding = find(run(), "failed-open")
        assert "planner" in finding["what"] and "python3" in finding["do"]
    follow(finding)
    assert "failed-open" not in ids(run())


def test_an_open_session_uses_a_wrong_directory(machine: Machine) -> None:
    with subprocess.Popen(["su", "alice", "-c", "echo; read x"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          env=CLEAN, cwd="/") as host:
        assert host.stdin and host.stdout
        host.stdout.readline()
        os.chmod("/tmp/.private/alice", 0o755)
        document = run()
        assert {"failed-open", "directory-wrong"} <= ids(document)
        assert "pam-mktemp where" in find(document, "directory-wrong")["do"]
        host.stdin.close()
    follow(find(document, "failed-open"))
    assert find(run(), "directory-mended")["kind"] == "note"
    assert not {"failed-open", "directory-wrong", "directory-mended"} & ids(run())


def test_the_record_cannot_be_written(machine: Machine) -> None:
    sessions = "/run/pam-mktemp/sessions"
    run()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "ro", "test", sessions], check=True)
    assert ids(run(), "problem") == {"record-missing"}
    found = assert_cured("record-missing", by=lambda: subprocess.run(["umount", sessions], check=True))
    assert "findmnt" in found["do"]


def test_another_module_refuses(machine: Machine) -> None:
    path = machine("su", [*PLAIN, LINE, "session required pam_echo.so Gesperrt: \xfc\u20ac %u",
                          "session requisite pam_succeed_if.so quiet user = nobody"])
    document = run("--full")
    finding = find(document, "session-refused")
    assert "pam_succeed_if.so" in finding["do"] and document["session"]["code"] != 0
    assert document["session"]["messages"] == ["Gesperrt: \xfc\u20ac alice"]
    assert "session-refused" not in ids(run())  # our line alone
    path.write_text(path.read_text().replace("requisite", "optional"))
    assert "session-refused" not in ids(run("--full"))


def test_a_module_hangs(machine: Machine) -> None:
    Path("/usr/local/bin/hang").write_text("#!/bin/sh\nsetsid sleep 300 &\nsleep 300\n")
    os.chmod("/usr/local/bin/hang", 0o755)
    path = machine("su", [*PLAIN, "session optional pam_exec.so /usr/local/bin/hang", LINE])
    assert "session-timeout" in ids(run("--full", "--timeout", "1"))  # there is no /run/pam-mktemp yet
    machine("su", [*PLAIN, LINE, "session optional pam_exec.so /usr/local/bin/hang"])
    finding = find(run("--full", "--timeout", "1"), "session-timeout")
    assert "pam_exec.so" in finding["do"]
    assert subprocess.run(["pgrep", "-x", "sleep"], capture_output=True).returncode == 1
    assert os.listdir("/run/pam-mktemp/sessions") == []
    path.write_text("\n".join([*PLAIN, LINE, ""]))
    assert "session-timeout" not in ids(run("--full", "--timeout", "20"))


def test_a_module_kills_what_watches_over_it(machine: Machine) -> None:
    machine("su", [*PLAIN, LINE, "session optional pam_exec.so /bin/sh -c kill${IFS}-KILL${IFS}$(ps${IFS}-o${IFS}ppid="
                                 "${IFS}$PPID)"])
    assert "session-untried" in ids(run("--full"))


def test_doctor_ignores_the_ends_of_children(machine: Machine) -> None:
    """As some programs have it that start others."""
    document = run(preexec_fn=lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN))
    assert document["session"]["outcome"] == "private" and not ids(document, "problem")


def test_a_module_crashes(machine: Machine) -> None:
    Path("/usr/local/bin/crash").write_text("#!/bin/sh\nkill -SEGV $PPID\n")
    os.chmod("/usr/local/bin/crash", 0o755)
    machine("su", [*PLAIN, LINE, "session optional pam_exec.so /usr/local/bin/crash"])
    document = run("--full")
    assert document["session"]["code"] == -11 and "crashed" in find(document, "session-refused")["what"]
    assert os.listdir("/run/pam-mktemp/sessions") == []


@pytest.mark.parametrize(("lines", "id"), [
    ([*PLAIN, "session sufficient pam_limits.so", LINE], "line-not-reached"),
    ([*PLAIN, "session [success=1 default=ignore] pam_limits.so", LINE, "session optional pam_mail.so"],
     "line-not-reached"),
    ([*PLAIN, LINE, "session required pam_deny.so"], "stack-refuses"),
])
def test_other_lines_of_the_stack(machine: Machine, lines: list[str], id: str) -> None:
    machine("su", lines)
    assert_cured(id, by=lambda: machine("su", [*PLAIN, LINE]))


def test_the_module_is_missing(machine: Machine) -> None:
    module, = Path("/usr/lib").glob("*/security/pam_mktemp_py.so")
    with away(module):
        document = run()
        assert document["session"]["outcome"] == "not-reached" and document["session"]["code"] == 0
        assert "missing or damaged" in find(document, "line-not-reached")["what"]
    assert "line-not-reached" not in ids(run())


@pytest.mark.parametrize("file", ["pam/__init__.py", "six.py"])
def test_python_pam_is_missing(machine: Machine, file: str) -> None:
    with away(f"{LIBRARIES}/{file}"):
        document = run()
        finding = find(document, "session-untried")
        assert finding["commands"] == [["apt-get", "install", "-y", "python3-pampy", "python3-six"]]
        assert document["session"] is None
    assert "session-untried" not in ids(run())


def test_who_is_exempt(machine: Machine) -> None:
    configure('exempt_users = ["alice"]\n')
    found = assert_cured("no-directory", kind="note", by=CONFIG.unlink)
    assert f"user alice is in exempt_users ({CONFIG}:1)" in found["what"]


def test_the_configuration_is_broken_before_the_first_login(machine: Machine) -> None:
    configure("stage = 7\n")
    document = run()
    assert {"failed-open", "config-invalid"} <= ids(document)
    assert "config check" in find(document, "failed-open")["do"]
    configure("")
    follow(find(document, "failed-open"))
    assert not ids(run(), "problem")


@pytest.mark.parametrize(("environment", "user"), [({"SUDO_USER": "alice"}, "alice"), ({"SUDO_USER": "nosuch"}, "root"),
                                                   ({}, "root")])
def test_whose_session_by_default(machine: Machine, environment: dict[str, str], user: str) -> None:
    document = run(user="", env=CLEAN | environment)
    assert document["user"] == document["session"]["record"]["user"] == user


def text_of(*words: str, status: int) -> str:
    """What a person sees, without notes on the standard error."""
    done = shown(*words)
    assert (done.returncode, done.stderr) == (status, "")
    assert all(line == line.rstrip() for line in done.stdout.splitlines()), done.stdout
    assert all(len(line) <= 130 for line in done.stdout.partition("\nNotes\n")[0].splitlines()), done.stdout
    return done.stdout


def test_for_people(machine: Machine, host: None, put: Machine) -> None:
    put("/run/.containerenv", "")
    text = text_of("doctor", "alice", status=0)
    titles = [line for line in text.splitlines() if line and not line.startswith(("  ", "! "))]
    assert titles == ["Session of alice through su-l, our line alone", "Directory", "No problems", "Notes"]
    assert "checked" in text and "configuration" in text and "the account made and removed a file there" in text
    notes = text.partition("\nNotes\n")[2].splitlines()
    assert {line.split()[0] for line in notes} - {"kernel-protection-off"} == {"container"}
    assert notes[-1].startswith("  container") and "this is a container (podman): nothing; enable it" in notes[-1]
    details = text_of("-v", "doctor", "alice", status=0)
    assert "\nChecks\n" in details and "\ncontainer\n  note  this is a container" in details
    os.chmod("/tmp", 0o777)
    text = text_of("doctor", "alice", status=1)
    assert "1. failed-open\n! problem  a session of alice" in text and "\n  run      chmod +t /tmp\n" in text
    assert "No problems" not in text and "\n1 problem\n" in text


def test_side_effects_are_said_before_they_happen(machine: Machine) -> None:
    machine("su", [*PLAIN, LINE, "session optional pam_exec.so /usr/bin/touch /run/ran"])
    done = shown("doctor", "alice")
    assert "pam_exec" not in done.stdout + done.stderr and not Path("/run/ran").exists()
    done = shown("doctor", "alice", "--full")
    assert "runs pam_exec.so (/etc/pam.d/su:6), which runs a program" in done.stderr
    assert "Modules that really ran" in done.stdout and Path("/run/ran").exists()
    os.unlink("/run/ran")
