"""Scripts by their strings: what a line does with a path, what is a comment, and nothing that can be made to hang."""
from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st

from pam_mktemp_py.scan import kinds, text
from pam_mktemp_py.scan.model import LEVELS, MOST_EXAMINED, MOST_PLACES, REASONS
from pam_mktemp_py.scan.watched import Watched
from tests.scanned import WATCHED, looked, reasons

SHELL, PERL, PHP, RUBY, PROPERTIES = kinds.SHELL, kinds.PERL, kinds.PHP, kinds.RUBY, kinds.PROPERTIES


@pytest.mark.parametrize(("kind", "line", "wanted"), [
    (SHELL, "echo hi > /tmp/x", "written"),
    (SHELL, "echo hi >>/dev/shm/x", "written"),
    (SHELL, 'echo "a # b" > "/tmp/x"', "written"),
    (SHELL, "mkdir -p /var/tmp/build", "written"),
    (SHELL, "cp -a file /tmp/x", "written"),
    (SHELL, "ls | tee -a /tmp/log", "written"),
    (SHELL, "dd if=/dev/zero of=/tmp/image", "written"),
    (SHELL, "f=/tmp/x.$$", "pid-name"),
    (SHELL, "echo >/tmp/x-${$}", "pid-name"),
    (SHELL, "mktemp /tmp/x.XXXXXX", "template"),
    (SHELL, "x=${TMPDIR:-/tmp}/a", "fallback"),
    (SHELL, ": ${TMPDIR:=/tmp}", "fallback"),
    (SHELL, ': ${TMPDIR="/tmp"}', "fallback"),
    (SHELL, 'd="${TMP-/tmp}"', "fallback"),
    (SHELL, "x=${LOGS:-/tmp}/a", "default"),
    (SHELL, "TMPDIR=/tmp; export TMPDIR", "overrides"),
    (SHELL, "env TMPDIR=/tmp make", "overrides"),
    (SHELL, 'rm "/tmp/x"', "path"),
    (SHELL, "DIRS=/usr:/tmp", "path"),
    (SHELL, "cd /tmp", "path"),
    (SHELL, 'if [ "$x" = "/tmp" ]; then', "compared"),
    (SHELL, "/tmp/*) exit ;;", "compared"),
    (SHELL, 'echo "see /tmp for more"', "mention"),
    (SHELL, "# > /tmp/x", ""),
    (SHELL, "true # > /tmp/x", ""),
    (SHELL, '"$D"/tmp/x', ""),
    (SHELL, "$D/tmp/x ${D}/tmp/x $(pwd)/tmp/x ../tmp/x a/tmp", ""),
    (SHELL, "cd /tmpfs /tmp.old /tmp-x /tmp_x", ""),
    (PERL, 'open(F, ">/tmp/x");', "written"),
    (PERL, 'open(my $f, ">", "/tmp/x");', "written"),
    (PERL, 'system("ls > /tmp/x");', "written"),
    (PERL, 'open(my $f, ">>", "/tmp/x.$$");', "pid-name"),
    (PERL, 'my $x = "/tmp/a" . $$;', "pid-name"),
    (PERL, 'my $d = $ENV{TMPDIR} || "/tmp";', "fallback"),
    (PERL, "my $d = defined $ENV{TMPDIR} ? $ENV{TMPDIR} : '/tmp';", "fallback"),
    (PERL, 'my $t = $ENV{X_DIR} || "/tmp";', "default"),
    (PERL, 'my %h = (dir => "/tmp/x");', "path"),
    (PERL, 'if ($p eq "/tmp") {', "compared"),
    (PERL, "if ($p =~ m{^/tmp/}) {", "compared"),
    (PERL, '# "/tmp/x"', ""),
    (PERL, "=pod\n\nsee '/tmp/x'\n\n=cut\n", ""),
    (PERL, "1;\n__END__\n'/tmp/x'", ""),
    (RUBY, 'File.open("/tmp/x", "w")', "written"),
    (RUBY, 'File.write("/tmp/x", text)', "written"),
    (RUBY, 'x = "/tmp/#{$$}"', "pid-name"),
    (RUBY, 'ENV.fetch("TMPDIR", "/tmp")', "fallback"),
    (RUBY, 'ENV["TMPDIR"] || "/tmp"', "fallback"),
    (RUBY, 'x.start_with?("/tmp")', "compared"),
    (RUBY, "=begin\n'/tmp/x'\n=end\n", ""),
    (PHP, '<?php fopen("/tmp/x", "w");', "written"),
    (PHP, '<?php file_put_contents("/tmp/x", $y);', "written"),
    (PHP, '<?php $u = "http://x"; $y = "/tmp/z";', "path"),
    (PHP, '<?php $x = ["d" => "/tmp/z"];', "path"),
    (PHP, '<?php $d = getenv("TMPDIR") ?: "/tmp";', "fallback"),
    (PHP, '<p>"/tmp"</p>', ""),
    (PHP, '<?php f(); ?><p>"/tmp"</p>', ""),
    (PHP, '<?php // "/tmp"', ""),
    (PHP, '<?php /* "/tmp"\n"/tmp" */', ""),
    (PROPERTIES, "dir = /tmp/x", "path"),
    (PROPERTIES, "dir: file:///tmp/x", "path"),
    (PROPERTIES, "dir=${env:TMPDIR:-/tmp}", "fallback"),
    (PROPERTIES, "text = see /tmp", "mention"),
    (PROPERTIES, "# dir=/tmp", ""),
    (PROPERTIES, "  ! dir=/tmp", ""),
])
def test_reason(kind: str, line: str, wanted: str) -> None:
    assert [place.reason for place in text.places(line, kind, WATCHED)] == ([wanted] if wanted else [])


def test_an_apostrophe_in_a_text_does_not_hide_what_follows() -> None:
    script = "cat <<X\ndon't\nX\n# it's /tmp/no\necho > /tmp/x\n"
    assert [(place.reason, place.line) for place in text.places(script, SHELL, WATCHED)] == [("written", 5)]


def test_code_after_a_comment_is_seen() -> None:
    after = '=pod\n"/tmp/no"\n=cut\n$a = "/tmp/yes";\n'
    assert [(place.line, "yes" in place.evidence) for place in text.places(after, PERL, WATCHED)] == [(4, True)]


def test_lines_are_counted() -> None:
    script = "\n".join(["cd /tmp", "# /tmp", "", "cd /var/tmp/x", "cd /tmp; cd /dev/shm"])
    assert [place.line for place in text.places(script, SHELL, WATCHED)] == [1, 4, 5, 5]


def test_a_script_that_knows_tmpdir_is_less_likely_to_ignore_it() -> None:
    assert [place.level for place in text.places("cd /tmp", SHELL, WATCHED)] == ["likely"]
    assert [place.level for place in text.places("echo $TMPDIR; cd /tmp", SHELL, WATCHED)] == ["possible"]
    assert [place.level for place in text.places("echo $TMPDIR; > /tmp/x", SHELL, WATCHED)] == ["likely"]


def test_further_directories() -> None:
    watched = Watched(("/scratch", "/scratch/deep", "/opt/x+y"))
    assert watched.anywhere(b"cd /scratch") and not watched.anywhere(b"cd /tmp")
    found = text.places("cd /scratch/deep/a; cd /tmp; cd /opt/x+y", SHELL, watched)
    assert [place.reason for place in found] == ["path", "path"]


@pytest.mark.parametrize("piece", [
    "/tmp/x ", "'/tmp", '"/tmp/', "# /tmp ", "${TMPDIR:-", "/*", "=pod\n\n", "<?php ", "TMPDIR ? ", "[ a ", "`", "\\",
    "mkdir a ", "strpos(", "> /tmp/$$ ", "\n/tmp", "\n#/tmp", "ENV.fetch('A', '/tmp'", "x" * 50 + "/tmp ",
])
@pytest.mark.parametrize("name", ["x.sh", "x.pl", "x.rb", "x.php", "x.properties"])
def test_much_of_the_same_is_bounded(tmp_path: Path, name: str, piece: str) -> None:
    """The runner's own limit ends what takes for ever."""
    found = looked(tmp_path / name, "<?php " + piece * (300_000 // len(piece)) + "/tmp\n")
    assert len(found.places) <= MOST_PLACES and not found.failed


@given(st.sampled_from(kinds.KINDS[1:]), st.lists(st.sampled_from([
    "/tmp", "/var/tmp/x", "/dev/shm", "'", '"', "#", "\n", " ", "=", ">", "$$", "${TMPDIR:-", "}", "//", "/*", "*/",
    "?>", "<?", "=cut\n", "\n=pod\n", "\\", "é", "\udc80", "`", "(", "open", ", 'w'",
]) | st.text(max_size=8)).map("".join))
@settings(deadline=None)
def test_anything_can_be_looked_at(kind: str, script: str) -> None:
    found = list(text.places(script, kind, WATCHED))
    assert len(found) <= MOST_EXAMINED and [place.line for place in found] == sorted(place.line for place in found)
    for place in found:
        assert place.reason in REASONS and place.level in LEVELS
        assert 1 <= place.line <= script.count("\n") + 1
        line = script.split("\n")[place.line - 1]
        assert any(name in line for name in WATCHED.directories)


@pytest.mark.parametrize(("head", "name", "wanted"), [
    ("#!/bin/sh\n", "x", SHELL), ("#! /usr/bin/env -S perl -w\n", "x", PERL),
    ("#!/usr/bin/python3.11 -I\n", "x", "python"),
    ("#!/usr/bin/env A=b ruby\n", "x", RUBY), ("#!/usr/bin/php8.2\n", "x.sh", PHP), ("", "x.properties", PROPERTIES),
    ("", ".bashrc", SHELL), ("", "X.PY", "python"), ("#!/usr/bin/node\n", "x.py", ""), ("#!\n", "x.sh", ""),
    ("", "x.txt", ""),
    ("\x7fELF", "x.py", "elf"),
])
def test_kind(head: str, name: str, wanted: str) -> None:
    assert kinds.kind("/a.py/" + name, head.encode()) == wanted


def test_the_same_line_again_and_a_very_long_one(tmp_path: Path) -> None:
    found = looked(tmp_path / "x.sh", "cd /tmp\n" * 1000)
    assert reasons(found) == ["path"] * MOST_PLACES and found.more
    long = looked(tmp_path / "y.sh", "x" * 100_000 + "; echo > /tmp/" + "y" * 100_000)
    assert reasons(long) == ["written"] and len(long.places[0].evidence) <= 200
