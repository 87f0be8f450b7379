"""The manual: well-formed, the same for the same sources, and with everything in it that there is."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from pam_mktemp_py.cli.main import COMMANDS, group
from pam_mktemp_py.cli.settings import Settings
from pam_mktemp_py.config.keys import KEYS
from pam_mktemp_py.config.model import Config
from pam_mktemp_py.detect.model import CLASSES
from pam_mktemp_py.doctor.catalogue import FINDINGS
from pam_mktemp_py.messages import MESSAGES

TOP = Path(__file__).parents[2]
PAGES = ["pam-mktemp-launch.1", "pam-mktemp.1", "pam_mktemp.toml.5", "pam_mktemp_py.8"]
UNESCAPED = {r"\(rs": "\\", r"\(aq": "'", r"\(ga": "`", r"\(ha": "^", r"\(ti": "~", r"\(dq": '"', r"\-": "-",
             r"\&": "", r"\ ": " "}
Words = tuple[str, ...]


def leaves(command: click.Command = group, words: Words = ()) -> Iterator[tuple[Words, click.Command]]:
    """Every command that does something, with its words."""
    if isinstance(command, click.Group):
        for name in command.list_commands(click.Context(command)):
            inner = command.get_command(click.Context(command), name)
            assert inner is not None, name
            yield from leaves(inner, (*words, name))
    else:
        yield words, command


def build(out: Path, **environment: str) -> Path:
    """Run the generator."""
    usual = {name: value for name, value in os.environ.items() if name != "SOURCE_DATE_EPOCH"}
    subprocess.run([sys.executable, TOP / "contrib/manual/build", out], check=True, env=usual | environment)
    return out


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of what was built."""
    return build(tmp_path_factory.mktemp("built"))


def plain(roff: str) -> str:
    """A page without roff's escapes and macros."""
    text = re.sub(r"\\f[BIRP]", "", roff)
    text = re.sub(r"\\(?:\(..|[-& ])", lambda found: UNESCAPED[found.group()], text)
    return re.sub(r'(?m)^\.(?:[BI]|BR|RB|IR|RI|SS|SH) "?(.*?)"?$', r"\1", text)


def section(built: Path, page: str, heading: str) -> str:
    """The text below a heading up to the next of the same kind."""
    roff = (built / "manual" / page).read_text().replace(r"\-", "-")
    kind = ".SS" if f'\n.SS {heading}\n' in roff or f'\n.SS "{heading}"\n' in roff else ".SH"
    found = re.search(rf'(?ms)^\{kind} "?{re.escape(heading)}"?\n(.*?)(?=^\.S[SH] |\Z)', roff)
    assert found is not None, f"{page} has no {heading}"
    return found[1]


def tags(roff: str) -> list[str]:
    """The tags of a list."""
    return [plain(tag) for tag in re.findall(r"(?m)^\.TP\n(.*)$", roff)]


@pytest.mark.parametrize("page", PAGES)
def test_lint(built: Path, page: str) -> None:
    path = built / "manual" / page
    tools = [["mandoc", "-Tlint", "-W", "warning"], ["groff", "-man", "-Tutf8", "-ww", "-z"]]
    missing = [tool[0] for tool in tools if not shutil.which(tool[0])]
    if missing:
        pytest.skip(f"not installed: {missing}")
    for tool in tools:
        done = subprocess.run([*tool, path], capture_output=True, text=True)
        assert (done.returncode, done.stdout + done.stderr) == (0, "")
    assert path.read_bytes().isascii()


def test_same_sources_give_the_same_bytes(built: Path, tmp_path: Path) -> None:
    again = build(tmp_path / "again", TZ="Pacific/Kiritimati", LC_ALL="C", COLUMNS="20", PYTHONHASHSEED="7")
    later = build(tmp_path / "later", SOURCE_DATE_EPOCH="1000000000")
    paths = sorted(path.relative_to(built) for path in built.rglob("*") if path.is_file())
    assert [path.name for path in paths] == ["_pam-mktemp", "pam-mktemp.bash", "pam-mktemp.fish", *PAGES]
    for path in paths:
        assert (again / path).read_bytes() == (built / path).read_bytes()
        dated = (built / path).read_text()
        if path.name in PAGES:
            dated = re.sub(r'(?m)^(\.TH \S+ \d) "[\d-]+"', r'\1 "2001-09-09"', dated)
        assert (later / path).read_text() == dated


def test_every_command_and_option_is_in_the_manual(built: Path) -> None:
    synopsis = plain(section(built, "pam-mktemp.1", "SYNOPSIS"))
    assert {words[0] for words, _ in leaves()} == set(COMMANDS)
    for words, command in leaves():
        text = section(built, "pam-mktemp.1", " ".join(words))
        assert f"\npam-mktemp {' '.join(words)}" in "\n" + synopsis and f"pam-mktemp {' '.join(words)}" in plain(text)
        named = [name for tag in tags(text) for name in re.findall(r"(?<!\S)--?[\w-]+", tag)]
        wanted = [name for option in command.params if isinstance(option, click.Option) and not option.hidden
                  for name in option.opts]
        assert sorted(named) == sorted(wanted), words
        for argument in command.params:
            if isinstance(argument, click.Argument):
                assert (argument.metavar or str(argument.name).upper()).removesuffix("...") in synopsis
    assert "......" not in synopsis and "[[" not in synopsis
    for option in group.get_params(click.Context(group, **group.context_settings)):
        assert any(option.opts[0] in tag for tag in tags(section(built, "pam-mktemp.1", "OPTIONS")))


def test_helps_are_whole() -> None:
    for words, command in leaves():
        assert command.help and command.help.strip().split("\n\n")[0].replace("\n", " ").endswith("."), words
        assert command.short_help and command.short_help.endswith("."), words
        assert "exit status" in command.help.lower(), words
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                assert parameter.help and parameter.help.strip().endswith("."), (words, parameter.name)
            else:
                names = re.findall(r"[A-Z]+", parameter.metavar or str(parameter.name).upper())
                assert any(re.search(rf"\b{name}\b", command.help) for name in names), (words, parameter.name)


def test_exit_statuses_are_told(built: Path) -> None:
    assert tags(section(built, "pam-mktemp.1", "EXIT STATUS")) == ["0", "1", "2", "3", "130", "141"]


@pytest.mark.parametrize(("page", "heading", "names"), [
    ("pam_mktemp.toml.5", "KEYS", [key.name for key in KEYS]),
    ("pam_mktemp_py.8", "MESSAGES", sorted(MESSAGES)),
    ("pam-mktemp.1", "FINDINGS", sorted(FINDINGS)),
    ("pam-mktemp.1", "CLASSES", sorted(CLASSES)),
])
def test_tables_are_whole(built: Path, page: str, heading: str, names: list[str]) -> None:
    assert tags(section(built, page, heading)) == names


def test_defaults_are_those_of_the_program(built: Path) -> None:
    shown = re.findall(r"(?m)^Default: (.*)$", plain(section(built, "pam_mktemp.toml.5", "KEYS")))
    config = Config("")
    wanted = [key.initial if key.inner else getattr(config, key.setting) for key in KEYS]
    assert [tomllib.loads(f"x = {value}")["x"] for value in shown] == wanted


def test_examples_are_commands(built: Path) -> None:
    """Every line that a page or README.md shows to be typed is one that the command understands."""
    texts = [plain((built / "manual" / page).read_text()) for page in PAGES] + [(TOP / "README.md").read_text()]
    shown = [line for text in texts for line in re.findall(r"(?m)^ *(?:[$#]|sudo) (pam-mktemp [^|#\n]*)", text)]
    assert len(shown) > 8
    for line in shown:
        words = shlex.split(line)[1:]
        command: click.Command = group
        context = group.make_context("pam-mktemp", words, obj=Settings())
        while isinstance(command, click.Group):
            first = vars(context).get("_protected_args", vars(context).get("protected_args", []))  # by click's version
            rest = [*first, *context.args]
            name, found, rest = command.resolve_command(context, rest)
            assert found is not None, line
            command, context = found, found.make_context(name, rest, parent=context)


@pytest.mark.parametrize(("text", "roff"), [
    (".SH x", r"\&.SH x"), ("'a'", r"\(aqa\(aq"), (r"a\nb", r"a\(rsnb"), ("run --dry-run", r"run \fB\-\-dry\-run\fP"),
    ("in /etc/pam.d.", r"in \fI/etc/pam.d\fP."), ("see su(1)", r"see \fBsu\fP(1)"), ("\u2014", r"\[u2014]"),
    ("well-known", "well-known"), ("for USER", r"for \fIUSER\fP"), ("for UID", "for UID"),
    ("a `b c`.", r"a \fBb c\fP."),
])
def test_escaping(text: str, roff: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(TOP / "contrib/manual"))
    from roff import Marker
    assert Marker(["plan"]).sentences(text, frozenset({"USER"})) == [roff]


@pytest.mark.parametrize(("text", "roff"), [
    ("One.\n\nTwo. And three.", [".PP", "One.", ".PP", "Two.", "And three."]),
    ("\b\n$ a 'b'\n$ c", [".PP", ".RS 4", ".nf", r"$ a \(aqb\(aq", "$ c", ".fi", ".RE"]),
    ("\b\nIt is\n  .x -y\nhere.", [".PP", "It is", ".PP", ".RS 4", ".nf", r"\&.x \-y", ".fi", ".RE", ".PP", "here."]),
    ("    a      the first\n    b-c    the second,\n           longer", [
        ".TP", r"\fBa\fP", "the first", ".TP", r"\fBb\-c\fP", "the second, longer"]),
])
def test_layout(text: str, roff: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(TOP / "contrib/manual"))
    from roff import Marker
    assert Marker(["plan"]).paragraphs(text) == roff
