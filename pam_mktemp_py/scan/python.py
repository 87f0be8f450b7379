"""Python by its syntax tree: strings that begin with a watched directory, and names that are asked for unsafely.

Nothing of the file is run or imported. What is made of a string is for python_use.py to say.
"""
from __future__ import annotations

import ast
from collections.abc import Iterator

from pam_mktemp_py.scan import python_use
from pam_mktemp_py.scan.model import MOST_EXAMINED, POSSIBLE, Place, place
from pam_mktemp_py.scan.watched import Watched

_UNSAFE = {"mktemp": "tempfile", "tempnam": "os", "tmpnam": "os"}
_HONOURS = (b"TMPDIR", b"gettempdir")


def places(data: bytes, watched: Watched) -> list[Place]:
    """All places in order of lines. What ast.parse() raises: SyntaxError, ValueError, RecursionError, MemoryError."""
    tree = ast.parse(data)
    parents: dict[ast.AST, ast.AST] = {}
    strings: list[tuple[ast.Constant, str]] = []
    calls: list[ast.Call] = []
    imported: set[str] = set()
    for node in ast.walk(tree):
        for child in ast.iter_child_nodes(node):
            parents[child] = node
        if isinstance(node, ast.Constant) and isinstance(node.value, (str, bytes)):
            text = node.value if isinstance(node.value, str) else node.value.decode("latin-1")
            if watched.text.match(text):
                strings.append((node, text))
        elif isinstance(node, ast.Call):
            calls.append(node)
        elif isinstance(node, ast.ImportFrom):
            imported |= {name.asname or name.name for name in node.names
                         if name.name in _UNSAFE and _UNSAFE[name.name] == node.module}
    found = list(_judged(strings[:MOST_EXAMINED], parents, any(word in data for word in _HONOURS)))
    found += [place("unsafe-name", call.lineno, -1, f"{name}()") for call in calls
              for name in [python_use.dotted(call.func)] if _is_unsafe(name, imported)]
    return sorted(found, key=lambda one: (one.line, one))


def _is_unsafe(name: str, imported: set[str]) -> bool:
    module, _, last = name.rpartition(".")
    return name in imported or (bool(module) and _UNSAFE.get(last) == module)


def _judged(strings: list[tuple[ast.Constant, str]], parents: dict[ast.AST, ast.AST],
            honours: bool) -> Iterator[Place]:
    for string, text in strings:
        reason = python_use.reason(string, parents)
        if reason:
            level = POSSIBLE if reason == "path" and honours else ""
            yield place(reason, string.lineno, -1, text, level)
