"""pam-mktemp shims: list and show, on the shipped catalogue and a site's own."""
from __future__ import annotations

import os
from pathlib import Path

import pytest
from click.shell_completion import ShellComplete

from pam_mktemp_py.cli import shims_verify
from pam_mktemp_py.cli.main import group
from pam_mktemp_py.cli.report import WIDTH
from pam_mktemp_py.prove import verify
from pam_mktemp_py.prove.verify import FAILED, PROVED, Result
from pam_mktemp_py.remedies import catalogue
from pam_mktemp_py.remedies.entry import Check, Entry, Evidence, Recognise, Remedy
from pam_mktemp_py.tracer import view
from tests.functional.commands import Command

ENTRY = ('summary = "a program"\ngroup = "g"\nclass = "hardcoded"\ndoes = "Makes /tmp/x."\n[recognise]\n'
         'names = ["{0}"]\nversion = ["{0}", "-V"]\n[remedy]\nkind = "launcher"\nset = {{X = "$TMPDIR/a b"}}\n'
         'unset = ["TMPDIR"]\narguments = ["-a", "b c"]\nrequired = true\n[evidence]\nobserved = "o"\n'
         '[check]\npackages = ["pk"]\ncommands = [["{0}"]]\n')


@pytest.fixture
def site(command: Command) -> Path:
    folder = command.config.with_suffix(".d") / "shims"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program of version 2.5, first in PATH."""
    path = tmp_path / "bin/met-prog"
    path.parent.mkdir()
    path.write_text("#!/bin/sh\necho met-prog 2.5\n")
    path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{path.parent}:/usr/bin:/bin")
    return path


def prove(command: Command, version: str) -> None:
    path = command.run / "state/shims/proved.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"[mine]\nversion = '{version}'\ndate = '2026-01-02'\nsystem = 'Debian 12'\n")


def test_list(command: Command, site: Path, here: Path) -> None:
    (site / "mine.toml").write_text(ENTRY.format("met-prog"))
    prove(command, "2.5")
    found = command.json("shims", "list")
    assert found["site"] == str(site) and found["errors"] == [] and found["finding"] is False
    entries = {each["name"]: each for each in found["entries"]}
    assert list(entries) == sorted(entries) and len(entries) > 50
    assert entries["mine"] == {
        "name": "mine", "summary": "a program", "group": "g", "class": "hardcoded", "remedy": "launcher", "site": True,
        "program": str(here), "version": "2.5", "applies": True, "upgraded": False,
        "enabled": False, "shim": None, "behind": [],
        "proved": {"version": "2.5", "date": "2026-01-02", "system": "Debian 12", "here": True}}
    assert (entries["tmux"]["class"], entries["tmux"]["remedy"]) == ("user-ipc", "environment")
    assert entries["kafka"]["program"] is None and entries["kafka"]["proved"] is None
    text = command("shims", "list").stdout
    assert text.index("Installed here") < text.index("  mine ") < text.index("Not installed here") < text.index("kafka")
    assert "2.5 is here; a site's own; proved with 2.5 on 2026-01-02" in text
    assert " ".join(next(line for line in text.splitlines() if line.startswith("  kafka ")).split()) == \
        "kafka knob, configuration unproved"
    assert max(map(len, text.splitlines())) <= WIDTH


def test_a_program_that_was_upgraded_is_marked(command: Command, site: Path, here: Path) -> None:
    (site / "mine.toml").write_text(ENTRY.format("met-prog"))
    prove(command, "2.4")
    assert [each["upgraded"] for each in command.json("shims", "list")["entries"] if each["name"] == "mine"] == [True]
    assert "\n? mine " in command("shims", "list").stdout
    text = command("shims", "show", "mine").stdout
    assert "another version is here: 2.5" in text and command.json("shims", "show", "mine")["entries"][0]["upgraded"]


def test_a_mistake_is_shown_with_its_line(command: Command, site: Path) -> None:
    (site / "tmux.toml").write_text(ENTRY.format("tmux").replace("unset", "unsett"))
    found = command.json("shims", "list", status=1)
    assert found["errors"] == [{"file": str(site / "tmux.toml"), "line": 11, "what": "unknown key 'unsett' in [remedy]",
                                "do": "did you mean 'unset'?"}]
    assert "tmux" not in [each["name"] for each in found["entries"]]
    for words in (("shims", "list"), ("shims", "show", "screen")):
        result = command(*words)
        assert result.exit_code == 1 and f"! {site}/tmux.toml:11" in result.stdout
    for words in (("shims", "show", "tmux"), ("shims", "enable", "-n", "tmux")):
        result = command(*words)
        assert result.exit_code == 1 and "its file cannot be used" in result.stdout + result.stderr


def test_show(command: Command, site: Path, here: Path) -> None:
    (site / "mine.toml").write_text(ENTRY.format("met-prog"))
    (site / "other.toml").write_text(ENTRY.format("met-other"))
    for asked in ("mine", "met-prog", str(here)):
        found = command.json("shims", "show", asked)
        [entry] = found["entries"]
        assert found["asked"] == asked and entry["name"] == "mine" and entry["members"] == ["mine", "other"]
    assert entry["class"] == "hardcoded" and "kind" not in entry and entry["file"] == str(site / "mine.toml")
    assert entry["remedy"] == {"kind": "launcher", "set": {"X": "$TMPDIR/a b"}, "unset": ["TMPDIR"], "file": "",
                               "arguments": ["-a", "b c"], "required": True, "change": "", "reason": ""}
    assert entry["check"]["commands"] == [["met-prog"]] and entry["recognise"]["names"] == ["met-prog"]
    text = " ".join(command("shims", "show", "mine").stdout.split())
    for part in ("mine: a program", "does Makes /tmp/x.", "sets X=$TMPDIR/a b", "unsets TMPDIR", "-a 'b c'",
                 "required yes", "observed o", f"program {here} version 2.5", "enabled together: mine, other",
                 "proof unproved no traced run", "needs Debian's pk", "a site's own"):
        assert part in text, part


@pytest.mark.parametrize("name", ["tmux", "crontab", "postgresql", "xorg", "make", "ssh-agent", "java"])
def test_show_of_shipped_entries(command: Command, name: str) -> None:
    found = command.json("shims", "show", name)["entries"][0]
    shown = command("shims", "show", name).stdout
    assert found["summary"] in shown and found["remedy"]["kind"] in shown
    assert max(map(len, shown.splitlines())) <= WIDTH


def test_show_of_what_is_not_known(command: Command) -> None:
    found = command.json("shims", "show", "nosuchprogram", status=1)
    assert found["entries"] == [] and found["finding"]
    assert "pam-mktemp detect says" in command("shims", "show", "nosuchprogram").stdout
    assert "did you mean tmux?" in command("shims", "show", "tmuxx").stdout
    result = command("shims", "show", "a\x1b[31m")
    assert result.exit_code == 1 and "\x1b" not in result.stdout


def test_names_are_completed(command: Command) -> None:
    complete = ShellComplete(group, {}, "pam-mktemp", "_PAM_MKTEMP_COMPLETE")
    names = [item.value for item in complete.get_completions(["shims", "show"], "ssh")]
    assert names == ["ssh", "ssh-add", "ssh-agent", "sshd", "sshd-session"]
    assert [item.value for item in complete.get_completions(["shims"], "")] == [
        "disable", "enable", "list", "show", "sync", "verify"]


@pytest.mark.parametrize("word", [
    "{0}/prog", "{0}/nosuch", "{0}/prog -x; true", "cd {0} && ./prog", "exec '{0}/prog'", "--file={0}/prog",
    "-f{0}/prog", "a:{0}", "~daemon/../..{0}/prog", "exec ~daemon/../..{0}/prog",
])
def test_what_root_does_not_run(tmp_path: Path, word: str) -> None:
    """Nor what is not there yet: whoever can put it there has the time to."""
    assert "give --user" in shims_verify._exposed(checked("sh", "-c", word.format(tmp_path)))


@pytest.mark.parametrize("word", ["/usr/bin/env", "/nosuch/a", "/dev/null", "x; /bin/true", "a/b", "HEAD~1", "/",
                                  "$HOME/x", "$$x/y"])
def test_what_root_runs(word: str) -> None:
    assert shims_verify._exposed(checked("sh", "-c", word)) == ""


def test_root_runs_all_checks_that_are_shipped() -> None:
    found = catalogue.load(site="/nonexistent", state="/nonexistent")
    assert [name for name, entry in found.entries.items() if shims_verify._exposed(entry)] == []


def checked(*words: str) -> Entry:
    return Entry("mine", "mine.toml", True, "s", "mine", "hardcoded", "d", "", Recognise(("prog",)), Remedy("bind"),
                 Evidence("e"), Check((), (words,)))


def test_nothing_is_proved_in_a_private_tmp(command: Command, site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Below sudo in a session that is bound every program looks as if it used no shared directory."""
    (site / "mine.toml").write_text(ENTRY.format("met-prog"))
    prove(command, "2.5")
    monkeypatch.setattr(verify, "verify", lambda entry, *_: Result(entry, FAILED, "there is nothing to remedy"))
    monkeypatch.setattr(view, "private_directories", lambda pid, shared: frozenset(shared))
    done = command("shims", "verify", "mine")
    assert done.exit_code == 3 and "pam-mktemp host -- pam-mktemp shims verify" in done.stderr
    assert "2.5" in (command.run / "state/shims/proved.toml").read_text()


def test_two_verify_at_once(command: Command, site: Path, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What another has recorded while the programs of this one ran is still there."""
    (site / "mine.toml").write_text(ENTRY.format("met-prog"))
    (site / "other.toml").write_text(ENTRY.format("other-prog"))

    def verified(entry: Entry, *_: object) -> Result:
        if entry.name == "mine":
            assert command("shims", "verify", "other").exit_code == 0
        return Result(entry, PROVED, "")

    monkeypatch.setattr(verify, "verify", verified)
    assert command("shims", "verify", "mine").exit_code == 0
    found = {each["name"] for each in command.json("shims", "list")["entries"] if (each["proved"] or {}).get("here")}
    assert found == {"mine", "other"}


@pytest.mark.parametrize("umask", [0, 0o002, 0o077])
def test_what_is_recorded_lies_where_root_alone_writes(command: Command, site: Path, here: Path, umask: int,
                                                       monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder of all our state: who can write it puts a folder of his own at the head of everybody's PATH."""
    (site / "mine.toml").write_text(ENTRY.format("met-prog"))
    monkeypatch.setattr(verify, "verify", lambda entry, *_: Result(entry, PROVED, ""))
    before = os.umask(umask)
    try:
        assert command("shims", "verify", "mine").exit_code == 0
    finally:
        os.umask(before)
    for folder in ("state", "state/shims"):
        assert (command.run / folder).stat().st_mode & 0o022 == 0
