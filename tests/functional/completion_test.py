"""What Tab does: a real bash on a terminal, with the completion that is installed."""

from __future__ import annotations

import os
import pty
import re
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pam_mktemp_py.cli.main import COMMANDS

TOP = Path(__file__).parents[2]
INSERT_ALL = "\x1b*"  # readline's insert-completions: all that Tab Tab would list, at once
PROMPT = "ready> "
# Shows the words that completion put on the command line. Completion itself runs the program, by env.
SHOW = "pam-mktemp() { printf '<%s>' \"$@\"; printf '\\n'; }"


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


class Bash:
    """An interactive bash on a terminal of its own."""

    def __init__(self, start: str, **environment: str) -> None:
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            os.execve("/bin/bash", ["bash", "--norc", "--noprofile", "-i"], environment)
        self.type(start + f"; PS1='{PROMPT}'", ready=rf"\n{PROMPT}\Z")
        self.type(SHOW)

    def type(self, line: str, ready: str = rf"\n{PROMPT}\Z") -> str:
        """Enter a line; what the terminal shows until the next prompt."""
        os.write(self.terminal, (line + "\n").encode())
        seen, end = "", time.monotonic() + 30
        while not re.search(ready, seen):
            assert select.select([self.terminal], [], [], max(0.0, end - time.monotonic()))[0], seen
            seen += os.read(self.terminal, 65536).decode().replace("\r", "")
            seen = re.sub(r"\x1b\[[?\d;]*[a-zA-Z]", "", seen)
        return seen

    def completed(self, line: str) -> list[str]:
        """The words after the command's name, when everything was inserted that completes `line`."""
        found = re.findall(r"(?m)^((?:<[^>\n]*>)+)$", self.type(line + INSERT_ALL))
        assert len(found) == 1, found
        return re.findall(r"<([^>]*)>", found[0])

    def close(self) -> None:
        """End it."""
        os.write(self.terminal, b"exit\n")
        os.waitpid(self.pid, 0)
        os.close(self.terminal)


@pytest.fixture(scope="module")
def bash(scripts: Path) -> Iterator[Bash]:
    """A shell that has read the script."""
    path = f"{scripts}/bin:{os.environ['PATH']}"
    shell = Bash(f"source {scripts}/completion/pam-mktemp.bash", PATH=path, TERM="dumb", INPUTRC="/dev/null",
                 HOME=str(scripts), PYTHONDONTWRITEBYTECODE="1")
    yield shell
    shell.close()


@pytest.mark.parametrize(("before", "typed", "words"), [
    ("", "", list(COMMANDS)),
    ("", "en", ["enable"]),
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
    assert not any(name.startswith("common-") for name in found)


def test_bash_loads_it_when_it_is_needed(scripts: Path, tmp_path: Path) -> None:
    """As bash-completion does with what is in its folder, under the name that `make install` gives it."""
    library = Path("/usr/share/bash-completion/bash_completion")
    if not library.exists():
        pytest.skip("bash-completion is not installed")
    folder = tmp_path / "bash-completion/completions"
    folder.mkdir(parents=True)
    shutil.copy(scripts / "completion/pam-mktemp.bash", folder / "pam-mktemp")
    shell = Bash(f"source {library}", PATH=f"{scripts}/bin:{os.environ['PATH']}", TERM="dumb", INPUTRC="/dev/null",
                 HOME=str(tmp_path), XDG_DATA_HOME=str(tmp_path), PYTHONDONTWRITEBYTECODE="1")
    assert shell.completed("pam-mktemp en") == ["enable"]
    shell.close()


@pytest.mark.parametrize(("shell", "script"), [
    ("bash", "pam-mktemp.bash"), ("zsh", "_pam-mktemp"), ("fish", "pam-mktemp.fish")])
def test_scripts_are_of_their_shell(scripts: Path, shell: str, script: str) -> None:
    path = scripts / "completion" / script
    text = path.read_text()
    assert f"_PAM_MKTEMP_COMPLETE={shell}_complete" in text and "pam-mktemp" in text and str(scripts) not in text
    assert shell != "zsh" or text.startswith("#compdef pam-mktemp\n")
    if shutil.which(shell):
        subprocess.run([shell, "-n", path], check=True)
