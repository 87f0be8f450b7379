"""pam-mktemp shims list and show: what is enabled, whether it is in place, and whether PATH finds it."""
from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

from pam_mktemp_py.remedies import catalogue, enabled, order, state
from tests.functional.commands import Command

ENTRY = ('summary = "a program"\nclass = "hardcoded"\ndoes = "Makes /tmp/x."\n[recognise]\nnames = ["cat", "nl"]\n'
         '[remedy]\nkind = "launcher"\nset = {X = "$TMPDIR"}\n[evidence]\nobserved = "o"\n')
SHIM = 'stage = "shim"\n[shims]\nenabled = ["mine", "tmux"]\nvariables = {TMUX_TMPDIR = "$TMPDIR"}\n'
TOP = Path(__file__).parents[2]


@pytest.fixture
def bin(command: Command, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Enabled and in place, as `shims sync` leaves it; the shims' folder, first in PATH."""
    command.config.write_text(SHIM)
    folder = command.run / "state/shims"
    site = command.config.with_suffix(".d") / "shims"
    site.mkdir(parents=True)
    (site / "mine.toml").write_text(ENTRY)
    found = catalogue.load(site=str(site), owner=os.getuid())
    wanted = enabled.wanted(found, ["mine", "tmux"], {}, lambda entry: list(entry.recognise.names))
    state.write(str(folder), wanted.plans, order.launcher(), owner=os.getuid())
    monkeypatch.setenv("PATH", f"{folder}/bin:/nosuch")  # no program is there to be asked for its version
    return folder / "bin"


def entry(command: Command, name: str, status: int = 0) -> Any:
    [listed] = [each for each in command.json("shims", "list", status=status)["entries"] if each["name"] == name]
    [alone] = command.json("shims", "show", name, status=status)["entries"]
    for key in ("enabled", "shim", "behind"):
        assert listed[key] == alone[key]
    return listed


def said(command: Command, name: str) -> str:
    """Its row in the list, with the lines that it goes on in."""
    text = command("shims", "list").stdout
    return " ".join(re.findall(rf"^(. {name} .*(?:\n   .*)*)", text, re.M)[0].split())


def test_in_place(command: Command, bin: Path) -> None:
    found = command.json("shims", "list")
    assert found["path"] == {"folder": str(bin), "listed": True, "why": ""} and not found["finding"]
    assert {each["name"]: each["shim"] for each in found["entries"] if each["enabled"]} == {
        "mine": "in place", "tmux": "in place"}
    assert "hardcoded, launcher enabled; " in said(command, "mine")
    assert "shims enable" not in command("shims", "show", "mine").stdout
    assert "pam-mktemp shims enable ssh-agent" in command("shims", "show", "ssh-agent").stdout


@pytest.mark.parametrize(("spoil", "shim"), [
    (lambda top: (top / "bin/cat").unlink(), "missing"),
    (lambda top: (top / "plans/nl").unlink(), "missing"),
    (lambda top: (top / "plans/cat").write_text("pam-mktemp-shim 2\nend\n"), "differs"),
    (lambda top: ((top / "bin/cat").unlink(), (top / "bin/cat").symlink_to("/usr/bin/false")), "differs"),
    (lambda top: (top / "plans").rename(top / "away"), "missing"),
    (lambda top: ((top / "bin").rename(top / "b"), (top / "bin").symlink_to("b")), "differs"),
    (lambda top: (top / "plans").chmod(0o777), "differs"),
])
def test_not_in_place(command: Command, bin: Path, spoil: Any, shim: str) -> None:
    spoil(bin.parent)
    assert entry(command, "mine", status=1)["shim"] == shim
    line = said(command, "mine")
    assert line.startswith("! ") and "run: pam-mktemp shims sync" in line


def test_a_variable_is_missing(command: Command, bin: Path) -> None:
    command.config.write_text(SHIM.replace('TMUX_TMPDIR = "$TMPDIR"', ""))
    assert entry(command, "tmux", status=1)["shim"] == "missing"
    assert "its variable is missing, run: pam-mktemp shims sync" in said(command, "tmux")
    command.config.write_text(SHIM.replace("$TMPDIR", "$HOME"))
    assert entry(command, "tmux", status=1)["shim"] == "differs"


def test_an_entry_that_is_gone(command: Command, bin: Path) -> None:
    """The site's file that replaces it cannot be enabled."""
    site = command.config.with_suffix(".d") / "shims"
    text = Path(catalogue.folder(), "tmux.toml").read_text()
    (site / "tmux.toml").write_text(text.replace("TMUX_TMPDIR", "PATH"))
    assert entry(command, "tmux", status=1)["shim"] == "left out"
    assert "without effect: PATH is a variable of our own" in said(command, "tmux")


def test_behind(command: Command, bin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    conda = tmp_path / "miniconda3/bin"
    conda.mkdir(parents=True)
    monkeypatch.setenv("PATH", f"{conda}:{bin}")
    assert entry(command, "mine")["behind"] == []
    for name, mode in (("cat", 0o755), ("nl", 0o644), ("tmux", 0o755)):  # tmux needs a variable, not PATH
        (conda / name).touch()
        (conda / name).chmod(mode)
    assert entry(command, "mine")["behind"] == [{"program": "cat", "folder": str(conda)}]
    assert entry(command, "tmux")["behind"] == []
    assert f"behind {conda} in your PATH" in " ".join(command("shims", "list").stdout.split())
    assert said(command, "mine").startswith("? ")


@pytest.mark.parametrize(("path", "listed"), [("{0}/:/a", True), ("/a:{0}", True), ("/a", False), ("{0}x", False)])
def test_whether_it_is_in_path(command: Command, bin: Path, monkeypatch: pytest.MonkeyPatch,
                               path: str, listed: bool) -> None:
    monkeypatch.setenv("PATH", path.format(bin))
    assert command.json("shims", "list")["path"]["listed"] == listed


@pytest.mark.parametrize(("config", "why"), [
    (SHIM.replace("shim", "env", 1), 'stage is "env"'),
    ('exempt_users = ["nobody"]\n' + SHIM, "user nobody is in exempt_users"),
    (SHIM, "this session is no login that began since"),
    ("login_services = []\n" + SHIM, "login_services is empty"),
    (SHIM.replace('"mine", ', ""), ""),
])
def test_why_it_is_not_in_path(command: Command, bin: Path, config: str, why: str) -> None:
    """In a process of nobody's: root has no shims at all."""
    command.config.write_text(config)
    said = answer(command, "show", "mine" if why else "tmux")["path"]["why"]
    assert why in said and bool(why) == bool(said)


def test_why_root_has_none(command: Command, bin: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if os.getuid():
        pytest.skip("not root")
    monkeypatch.setenv("PATH", "/bin")
    monkeypatch.delenv("SUDO_COMMAND", raising=False)
    assert "root's sessions get no shims" in command.json("shims", "list")["path"]["why"]
    monkeypatch.setenv("SUDO_COMMAND", "/usr/bin/pam-mktemp shims list")
    text = command("shims", "list").stdout
    assert "secure_path has no shims" in text and "Your PATH" in text


def test_a_start_file_has_set_it_anew(command: Command, bin: Path) -> None:
    assert "a start file has set PATH anew" in answer(command, "show", "mine", PAM_MKTEMP_SHIMS=str(bin))["path"]["why"]


def test_cron(command: Command, bin: Path, tmp_path: Path) -> None:
    """A shell by cron's name is what the kernel shows of cron."""
    cron = tmp_path / "cron"
    cron.symlink_to(os.path.realpath("/bin/sh"))
    before = (str(cron), "-c", '"$@"; exit $?', "cron")
    assert "under cron" in answer(command, "show", "mine", before=before)["path"]["why"]


SCRIPT = """
import os, sys, json
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import click.shell_completion, tomllib  # nobody may not be able to read them
from click.testing import CliRunner
from pam_mktemp_py.cli.main import group
from pam_mktemp_py.cli.settings import Settings
folder, owner = sys.argv[2], int(sys.argv[3])
if os.getuid() == 0:
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
settings = Settings(config=folder + "/pam_mktemp.toml", owner=owner, state=folder + "/run/state")
result = CliRunner().invoke(group, ["--json", "shims", *sys.argv[4:]], obj=settings)
print(result.stdout, result.output if not result.stdout else "")
"""


def answer(command: Command, *words: str, before: tuple[str, ...] = (), **environment: str) -> Any:
    """What nobody is told, whose PATH has nothing."""
    if os.getuid():
        pytest.skip("not root")
    # Not in pytest's folder: whoever starts pytest closes that of all again.
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        os.chmod(folder, 0o755)
        copy = shutil.copytree(command.config.parent, f"{folder}/copy", symlinks=True)
        os.chmod(copy, 0o755)
        for part in ("pam_mktemp_py", "shims/catalogue"):  # the checkout may be root's alone
            shutil.copytree(TOP / part, f"{folder}/{part}")
        done = subprocess.run([*before, sys.executable, "-c", SCRIPT, folder, copy,
                               str(os.getuid()), *words], capture_output=True, text=True,
                              env={"PATH": "/nosuch", **environment})
    assert done.stdout.startswith("{"), done.stdout + done.stderr
    return json.loads(done.stdout)
