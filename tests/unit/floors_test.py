"""The architecture's rules, read from the source: imports go down only, files stay small, C stays small."""

from __future__ import annotations

import ast
import configparser
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]
PACKAGE = TOP / "pam_mktemp_py"
FLOORS = {
    "cli": 5, "__main__": 5,
    "planner": 4, "doctor": 4, "rollout": 4, "prove": 4, "report": 4,
    "detect": 3, "remedies": 3, "observe": 3, "lifecycle": 3, "scan": 3,
    "directory": 2, "namespace": 2, "pamstack": 2, "sessions": 2, "tracer": 2,
    "config": 1, "policy": 1, "plan": 1, "strace": 1,
    "linux": 0, "errors": 0, "expand": 0, "paths": 0, "percent": 0, "log": 0, "messages": 0, "__init__": 0,
}
PLANNER_FLOORS = 2
LIGHT = {  # beside what the interpreter loads with -S
    "__future__", "_collections_abc", "_stat", "errno", "fcntl", "genericpath", "grp", "marshal", "os", "os.path",
    "posixpath", "pwd", "stat", "syslog", "time",
}
C_LINES = 1500
FILE_LINES = 300
SOURCES = sorted(PACKAGE.rglob("*.py"))


def part(path: Path) -> str:
    """The folder or the file directly in the package that a source belongs to."""
    first = path.relative_to(PACKAGE).parts[0]
    return first.removesuffix(".py")


def for_types(path: Path) -> set[int]:
    """The lines of a source that only a type checker reads."""
    blocks = [node for node in ast.walk(ast.parse(path.read_text()))
              if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"]
    return {line for block in blocks for line in range(block.lineno, (block.end_lineno or 0) + 1)}


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Every import at any depth: line and full dotted name."""
    for node in ast.walk(ast.parse(path.read_text(), str(path))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, name.name) for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: relative import"
            yield from ((node.lineno, f"{node.module}.{name.name}") for name in node.names)


def uphill(path: Path) -> Iterator[str]:
    """The imports of a source that break the rule, as file:line: name."""
    own = part(path)
    types = for_types(path)
    for line, name in imports(path):
        words = name.split(".")
        if words[0] != PACKAGE.name or len(words) < 2:
            continue
        theirs = words[1] if words[1] in FLOORS else "__init__"
        allowed = theirs == own or FLOORS[theirs] < FLOORS[own]
        if FLOORS[theirs] == FLOORS[own]:  # a neighbour's types may be named
            allowed = allowed or FLOORS[own] == 0 or line in types
        if not allowed or (own == "planner" and FLOORS[theirs] > PLANNER_FLOORS):
            yield f"{path.relative_to(TOP)}:{line}: {name}"


def test_every_part_has_a_floor() -> None:
    assert {part(path) for path in SOURCES} <= set(FLOORS)


def test_imports_go_down_only() -> None:
    assert [broken for path in SOURCES for broken in uphill(path)] == []


@pytest.mark.parametrize(("text", "own"), [
    ("from pam_mktemp_py.directory import parent", "policy/x.py"),
    ("import pam_mktemp_py.planner", "sessions/x.py"),
    ("def f():\n    from pam_mktemp_py.sessions.records import records", "directory/x.py"),
])
def test_uphill_is_seen(text: str, own: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[__name__], "PACKAGE", tmp_path / PACKAGE.name)
    monkeypatch.setattr(sys.modules[__name__], "TOP", tmp_path)
    path = tmp_path / PACKAGE.name / own
    path.parent.mkdir(parents=True)
    path.write_text(text)
    assert len(list(uphill(path))) == 1


def test_kernel_interfaces_only_in_linux() -> None:
    outside = [path for path in SOURCES if part(path) != "linux"]
    users = [f"{path.relative_to(TOP)}:{line}" for path in outside for line, name in imports(path)
             if name.split(".")[0] == "ctypes" or name == "fcntl.ioctl"]
    users += [str(path.relative_to(TOP)) for path in outside if "fcntl.ioctl(" in path.read_text()]
    assert users == []


def test_planner_loads_only_what_a_login_can_afford() -> None:
    """Each further module costs every first login its import; re, typing and their like are milliseconds."""
    script = ("import sys; before = set(sys.modules); sys.path.insert(0, sys.argv[1]); import pam_mktemp_py.planner;"
              "print(*sorted(set(sys.modules) - before))")
    seen = subprocess.run(["/usr/bin/python3", "-I", "-S", "-B", "-c", script, TOP], capture_output=True, text=True)
    assert seen.returncode == 0, seen.stderr
    assert {name for name in seen.stdout.split() if not name.startswith("pam_mktemp_py")} <= LIGHT


def test_files_are_short() -> None:
    folders = [TOP / name for name in ("pam_mktemp_py", "shims", "tests", "benchmarks", "contrib")]
    files = [path for folder in folders for end in ("py", "c", "h") for path in folder.rglob(f"*.{end}")]
    lengths = {str(path.relative_to(TOP)): len(path.read_text().splitlines()) for path in files}
    assert {name: lines for name, lines in lengths.items() if lines > FILE_LINES} == {}


def test_c_is_small() -> None:
    files = [path for end in "ch" for path in (TOP / "shims").rglob(f"*.{end}")]
    assert sum(len(path.read_text().splitlines()) for path in files) < C_LINES


def test_setup_lists_every_package() -> None:
    setup = configparser.ConfigParser()
    setup.read(TOP / "setup.cfg")
    found = {".".join(path.parent.relative_to(TOP).parts) for path in PACKAGE.rglob("__init__.py")}
    assert set(setup["options"]["packages"].split()) == found
    modules = {".".join(path.parent.relative_to(TOP).parts) for path in SOURCES}
    assert modules == found, "a folder without __init__.py"
