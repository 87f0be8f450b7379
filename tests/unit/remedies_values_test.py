"""Values with $TMPDIR in them, versions, and what was proved: pure parts of the catalogue."""
from __future__ import annotations

import operator

import pytest
from hypothesis import given, strategies as st

from pam_mktemp_py import expand
from pam_mktemp_py.errors import ConfigError
from pam_mktemp_py.remedies import proved, versions
from pam_mktemp_py.remedies.proved import Proof

VALUES = {"TMPDIR": "/tmp/.private/u/tmp", "UID": "1000", "USER": "u", "HOME": "/home/$USER $$"}


@pytest.mark.parametrize(("text", "wanted"), [
    ("", ""), ("$TMPDIR", "/tmp/.private/u/tmp"), ("a$UID-$USER.b", "a1000-u.b"), ("$$TMPDIR", "$TMPDIR"),
    ("$$$UID", "$1000"), ("$$$$", "$$"), ("$HOME", "/home/$USER $$"), ("`id` \\$UID", "`id` \\1000"),
])
def test_expansion(text: str, wanted: str) -> None:
    assert expand.fault(text) == "" and expand.expand(text, VALUES) == wanted


@pytest.mark.parametrize(("text", "says"), [
    ("$", "has a $ without"), ("$ x", "has a $ without"), ("${TMPDIR}", "has a $ without"),
    ("$(id)", "has a $ without"),
    ("$1", "has a $ without"), ("$TMPDIRS", "names $TMPDIRS"), ("$tmpdir", "names $tmpdir"), ("a\0", "NUL"),
    ("$$$", "has a $ without"),
])
def test_what_cannot_be_expanded(text: str, says: str) -> None:
    assert says in expand.fault(text)
    with pytest.raises(ValueError):
        expand.expand(text, VALUES)


@pytest.mark.parametrize("values", [VALUES, VALUES | {"XDG_RUNTIME_DIR": ""}])
def test_a_name_without_a_value(values: dict[str, str]) -> None:
    assert expand.used("$XDG_RUNTIME_DIR/$$x$UID") == {"XDG_RUNTIME_DIR", "UID"}
    with pytest.raises(KeyError, match="XDG_RUNTIME_DIR"):
        expand.expand("$XDG_RUNTIME_DIR", values)


PIECES = st.one_of(
    st.text(st.characters(exclude_characters="$\0", codec="utf-8")).map(lambda text: (text, text)),
    st.just(("$$", "$")), st.sampled_from(expand.NAMES).map(lambda name: (f"${name}", f"<${name}>")))


@given(st.lists(PIECES))
def test_each_piece_is_expanded_once(pieces: list[tuple[str, str]]) -> None:
    """Whatever stands between and in the values. A letter behind a name would belong to it."""
    pieces = [piece for pair in pieces for piece in (pair, ("/", "/"))]
    values = {name: f"<${name}>" for name in expand.NAMES}
    assert expand.expand("".join(text for text, _ in pieces), values) == "".join(wanted for _, wanted in pieces)


@given(st.text())
def test_a_value_is_faulty_or_can_be_expanded(text: str) -> None:
    values = dict.fromkeys(expand.NAMES, "v")
    if not expand.fault(text):
        assert expand.used(text) <= set(values)
        assert len(expand.expand(text, values)) <= len(text)


@pytest.mark.parametrize(("text", "wanted"), [
    ("tmux 3.3a\n", "3.3"), ("OpenSSH_9.2p1 Debian-2+deb12u3, OpenSSL 3.0.11", "9.2"), ("less 590 (GNU)", "590"),
    ('openjdk version "17.0.15" 2025-04-15', "17.0.15"), ("Screen version 4.09.00 (GNU) 30-Jan-22", "4.09.00"),
    ("v5.36.0", "5.36.0"), ("none", ""), ("", ""), ("x" * 1000 + "1.2", ""), ("\u0661.\u0662", ""),
    ("1" * 5000, "1" * 9),
])
def test_the_first_dotted_number(text: str, wanted: str) -> None:
    assert versions.first(text) == wanted


@pytest.mark.parametrize(("comparisons", "version", "wanted"), [
    (">=1.9, <4", "1.9", True), (">=1.9, <4", "3.3", True), (">=1.9, <4", "4", False), (">=1.9, <4", "4.0.0", False),
    (">=1.9", "1.10", True), ("<4.4", "4.3", True), ("==1.2", "1.2.0", True), ("!=1.2", "1.2", False),
    ("> 1", "1.0.1", True),
    ("<=4.9", "4.09.00", True),
])
def test_comparisons(comparisons: str, version: str, wanted: bool) -> None:
    assert versions.holds(comparisons, version) is wanted


@pytest.mark.parametrize("text", ["", "1.9", ">=", ">=1.9,", ">=1.9 <4", "=>1", ">=1..2", ">=a", ">=1.2a", ">=-1"])
def test_what_is_no_comparison(text: str) -> None:
    assert "is no comparison" in versions.fault(text)
    with pytest.raises(ValueError):
        versions.holds(text, "1.2")


NUMBERS = st.lists(st.integers(0, 10**6), min_size=1, max_size=4)
OPERATORS = {">=": operator.ge, "<=": operator.le, ">": operator.gt, "<": operator.lt, "==": operator.eq,
             "!=": operator.ne}


@given(NUMBERS, NUMBERS, st.sampled_from(sorted(OPERATORS)))
def test_numbers_are_compared_as_numbers(mine: list[int], theirs: list[int], name: str) -> None:
    left, right = [number + [0] * (4 - len(number)) for number in (mine, theirs)]
    one, other = (".".join(map(str, each)) for each in (mine, theirs))
    assert versions.first(f"prog version {one}, of 1999.1") in (one, "1999.1")
    assert versions.holds(f" {name} {other} ", one) is OPERATORS[name](left, right)


PROOFS = {"tmux": Proof("3.3", "2026-11-29", "Debian 12"), "lua5.4": Proof("", "2026-01-01", 'a "b" \\')}


def test_what_was_proved_is_read_back() -> None:
    assert proved.decode("/x", proved.encode(PROOFS)) == PROOFS
    assert proved.decode("/x", proved.encode({})) == {}
    assert proved.decode("/x", proved.encode(PROOFS), here=True)["tmux"].here


@pytest.mark.parametrize(("text", "line", "says"), [
    ("tmux = 1", 1, "no entry"), ('["A b"]', 1, "no entry"),
    ("[tmux]\nversion = '1'\ndate = '2026-01-01'", 1, "no system"),
    ("[tmux]\nversion = 1\ndate = '2026-01-01'\nsystem = 's'", 2, "no version"),
    ("[tmux]\nversion = '1'\ndate = '2026-02-30'\nsystem = 's'", 3, "give YYYY-MM-DD"),
    ("[tmux]\nversion = '1'\ndate = '2026-02-20'\nsystem = ''", 4, "no system"),
    ("[tmux]\nversion = '1'\ndata = '2026-02-20'\nsystem = 's'", 3, "did you mean 'date'?"),
    ("[tmux", 1, "not valid TOML"),
])
def test_mistakes_in_what_was_proved(text: str, line: int, says: str) -> None:
    with pytest.raises(ConfigError) as refused:
        proved.decode("/x/proved.toml", text.encode())
    assert says in str(refused.value) and (refused.value.file, refused.value.line) == ("/x/proved.toml", line)
