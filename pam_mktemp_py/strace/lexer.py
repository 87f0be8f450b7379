"""One line of strace's, cut into its parts with its quotes and brackets respected.

Text here is Latin-1: one character for each byte of the log, so that any byte can be read and given back.
What may stand where is in strace(1) and, where that is silent, in strace's util.c and syscall.c: a name in
quotes escapes its quotes, one between < and > escapes these two, everything else may hold anything.
"""
from __future__ import annotations

import re
from typing import NamedTuple

STRING = r'"(?:[^"\\]++|\\.)*"'
# What -y writes behind a descriptor. Only -yy's sockets have quotes and a bare > in it, only its devices a pair of <>.
NOTE = rf'<(?:[A-Za-z0-9_-]++:\[(?:[^"\]]++|\](?!>)|{STRING})*\]|[^<>]*+(?:<[^<>]*+>)?)>'
# Possessive, and no longer than times are: of two that could have the same blanks, one would try all of them.
TIME = r" *+\d[\d:.]{0,40}+ ++(?:\(\+ *+[\d.]++\) ++)?"
# Times of -t and -r, then the number of -n and the address of -i.
BESIDE_PID = rf"(?:{TIME})?(?:\[ *+[0-9a-fx?]++\] ++)*"
# A number of more than seven digits is no pid (pid_max is 4194304 at most) but the time of -ttt.
PREFIX = rf"(?:(?:\[pid ++)?(\d{{1,7}}+)(?:<[^<>]*+>)?\]?+ ++)?{BESIDE_PID}"
NAME = r"[A-Za-z_?][A-Za-z0-9_.?]*+"
END = r"(?: /\*[^*]*+\*/)?(?: \(.*\))?(?: <[^<>]*+>)?"  # what follows a result: comments, explanations, -T

_match_prefix = re.compile(PREFIX).match
_match_name = re.compile(rf"({NAME})\(", re.DOTALL).match
# Steps over everything between two commas or brackets; pairs of brackets with nothing special in them go at once.
_skip = re.compile(rf'(?:[^"<,(){{}}\[\]/]++|{STRING}|{NOTE}|/\*[^*]*+\*/|/|<<|< |<=|<\.\.\. [^<>]*+>'
                   r'|\{[^"</(){}\[\]]*+\}|\[[^"</(){}\[\]]*+\]|\([^"</(){}\[\]]*+\))*', re.DOTALL).match
_result = re.compile(rf" *= (-?\d++|0x[0-9a-f]++|\?)(?:({NOTE})(\(deleted\))?)?(?: (E[A-Z0-9_]++)(?= \())?{END}",
                     re.DOTALL).fullmatch
_cut_names = re.compile(r"[a-z_][a-z0-9_]*+=(?!>)").match
_FIRST = frozenset("<+-")
_ENDLESS = frozenset('"<')
_OPEN = frozenset("([{")
# Most calls are of this form, and are cut with one match: [directory, ] "name" [, simple or {simple}]... and a result.
_SIMPLE = (
    r'([a-z0-9_]++)\((?:((?:AT_FDCWD|\d++)(?:<[^<>"\\]*+>)?), )?("[^"\\]*+")'
    r'((?:, (?:[^][,"<>(){}/=]++|\{[^][<>"(){}/]*+\}))*)\) *= (-?\d++|0x[0-9a-f]++)(<[^<>\[\]]*+>)?'
    r'(?: (E[A-Z0-9_]++) \([^()<>]*+\))?(?: <[0-9.]++>)?')
_match_simple = re.compile(_SIMPLE, re.DOTALL).fullmatch
_match_simple_line = re.compile(rf"(?:\[pid ++)?(\d{{1,7}}+)\]? ++(?:{TIME})?{_SIMPLE}", re.DOTALL).fullmatch
_simple_args = re.compile(r", (\{[^}]*+\}|[^,]++)").findall


class Malformed(ValueError):
    """The text is not a call as strace writes it; str() is why."""


class Call(NamedTuple):
    """A system call as it was written: nothing in it is decoded."""

    name: str
    args: list[str]  # without the names that -N gives them
    value: str  # what it returned: "3", "0x7f00", "?"; "" if the text ends before
    note: str  # what -y says of that descriptor, or of that child: "</tmp/x>"
    error: str  # "" if it succeeded, ENOENT and the like, "?" where that is not told


def prefix(text: str) -> tuple[str | None, int]:
    """The pid that a line begins with (None if there is none), and where what follows pid, time and the like begins."""
    space = text.find(" ")
    if 0 < space <= 7 and text[:space].isdecimal():  # nothing but a pid: as below, in a fifth of the time
        at = space + 1
        while text[at:at + 1] == " ":
            at += 1
        first = text[at:at + 1]
        if first.isalpha() or first in _FIRST:
            return text[:space], at
    found = _match_prefix(text)
    return (found[1], found.end()) if found else (None, 0)


def call(text: str, at: int, whole: bool = True) -> Call:
    """The call that begins at `at`; with `whole` false it may end anywhere (unfinished). Malformed otherwise."""
    simple = _match_simple(text, at)
    if simple is not None:
        return _simple(*simple.groups())
    found = _match_name(text, at)
    if found is None:
        raise Malformed("is no call, signal or exit of strace's")
    args, end = _arguments(text, found.end(), whole)
    if end < 0:
        return Call(found[1], args, "", "", "?")
    result = _result(text, end)
    if result is None:
        if whole:
            raise Malformed("has no result after its arguments")
        return Call(found[1], args, "", "", "?")
    value, note, _, error = result.groups()
    if error is None:
        error = "?" if value in ("?", "-1") else ""
    return Call(found[1], args, value, note or "", error)


def line(text: str) -> tuple[str, Call] | None:
    """The pid and the call of a whole line of the most common form, None if it is of another."""
    found = _match_simple_line(text)
    if found is None:
        return None
    pid, *groups = found.groups()
    return pid, _simple(*groups)


def _simple(name: str, directory: str | None, string: str, others: str, value: str, note: str | None,
            error: str | None) -> Call:
    args = [string] if directory is None else [directory, string]
    if others:
        args += _simple_args(others) if "{" in others else others[2:].split(", ")
    return Call(name, args, value, note or "", error or ("?" if value == "-1" else ""))


def _arguments(text: str, at: int, whole: bool) -> tuple[list[str], int]:
    """The arguments from `at`, just behind the bracket, and where the closing one ends; -1 if there is none."""
    args: list[str] = []
    depth = 0
    begin = at
    length = len(text)
    while True:
        at = _skip(text, at).end()  # type: ignore[union-attr]  # it matches the empty text as well
        if at == length or text[at] in _ENDLESS:
            if whole:
                raise Malformed("ends within its arguments" if at == length else "has a quotation that does not end")
            if at == length and text[begin:].strip(" "):
                _add(args, text[begin:])
            return args, -1
        stop = text[at]
        at += 1
        if stop in _OPEN:
            depth += 1
        elif stop == ",":
            if not depth:
                _add(args, text[begin:at - 1])
                begin = at
        elif depth:
            depth -= 1
        else:
            _add(args, text[begin:at - 1])
            return args, at


def _add(args: list[str], arg: str) -> None:
    """One more argument, without blanks around it and without the name that -N puts before it."""
    arg = arg.strip(" ")
    name = _cut_names(arg)
    if name is not None:
        arg = arg[name.end():]
    if arg or args:
        args.append(arg)


def parts(text: str) -> list[str]:
    """What stands between the commas of a {structure} or an [array], brackets taken off; [] if it is neither."""
    if text[:1] not in ("{", "[") or len(text) < 2:
        return []
    found: list[str] = []
    depth = 0
    begin = at = 1
    while at < len(text):
        at = _skip(text, at).end()  # type: ignore[union-attr]
        stop = text[at:at + 1]
        if stop == "," and not depth:
            found.append(text[begin:at].strip(" "))
            begin = at + 1
        elif stop in _OPEN:
            depth += 1
        elif stop == "," or not stop:
            pass
        elif stop in _ENDLESS or not depth:
            break
        else:
            depth -= 1
        at += 1
    last = text[begin:at].strip(" ")
    return [*found, last] if last or found else []
