"""Which lines of start files count as setting a variable."""
from __future__ import annotations

import time

import pytest

from pam_mktemp_py.doctor.shells import setting_lines

NAMES = ["TMPDIR", "TMP", "TEMP", "TEMPDIR"]


@pytest.mark.parametrize("line, name", [
    ("TMPDIR=/x", "TMPDIR"),
    ("  export TMPDIR=/x", "TMPDIR"),
    ("export A=1 TMP=/x", "TMP"),
    ("TMP=$(mktemp -d)", "TMP"),
    ('TEMP="/a b"; export TEMP', "TEMP"),
    ("[ -d /x ] && export TMPDIR=/x", "TMPDIR"),
    ("if true; then TMPDIR=/x; fi", "TMPDIR"),
    ("declare -x TEMPDIR=/x", "TEMPDIR"),
    ("setenv TMPDIR /x", "TMPDIR"),
    ("set -gx TMPDIR /x", "TMPDIR"),
    ("set -g -x TMPDIR /x", "TMPDIR"),
    ("unset FOO TMPDIR", "TMPDIR"),
    ("unsetenv TMP", "TMP"),
])
def test_set(line: str, name: str) -> None:
    assert list(setting_lines(["umask 022", line], NAMES)) == [(2, name)]


@pytest.mark.parametrize("text", [
    "# export TMPDIR=/x",
    "TMPDIR=/x make",
    'TMPDIR="/x y" make install',
    "MYTMPDIR=/x",
    "echo $TMPDIR",
    "cd $TMPDIR",
    ": ${TMPDIR:=/tmp}",
    "export TMPDIR=${TMPDIR:-/tmp}",
    '[ -z "$TMPDIR" ] && export TMPDIR=/tmp',
    'if [ -z "$TMPDIR" ]; then\n  TMPDIR=/tmp\n  export TMPDIR\nfi',
    "set -q TMPDIR; or set -gx TMPDIR2 /x",
    "export TMPDIR",
    "echo TMPDIR=/x",
])
def test_not_set(text: str) -> None:
    assert list(setting_lines(text.split("\n"), NAMES)) == []


@pytest.mark.parametrize("line", [
    "TMP=" + "$(a)" * 240 + " x", "TMP=" + "$($(" * 240, "TMP=" + "\"" * 999, "set " + "-x " * 300 + "y",
    "export " + "a=b " * 240, "unset " + "a " * 480, "TMP=" * 240, "TMP='" * 180, "x" * (1 << 20),
])
def test_lines_that_would_keep_a_bad_expression_busy(line: str) -> None:
    before = time.process_time()
    list(setting_lines([line] * 20, NAMES))
    assert time.process_time() - before < 2
