"""toml_lines against tomllib: what tomllib reports has a line, and that line holds the key."""
from __future__ import annotations

import tomllib
from typing import Any, TypeAlias

import pytest
from hypothesis import given, settings, strategies as st

from pam_mktemp_py.config.toml_lines import first_duplicate, key_lines

Path: TypeAlias = tuple[str | int, ...]

EXAMPLE = '''\
# a = 1, [b]
a = 1 # x = 2
b.c."d.e" = "# = ["
'q"' = """
f = 1
\\""" [x] """"
"caf\\u00e9 = #" = \'\'\'
'g' = 1 \\'\'\'
h = [ # [
  1, "]", # i = 1 ]
  { j = 1, k.l = [[2],
     [3]] },
]
 [ t . "u v" ]
w = 1979-05-27 07:32:00
[[n]]
o = 1
  [n.p]
r = '#'
[[n]]
o = 2
[n.p]
r = {}
[a-1]
1.2 = true
'''


def test_example() -> None:
    wanted = {("a",): 2, ("b",): 3, ("b", "c"): 3, ("b", "c", "d.e"): 3, ('q"',): 4, ("caf\xe9 = #",): 7,
              ("h",): 9, ("h", 0): 10, ("h", 1): 10, ("h", 2): 11, ("h", 2, "j"): 11, ("h", 2, "k", "l", 1): 12,
              ("t",): 14, ("t", "u v", "w"): 15, ("n",): 16, ("n", 0): 16, ("n", 0, "p", "r"): 19,
              ("n", 1): 20, ("n", 1, "o"): 21, ("n", 1, "p"): 22, ("n", 1, "p", "r"): 23, ("a-1", "1", "2"): 25}
    lines = key_lines(EXAMPLE)
    assert {path: lines.get(path) for path in wanted} == wanted
    assert set(all_paths(tomllib.loads(EXAMPLE))) == set(lines)


def all_paths(value: Any, path: Path = ()) -> list[Path]:
    found: list[Path] = [path] if path else []
    items: Any = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        found += all_paths(inner, (*path, key))
    return found


# A small grammar of TOML: pieces that look like other pieces, so that a scanner that confuses them fails.
NAMES = ["a", "b", "c-d", "e_1", "7"]
KEY_PART = st.sampled_from([*NAMES, *(f'"{n}"' for n in NAMES), *(f"'{n}'" for n in NAMES),
                            '"x.y"', "'p = q'", '"#"', "'[s]'", '"\\""', '"\\u00e9"', "'\\'", '""', "' ]'"])
DOT = st.sampled_from([".", " . ", "\t."])
KEY = st.lists(KEY_PART, min_size=1, max_size=3).flatmap(lambda parts: DOT.map(lambda dot: dot.join(parts)))
COMMENT = st.sampled_from(["", "", " # c", " # a = 1", "#]", "# '''", ' # """', "# é = ["])
NEWLINE = COMMENT.map(lambda comment: comment + "\n")
GAP = st.lists(st.one_of(st.sampled_from([" ", "\t"]), NEWLINE), max_size=3).map("".join)
SCALAR = st.sampled_from([
    "1", "-0.5e3", "true", "inf", "0xff", "1979-05-27 07:32:00", "07:32:00", '""', "''", '"a = 1"', "'# ] }'",
    '"\\\\"', '"\\"]"', "'\\'", '"""x"""', '""""""', "''''''", '"""\na = 1\n[b]\n"""', "'''\na = 2 # ]\n'''",
    '"""a""b"""', '""" \\""" """', '"""x"""""', "'''x'''''", '"""\\\n  c = 3"""', "'''\\'''", '"""\n\n#"""'])
VALUE = st.recursive(SCALAR, lambda inner: st.one_of(
    st.lists(st.tuples(GAP, inner, GAP), max_size=4).flatmap(lambda items: st.booleans().map(
        lambda trailing: "[" + ",".join(map("".join, items)) + ("," if trailing and items else "") + "\n]")),
    st.lists(st.tuples(KEY, inner), max_size=3).map(
        lambda pairs: "{ " + ", ".join(f"{key} = {value}" for key, value in pairs) + " }")), max_leaves=8)
LINE = st.one_of(
    st.tuples(KEY, st.sampled_from(["=", " = ", "\t= "]), VALUE).map("".join),
    st.tuples(KEY, st.sampled_from(["=", " = ", "\t= "]), VALUE).map("".join),
    KEY.map(lambda key: f"[{key}]"), KEY.map(lambda key: f"[ {key} ]"), KEY.map(lambda key: f"[[{key}]]"),
    st.just(""))
DOCUMENT = st.lists(st.tuples(st.sampled_from(["", " ", "\t"]), LINE, NEWLINE).map("".join), max_size=8)


def keep_valid(lines: list[str]) -> str:
    """The lines that tomllib takes, one after the other: most documents drawn hold some duplicate."""
    text = ""
    for line in lines:
        try:
            tomllib.loads(text + line)
        except tomllib.TOMLDecodeError:
            continue
        text += line
    return text


@settings(max_examples=100, deadline=None)
@given(DOCUMENT)
def test_every_key_has_a_line_that_holds_it(drawn: list[str]) -> None:
    text = keep_valid(drawn)
    check(text)


@settings(max_examples=100, deadline=None)
@given(st.text(st.sampled_from("ab.=\"'[]{},# \n\\1"), max_size=24))
def test_any_text(text: str) -> None:
    """What tomllib refuses must not hang or break the search for a duplicate either."""
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        first_duplicate(text)
    else:
        check(text)


def check(text: str) -> None:
    lines = key_lines(text)
    paths = all_paths(tomllib.loads(text))
    assert set(paths) == set(lines)
    physical = text.split("\n")
    for path in paths:
        key = path[-1]
        line = physical[lines[path] - 1]
        assert isinstance(key, int) or key in line or "\\" in line, (path, line)
    assert first_duplicate(text) is None


def test_each_key_alone_is_found_on_exactly_its_line() -> None:
    """Keys of one name only: the line is checked against where the test put it."""
    fillers = ['x%d = """\nk%d = 1\n"""', "x%d = [\n 'k%d',\n]", "# k%d = %d", "[t%d] # k%d", "x%d = {a=[\n\n'k%d']}"]
    text, wanted = "", {}
    for number in range(200):
        filler = fillers[number % len(fillers)] % (number, number)
        text += filler + "\n"
        wanted[f"k{number}"] = text.count("\n") + 1
        text += f"'k{number}' = {number}\n"
    lines = key_lines(text)
    assert {str(path[-1]): line for path, line in lines.items() if str(path[-1]).startswith("k")} == wanted


@pytest.mark.parametrize("text,found", [
    ("a = 1\nb = 2\na = [\n1,\n]\n", ("a", 3)), ("a.b = 1\n'a'.\"b\" = 2", ("a.b", 2)),
    ("a = 1\na = 2\nc = '", ("a", 2)), ("a = 1\nb = {", None), ("[t]\na = 1\n[u]\na = 1", None)])
def test_first_duplicate(text: str, found: tuple[str, int] | None) -> None:
    assert first_duplicate(text) == found
