"""What Tab does: a real bash on a terminal, with the completion that is installed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pam_mktemp_py.cli.main import COMMANDS
from tests.terminal import Bash

TOP = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def scripts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of completion scripts, with the command in bin/."""
    out = tmp_path_factory.mktemp("completion")
    subprocess.run([sys.executable, TOP / "contrib/manual/build", out], check=True)
    command = out / "bin/pam-mktemp"
    command.parent.mkdir()
    command.write_text(f"#!{sys.executable}\nimport sys\nsys.path.insert(0, {str(TOP)!r})\n"
                       "from pam_mktemp_py.cli.main import main\nmain()\n")
    command.chmod(0o755)
    return out


@pytest.fixture(scope="module")
def bash(scripts: Path) -> Iterator[Bash]:
    """A shell that has read the script."""
    shell = Bash(f"source {scripts}/completion/pam-mktemp.bash", f"{scripts}/bin:{os.environ['PATH']}", str(scripts))
    yield shell
    shell.close()


@pytest.mark.parametrize(("before", "typed", "words"), [
    ("", "", list(COMMANDS)),
    ("", "en", ["enable", "enter"]),
    ("", "--col", ["--color"]),
    ("--color", "", ["auto", "always", "never"]),
    ("config", "", ["check", "import", "show"]),
    ("config", "im", ["import"]),
    ("config import", "/etc/hostn", ["/etc/hostname"]),
    ("plan", "roo", ["root"]),
    ("--json plan", "nobo", ["nobody"]),
    ("doctor", "roo", ["root"]),
    ("where", "roo", ["root"]),
    ("where", "/etc/hostn", ["/etc/hostname"]),
    ("enable", "--dry", ["--dry-run"]),
    ("nothing", "x", ["x"]),
])
def test_bash(bash: Bash, before: str, typed: str, words: list[str]) -> None:
    assert bash.completed(f"pam-mktemp {before} {typed}") == [*before.split(), *words]


@pytest.mark.parametrize("command", ["plan root", "enable", "disable", "doctor"])
def test_services(bash: Bash, command: str) -> None:
    found = bash.completed(f"pam-mktemp {command} --service ")[len(command.split()) + 1:]
    assert {"su", "login"} <= set(found) <= set(os.listdir("/etc/pam.d")) | set(os.listdir("/usr/lib/pam.d"))
    # No program asks for common-*, but enable could put its line there.
    assert command in ("enable", "disable") or not any(name.startswith("common-") for name in found)


def test_bash_loads_it_when_it_is_needed(scripts: Path, tmp_path: Path) -> None:
    """As bash-completion does with what is in its folder, under the name that `make install` gives it."""
    library = Path("/usr/share/bash-completion/bash_completion")
    if not library.exists():
        pytest.skip("bash-completion is not installed")
    folder = tmp_path / "bash-completion/completions"
    folder.mkdir(parents=True)
    shutil.copy(scripts / "completion/pam-mktemp.bash", folder / "pam-mktemp")
    shell = Bash(f"source {library}", f"{scripts}/bin:{os.environ['PATH']}", str(tmp_path))
    assert shell.completed("pam-mktemp en") == ["enable", "enter"]
    shell.close()


@pytest.mark.parametrize(("shell", "script"), [
    ("bash", "pam-mktemp.bash"), ("zsh", "_pam-mktemp"), ("fish", "pam-mktemp.fish")])
def test_scripts_are_of_their_shell(scripts: Path, shell: str, script: str) -> None:
    path = scripts / "completion" / script
    text = path.read_text()
    assert f"_PAM_MKTEMP_COMPLETE={shell}_complete" in text and "pam-mktemp" in text and str(scripts) not in text
    if shell == "zsh":  # also at the first Tab, which loads it
        assert text.startswith("#compdef pam-mktemp\n") and "loadautofunc ]]" in text
    if shell == "fish":  # descriptions with a comma
        assert 'string split --max 1 ","' in text
    if shutil.which(shell):
        subprocess.run([shell, "-n", path], check=True)
