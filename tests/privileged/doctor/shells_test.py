"""Start files of shells."""
from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.privileged.doctor.doctor import assert_cured, find, follow, ids, run

SYSTEMS = [
    ("/etc/profile.d/tmp.sh", "# ours\nexport TMPDIR=/scratch\n"),
    ("/etc/bash.bashrc", "umask 022\nTMP=/scratch; export TMP\n"),
    ("/etc/zsh/zshenv", "typeset -x TEMP=/scratch\n"),
    ("/etc/csh.cshrc", "setenv TMPDIR /scratch\n"),
    ("/etc/fish/conf.d/tmp.fish", "set -gx TMPDIR /scratch\n"),
    ("/etc/profile", "unset TMPDIR\n"),
]


def test_the_systems(machine: Callable[..., Path], put: Callable[..., Path]) -> None:
    for file, text in SYSTEMS:
        put(file, text)
    found = [each for each in run()["findings"] if each["id"] == "shell-sets"]
    assert {each["where"] for each in found} == {f"{file}:{text.count(chr(10))}" for file, text in SYSTEMS}
    for finding in found:
        follow(finding)
    assert "shell-sets" not in ids(run())


@pytest.mark.parametrize("line", [". /etc/site.sh", "[ -r /etc/site.sh ] && . /etc/site.sh", "source '/etc/site.sh'"])
def test_what_they_read(machine: Callable[..., Path], put: Callable[..., Path], line: str) -> None:
    put("/etc/site.sh", "export TMPDIR=/scratch\n")
    assert "shell-sets" not in ids(run())
    put("/etc/profile.d/site.sh", f"{line}\n")
    assert assert_cured("shell-sets")["where"] == "/etc/site.sh:1"


def test_the_accounts_own(machine: Callable[..., Path]) -> None:
    path = Path("/home/alice/.bashrc")
    path.write_text("export TMPDIR=$HOME/tmp\n")
    os.chown(path, 2101, 2101)
    assert_cured("own-shell-sets", kind="note")
    assert path.read_text() == "# export TMPDIR=$HOME/tmp\n" and path.stat().st_uid == 2101
    path.unlink()


def test_the_command_does_not_follow_the_account(machine: Callable[..., Path], tmp_path: Path) -> None:
    """Between doctor and its advice the account exchanges its file for a link to one of root's."""
    path, victim = Path("/home/alice/.bashrc"), tmp_path / "victim"
    path.write_text("export TMPDIR=/x\n")
    os.chown(path, 2101, 2101)
    finding = find(run(), "own-shell-sets")
    victim.write_text("root's\n")
    path.unlink()
    path.symlink_to(victim)
    for command in finding["commands"]:
        subprocess.run(command, capture_output=True)
    assert victim.read_text() == "root's\n"
    path.unlink()


def test_links_are_not_followed(machine: Callable[..., Path], tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("export TMPDIR=/x\n")
    Path("/home/alice/.profile").unlink(missing_ok=True)
    os.symlink(tmp_path / "secret", "/home/alice/.profile")
    assert "own-shell-sets" not in ids(run())
    os.unlink("/home/alice/.profile")


def test_a_folder_in_its_place(machine: Callable[..., Path], put: Callable[..., Path]) -> None:
    """It breaks nothing off: what stands in the other files is found."""
    put("/home/alice/.zlogin", "export TMPDIR=/x\n")
    Path("/home/alice/.kshrc").mkdir()
    document = run()
    assert "check-failed" not in ids(document) and find(document, "own-shell-sets")["where"].endswith("/.zlogin:1")
    Path("/home/alice/.kshrc").rmdir()


def test_a_file_full_of_them(machine: Callable[..., Path]) -> None:
    """One finding, however many lines; what it does not reach is said the next time."""
    path = Path("/home/alice/.zshrc")
    path.write_text("TMP=/x\n" * 70)
    os.chown(path, 2101, 2101)
    for left in (20, 0):
        finding = find(run(), "own-shell-sets")
        for command in finding["commands"]:
            subprocess.run(command, check=True)
        assert path.read_text().splitlines().count("TMP=/x") == left
    assert "own-shell-sets" not in ids(run())
    path.unlink()
