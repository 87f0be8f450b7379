"""Shell, Perl, PHP, Ruby and Java properties by their strings: a path, and what the line does with it.

No grammar: a line is judged by what stands before and after the path. What is wrong with that is why all of it is
called a candidate. Every regular expression is linear or bounded (text_rules.py), since the files are anybody's.
"""
from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator

from pam_mktemp_py.scan import kinds, text_rules as rules
from pam_mktemp_py.scan.model import MOST_EXAMINED, POSSIBLE, Place, place
from pam_mktemp_py.scan.watched import Watched

_HONOURS = re.compile(r"\bTMPDIR\b|java\.io\.tmpdir|sys_get_temp_dir|Dir\.tmpdir|gettempdir")
_LONGER = frozenset("/.~$})]*@%-\\")  # before a path: it is the end of a longer one
_QUOTED = frozenset({kinds.PERL, kinds.PHP, kinds.RUBY, kinds.PYTHON})  # paths are strings there, not words


def places(text: str, kind: str, watched: Watched) -> Iterator[Place]:
    """All places, in order; at most MOST_EXAMINED occurrences are looked at."""
    level = POSSIBLE if _HONOURS.search(text) else ""
    blocks = [found.span() for found in rules.BLOCKS[kind].finditer(text)] if kind in rules.BLOCKS else []
    at, line, counted = 0, 1, 0
    for _ in range(MOST_EXAMINED):
        match = watched.text.search(text, at)
        if match is None:
            return
        start = match.start()
        after_block = _end_of_block(text, start, kind, blocks)
        first = max(text.rfind("\n", max(0, start - rules.BEFORE), start) + 1, start - rules.BEFORE)
        before = text[first:start]
        inside = rules.state(before, kind)
        if after_block or inside == "#" or (kind == kinds.PROPERTIES and before.lstrip()[:1] in ("#", "!")):
            at = after_block or _next_line(text, start)
            continue
        line, counted = line + text.count("\n", counted, start), start
        at = match.end()
        after = text[start:start + rules.AFTER].split("\n", 1)[0]
        reason = _reason(before, after, len(match.group()), kind, inside)
        if reason:
            shown = text[max(first, start - 60):start].lstrip() + after[:80]
            yield place(reason, line, -1, shown.strip(), level if reason == "path" else "")


def _next_line(text: str, start: int) -> int:
    end = text.find("\n", start)
    return len(text) if end < 0 else end


def _end_of_block(text: str, start: int, kind: str, blocks: list[tuple[int, int]]) -> int:
    """Where the comment, manual or page around `start` ends; 0 if there is none."""
    number = bisect_right(blocks, (start, len(text))) - 1
    if number >= 0 and blocks[number][0] <= start < blocks[number][1]:
        return blocks[number][1]
    if kind == kinds.PHP and text.rfind("?>", 0, start) >= text.rfind("<?", 0, start):
        code = text.find("<?", start)
        return len(text) if code < 0 else code
    return 0


def _reason(before: str, after: str, length: int, kind: str, quote: str) -> str:
    """The reason's id, or "" where the path is only the end of a longer one."""
    if rules.FALLBACK.search(before[-160:]):
        return "fallback"
    if rules.DEFAULT.search(before[-160:]):
        return "default"
    if kind == kinds.SHELL and rules.OVERRIDES.search(before[-160:]):
        return "overrides"
    if kind == kinds.PROPERTIES and rules.PROPERTY.match(before):
        return "path"
    last = before[-1:]
    if (last and (last.isalnum() or last in _LONGER or last == "_")) or (last in ("'", '"') and not quote):
        return ""
    if rules.COMPARED.search(before[-160:]):
        return "compared"
    if kind == kinds.PROPERTIES:
        return "mention"
    if kind == kinds.SHELL and not before.strip() and rules.PATTERN.match(after):
        return "compared"
    return _use(before, after, length, kind, quote)


def _use(before: str, after: str, length: int, kind: str, quote: str) -> str:
    path = _path(after)
    written = (rules.WRITTEN[kind].search(before[-400:]) or rules.OPENED.match(after)) and len(path) > length
    if rules.RANDOM.search(path):
        return "template"
    if rules.PID.search(path) and (written or _begins(before, kind, quote)):
        return "pid-name"
    if written:
        return "written"
    return "path" if _begins(before, kind, quote) else "mention"


def _path(after: str) -> str:
    """The path as far as it goes, with what is appended to it by an operator close behind."""
    found = rules.PATH.match(after)
    end = found.end() if found else 0
    appended = re.match(r"""["']\s*(?:\.|\+)\s*[^;,\s]{1,40}""", after[end:])
    return after[:end] + (appended.group() if appended else "")


def _begins(before: str, kind: str, quote: str) -> bool:
    """Whether the path begins a string, or in shell a word outside of any."""
    if quote and before[-1:] == quote:
        return True
    return kind == kinds.SHELL and (not quote or quote == "`" or before[-1:] in "=:")
