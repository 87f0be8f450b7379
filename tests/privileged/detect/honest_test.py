"""Programs that honour TMPDIR, or need no temporary file: nothing may be said against them."""
from __future__ import annotations

from pathlib import Path

import pytest

from tests.privileged.detect.detect import detect, script

COMMIT = "git -c user.name=alice -c user.email=a@example.org commit -q -m"


@pytest.mark.parametrize(("command", "programs"), [
    pytest.param(["mktemp"], ["mktemp"], id="mktemp"),
    pytest.param(["python3", "-c", "import tempfile; tempfile.NamedTemporaryFile()"], ["python3"], id="python"),
    pytest.param(["python3", "-c", "import multiprocessing; multiprocessing.Manager().list()"], ["python3"],
                 id="python-socket"),
    pytest.param(["perl", "-e", "use File::Temp; my $f = File::Temp->new; open my $g, '+>', undef"], ["perl"],
                 id="perl"),
    pytest.param(["php", "-r", "tempnam(sys_get_temp_dir(), 'x'); tmpfile();"], ["php"], id="php"),
    pytest.param(["ruby", "-rtempfile", "-e", "Tempfile.create('x') { }"], ["ruby"], id="ruby"),
])
def test_command(command: list[str], programs: list[str]) -> None:
    found = detect(*command)
    assert (found.verdicts, found.faults, found.told) == (dict.fromkeys(programs, "honours"), set(), set())
    assert (found.verdict, found.status) == ("honours", 0)


@pytest.mark.parametrize(("text", "programs"), [
    pytest.param("seq 1 200000 | sort -S 64k -R | tail -n 1", ["sort"], id="sort"),
    pytest.param("echo 'int main(void) { return 0; }' > m.c; gcc m.c; gcc -flto m.c",
                 ["gcc", "cc1", "as", "collect2", "ld", "lto-wrapper", "lto1"], id="gcc"),
    pytest.param(f"git init -q -b main one; cd one; echo 1 > f; git add f; {COMMIT} 1; cd ..; git clone -q one two; "
                 "cd two; git gc -q; echo 2 > f; GIT_EXTERNAL_DIFF=true git diff", ["git"], id="git"),
    pytest.param("""sqlite3 x 'pragma temp_store=1; pragma cache_size=10; create table t(a); with recursive c(n) as
                 (select 1 union all select n+1 from c where n<60000) insert into t select hex(randomblob(30)) from c;
                 select count(*) from (select a from t order by a);'""", ["sqlite3"], id="sqlite"),
    pytest.param("seq 1 50000 | tr '\\n' ' ' > big; bash -c 'read -r big < big; wc -c <<< \"$big\"'", ["bash"],
                 id="heredoc"),
    pytest.param("echo a > p; echo b > q; diff -u p q > d || cat d | patch -s p", ["patch"], id="patch"),
    pytest.param("printf 'b\\na\\n' > v; vim.tiny -u NONE -es -c 'set shelltemp' -c '%!sort' -c wq v",
                 ["vim.tiny", "sh"], id="vim"),
])
def test_script(text: str, programs: list[str]) -> None:
    found = script(text)
    assert (found.faults, found.told) == (set(), set())
    assert found.verdicts == dict.fromkeys(programs, "honours")


@pytest.mark.parametrize("text", [
    pytest.param("tar czf x.tar.gz /usr/share/doc/git; tar xzf x.tar.gz", id="tar"),
    pytest.param("""mkdir -m 700 g; export GNUPGHOME=$HOME/g
                 gpg --quiet --batch --passphrase '' --quick-generate-key alice ed25519 sign
                 echo x | gpg --quiet --batch --armor --sign >signed; gpgconf --kill all; test -s signed""", id="gpg"),
    pytest.param("test \"$(seq 9 -1 1 | awk '{ print | \"sort\" }' | head -n 1)\" = 1", id="awk"),
    pytest.param("seq 1 9 | split -l 3; tac xaa xab > y; cp y z; install -m 600 z zz", id="coreutils"),
])
def test_needs_none(text: str) -> None:
    found = script(text)
    assert (found.faults, found.told, found.verdicts, found.verdict) == (set(), set(), {}, "none")


def test_man(alice) -> None:
    """man-db runs its parts under a seccomp filter of its own."""
    Path("/home/alice/page.1").write_text(".TH PAGE 1\n.SH NAME\npage \\- of a manual\n")
    found = script("MANPAGER=cat man -l page.1")
    assert "of a manual" in found.stdout
    assert (found.faults, found.status) == (set(), 0)
