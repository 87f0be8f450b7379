"""The arguments of a call, decoded: names, descriptors, flags, modes, addresses of sockets. Text is Latin-1."""
from __future__ import annotations

import os
import re
from functools import lru_cache
from typing import NamedTuple

from pam_mktemp_py.strace import lexer
from pam_mktemp_py.strace.places import normal

HERE = "AT_FDCWD"
_LONGEST = 4096  # characters of an argument that are looked at for flags: no real one has more
_string = re.compile(r'(@?)"((?:[^"\\]++|\\.)*)"(\.\.\.)?(?: => .*)?', re.DOTALL).fullmatch
_descriptor = re.compile(rf"(AT_FDCWD|-?\d+)(?: /\*.*?\*/)?(?:({lexer.NOTE})(\(deleted\))?)?", re.DOTALL).fullmatch
_escape = re.compile(r"\\(?:x([0-9a-fA-F]{2})|([0-7]{1,3})|(.))", re.DOTALL)
_word = re.compile(r"\b[A-Z][A-Z0-9_]{2,}\b")
_octal = re.compile(r"(?<![0-9a-zA-Z_])0[0-7]*(?![0-9a-zA-Z_])")
_field = re.compile(r"([a-z_][a-z0-9_]*+)=(.*)", re.DOTALL).fullmatch
_inode = re.compile(r"<[A-Za-z0-9-]+:\[(\d+)").match
_CONTROL = {"n": "\n", "t": "\t", "r": "\r", "v": "\v", "f": "\f"}
_SPECIAL = {"S_ISUID": 0o4000, "S_ISGID": 0o2000, "S_ISVTX": 0o1000}


class Address(NamedTuple):
    """The name of a socket of AF_UNIX (unix(7))."""

    name: str  # Latin-1
    abstract: bool


def decoded(name: str) -> str:
    """A name as the rest of the program has it, os.fsdecode of its bytes."""
    return name if name.isascii() else os.fsdecode(name.encode("latin-1"))


def encoded(name: str) -> str:
    """The way back: one character for each byte."""
    return name if name.isascii() else os.fsencode(name).decode("latin-1")


def unescaped(text: str) -> str:
    """What stood in the traced program's memory, from what strace wrote of it."""
    return _escape.sub(_character, text) if "\\" in text else text


def _character(found: re.Match[str]) -> str:
    hexadecimal, octal, other = found.groups()
    if hexadecimal is not None:
        return chr(int(hexadecimal, 16))
    if octal is not None:
        return chr(int(octal, 8) & 0xFF)
    return _CONTROL.get(other, other)


def string(arg: str) -> str | None:
    """The text of a quoted argument, None if it is an address or NULL; what -s cut off is not marked."""
    if arg[:1] == '"' and arg[-1:] == '"' and "\\" not in arg and arg.count('"') == 2:
        return arg[1:-1]
    found = _string(arg)
    return None if found is None or found[1] else unescaped(found[2])


def word(arg: str) -> str:
    """A word of argv: as string(), with "..." behind where strace cut it."""
    if arg == "...":
        return arg
    found = _string(arg)
    return "" if found is None else unescaped(found[2]) + ("..." if found[3] else "")


def descriptor(arg: str) -> tuple[str, str | None] | None:
    """A descriptor: its number or AT_FDCWD, and the path -y shows ("" if it shows that there is none).

    None in place of the path: -y was not given. None in place of the pair: it is no descriptor.
    """
    if arg[-1:] == ">" and "\\" not in arg and arg.count("<") == 1:
        written, _, path = arg[:-1].partition("<")
        if written.isdecimal() or written == HERE:
            return written, _path(path)
    found = _descriptor(arg)
    if found is None:
        return None
    number = HERE if found[1] == "-100" else found[1]  # -X raw writes it so
    return number, None if found[2] is None else noted(found[2])


def noted(note: str) -> str:
    """The path in a note "</tmp/x>" of -y, "" if it is none: a pipe, a socket, /memfd: and the like."""
    inner = note[1:-1]
    if inner[-1:] == ">":  # a device: </dev/null<char 1:3>>
        inner = inner[:inner.rfind("<")]
    if "\\" in inner:
        inner = unescaped(inner)
    return _path(inner)


def _path(inner: str) -> str:
    return normal(inner) if inner[:1] == "/" and not inner.startswith("/memfd:") else ""


def inode(note_or_descriptor: str) -> str:
    """What tells one socket from another: its inode in -y's note, else the descriptor itself."""
    at = note_or_descriptor.find("<")
    if at < 0:
        return "fd " + note_or_descriptor
    found = _inode(unescaped(note_or_descriptor[at:at + _LONGEST]))
    return found[1] if found else ""


@lru_cache(maxsize=1024)
def _flags(text: str) -> frozenset[str]:
    return frozenset(_word.findall(text))


def flags(arg: str) -> frozenset[str]:
    """Every constant that is written in an argument or a structure of it."""
    return _flags(arg[:_LONGEST]) if arg.isascii() else frozenset()


def mode(arg: str) -> int:
    """The permission bits in 0644, S_IFIFO|0600, {..., mode=0600, ...}; -1 if there are none."""
    if arg.isdecimal() and arg[0] == "0" and len(arg) < 12 and not set(arg) & {"8", "9"}:
        return int(arg, 8) & 0o7777
    inner = fields(arg).get("mode", "") if arg[:1] == "{" else arg[:_LONGEST]
    found = _octal.findall(inner)
    if not found and not any(name in inner for name in _SPECIAL):
        return -1
    bits = sum(value for name, value in _SPECIAL.items() if name in inner)
    for digits in found:
        bits |= int(digits, 8)
    return bits & 0o7777


def fields(arg: str) -> dict[str, str]:
    """The fields of a structure {a=1, b={...}} that have a name."""
    found = (_field(part) for part in lexer.parts(arg))
    return {field[1]: field[2] for field in found if field is not None}


def address(arg: str) -> Address | None:
    """The name in {sa_family=AF_UNIX, sun_path="/tmp/s"}; None if it has none or is of another family."""
    found = _string(fields(arg).get("sun_path", ""))
    return Address(unescaped(found[2]), bool(found[1])) if found else None


def addresses(arg: str) -> list[Address]:
    """The names that sendmsg's and sendmmsg's {msg_name=...} send to."""
    if arg[:1] == "[":
        return [name for part in lexer.parts(arg) for name in addresses(fields(part).get("msg_hdr", ""))]
    name = address(fields(arg).get("msg_name", ""))
    return [name] if name else []
