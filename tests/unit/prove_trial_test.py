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
