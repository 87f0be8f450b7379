"""The session lines of a service through its includes, and the jumps among them."""
from __future__ import annotations

from pathlib import Path

import pytest

from pam_mktemp_py.pamstack import stack
from pam_mktemp_py.pamstack.edit import line

OURS = line()


def modules(folder: Path, service: str) -> list[str]:
    """The modules of a service, or what is wrong with a line."""
    return [entry.line.trouble or entry.module for entry in stack.session(service, str(folder), "/nowhere")]


def write(folder: Path, **files: str) -> None:
    """name="text" with / for newlines."""
    for name, text in files.items():
        (folder / name.replace("_", "-")).write_text(text.replace("; ", "\n"))


def test_order_through_includes(tmp_path: Path) -> None:
    write(tmp_path, su="session required a; @include common; account required no; session substack sub; "
          "session required z",
          common="auth required no; session optional b", sub="session optional c")
    assert modules(tmp_path, "su") == ["a", "b", "c", "z"]
    assert modules(tmp_path, "SU") == ["a", "b", "c", "z"]  # pam_start makes it lower case
    assert modules(tmp_path, "absent") == []


def test_include_is_of_one_type(tmp_path: Path) -> None:
    write(tmp_path, su="auth include common; session include common", common="auth required x; session required y")
    assert modules(tmp_path, "su") == ["y"]


def test_troubles(tmp_path: Path) -> None:
    write(tmp_path, su="session include su; session include none; session required a", b="@include c", c="@include b")
    assert modules(tmp_path, "su") == ["su includes itself, which crashes libpam", "there is no file none", "a"]
    assert modules(tmp_path, "b") == ["b includes itself, which crashes libpam"]
    (tmp_path / "folder").mkdir()
    write(tmp_path, d="session include folder; session required a")
    assert modules(tmp_path, "d") == ["a"]


def test_files_not_yet_written(tmp_path: Path) -> None:
    write(tmp_path, su="@include common", common="session required a")
    found = stack.session("su", str(tmp_path), files={"common": b"session required b\nsession required c"})
    assert [entry.module for entry in found] == ["b", "c"]


@pytest.mark.parametrize(("su", "jumped"), [
    (f"session [success=1 default=ignore] a; session required b; {OURS}", False),
    (f"session [success=2 default=ignore] a; session required b; {OURS}", True),
    (f"session [success = 2 default=ignore] a; session required b; {OURS}", True),
    (f"session [success=2 default=ignore] a; session substack sub; {OURS}; session required z", True),
    (f"session [success=1 default=ignore] a; session substack sub; {OURS}; session required z", False),
    (f"session [success=3 default=ignore] a; session include sub; {OURS}; session required z", False),
    (f"session [success=4 default=ignore] a; session include sub; {OURS}; session required z", True),
    (f"session substack far; {OURS}", False),  # a jump does not leave its substack
    (f"session required a; {OURS}; session [success=1 default=bad] b; session required c", False),
])
def test_jumps(tmp_path: Path, su: str, jumped: bool) -> None:
    write(tmp_path, su=su, sub="session required 1; session required 2; session required 3",
          far="session [default=9] x; session required y")
    found = stack.jumped(stack.session("su", str(tmp_path)))
    assert bool(found) is jumped


@pytest.mark.parametrize("name", ["", ".hidden", "a/b", "su~", "su.dpkg-old", "#su#", "su.pam-new"])
def test_no_service_names(name: str) -> None:
    assert not stack.is_service_name(name)
