"""What --fix makes of findings: which variables are worth a try, who belongs together, and a text that is read back."""
from __future__ import annotations

import os
import re
import string
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import example, given, strategies as st

from pam_mktemp_py.detect.model import Evidence as Call, Finding
from pam_mktemp_py.errors import Refused
from pam_mktemp_py.prove import candidates, entry_file, new_entry
from pam_mktemp_py.prove.fix import grouped
from pam_mktemp_py.remedies import catalogue, entry as model, schema
from pam_mktemp_py.remedies.entry import Check, Entry, Evidence, Recognise, Remedy

SYSTEM = "Debian GNU/Linux 12 (bookworm), x86_64"


def finding(program: str = "/usr/bin/prog", path: str = "/tmp/prog.<pid>", example: str = "/tmp/prog.17",
            call: str = '17 openat(AT_FDCWD</root/secret>, "/tmp/prog.17", O_RDWR|O_CREAT, 0600) = 3',
            kind: str = "hardcoded") -> Finding:
    return Finding(program, path, kind, "high", 40, (), "why", "pid", {"openat": 1}, (program,),
                   [Call(3, 17, program, call)], example, 1, 1)


@pytest.mark.parametrize(("word", "is_one"), [
    ("TMUX_TMPDIR", True), ("SQLITE_TMPDIR", True), ("GOTMPDIR", True), ("TMPPREFIX", True), ("MY_TEMP", True),
    ("TMPDIR", False), ("TMP", False), ("TEMP", False), ("TEMPDIR", False), ("TEMPLATE_DIR", False),
    ("MAX_ATTEMPTS", False), ("LC_TEMPERATURE", False), ("O_TMPFILE", False), ("Tmp_Dir", False), ("X" * 70, False),
])
def test_which_words_are_variables(word: str, is_one: bool) -> None:
    assert candidates.chosen([word, "other", ""]) == ([word] if is_one else [])


def test_the_likeliest_come_first_and_not_too_many() -> None:
    found = candidates.chosen(f"A{letter}_TMP_X" for letter in string.ascii_uppercase)
    assert len(found) == candidates.MOST
    assert candidates.chosen(["A_TMP_X", "Z_TMPDIR", "B_TEMP_PATH"]) == ["B_TEMP_PATH", "Z_TMPDIR", "A_TMP_X"]


def test_variables_of_files(tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text("#!/bin/sh\n: ${PROG_TMPDIR:=/tmp}\n" + "x" * (300 << 10) + "\n$MY_TEMP_DIR$TMPDIR XTEMPLATE\n")
    assert candidates.variables(str(script)) == ["MY_TEMP_DIR", "PROG_TMPDIR"]
    script.write_bytes(b"\x7fELF\0\0PROG_TMPDIR\0/tmp\0_TMP_\xff")
    assert candidates.variables(str(script)) == ["PROG_TMPDIR"]
    os.mkfifo(tmp_path / "fifo")
    for none in ("nosuch", "fifo", "."):
        assert candidates.variables(str(tmp_path / none)) == []
    script.write_bytes(b"")
    assert candidates.variables(str(script)) == []


def test_a_file_that_is_a_hole_is_not_read_for_hours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(candidates, "_LARGEST", 1000)
    program = tmp_path / "program"
    program.write_bytes(b"\0NEAR_TMPDIR\0" + b"\0" * 2000 + b"FAR_TMPDIR\0")
    assert candidates.variables(str(program)) == ["NEAR_TMPDIR"]


def test_who_belongs_together() -> None:
    one, two, other = finding("/a", "/tmp/x"), finding("/b", "/tmp/x"), finding("/c", "/tmp/z")
    more, joins = finding("/a", "/tmp/y"), finding("/d", "/tmp/y")
    assert grouped([other, one, two, more, joins]) == [[other], [one, two, more, joins]]
    assert grouped([more, other, two, one]) == [[more, two, one], [other]]
    assert grouped([]) == []


WORD = st.text(min_size=1, max_size=12).filter(lambda text: text.isprintable() and text == text.strip())
NAME = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9._+-]{0,10}", fullmatch=True)
PATH = st.text(max_size=12).filter(lambda text: not {"\0", "\n"} & set(text)).map(lambda text: f"/{text}")
VARIABLES = st.dictionaries(st.from_regex(r"[A-Z_]{1,8}", fullmatch=True), st.sampled_from(["$TMPDIR", "", "$$a b'\""]),
                            min_size=1, max_size=3)
PLAIN = st.text(max_size=8).filter(lambda text: "$" not in text and "\0" not in text)
ARGUMENTS = st.lists(PLAIN.filter(lambda text: "\n" not in text), max_size=3).map(tuple)
REMEDIES = st.one_of(
    st.builds(lambda found: Remedy(model.ENVIRONMENT, found), VARIABLES),
    st.builds(lambda found, words, need: Remedy(model.LAUNCHER, found, ("TMPDIR",), words, need), VARIABLES, ARGUMENTS,
              st.booleans()),
    st.builds(lambda words: Remedy(model.BIND, arguments=words), ARGUMENTS),
    st.builds(lambda text: Remedy(model.SHARE, reason=text), WORD))
CHECKS = st.builds(
    lambda words, output, both: Check(("prog",), tuple(map(tuple, words)), re.escape(output), "", both),
    st.lists(st.lists(PLAIN, min_size=1, max_size=3), min_size=1, max_size=3),
    WORD.filter(lambda text: len(text) < 5), st.booleans())


@given(NAME, st.lists(PATH, max_size=2), WORD, REMEDIES, st.none() | CHECKS, st.sampled_from(model.CLASSES),
       st.dictionaries(PATH.map(re.escape), st.sampled_from(model.CLASSES), max_size=2), WORD)
def test_what_is_written_is_read_back(name: str, paths: list[str], text: str, remedy: Remedy, check: Check | None,
                                      kind: str, touches: dict[str, str], group: str) -> None:
    made = Entry("entry", "/x/entry.toml", True, text, "others", kind, text, text,
                 Recognise((name,), tuple(paths), touches=touches, anyone=bool(touches)), remedy,
                 Evidence(observed=text), check)
    assert schema.read("entry", "/x/entry.toml", entry_file.text(made).encode(), site=True) == made


@given(st.text(min_size=1, max_size=300).map(lambda text: "/tmp/" + text.replace("\0", "")),
       st.text(max_size=700), NAME)
@example("/tmp/a\udcff\n<pid>", '17 openat("/tmp/\udcff\x1b")', "Prog")
@example("/tmp/" + "x" * 700, "", "-")
def test_whatever_the_finding_holds_the_entry_can_be_read(path: str, call: str, name: str) -> None:
    """Names are anybody's choice."""
    found = finding(f"/opt/{name}", path, path, call)
    entry = new_entry.entry_for([found], Remedy(model.BIND), {"prog"}, "/usr/bin", SYSTEM)
    check = new_entry.check_for(["/opt/prog", "$x", path], found, ["prog"])
    assert (check is None) == any(0xd800 <= ord(letter) <= 0xdfff for letter in path)
    entry = replace(entry, check=check)
    if schema.PROGRAM.fullmatch(name):
        assert schema.read(entry.name, "f", entry_file.text(entry).encode(), site=True) == replace(entry, file="f")


def test_an_entry_is_made_of_what_was_seen() -> None:
    entry = new_entry.entry_for([finding(), finding(path="/tmp/b")], Remedy(model.BIND), {"prog", "prog-2"}, "", SYSTEM)
    assert (entry.name, entry.group, entry.kind, entry.site) == ("prog-3", "prog-3", "hardcoded", True)
    assert entry.does == "Uses /tmp/prog.<pid>, /tmp/b, whatever TMPDIR says."
    assert entry.recognise.touches == {"^/tmp/prog\\.<pid>(/|$)": "hardcoded", "^/tmp/b(/|$)": "hardcoded"}
    assert "secret" not in entry.evidence.observed and entry.evidence.observed.startswith("openat(AT_FDCWD, ")
    looks = replace(finding(), evidence=[Call(1, 17, "/p", '17 stat("/tmp/b", 0x7) = 0'), *finding().evidence])
    assert new_entry.entry_for([looks], Remedy(model.BIND), (), "", SYSTEM).evidence == entry.evidence
    check = new_entry.check_for(["prog", "$HOME"], finding(), [])
    assert check and check.commands == (("prog", "$$HOME"),) and re.search(check.touches, "/tmp/prog.4711")
    assert not re.search(check.touches, "/tmp/prog.x")


def test_an_entry_takes_the_place_of_the_one_about_the_same_program() -> None:
    shipped = catalogue.load(site="/nonexistent", state="/nonexistent").entries.values()
    entry = new_entry.entry_for([finding("/usr/bin/python3")], Remedy(model.BIND), (), "/usr/bin", SYSTEM)
    assert new_entry.in_place_of(shipped, replace(entry, recognise=Recognise(("python3",)))).name == "python"
    elsewhere = replace(entry, recognise=Recognise(("python3",), ("/opt/python3",)))
    assert new_entry.in_place_of(shipped, elsewhere).name == (
        entry.name)


@pytest.mark.parametrize("program", [
    "/usr/bin/a b", "/usr/bin/a\nb", "prog", "/nosuch/prog", "/opt/\udcff/prog", "/bin/é"])
def test_programs_of_which_there_is_no_entry(program: str) -> None:
    assert new_entry.why_none(program) and not new_entry.why_none("/bin/sh")


@pytest.mark.parametrize("pattern", ["/a/b", "/a [b]/c?d*"])
def test_a_path_that_was_quoted_is_one_path(pattern: str) -> None:
    import glob
    assert catalogue.literal(glob.escape(pattern)) == pattern
    assert catalogue.literal("/opt/*/prog") == catalogue.literal("/a[bc]") == catalogue.literal("/a?") == ""


def test_storing(tmp_path: Path) -> None:
    path = tmp_path / "conf.d/shims/one.toml"
    path.parents[1].mkdir()
    entry_file.store(str(path), b"1", os.getuid(), False)
    assert path.read_bytes() == b"1" and path.stat().st_mode & 0o777 == 0o644
    assert path.parent.stat().st_mode & 0o777 == 0o755
    with pytest.raises(Refused, match="--force"):
        entry_file.store(str(path), b"2", os.getuid(), False)
    entry_file.store(str(path), b"2", os.getuid(), True)
    assert path.read_bytes() == b"2" and os.listdir(path.parent) == ["one.toml"]
    path.unlink()
    path.symlink_to("/etc/passwd")
    with pytest.raises(Refused, match="no regular file"):
        entry_file.store(str(path), b"3", os.getuid(), True)
    path.parent.chmod(0o775)
    with pytest.raises(Refused, match="root alone"):
        entry_file.store(str(path.with_name("two.toml")), b"3", os.getuid(), False)
    assert os.listdir(path.parent) == ["one.toml"]
