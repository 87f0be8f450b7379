"""Our line put into a text, and taken out."""
from __future__ import annotations

import pytest
from hypothesis import assume, given, settings, strategies as st

from pam_mktemp_py.pamstack import edit
from pam_mktemp_py.pamstack.lines import Line, parse

LINE = edit.line()
UNIX = "session required pam_unix.so"


def brings(line: Line) -> bool:
    """In these tests only common-session has session lines."""
    return line.file == "common-session"


@pytest.mark.parametrize(("before", "after"), [
    (f"{UNIX}\n", f"{UNIX}\n{LINE}\n"),
    (UNIX, f"{UNIX}\n{LINE}"),
    (f"{UNIX}\n\n# end\n", f"{UNIX}\n{LINE}\n\n# end\n"),
    (f"{UNIX}\n{edit.END}\n# x\n", f"{UNIX}\n{edit.END}\n{LINE}\n# x\n"),
    (f"{UNIX}\n{edit.END}", f"{UNIX}\n{edit.END}\n{LINE}"),
    (f"{UNIX}\n{edit.END}\n{UNIX}\n", f"{UNIX}\n{edit.END}\n{UNIX}\n{LINE}\n"),
    (f"{UNIX}\nauth required x.so", f"{UNIX}\n{LINE}\nauth required x.so"),
    ("@include common-session\n@include common-auth\n", f"@include common-session\n{LINE}\n@include common-auth\n"),
    (f"{UNIX}\nsession include common-session\naccount include common-session\n",
     f"{UNIX}\nsession include common-session\n{LINE}\naccount include common-session\n"),
    ("session optional a.so \\\n# x\n b\nauth required c.so\n",
     f"session optional a.so \\\n# x\n b\n{LINE}\nauth required c.so\n"),
    ("auth required x.so\n@include common-auth\n", "auth required x.so\n@include common-auth\n"),
    ("", ""),
])
def test_add(before: str, after: str) -> None:
    assert edit.add(before, [], brings) == after
    assert edit.add(after, [], brings) == after
    assert edit.remove(after) == before


@pytest.mark.parametrize(("text", "left"), [
    (f"{UNIX}\n{LINE} fail=closed debug\n", f"{UNIX}\n"),
    (f"{UNIX}\nsession required \\\n /x/pam_mktemp_py.so \\\n# c\n debug\n# d\n", f"{UNIX}\n# d\n"),
    (f"-session optional pam_mktemp_py.so\n{UNIX}\n{LINE}\n", f"{UNIX}\n"),
    ("auth optional pam_mktemp_py.so\n", ""), (LINE, ""), (f"{LINE}\n", ""),
    ("session optional pam_mktemp_py.so\r\nsession optional pam_x.so\r\n", "session optional pam_x.so\r\n"),
    (f"# {LINE}\n", f"# {LINE}\n"),
])
def test_remove(text: str, left: str) -> None:
    assert edit.remove(text) == left


@pytest.mark.parametrize(("text", "arguments", "after"), [
    (f"{LINE}\n", ["fail=closed"], f"{LINE} fail=closed\n"),
    (f"{LINE} fail=closed config=/x\n", [], f"{LINE}\n"),
    (f"{LINE} fail=open debug\n", ["fail=closed"], f"{LINE} debug fail=closed\n"),
    (f"{LINE} debug fail=closed\n", ["fail=closed"], f"{LINE} debug fail=closed\n"),
    ("session\t[a=ok] pam_mktemp_py.so \n", ["fail=closed", "config=/x"],
     "session\t[a=ok] pam_mktemp_py.so config=/x fail=closed\n"),
    ("session\t[a=ok] pam_mktemp_py.so fail=closed\n", [], "session\t[a=ok] pam_mktemp_py.so \n"),
    ("-session optional \\\n pam_mktemp_py.so \\\n [a b]\n", ["fail=closed"],
     "-session optional pam_mktemp_py.so [a b] fail=closed\n"),
    ("  SESSION  required /x/pam_mktemp_py.so\n", ["fail=open"],
     "  SESSION  required /x/pam_mktemp_py.so fail=open\n"),
])
def test_arguments(text: str, arguments: list[str], after: str) -> None:
    assert edit.add(text, arguments, brings) == after


WORDS = ["session required pam_x.so", "-session [a=1 b=2] pam_x.so y", "auth required pam_x.so",
         "@include common-session", "session include common-auth", "account include common-session"]
PIECES = st.sampled_from([*WORDS, *WORDS, "\n", "\n", "\n", "\\\n", " \\ \n x", " ", "\n# c\n", "\t", "\n\n", "é",
                          "]"])


@settings(max_examples=100)
@given(st.lists(PIECES, max_size=12).map("".join))
def test_undone_exactly(text: str) -> None:
    """Whatever libpam can read: what is added is one line, and taking it out gives the text back."""
    assume(not any(line.trouble for line in parse(text)))
    after = edit.add(text, ["fail=closed"], brings)
    assert edit.remove(after) == text
    assert [line for line in parse(after) if line.ours] == edit.ours(after)
    assert len(edit.ours(after)) == (after != text)
