"""Each finding about the installation: provoked, then gone when its commands have been run."""
from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pam_mktemp_py.doctor import installation
from pam_mktemp_py.doctor.catalogue import FINDINGS
from pam_mktemp_py.doctor.finding import Patient
from pam_mktemp_py.linux.accounts import Account
from pam_mktemp_py.pamstack import pieces
from tests.privileged.doctor.doctor import assert_cured, find, ids, run
from tests.privileged.logins.session import away
from tests.privileged.setup.installed import COMMAND, LIB, make_install, module, whole  # noqa: F401  fixture
from tests.sandbox import capabilities
from tests.sandbox.accounts import CLEAN
from tests.sandbox.state import CHECKOUT, run as command

OTHER = CHECKOUT / "build/other-python/python"
PIECE = Path("/usr/lib/tmpfiles.d/pam_mktemp.conf")
pytestmark = pytest.mark.usefixtures("machine", "whole")


def plant_bytecode() -> None:
    os.chown(LIB / "pam_mktemp_py/__pycache__", 2101, 2101)


def another_version() -> None:
    """A module of another version than the planner: half an upgrade."""
    module().write_bytes(module().read_bytes() + b"\0")


def shadow() -> None:
    shutil.copy(COMMAND, "/usr/local/bin/pam-mktemp")


WAYS: dict[str, tuple[str, Callable[[], object]]] = {
    "the module gone": ("module-missing", lambda: module().unlink()),
    "a link to nowhere for the module": ("module-missing", lambda: (module().unlink(), module().symlink_to("x"))),
    "the module's owner": ("module-exposed", lambda: os.chown(module(), 2101, 0)),
    "the module's mode": ("module-exposed", lambda: module().chmod(0o664)),
    "the module's access list": ("module-exposed", lambda: command("setfacl", "-m", "u:2101:rw", module())),
    "the module's folder": ("module-exposed", lambda: module().parent.chmod(0o775)),
    "a planner's file": ("planner-exposed", lambda: (LIB / "pam_mktemp_py/plan.py").chmod(0o666)),
    "the planner's folder": ("planner-exposed", lambda: os.chown(LIB, 2101, 2101)),
    "bytecode of a user": ("planner-exposed", plant_bytecode),
    "the planner changed": ("planner-changed", lambda: (LIB / "pam_mktemp_py/plan.py").write_text("VERSION = 2\n")),
    "the interpreter's mode": ("interpreter-exposed", lambda: Path("/usr/bin/python3.11").chmod(0o777)),
    "the interpreter's library": ("interpreter-exposed", lambda: os.chown("/usr/lib/python3.11", 2101, 0)),
    "a file of that library": ("interpreter-exposed", lambda: Path("/usr/lib/python3.11/os.py").chmod(0o646)),
    "a piece gone": ("pieces-missing", PIECE.unlink),
    "a piece changed": ("pieces-changed", lambda: PIECE.write_text("")),
    "versions mixed": ("pieces-changed", another_version),
    "the command exposed": ("command-exposed", lambda: os.chown(COMMAND, 2101, 0)),
    "the command elsewhere": ("command-elsewhere", shadow),
    "the manifest gone": ("manifest-missing", lambda: (LIB / pieces.MANIFEST).unlink()),
    "the manifest cut short": ("manifest-missing", lambda: (LIB / pieces.MANIFEST).write_text("{")),
    "no bytecode": ("bytecode-stale", lambda: shutil.rmtree(LIB / "pam_mktemp_py/config/__pycache__")),
    "bytecode cut short": ("bytecode-stale", lambda: next(LIB.rglob("planner.*.pyc")).write_bytes(b"\xa7\r")),
}


@pytest.mark.parametrize("way", WAYS)
def test_provoked_and_cured(way: str) -> None:
    id, damage = WAYS[way]
    damage()
    finding = assert_cured(id)
    assert finding["where"] and finding["why"]


def test_nothing_is_wrong_with_what_make_installed() -> None:
    mine = {id for id in FINDINGS if id.split("-")[0] in (
        "module", "planner", "interpreter", "pieces", "manifest", "bytecode", "command", "package")}
    assert len(mine) == 15 and not mine & ids(run())


@pytest.fixture
def another_python() -> Iterator[None]:
    """As after an upgrade of the distribution."""
    capabilities.need(OTHER.exists(), "no other Python: contrib/setup/other-python makes it")
    with away("/usr/bin/python3"):
        os.symlink(OTHER, "/usr/bin/python3")
        yield
        os.unlink("/usr/bin/python3")


def test_another_python(another_python: None) -> None:
    finding = assert_cured("bytecode-stale")
    assert finding["commands"] == [["pam-mktemp", "install"]] and "cpython-313" in finding["what"]


def checked() -> dict[str, installation.Finding]:
    """The check alone, where the command itself cannot be started."""
    return {one.id: one for one in installation.check(Patient(Account("alice", 2101, 2101, "alice"), "su"))}


def test_no_interpreter() -> None:
    with away("/usr/bin/python3"):
        assert "interpreter-missing" in checked()
        Path("/usr/bin/python3").write_text("#!/bin/sh\nexit 1\n")
        Path("/usr/bin/python3").chmod(0o755)
        assert "apt-get install --reinstall python3-minimal" in checked()["interpreter-missing"].do
        os.unlink("/usr/bin/python3")
    assert "interpreter-missing" not in checked()


def test_no_planner_and_no_command() -> None:
    """Without them there is no doctor but another installation's: this one's, which says so."""
    assert set(checked()) == {"package-elsewhere"}
    shutil.rmtree(LIB)
    done = subprocess.run([COMMAND, "doctor"], capture_output=True, text=True)
    assert done.returncode == 3 and "sudo make install" in done.stderr
    assert "sudo make install" in checked()["planner-missing"].do
    make_install()
    COMMAND.unlink()
    (LIB / "__main__.py").unlink()
    found = checked()
    assert {"planner-missing", "planner-changed", "command-missing"} <= set(found)
    for words in found["planner-missing"].commands:
        command(*words)
    assert set(checked()) == {"package-elsewhere"}


def test_another_doctor_than_the_installed_one() -> None:
    note, = [each for each in checked().values() if each.id == "package-elsewhere"]
    words = note.do.removeprefix("run: ").split()
    done = subprocess.run([words[0], "--json", *words[1:]], capture_output=True, text=True, env=CLEAN)
    assert "package-elsewhere" not in done.stdout and json.loads(done.stdout)["command"] == "doctor"


def test_a_piece_on_the_way() -> None:
    """What stands above the module counts, and the first that is wrong is named."""
    module().parent.chmod(0o777)
    finding = find(run(), "module-exposed")
    assert finding["commands"][0] == ["chmod", "go-w", str(module().parent)]
    module().parent.chmod(0o755)
