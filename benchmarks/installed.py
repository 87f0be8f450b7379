"""The command as it is when it is installed: compiled, and started by the distribution's Python."""
from __future__ import annotations

import shutil
from pathlib import Path

from arena import NOT_COPIED, run


class Installed:
    """A copy of the package of SOURCES in FOLDER, and contrib/pam-mktemp that starts it."""

    def __init__(self, folder: Path, sources: Path) -> None:
        library = folder / "library"
        shutil.copytree(sources / "pam_mktemp_py", library / "pam_mktemp_py", ignore=NOT_COPIED)
        self.program = folder / "pam-mktemp"
        self.program.write_text((sources / "contrib/pam-mktemp").read_text().replace("@LIBDIR@", str(library)))
        self.program.chmod(0o755)
        self.python = self.program.read_text().partition("\n")[0].removeprefix("#!").split()[0]
        run(self.python, "-I", "-m", "compileall", "-q", library)

    def words(self, *options: str) -> list[str]:
        """The beginning of a command line."""
        return [str(self.program), *options]
