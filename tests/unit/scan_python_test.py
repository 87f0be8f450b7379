"""Python by its syntax tree: what is made of a string; and sources that are made to break who reads them."""
from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st

from pam_mktemp_py.scan import python
from pam_mktemp_py.scan.model import REASONS, Limits
from tests.scanned import WATCHED, looked, reasons


@pytest.mark.parametrize(("source", "wanted"), [
    ('open("/tmp/x", "w")', "written"),
    ('open(f"/tmp/{x}", mode="wb")', "written"),
    ('open(os.path.join("/tmp", n), "a")', "written"),
    ('(Path("/tmp") / "x").write_text("a")', "written"),
    ('Path("/tmp/x").open("w")', "written"),
    ('os.open("/tmp/x", os.O_RDWR | os.O_CREAT)', "written"),
    ('os.makedirs("/tmp/d")', "written"),
    ('s.bind("/tmp/socket")', "written"),
    ('open("/tmp/x")', "path"),
    ('os.open("/tmp/x", os.O_RDONLY)', "path"),
    ('Path("/tmp/x").open()', "path"),
    ('x = "/tmp/" + y', "path"),
    ('x = "/tmp/%s" % y', "path"),
    ('x = "/var/tmp/{}".format(y)', "path"),
    ('x = {"a": ["/dev/shm"]}', "path"),
    ('x = b"/tmp/x"', "path"),
    ('subprocess.run(["ls", "/tmp"])', "path"),
    ('open("/tmp/x%d" % os.getpid(), "w")', "pid-name"),
    ('x = f"/tmp/x{os.getpid()}"', "pid-name"),
    ('x = "/tmp/x" + str(os.getpid())', "pid-name"),
    ('tempfile.mktemp()', "unsafe-name"),
    ('from tempfile import mktemp as m\nm()', "unsafe-name"),
    ('os.tempnam()', "unsafe-name"),
    ('tempfile.mkstemp(dir="/tmp")', "template"),
    ('os.environ.get("TMPDIR", "/tmp")', "fallback"),
    ('os.getenv("TMP", default="/tmp")', "default"),
    ('x = os.environ.get("TMPDIR") or "/tmp"', "fallback"),
    ('x = t if (t := os.environ.get("TMP")) else "/tmp"', "fallback"),
    ('os.getenv("FOO", "/tmp")', "default"),
    ('x = a or "/tmp"', "default"),
    ('def f(d="/tmp"): pass', "default"),
    ('add_argument("-d", default="/tmp")', "default"),
    ('p.startswith("/tmp")', "compared"),
    ('p == "/tmp"', "compared"),
    ('match x:\n    case "/tmp": pass', "compared"),
    ('"""/tmp/x"""', ""),
    ('def f():\n    "/tmp/x"', ""),
    ('# "/tmp/x"\nx = 1', ""),
    ('x = y + "/tmp/x"', ""),
    ('x = f"{y}/tmp/x"', ""),
    ('x = "see /tmp"', ""),
    ('x = "/tmpfs"', ""),
    ('x.mktemp()', ""),
    ('from . import f, mktemp\nf()\nmktemp()', ""),
])
def test_reason(source: str, wanted: str) -> None:
    assert [place.reason for place in python.places(source.encode(), WATCHED)] == ([wanted] if wanted else [])


def test_each_of_several_that_are_compared() -> None:
    found = python.places(b'x = 1\nif p in ("/tmp",\n         "/var/tmp"): pass', WATCHED)
    assert [(place.reason, place.line) for place in found] == [("compared", 2), ("compared", 3)]


def test_level() -> None:
    assert [place.level for place in python.places(b'x = "/tmp"', WATCHED)] == ["likely"]
    assert [place.level for place in python.places(b'x = "/tmp"\ny = "TMPDIR"', WATCHED)] == ["possible"]


@pytest.mark.parametrize("source", [
    'print "hello"\nopen("/tmp/x", "w")\n',  # Python 2
    '{% if x %}\nopen("/tmp/x", "w")\n',  # a template
    'x = "\0"\nopen("/tmp/x", "w")\n',
    '# coding: nonsense\nopen("/tmp/x", "w")\n',
])
def test_no_python_3_is_read_by_its_strings(tmp_path: Path, source: str) -> None:
    found = looked(tmp_path / "x.py", source)
    assert (found.kind, found.read, reasons(found)) == ("python", "strings", ["written"])
    assert found.places[0].line == 2


@pytest.mark.parametrize("piece", ["(", "[", "{", "-", "not ", "a.", "a[", "f(", "lambda: ", "1+", "a if b else ",
                                   "a==", "f'{", "*a,", "'a' ", "a\n", "if a:\n ", "await ", "\\\n", "é", "9", "a,",
                                   "'''"])
def test_much_of_the_same(tmp_path: Path, piece: str) -> None:
    """By its tree or, where Python itself gives up, by its strings; never by an exception."""
    found = looked(tmp_path / "x.py", 'open("/tmp/x", "w")\nx = ' + piece * (60_000 // len(piece.encode())))
    assert not found.failed and reasons(found)[:1] == ["written"]


def test_deep_indentation(tmp_path: Path) -> None:
    lines = [" " * depth + "if a:" for depth in range(600)]
    found = looked(tmp_path / "x.py", 'open("/tmp/x", "w")\n' + "\n".join(lines))
    assert not found.failed and reasons(found) == ["written"]


def test_nothing_of_the_file_is_run(tmp_path: Path) -> None:
    looked(tmp_path / "x.py", f'open({str(tmp_path / "made")!r}, "w")\nimport x\nx = "/tmp"')
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x.py"]


def test_a_large_file_is_read_by_its_strings_and_a_larger_one_in_part(tmp_path: Path) -> None:
    limits = Limits(text=4000, tree=2000)
    source = 'x = "/tmp/x"\n' + "#" * 3000 + "\n"
    small = looked(tmp_path / "x.py", source, limits)
    assert (small.read, small.cut, reasons(small)) == ("strings", 0, ["path"])
    found = looked(tmp_path / "x.py", source + "#" * 2000 + '\ny = "/tmp/y"', limits)
    assert (found.cut, len(found.places)) == (4000, 1)


SOURCES = st.recursive(
    st.sampled_from(['"/tmp"', '"/tmp/x"', "a", "1", 'b"/tmp"', "os.getpid()", "open", '"w"', "None", 'f"/tmp/{a}"']),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from([" + ", " % ", " / ", " or ", " == ", " in ", " if a else ", ", "]),
                  inner).map("".join),
        inner.map("({})".format), inner.map("f({})".format), inner.map("open({}, 'w')".format),
        inner.map("[{}]".format), inner.map("os.path.join({})".format), inner.map("lambda x={}: 0".format),
        inner.map("(x := {})".format),
    ), max_leaves=8)


@given(SOURCES, st.text(max_size=5))
@settings(deadline=None)
def test_any_expression(source: str, rest: str) -> None:
    try:
        found = python.places(f"x = {source}{rest}".encode("utf-8", "surrogatepass"), WATCHED)
    except (SyntaxError, ValueError):  # what the caller counts on
        return
    for place in found:
        assert place.reason in REASONS and place.line >= 1 and place.evidence
