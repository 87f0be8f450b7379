"""What is chosen, what follows of it, and the folders that it becomes: planted things are neither kept nor followed."""
from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from pam_mktemp_py.errors import Refused
from pam_mktemp_py.remedies import enabled, state
from pam_mktemp_py.remedies.catalogue import Catalogue
from pam_mktemp_py.remedies.entry import Entry, Evidence, Recognise, Remedy
from pam_mktemp_py.remedies.installed import Here
from tests import launch_twin

ME = os.getuid()
LAUNCHER = "/usr/lib/pam-mktemp-shim"


def an_entry(name: str, remedy: Remedy, group: str = "", versions: str = "", *names: str) -> Entry:
    return Entry(name, f"{name}.toml", True, "s", group or name, "knob", "d", "",
                 Recognise(names or (name,), versions=versions), remedy, Evidence("x"))


SERVER = an_entry("server", Remedy("launcher", arguments=("-a", "$TMPDIR/s")), "g", "", "server", "serverd")
CLIENT = an_entry("client", Remedy("environment", set={"SERVER": "$TMPDIR/s"}), "g")
HAND = an_entry("hand", Remedy("configuration", file="/etc/hand", change="dir=x"), "g")
FINE = an_entry("fine", Remedy("none", reason="It asks TMPDIR."), "g")
SHARED = an_entry("shared", Remedy("share", reason="All meet there."))
OLD = an_entry("old", Remedy("bind"), "", "<2")
ALL = Catalogue({entry.name: entry for entry in (SERVER, CLIENT, HAND, FINE, SHARED, OLD)})


def everything(entry: Entry) -> list[str]:
    """All programs are installed."""
    return list(entry.recognise.names)


def test_a_group_goes_together() -> None:
    chosen = enabled.choose(ALL, ["serverd"], {})
    assert (chosen.entries, chosen.together, chosen.beside) == ([SERVER], [CLIENT], [FINE, HAND])
    assert [enabled.in_words(entry) for entry in chosen.beside] == [
        "needs nothing: It asks TMPDIR.", "by hand, in /etc/hand: dir=x"]
    both = enabled.choose(ALL, ["client", "server", "/usr/bin/server"], {})
    assert (both.entries, both.together) == ([CLIENT, SERVER], [])


@pytest.mark.parametrize(("names", "says"), [
    (["server", "nothing"], "nothing: is not in the catalogue; did you mean x?"),
    (["hand"], "hand: its remedy is a change of a file, which is yours to make; in /etc/hand: dir=x"),
    (["old", "shared"], "shared: it must stay shared: All meet there; leave it as it is"),
    (["fine"], "fine: there is nothing to enable: It asks TMPDIR; what can be enabled of its group is client, server"),
])
def test_what_is_refused_with_the_reason(names: list[str], says: str) -> None:
    with pytest.raises(Refused) as caught:
        enabled.choose(ALL, names, {"nothing": "did you mean x?"})
    assert str(caught.value) == says


def test_what_follows() -> None:
    names = ["client", "fine", "gone", "old", "server"]
    made = enabled.wanted(ALL, names, {"old": Here("/x", "2.1", False)}, everything)
    assert made.variables == {"SERVER": "$TMPDIR/s"} and sorted(made.plans) == ["server", "serverd"]
    assert launch_twin.parse(made.plans["serverd"]) == [launch_twin.Section("*", arguments=["-a", "<tmp dir>/s"])]
    assert [(each.name, each.wrong) for each in made.left_out] == [("fine", False), ("gone", True), ("old", False)]
    assert made.left_out[2].why == "is meant for versions <2, and 2.1 is here"
    [left] = enabled.wanted(ALL, ["old"], {}, everything).left_out
    assert left.why == "is meant for versions <2, and none is installed"
    assert list(enabled.wanted(ALL, ["old"], {"old": Here("/x", "1.9")}, everything).plans) == ["old"]


def test_no_link_for_what_is_not_here() -> None:
    """`command -v` of a script would find it."""
    made = enabled.wanted(ALL, ["client", "server"], {}, lambda entry: ["serverd"])
    assert list(made.plans) == ["serverd"] and made.left_out == []
    made = enabled.wanted(ALL, ["client", "server"], {}, lambda entry: [])
    assert made.plans == {} and made.variables == {"SERVER": "$TMPDIR/s"}
    assert [(each.name, each.wrong) for each in made.left_out] == [("server", False)]
    assert "shims sync" in made.left_out[0].why


@pytest.mark.parametrize(("remedy", "why"), [
    (Remedy("environment", set={"PATH": "$TMPDIR"}), "variable of our own"),
    (Remedy("environment", set={"LD_PRELOAD": "$TMPDIR/x"}), "of logins, shells or the loader"),
    (Remedy("environment", set={"HOME": "$TMPDIR"}), "of logins, shells or the loader"),
    (Remedy("environment", set={"A": "x\ny"}), "the value of A is not"),
    (Remedy("environment", set={"SERVER": "/other"}), "another entry sets SERVER to $TMPDIR/s"),
    (Remedy("launcher", arguments=("a\nb",)), "line feed"), (Remedy("bind", arguments=("x" * 17000,)), "16384"),
])
def test_what_cannot_be_carried_out_keeps_nobody_else(remedy: Remedy, why: str) -> None:
    found = Catalogue(ALL.entries | {"wrong": an_entry("wrong", remedy, "", "", "server", "wrong")})
    made = enabled.wanted(found, ["client", "server", "wrong"], {}, everything)
    assert [(each.name, each.wrong) for each in made.left_out] == [("wrong", True)] and why in made.left_out[0].why
    assert made.variables == {"SERVER": "$TMPDIR/s"} and sorted(made.plans) == ["server", "serverd"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "state/shims"


def write(folder: Path, *names: str, dry_run: bool = False) -> list[tuple[str, str]]:
    plans = {name: f"plan of {name}\n".encode() for name in names}
    steps = state.write(str(folder), plans, LAUNCHER, owner=ME, dry_run=dry_run)
    if not dry_run:
        assert_right(folder, *names)
    return [(str(Path(step.path).relative_to(folder.parent)), step.action) for step in steps]


def assert_right(folder: Path, *names: str) -> None:
    for path in (folder, folder / "bin", folder / "plans"):
        about = path.lstat()
        assert stat.S_ISDIR(about.st_mode) and (about.st_mode & 0o7777, about.st_uid) == (0o755, ME)
    assert folder.parent.stat().st_mode & 0o011 == 0o011
    assert {path.name: os.readlink(path) for path in (folder / "bin").iterdir()} == dict.fromkeys(names, LAUNCHER)
    plans = list((folder / "plans").iterdir())
    assert {path.name: path.read_text() for path in plans} == {name: f"plan of {name}\n" for name in names}
    assert all(stat.S_ISREG(path.lstat().st_mode) and path.lstat().st_mode & 0o7777 == 0o644 for path in plans)


def test_made_kept_and_removed(folder: Path) -> None:
    assert write(folder, dry_run=True) == [] and not folder.exists()
    wanted = [("shims", "made"), ("shims/bin", "made"), ("shims/plans", "made"), ("shims/plans/a", "made"),
              ("shims/plans/b", "made"), ("shims/bin/a", "made"), ("shims/bin/b", "made")]
    assert write(folder, "a", "b", dry_run=True) == wanted and not folder.parent.exists()
    before = os.umask(0o077)
    try:
        assert write(folder, "a", "b") == [(".", "mended"), *wanted]  # that one was made as the umask has it
    finally:
        os.umask(before)
    (folder / "proved.toml").write_text("")
    inodes = {path: path.lstat().st_ino for path in folder.rglob("*")}
    assert write(folder, "a", "b") == write(folder, "a", "b", dry_run=True) == []
    assert {path: path.lstat().st_ino for path in folder.rglob("*")} == inodes
    gone = [("shims/bin/a", "removed"), ("shims/plans/a", "removed")]
    assert write(folder, "b", dry_run=True) == write(folder, "b") == gone
    assert len(write(folder)) == 2 and (folder / "proved.toml").exists()


def test_what_was_planted_is_replaced_and_not_followed(folder: Path, tmp_path: Path) -> None:
    write(folder, "a", "b", "c", "d")
    outside = tmp_path / "outside"
    (outside / "kept").mkdir(parents=True)
    (outside / "file").write_text("x")
    links, plans = folder / "bin", folder / "plans"
    for path in (links / "a", links / "b", links / "c", plans / "a", plans / "b", plans / "d"):
        path.unlink()
    (links / "a").symlink_to(outside / "file")
    (links / "b").mkdir()
    (links / "b/inner").symlink_to(outside)
    (links / "c").write_text("#!/bin/sh\n")
    (links / "more").symlink_to(outside)
    (links / ".a.0123").symlink_to(LAUNCHER)  # of a run that was killed
    (plans / "a").symlink_to(outside / "file")
    (plans / "b").mkdir()
    (plans / "c").chmod(0o666)
    (outside / "same").write_text("plan of d\n")  # right, and another name of it is somebody else's
    (outside / "same").chmod(0o644)
    os.link(outside / "same", plans / "d")
    os.mkfifo(plans / "fifo")
    (plans / "folder").mkdir()
    (plans / "folder/x").write_text("")
    links.chmod(0o777), plans.chmod(0o700), folder.chmod(0o1777)
    wanted = dict(write(folder, "a", "b", "c", "d", dry_run=True))
    assert dict(write(folder, "a", "b", "c", "d")) == wanted == {
        "shims": "mended", "shims/bin": "mended", "shims/plans": "mended", "shims/bin/more": "removed",
        "shims/bin/.a.0123": "removed", "shims/plans/fifo": "removed", "shims/plans/folder": "removed",
        **{f"shims/bin/{name}": "replaced" for name in "abc"}, **{f"shims/plans/{name}": "replaced" for name in "abcd"}}
    assert sorted(os.listdir(outside)) == ["file", "kept", "same"] and (outside / "file").read_text() == "x"


@pytest.mark.parametrize("where", ["shims", "shims/bin", "shims/plans", "."])
@pytest.mark.parametrize("what", ["link", "file"])
def test_what_stands_in_the_way_of_a_folder(folder: Path, tmp_path: Path, where: str, what: str) -> None:
    write(folder, "a")
    path = folder.parent / where
    path.rename(tmp_path / "away")
    if what == "link":
        path.symlink_to(tmp_path / "away")
    else:
        path.write_text("")
    with pytest.raises(Refused, match=f"{path}: is no folder.*rm {path}"):
        write(folder, "a", "b")
    assert not [path for path in (tmp_path / "away").rglob("b")]


def test_a_folder_above_that_others_can_write(folder: Path) -> None:
    folder.parent.mkdir(mode=0o700)
    assert write(folder, "a")[0] == (".", "mended")
    folder.parent.chmod(0o777)
    with pytest.raises(Refused, match="not a folder that only root can write.*0777.*look who"):
        write(folder, "a", "b")
