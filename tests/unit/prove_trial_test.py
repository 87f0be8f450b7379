"""The shims of a trial: they lie in the folder that was made, whatever its account puts at the path of it meanwhile."""
from __future__ import annotations

import os
import stat
from pathlib import Path

from pam_mktemp_py.detect.model import nothing_known
from pam_mktemp_py.prove import trial
from pam_mktemp_py.prove.session import Place
from pam_mktemp_py.remedies.entry import Entry, Evidence, Recognise, Remedy

PROGRAM = "/opt/prog"
ENTRY = Entry("prog", "prog.toml", True, "A program", "prog", "hardcoded", "Uses /tmp/prog.", "",
              Recognise(("prog",)), Remedy("bind"), Evidence(observed="seen"))


def test_of_two_programs_of_one_name_a_shim_leads_to_the_one_in_path(tmp_path: Path) -> None:
    """The other one is started by its path, if at all."""
    there, elsewhere = tmp_path / "there/prog", tmp_path / "elsewhere/prog"
    for program in (there, elsewhere):
        program.parent.mkdir()
        program.touch()
        program.chmod(0o755)
    for programs in ([str(there), str(elsewhere)], [str(elsewhere), str(there), "/opt/more"]):
        found = trial._by_name(programs, f"/usr/bin:{there.parent}")
        assert found == {"prog": str(there)} | ({"more": "/opt/more"} if programs[2:] else {})
    entries = {str(elsewhere): ENTRY, str(there): ENTRY}
    home = tmp_path / "home"
    home.mkdir()
    fd = os.open(home, os.O_RDONLY | os.O_DIRECTORY)
    try:
        command = trial.Command(("sh",), None, 1.0, (), nothing_known)
        trial._step(command, entries, {"TMPDIR": "/tmp"}, Place(str(home), str(tmp_path), fd))
    finally:
        os.close(fd)
    assert os.listdir(home / ".shims") == ["prog"]


def test_shims_go_where_no_link_leads(tmp_path: Path) -> None:
    home, moved, elsewhere = tmp_path / "home", tmp_path / "moved", tmp_path / "elsewhere"
    home.mkdir()
    elsewhere.mkdir()
    fd, mask = os.open(home, os.O_RDONLY | os.O_DIRECTORY), os.umask(0o077)
    try:
        home.rename(moved)
        home.mkdir()
        (home / ".shims").symlink_to(elsewhere)
        command = trial.Command(("sh",), None, 1.0, (), nothing_known)
        step = trial._step(command, {PROGRAM: ENTRY}, {"TMPDIR": "/tmp"}, Place(str(home), str(tmp_path), fd))
    finally:
        os.umask(mask)
        os.close(fd)
    assert not list(elsewhere.iterdir())
    assert step.set["PATH"].startswith(f"{home}/.shims:")
    for path in (moved / ".shims", moved / ".shims" / "prog"):  # whatever the umask, for another account
        assert stat.S_IMODE(path.stat().st_mode) == 0o755
