"""Units of a booted system: one that has an account's /tmp by the launcher, and those with a /tmp of systemd's."""
from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.privileged.logins.bind_test import by, held, said
from tests.privileged.logins.session import CONFIG, all_four, eventually, login, variables
from tests.privileged.programs_in_view.booted import Inside, booted

OUTPUT = Path("/run/of-unit")
RUN = ("systemd-run", "--quiet", "--property=DefaultDependencies=no")
LOOK = "id -un; cat /tmp/f; env"


@pytest.fixture
def inside() -> Iterator[Inside]:
    """A booted system, in which alice has a session with a file in her /tmp."""
    with booted() as command, held(command(*by("alice", "echo hers > /tmp/f; echo ready; read x"))):
        yield command
    OUTPUT.unlink(missing_ok=True)


def once(*command: str, properties: Sequence[str] = ()) -> list[str]:
    """Run as a unit, to its end; what it prints is in OUTPUT."""
    properties = ["Type=oneshot", f"StandardOutput=truncate:{OUTPUT}", *properties]
    return [*RUN, *(f"--property={each}" for each in properties), *command]


def test_the_launcher_gives_a_unit_the_accounts_tmp(inside: Inside) -> None:
    """Without User=, as README has it: the unit's main process is the command, and nothing of ours stays."""
    launch = ("pam-mktemp-launch", "-u", "alice", "--")
    said(inside(*once(*launch, "sh", "-c", LOOK)))
    assert OUTPUT.read_text().startswith("alice\nhers\n") and variables(OUTPUT.read_text()) == all_four("alice")
    said(inside(*RUN, "--unit=own", "--property=Type=exec", *launch, "sleep", "60"))
    shown = ("ps -o user=,comm= -p $(systemctl show --value -p MainPID own); "
             "wc -l < /sys/fs/cgroup/system.slice/own.service/cgroup.procs")
    eventually(lambda: said(inside("sh", "-c", shown)).split() == ["alice", "sleep", "1"], "the command")
    said(inside("systemctl", "stop", "own"))


def test_the_launcher_gives_a_unit_a_tmp_of_its_own(inside: Inside) -> None:
    script = "test ! -e /tmp/f; echo its > /tmp/f; echo $TMPDIR"
    said(inside(*once("pam-mktemp-launch", "-u", "alice", "-s", "worker", "--", "sh", "-c", script)))
    assert OUTPUT.read_text() == "/tmp/.private/alice/svc-worker\n"
    assert said(inside(*by("alice", "cat /tmp/f"))) == "hers\n"


def test_a_login_from_a_unit_with_private_tmp(inside: Inside) -> None:
    """It is another's sandbox, which a login does not leave: refused, or in that /tmp with a TMPDIR there."""
    script = "touch /tmp/by-login; mktemp > /dev/null && echo made; ls /tmp; env"
    log_in = inside(*once(*by("alice", script), properties=["PrivateTmp=yes"]))
    assert login(log_in).returncode != 0 and "the policy is to refuse that" in OUTPUT.read_text()
    CONFIG.write_text('stage = "bind"\n')
    said(log_in)
    assert OUTPUT.read_text().startswith("made\nby-login\n") and variables(OUTPUT.read_text()) == all_four("alice")
    assert said(inside(*by("alice", "ls /tmp"))) == "f\n"


def test_where_a_unit_with_private_tmp_has_its(inside: Inside) -> None:
    said(inside(*RUN, "--unit=apart", "--property=PrivateTmp=yes", "sleep", "60"))
    pid = said(inside("systemctl", "show", "--value", "--property=MainPID", "apart")).strip()
    found = json.loads(login(inside("pam-mktemp", "--json", "where", pid)).stdout)
    seen = {each["directory"]: each for each in found["seen"]}
    assert [seen[name]["maker"] for name in ("/tmp", "/var/tmp", "/dev/shm")] == ["systemd", "systemd", "host"]
    assert seen["/tmp"]["name"] == "apart.service" and seen["/tmp"]["together"] == [int(pid)]
    said(inside("touch", f"{seen['/tmp']['host']}/f"))
    assert said(inside("nsenter", f"--target={pid}", "--mount", "ls", "/tmp")) == "f\n"
