"""The temporary-directory functions of programming languages accept the directory, without a word on stderr.

Each script prints the directory that the language would use, and those of a file and a folder that it made. Perl
and Ruby judge by mode bits whether a directory is writable and safe: see the 01777 in the design.
"""
from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.privileged.logins.session import PROGRAMS, login, su

pytestmark = pytest.mark.usefixtures("machine")
ALICE = "/tmp/.private/alice/tmp"
GO = Path("/usr/local/bin/tmpdir-witness")
SCRIPTS = {
    "perl File::Spec": ("perl", "use File::Spec; print File::Spec->tmpdir, qq{\n}"),
    "perl File::Temp": ("perl", """
        use warnings; use strict; use File::Temp qw(tempfile tempdir); use File::Basename;
        File::Temp->safe_level(File::Temp::HIGH);
        my ($handle, $name) = tempfile(TMPDIR => 1); print dirname($name), qq{\n};
        print dirname(tempdir(TMPDIR => 1)), qq{\n}; print dirname(File::Temp->new->filename), qq{\n};"""),
    "ruby": ("ruby", """
        require 'tmpdir'; require 'tempfile'; puts Dir.tmpdir; puts File.dirname(Dir.mktmpdir)
        puts File.dirname(Tempfile.new('x').path)"""),
    "python": ("python3", """
import os, tempfile
print(tempfile.gettempdir())
print(os.path.dirname(tempfile.mkdtemp()))
print(os.path.dirname(tempfile.NamedTemporaryFile().name))"""),
    "php": ("php", """
        <?php error_reporting(E_ALL); ini_set('display_errors', 'stderr'); echo sys_get_temp_dir(), "\n";
        echo dirname(tempnam(sys_get_temp_dir(), 'x')), "\n";
        echo dirname(stream_get_meta_data(tmpfile())['uri']), "\n";"""),
    "sh mktemp": ("sh", "dirname $(mktemp) $(mktemp -d) $(mktemp --tmpdir x.XXXXXX)"),
}


@pytest.fixture(scope="module")
def go() -> Iterator[str]:
    """Our little Go program, compiled once; what Go builds and caches stays out of the tests' /tmp."""
    folders = {"HOME": "/root", "GOCACHE": "/var/tmp/go-cache", "GOTMPDIR": "/var/tmp", "GO111MODULE": "off"}
    subprocess.run(["go", "build", "-o", GO, "./tmpdir_witness.go"], check=True, cwd=PROGRAMS,
                   env={"PATH": os.environ["PATH"], "CGO_ENABLED": "0", **folders})
    yield str(GO)
    GO.unlink()


def assert_accepted(done: subprocess.CompletedProcess[str]) -> None:
    """Every line is the directory."""
    assert (done.returncode, done.stderr) == (0, "")
    assert set(done.stdout.splitlines()) == {ALICE}


@pytest.mark.parametrize("name", SCRIPTS)
def test_accepts(name: str) -> None:
    interpreter, script = SCRIPTS[name]
    assert_accepted(login(["su", "-", "alice", "-c", interpreter], input=script.strip()))


def test_go(go: str) -> None:
    assert_accepted(su("alice", go))


def test_files_made_there_belong_to_the_account() -> None:
    for folder_or_file in su("alice", "mktemp; mktemp -d").stdout.split():
        assert Path(folder_or_file).owner() == "alice"
