"""pam-mktemp shims enable, disable and sync: what is written, refused and told; and the line of /etc/profile.d."""
from __future__ import annotations

import errno
import os
import resource
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
from click.shell_completion import ShellComplete

from pam_mktemp_py import paths
from pam_mktemp_py.cli import settings as click_settings
from pam_mktemp_py.cli.main import group
from pam_mktemp_py.config.load import load
from pam_mktemp_py.remedies import order
from tests import launch_twin
from tests.functional.commands import Command

PROFILE = Path(__file__).parents[2] / "contrib/profile.d/pam-mktemp-shims.sh"
ENTRY = ('summary = "a program"\nclass = "user-ipc"\ndoes = "Makes /tmp/x."\n[recognise]\nnames = ["{0}"]\n{1}'
         '[evidence]\nobserved = "o"\n')


class Shims:
    """The commands on a configuration, a catalogue's own part and a state of the test's own."""

    def __init__(self, command: Command) -> None:
        self.ask = command.json
        self.command = command
        self.config = command.config
        self.drop_in = command.config.with_suffix(".d") / "50-shims.toml"
        self.folder = command.run / "state/shims"

    def site(self, name: str, remedy: str, more: str = "") -> None:
        """An entry of the site's own."""
        path = self.drop_in.parent / "shims" / f"{name}.toml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(ENTRY.format(name, f"{more}[remedy]\n{remedy}\n"))

    def refused(self, *words: str, status: int = 1) -> str:
        """What is said; nothing has changed."""
        before = self.state()
        result = self.command("shims", *words)
        assert (result.exit_code, result.stdout) == (status, ""), result
        assert self.state() == before
        return result.stderr

    def state(self) -> dict[str, object]:
        """All that the commands write."""
        there = [path for path in [*self.drop_in.parent.glob("*.toml"), *self.folder.rglob("*")]]
        return {str(path): os.readlink(path) if path.is_symlink() else path.read_bytes() if path.is_file() else None
                for path in there}

    def links(self) -> list[str]:
        """The programs that have one."""
        return sorted(path.name for path in self.folder.glob("bin/*"))


def program(path: Path, does: str = ":") -> Path:
    """An executable script."""
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{does}\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def shims(command: Command) -> Shims:
    return Shims(command)


def test_enabled_and_disabled(shims: Shims) -> None:
    shims.config.write_text('stage = "shim"\n')
    shown = shims.ask("shims", "enable", "tmux", "ssh-agent", "-n")
    assert not shims.drop_in.exists() and not shims.folder.exists() and not shown["changed"]
    found = shims.ask("shims", "enable", "tmux", "ssh-agent")
    assert found | {"dry_run": True, "changed": False} == shown
    assert [(each["name"], each["remedy"], each["asked"]) for each in found["added"]] == [
        ("tmux", "environment", True), ("ssh-agent", "launcher", True)]
    assert [each["name"] for each in found["beside"]] == ["ssh-add"]
    assert (found["enabled"], found["stage"], found["reached"]) == (["ssh-agent", "tmux"], "shim", True)
    text = shims.drop_in.read_text()
    assert text.startswith("# Written by: pam-mktemp shims") and shims.drop_in.stat().st_mode & 0o7777 == 0o644
    assert tomllib.loads(text) == {"shims": {"enabled": ["ssh-agent", "tmux"], "variables": {"TMUX_TMPDIR": "$TMPDIR"}}}
    assert load(str(shims.config), owner=os.getuid()).shims == tomllib.loads(text)["shims"]
    assert shims.links() == ["ssh-agent"] and os.readlink(shims.folder / "bin/ssh-agent") == order.launcher()
    assert launch_twin.parse((shims.folder / "plans/ssh-agent").read_bytes()) == [
        launch_twin.Section("*", arguments=["-a", "<tmp dir>/agent"])]
    before = shims.state()
    for words in (("enable", "tmux"), ("sync",)):
        assert shims.ask("shims", *words)["changed"] is False and shims.state() == before
    assert "tmux  is enabled already" in shims.command("shims", "enable", "tmux").stdout
    assert "ssh-agent  is not enabled" not in shims.command("shims", "disable", "ssh-agent", "-n").stdout
    assert shims.state() == before
    found = shims.ask("shims", "disable", "ssh-add")  # by the name of another one of its group
    assert [(each["name"], each["asked"]) for each in found["removed"]] == [("ssh-agent", False)]
    assert shims.links() == [] and found["enabled"] == ["tmux"]
    assert shims.ask("shims", "disable", "--all")["variables"] == {} and "[]" in shims.drop_in.read_text()
    assert "nothing  is enabled" in shims.command("shims", "disable", "--all").stdout


def test_a_group_goes_together(shims: Shims, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("java", "jps", "mvn"):
        program(tmp_path / "bin" / name)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:/usr/bin:/bin")
    found = shims.ask("shims", "enable", "jps")
    assert [each["name"] for each in found["added"] if each["asked"]] == ["jdk-attach"]
    assert {"java", "java-builders"} <= {each["name"] for each in found["added"] if not each["asked"]}
    assert {"java", "jps", "mvn"} <= set(shims.links()) and found["reached"] is False
    text = shims.command("shims", "enable", "java").stdout
    assert 'set stage = "shim" in ' + str(shims.config) in text and "no session has them: the default" in text
    assert shims.ask("shims", "disable", "java")["enabled"] == [] and shims.links() == []


@pytest.mark.parametrize(("name", "says"), [
    ("kafka", "kafka: its remedy is a change of a file, which is yours to make; in /etc/kafka/server.properties: log"),
    ("Xvfb", "xorg: it must stay shared: "), ("ssh-add", "what can be enabled of its group is ssh-agent"),
    ("tmuxx", "tmuxx: is not in the catalogue; did you mean tmux?"),
    ("bad", "bad: PATH is a variable of our own; look "),
    ("clash", "clash: another entry sets TMUX_TMPDIR to $TMPDIR; look at it: pam-mktemp shims show clash"),
])
def test_what_is_refused(shims: Shims, name: str, says: str) -> None:
    shims.site("bad", 'kind = "environment"\nset = {PATH = "$TMPDIR"}')
    shims.site("clash", 'kind = "environment"\nset = {TMUX_TMPDIR = "$TMPDIR/x"}')
    shims.ask("shims", "enable", "tmux")
    assert says in shims.refused("enable", "psql", name)
    assert "tmuxx: is neither enabled nor in the catalogue; did" in shims.refused("disable", "tmuxx")


def test_a_broken_file_is_named(shims: Shims) -> None:
    shims.site("prog", "kind = nonsense")
    path = shims.drop_in.parent / "shims/prog.toml"
    said = shims.refused("enable", "prog")
    assert "prog: is not in the catalogue; its file cannot be used: " in said and f"{path}:" in said


def test_a_program_where_its_entry_says(shims: Shims, tmp_path: Path) -> None:
    path = program(tmp_path / "opt" / "prog-of-opt")
    shims.site("prog-of-opt", 'kind = "bind"', f'paths = ["{path}"]\n')
    found = shims.ask("shims", "enable", "prog-of-opt")
    assert (found["left_out"], shims.links()) == ([], ["prog-of-opt"])
    path.unlink()
    assert shims.ask("shims", "sync")["left_out"][0]["name"] == "prog-of-opt" and shims.links() == []


def test_no_shim_without_its_configuration(shims: Shims, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The configuration's file system can be full."""
    shims.site("one", 'kind = "bind"')
    shims.site("two", 'kind = "bind"')
    for name in ("one", "two"):
        program(tmp_path / "programs" / name)
    monkeypatch.setenv("PATH", str(tmp_path / "programs"), ":")
    shims.ask("shims", "enable", "one")
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (128, limit[1]))  # a plan is shorter than the drop-in
    try:
        said = shims.refused("enable", "two", status=3)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert f"{shims.drop_in}: File too large" in said and shims.links() == ["one"]


def test_more_variables_than_a_plan_holds(shims: Shims) -> None:
    many = ", ".join(f'A{n} = "x"' for n in range(26))
    shims.site("many", f'kind = "environment"\nset = {{{many}}}')
    shims.ask("shims", "enable", "many")
    said = shims.refused("enable", "tmux")
    assert "33 variables in all" in said and "at most 32" in said and "50-shims.toml:5" in said


def test_what_is_told(shims: Shims, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unproved, not here, and of another version: that is left out until the program is another one."""
    met = program(tmp_path / "bin/met", "echo met 2.1")
    monkeypatch.setenv("PATH", f"{met.parent}:/usr/bin:/bin")
    shims.site("met", 'kind = "bind"', 'version = ["met", "-V"]\nversions = "<2"\n')
    shims.site("away", 'kind = "bind"')
    found = shims.ask("shims", "enable", "met", "away")
    assert [(each["name"], each["what"].split(":")[0]) for each in found["warnings"]] == [
        ("met", "is unproved"), ("away", "is unproved")]
    assert [(each["name"], each["why"].split(":")[0]) for each in found["left_out"]] == [
        ("met", "is meant for versions <2, and 2.1 is here"), ("away", "none of its programs is installed here")]
    assert found["enabled"] == ["away", "met"] and shims.links() == []
    program(met, "echo met 1.9"), program(tmp_path / "bin/away")
    found = shims.ask("shims", "sync")
    assert found["left_out"] == [] and shims.links() == ["away", "met"]
    (shims.drop_in.parent / "shims/away.toml").unlink()
    found = shims.ask("shims", "sync", status=1)
    assert [each["name"] for each in found["left_out"]] == ["away"] and shims.links() == ["met"]
    assert found["enabled"] == ["away", "met"]
    assert shims.ask("shims", "disable", "away")["left_out"] == []


def test_edits_by_hand(shims: Shims) -> None:
    shims.ask("shims", "enable", "tmux", "ssh-agent")
    shims.drop_in.write_text('[shims]\nenabled = [\n  "ssh-agent", # mine\n]\nvariables = {TMUX_TMPDIR = "/x"}\n')
    found = shims.ask("shims", "sync")
    assert (found["enabled"], found["variables"]) == (["ssh-agent"], {})
    assert "-variables = {TMUX" in found["drop_in"]["diff"]
    shims.drop_in.write_text('stage = "shim"\n[shims]\nenabled = ["tmux"]\n')
    for words in (("enable", "psql"), ("disable", "tmux"), ("sync",)):
        said = shims.refused(*words)
        assert f"{shims.drop_in}:1: stage would be lost" in said and "move it to another drop-in" in said
    shims.drop_in.write_text('[shims]\nenabled = ["tmux"]\n')
    later = shims.drop_in.with_name("60-later.toml")
    later.write_text('[shims]\nenabled = []\n')
    assert f"{later}:2: sets shims.enabled" in shims.refused("sync")
    later.unlink()
    shims.drop_in.write_text('[shims]\nenabled = ["/tmux"]\n')
    assert "50-shims.toml:2: '/tmux' can be no entry" in shims.refused("sync", status=3)


def test_a_link_in_the_place_of_the_file(shims: Shims, tmp_path: Path) -> None:
    shims.drop_in.parent.mkdir()
    (tmp_path / "other").write_text("")
    shims.drop_in.symlink_to(tmp_path / "other")
    assert "symbolic link" in shims.refused("enable", "tmux", status=3)
    assert (tmp_path / "other").read_text() == ""


def test_usage_and_completion(shims: Shims) -> None:
    for words in (("enable",), ("disable",), ("disable", "tmux", "--all")):
        assert shims.command("shims", *words).exit_code == 2
    shims.ask("shims", "enable", "tmux", "psql")
    complete = ShellComplete(group, {"obj": click_settings.Settings(config=str(shims.config), owner=os.getuid())},
                             "pam-mktemp", "_PAM_MKTEMP_COMPLETE")
    assert [item.value for item in complete.get_completions(["shims", "disable"], "")] == ["psql", "tmux"]
    assert "ssh-agent" in [item.value for item in complete.get_completions(["shims", "enable"], "ssh-a")]


def test_others_may_only_look(shims: Shims, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(os, "geteuid", lambda: os.getuid() + 1)
        for words in (("enable", "tmux"), ("disable", "--all"), ("sync",)):
            said = shims.refused(*words, status=3)
            assert os.strerror(errno.EPERM) in said and "run it as root" in said
        assert shims.ask("shims", "enable", "tmux", "-n")["added"]


def shells() -> list[list[str]]:
    """The POSIX shells that are here."""
    found = [["sh"], ["dash"], ["bash", "--posix"], ["bash"], ["ksh"], ["mksh"], ["busybox", "sh"]]
    return [words for words in found if shutil.which(words[0])]


@pytest.mark.parametrize("shell", shells(), ids=" ".join)
def test_profile(shell: list[str], tmp_path: Path) -> None:
    folder = str(tmp_path)
    [program, *words] = shell

    profile, text = tmp_path / "profile.sh", PROFILE.read_text()
    assert f"= {paths.SHIMS}/bin ]" in text
    profile.write_text(text.replace(f"{paths.SHIMS}/bin", folder))

    def path(before: str, shims: str | None = folder, again: str = "") -> str:
        environment = {} if shims is None else {"PAM_MKTEMP_SHIMS": shims}
        script = f'. {profile}; {again} echo "$PATH ${{_pam_mktemp_path-gone}}"'
        done = subprocess.run([str(shutil.which(program)), *words, "-euc", script], capture_output=True, text=True,
                              env=environment | {"PATH": before})
        assert (done.returncode, done.stderr) == (0, ""), done
        return done.stdout.removesuffix(" gone\n")

    assert path("/a:/b") == path(f"{folder}:/a:/b") == path(f"/a:{folder}:/b:{folder}") == f"{folder}:/a:/b"
    assert path("/a", again=f". {profile};") == f"{folder}:/a"
    assert path(folder) == folder and path(":/a:") == f"{folder}::/a:"
    assert path("") == f"{folder}:/usr/local/bin:/usr/bin:/bin"
    assert path("/a:/b", None) == path("/a:/b", "") == path("/a:/b", "/no/such") == "/a:/b"
    assert path("/a:/b", str(tmp_path.parent)) == "/a:/b"  # a folder of a caller of su's
