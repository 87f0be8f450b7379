"""A drop-in is put in place whole, and taken back if the configuration does not load with it."""
from __future__ import annotations

import os
from pathlib import Path

import pytest

from pam_mktemp_py.config import drop_in
from pam_mktemp_py.config.drop_in import Change
from pam_mktemp_py.errors import Refused

ME = os.getuid()
DATA = b"min_uid = 7\n"


@pytest.fixture
def main(tmp_path: Path) -> Path:
    path = tmp_path / "pam_mktemp.toml"
    path.write_text("")
    return path


def prepared(main: Path, data: bytes = DATA, force: bool = False) -> Change:
    return drop_in.prepared(str(main), "a.toml", data, owner=ME, force=force)


def tree(main: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in main.parent.rglob("*") if path.is_file()}


def test_it_is_written(main: Path) -> None:
    change = prepared(main)
    assert not change.nothing and not main.with_suffix(".d").exists()
    drop_in.write(change)
    assert tree(main) == {str(main): b"", change.path: DATA}
    assert prepared(main).nothing


@pytest.mark.parametrize("before", [None, b"min_uid = 5\n"])
def test_it_is_taken_back_if_another_file_was_broken_meanwhile(main: Path, before: bytes | None) -> None:
    path = main.with_suffix(".d") / "a.toml"
    if before is not None:
        path.parent.mkdir()
        path.write_bytes(before)
    change = prepared(main, force=True)
    main.write_text("broken")
    with pytest.raises(Refused, match="it was taken back"):
        drop_in.write(change)
    assert tree(main) == {str(main): b"broken"} | ({str(path): before} if before else {})
    assert path.parent.exists() == (before is not None)


def test_of_two_at_once_the_second_is_refused(main: Path) -> None:
    first, second = prepared(main), prepared(main, b"min_uid = 8\n")
    drop_in.write(first)
    with pytest.raises(Refused, match="another has just made it"):
        drop_in.write(second)
    assert tree(main) == {str(main): b"", first.path: DATA}


def test_a_link_that_comes_meanwhile_is_not_followed(main: Path, tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_text("")
    drop_in.write(prepared(main))
    for data in (b"min_uid = 8\n", b"min_uid = 9\n"):
        change = prepared(main, data, force=True)
        os.unlink(change.path)
        os.symlink(target, change.path)
        drop_in.write(change)
        assert not os.path.islink(change.path) and target.read_text() == ""
    change = prepared(main, DATA, force=True)
    main.with_suffix(".d").rename(tmp_path / "real")
    main.with_suffix(".d").symlink_to(tmp_path / "real")
    with pytest.raises(OSError):
        drop_in.write(change)


@pytest.mark.parametrize(("data", "what"), [
    (b"x = 1\n", "unknown key 'x'"), (b"#" * 70000, "would be larger"), (b"\xff", "not UTF-8"),
    (b'[directories.cache]\nvariables = ["TMP"]\n', "TMP is set by directories.tmp and by directories.cache"),
])
def test_what_would_not_load_is_refused_beforehand(main: Path, data: bytes, what: str) -> None:
    with pytest.raises(Refused, match=what):
        prepared(main, data)
    assert tree(main) == {str(main): b""}
