"""The same program gives the same findings, whenever it runs; and what --runs 2 is certain of."""
from __future__ import annotations

import pytest

from tests.privileged.detect.detect import SURE, detect, document_without_luck, script

BUS = "org.freedesktop.DBus"
CHANCE = {"ssh-agent", "lua", "dbus", "sort"}  # have random names of their own
# Asked for something, a server is ready to clean up when it is told to end.
PROGRAMS = {
    "tmux": "tmux new-session -d -s test 'exec sleep 60'; tmux kill-server; rm -r /tmp/tmux-*",
    "ssh-agent": "eval $(ssh-agent) > out; ssh-add -l >> out || true; ssh-agent -k >> out",
    "lua": "rm $(lua5.4 -e 'print(os.tmpname())')",
    "dbus": f"dbus-run-session -- dbus-send --session --print-reply --dest={BUS} / {BUS}.ListNames",
    "x": "xvfb-run -a -s -noreset xdpyinfo; rm -r /tmp/.X11-unix",
    "sort": "seq 1 30000 | sort -S 64k -R -T /tmp -o sorted",
    "gcc": "echo 'int main(void) { return 0; }' > m.c; gcc -flto m.c",
    "witness": "tmp-witness pid uid plain; rm /tmp/witness*",
}


@pytest.mark.parametrize("program", PROGRAMS)
def test_twice(program: str, witness: str) -> None:
    first, second = (script(PROGRAMS[program], options=SURE if program in CHANCE else ()) for _ in range(2))
    assert document_without_luck(first) == document_without_luck(second)


@pytest.mark.parametrize("program", sorted(PROGRAMS.keys() - CHANCE))
def test_compared(program: str, witness: str) -> None:
    """--runs 2 tells of these the same as one run does."""
    once, twice = script(PROGRAMS[program]), script(PROGRAMS[program], options=SURE)
    assert len(twice.document["runs"]) == 2
    assert (twice.faults, twice.verdict) == (once.faults, once.verdict)


def test_what_one_run_cannot_tell() -> None:
    """A name that is another one each time, though it looks like a word; and one that only looks random."""
    text = "w=$(tr -dc a-z < /dev/urandom | head -c 5); : > /tmp/$w-log; : > /tmp/kT8qX2vB9z; rm /tmp/$w-log"
    found = script(text, options=SURE)
    assert {each["path"]: each["name"] for each in found.findings} == {
        "/tmp/<random>-log": "random", "/tmp/kT8qX2vB9z": "fixed"}


def test_each_run_has_a_directory_of_its_own() -> None:
    found = detect("mktemp", options=["--runs", "3"])
    names = found.stdout.split()
    assert len({name.rpartition("/")[0] for name in names}) == 3 and found.verdict == "honours"
    assert [run["status"] for run in found.document["runs"]] == [0, 0, 0]
