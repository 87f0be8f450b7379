"""Programs that use /tmp whatever TMPDIR says, and those that were told to."""
from __future__ import annotations

import pytest

from tests.privileged.detect import detect as tool
from tests.privileged.detect.detect import SURE, detect, script

MAKEFILE = "printf 'all: a b\\na b:\\n\\t@echo $@\\n' > Makefile"


@pytest.mark.parametrize(("text", "program"), [
    pytest.param("lua5.4 -e 'io.tmpfile():write(1)'", "lua5.4", id="lua"),
    pytest.param("printf 'a\\nx\\n.\\nw f\\nq\\n' | ed -s", "ed", id="ed"),
    pytest.param(f"{MAKEFILE}; make -s -O -j2", "make", id="make"),
])
def test_files_without_a_name(text: str, program: str) -> None:
    """tmpfile(3) of glibc never asks for TMPDIR; nobody can attack what has no name."""
    found = script(text)
    assert found.faults == {(program, "/tmp", "anonymous", "none")}
    assert (found.verdicts, found.finding(program, "/tmp")["left"]) == ({program: "hardcodes"}, 0)


def test_make_without_that_option() -> None:
    assert script(f"{MAKEFILE}; make -s").verdict == "none"


def test_lua() -> None:
    """tmpnam(3)'s successor in Lua: a random name, made exclusively."""
    found = detect("lua5.4", "-e", "print(os.tmpname())", options=SURE)
    assert found.faults == {("lua5.4", "/tmp/lua_<random>", "hardcoded", "low")}
    finding = found.finding("lua5.4", "/tmp/lua_<random>")
    assert finding["example"] in found.stdout.split() and finding["left"] == 1 and finding["cwe"] == []


def test_crontab() -> None:
    """setgid: the loader takes TMPDIR from it; the editor that it starts has none either."""
    found = detect("env", "EDITOR=true", "crontab", "-e", options=SURE)
    assert found.faults == {("crontab", "/tmp/crontab.<random>", "secure-exec", "low"),
                            ("crontab", "/tmp/crontab.<random>/crontab", "secure-exec", "none")}
    assert [each["secure"] for each in found.document["programs"] if each["program"] == "/usr/bin/crontab"] == [True]


def test_the_editor_of_crontab() -> None:
    """It is no setgid program itself, and lost TMPDIR to one."""
    found = detect("env", "EDITOR=sh -c 'mktemp -q; true'", "crontab", "-e", options=SURE)
    assert ("mktemp", "/tmp/tmp.<random>", "secure-exec", "low") in found.faults


def test_asked_for_on_the_command_line() -> None:
    found = detect("sh", "-c", "seq 1 30000 | sort -S 64k -R -T /tmp -o sorted", options=SURE)
    assert (found.faults, found.verdict, found.status) == (set(), "none", 0)
    assert found.told == {("sort", "/tmp/sort<random>", "user-requested")}


def test_asked_for_by_a_script() -> None:
    """Whoever typed the script's name did not ask for it, unless the script is known to be no more than a wrapper."""
    text = "seq 1 30000 > numbers; exec sort -S 64k -R -T /tmp -o sorted numbers"
    assert {each[:3] for each in script(text, options=SURE).faults} == {("sort", "/tmp/sort<random>", "hardcoded")}


def test_fax() -> None:
    """CVE-2011-2722: opened in one process, chmod'ed by another's child; it must come first."""
    tool.build("fax_witness", "/usr/local/bin/fax-witness")
    found = detect("sh", "-c", "lua5.4 -e 'os.tmpname()'; tmux start-server; fax-witness; mktemp")
    first = found.findings[0]
    assert (first["program"], first["path"]) == ("/usr/local/bin/fax-witness", "/tmp/hpcupsfax.out")
    assert (first["class"], first["danger"], first["name"]) == ("hardcoded", "critical", "fixed")
    assert sorted(first["cwe"]) == ["CWE-377", "CWE-59", "CWE-732"]
    assert {each["program"] for each in first["evidence"]} == {"/usr/local/bin/fax-witness", "/usr/bin/chmod"}
    assert len([each for each in found.findings if each["path"] == first["path"]]) == 1
    assert first["rank"] == max(each["rank"] for each in found.findings) and first["left"] == 1
