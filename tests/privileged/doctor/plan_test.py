"""What doctor says of stored plans and remembered failures."""
from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.privileged.doctor.doctor import USER, assert_cured, find, follow, ids, run
from tests.privileged.logins.session import CONFIG, away, configure

Machine = Callable[..., Path]
TOMORROW = time.time() + 86400


@pytest.mark.parametrize("path", [CONFIG, CONFIG.with_suffix(".d"), Path("/etc/passwd")], ids=lambda path: path.name)
def test_a_file_from_the_future(machine: Machine, path: Path) -> None:
    configure("")
    configure("", "one.toml")
    os.utime(path, (TOMORROW, TOMORROW))
    found = assert_cured("file-in-future")
    assert found["where"] == str(path)


def test_an_old_plan_serves_while_the_planner_is_broken(machine: Machine) -> None:
    run()
    configure("fresh_for = 60\n")
    with away("/usr/lib/pam-mktemp/__main__.py"):
        document = run()
        assert document["session"]["outcome"] == "private"
        assert f"{CONFIG} was changed" in find(document, "plan-stale")["what"]
        memo = find(document, "failure-remembered")
        assert memo["kind"] == "note"
    follow(find(document, "plan-stale"))
    follow(memo)
    assert not ids(run()) & {"plan-stale", "failure-remembered"}


def test_a_failure_of_another_service(machine: Machine) -> None:
    os.chmod("/tmp", 0o777)
    subprocess.run(["su", USER, "-c", "true"], check=True)
    os.chmod("/tmp", 0o1777)
    found = assert_cured("failure-remembered", "--service", "su-l", kind="note")
    assert "(su)" in found["what"] and "/tmp: is writable by others" in found["what"]
