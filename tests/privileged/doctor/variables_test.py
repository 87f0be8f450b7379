"""What doctor says of the variables of a session, and of the directories that they name."""
from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.privileged.doctor.doctor import LINE, PLAIN, assert_cured, find, ids, run
from tests.privileged.logins.session import configure
from tests.sandbox import accounts

Machine = Callable[..., Path]
FILE = Path("/etc/security/test.env")
SETS = f"session required pam_env.so envfile=/dev/null conffile={FILE}"


@pytest.mark.parametrize(("text", "expected"), [
    ("TMPDIR DEFAULT=/var/tmp\n", {"variable-different", "variables-disagree"}),
    ("TMP\n", {"variable-missing"}),
    ("TMP DEFAULT=/v\nTMPDIR DEFAULT=/v\nTEMP DEFAULT=/v\nTEMPDIR DEFAULT=/v\n", {"variable-different"}),
])
def test_another_module_sets_them(machine: Machine, text: str, expected: set[str]) -> None:
    machine("su", [*PLAIN, LINE, SETS])
    FILE.write_text(text)
    document = run("--full")
    mine = {"variable-different", "variable-missing", "variables-disagree"}
    assert ids(document, "problem") & mine == expected
    for finding in document["findings"]:
        assert finding["id"] not in mine or f"pam_env.so (/etc/pam.d/su:{len(PLAIN) + 2})" in finding["do"]
    assert not ids(run()) & mine  # our line alone
    FILE.write_text("")
    assert not ids(run("--full")) & mine


def test_a_variable_that_is_not_ours(machine: Machine) -> None:
    configure('[directories.tmp]\nvariables = ["TMPDIR", "TEMP", "TEMPDIR"]\n')
    FILE.write_text("TMP DEFAULT=/var/tmp\n")
    machine("su", [*PLAIN, SETS, LINE])
    found = assert_cured("variables-disagree", "--full", by=lambda: FILE.write_text(""))
    assert "TMP=/var/tmp" in found["what"]


def test_several_directories_as_planned(machine: Machine) -> None:
    configure('[directories.tmp]\nvariables = ["TMPDIR"]\n[directories.other]\nvariables = ["TMP"]\n')
    document = run("--full")
    assert document["session"]["environment"]["TMP"] == "/tmp/.private/alice/other"
    assert not ids(document, "problem"), document["findings"]


def test_a_folder_on_the_way_is_closed(machine: Machine) -> None:
    run()
    os.chmod("/tmp", 0o700)
    found = assert_cured("directory-unusable", by=lambda: os.chmod("/tmp", 0o1777))
    assert "Permission denied" in found["what"] and "namei -l" in found["do"]


def test_no_file_can_be_made(machine: Machine, filesystem: Callable[..., Path]) -> None:
    filesystem("tmpfs", "/tmp", "nr_inodes=40")
    run()
    script = "i=0; while touch /tmp/full$i 2>/dev/null; do i=$((i+1)); done"
    accounts.run_as(accounts.pwd.getpwnam("alice"), ["sh", "-c", script])
    document = run()
    finding = find(document, "directory-unusable")
    assert "No space left" in finding["what"] and "df -i" in finding["do"]
    assert document["session"]["usable"]["TMPDIR"]
    subprocess.run("rm -f /tmp/full*", shell=True, check=True)
    assert "directory-unusable" not in ids(run())
