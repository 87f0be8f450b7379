"""Programs that meet others at a name: one user's, for which there is a knob, and X, which must stay shared."""
from __future__ import annotations

from pathlib import Path

from tests.privileged.detect.detect import SURE, detect, script

TMUX = {("tmux", "/tmp/tmux-<uid>", "user-ipc", "medium"),
        ("tmux", "/tmp/tmux-<uid>/default", "user-ipc", "none"),
        ("tmux", "/tmp/tmux-<uid>/default.lock", "user-ipc", "none")}
LOCK = "/tmp/.tX<display>-lock"


def test_tmux() -> None:
    """Its server goes into the background and is asked to end by a second client."""
    found = script("tmux new-session -d -s test 'exec sleep 60'; tmux kill-server")
    assert (found.faults, found.verdict) == (TMUX, "hardcodes")
    folder = found.finding("tmux", "/tmp/tmux-<uid>")
    assert folder["cwe"] == ["CWE-379"] and folder["example"] == "/tmp/tmux-2101" and folder["name"] == "uid"
    assert folder["chain"][-2:] == ["/usr/local/bin/task", "/usr/bin/tmux"] and folder["left"] == 1
    assert "TMUX_TMPDIR" in folder["next"]


def test_tmux_again() -> None:
    """The folder is there from before, its owner's and closed: no worse than when it was made."""
    text = "tmux new-session -d -s test 'exec sleep 60'; tmux kill-server"
    script(text)
    assert script(text).faults == TMUX


def test_tmux_at_a_terminal() -> None:
    found = script("script -qec 'tmux new-session exit' /dev/null", env={"PATH": "/usr/bin:/usr/sbin", "TERM": "xterm"})
    assert found.verdicts["tmux"] == "hardcodes"
    assert TMUX == {each for each in found.faults if each[0] == "tmux"}


def test_tmux_with_its_knob() -> None:
    found = script("export TMUX_TMPDIR=$TMPDIR; tmux new-session -d -s test 'exec sleep 60'; tmux kill-server")
    assert (found.faults, found.verdicts["tmux"]) == (set(), "honours")


def test_dbus_daemon() -> None:
    found = script("dbus-daemon --session --fork --print-pid --print-address > out; kill $(tail -n 1 out); cat out",
                   options=SURE)
    assert found.stdout.startswith("unix:path=/tmp/dbus-")
    [(program, path, kind, _)] = found.faults
    assert (program, path, kind) == ("dbus-daemon", "/tmp/dbus-<random>", "user-ipc")
    socket = found.finding("dbus-daemon", "/tmp/dbus-<random>")
    assert socket["calls"]["bind"] == 1 and socket["name"] == "random" and "--address=" in socket["next"]


def test_dbus_run_session() -> None:
    found = detect("dbus-run-session", "--", "mktemp", options=SURE)
    assert {each[:3] for each in found.faults} == {("dbus-daemon", "/tmp/dbus-<random>", "user-ipc")}
    assert found.verdicts == {"dbus-daemon": "hardcodes", "mktemp": "honours"} and found.verdict == "mixed"


def test_x_server() -> None:
    """What X clients of all sessions look for is no reason for a private mount; xkbcomp's file is."""
    found = script("""Xvfb :97 & until xdpyinfo -display :97 >/dev/null 2>&1; do sleep 0.1; done
        kill $!; wait $! || true""")
    assert found.faults == {
        ("Xvfb", LOCK, "shared-ipc", "low"), ("Xvfb", "/tmp/.X<display>-lock", "shared-ipc", "low"),
        ("Xvfb", "/tmp/.X11-unix", "shared-ipc", "low"),
        ("Xvfb", "/tmp/.X11-unix/X<display>", "shared-ipc", "low"),
        ("xkbcomp", "/tmp/server-<display>.xkm", "hardcoded", "low")}
    assert found.finding("xkbcomp", "/tmp/server-<display>.xkm")["chain"][-1] == "/usr/bin/xkbcomp"
    assert "xdpyinfo" not in found.verdicts


def test_x_client() -> None:
    """It connects to the abstract name, which is no file, or to the one of a server that runs already."""
    found = script("xvfb-run -a xdpyinfo")
    assert "name of display:    :99" in found.stdout
    assert {each[0] for each in found.faults} <= {"Xvfb", "xkbcomp"}
    assert {found.verdicts.get(name) for name in ("mktemp", "xauth", "xdpyinfo")} == {"honours", None}


def test_screen() -> None:
    """Debian's has its sockets in /run/screen."""
    Path("/run/screen").mkdir(exist_ok=True)
    Path("/run/screen").chmod(0o1777)
    found = script("screen -dmS test sleep 60; screen -S test -X quit")
    assert (found.faults, found.verdict) == (set(), "none")
