"""What a Python program makes of a string: its syntax tree is climbed from there until something decides."""
from __future__ import annotations

import ast
from collections.abc import Mapping
from itertools import islice

from pam_mktemp_py.scan.model import TMP_NAMES

IGNORED = ""  # a docstring, or the end of a longer path
_HEIGHT = 40  # expressions around a string
_NEAR = 200  # nodes of an expression that are searched for a name
_COMPARING = frozenset({"startswith", "endswith", "removeprefix", "commonpath", "relative_to", "is_relative_to",
                        "index", "fnmatch", "find", "replace", "split", "assertEqual", "match"})
_ASKING = frozenset({"get", "getenv", "setdefault", "getattr", "pop"})
_RANDOM = frozenset({"mkstemp", "mkdtemp", "NamedTemporaryFile", "TemporaryFile", "TemporaryDirectory",
                     "SpooledTemporaryFile"})
_MAKING = frozenset({"mkdir", "makedirs", "mkfifo", "mknod", "touch", "write_text", "write_bytes", "symlink_to", "bind",
                     "copy", "copyfile", "copy2", "move"})
_PASSING = frozenset({"join", "Path", "PurePath", "PosixPath", "str", "fspath", "joinpath", "format", "abspath",
                      "encode", "expanduser", "realpath", "normpath", "with_suffix", "with_name"})
_WRITING = frozenset({"O_CREAT", "O_WRONLY", "O_RDWR", "O_TRUNC", "O_APPEND"})
_GOING_ON = (ast.Attribute, ast.FormattedValue, ast.List, ast.Tuple, ast.Set, ast.Starred, ast.Dict, ast.NamedExpr)
_OPERATORS = (ast.Add, ast.Mod, ast.Div)


def dotted(function: ast.expr) -> str:
    """os.path.join for an expression that is written so, else its last name or ""."""
    words: list[str] = []
    while isinstance(function, ast.Attribute) and len(words) < _HEIGHT:
        words.append(function.attr)
        function = function.value
    return ".".join(reversed([*words, function.id] if isinstance(function, ast.Name) else words[:1]))


def reason(string: ast.Constant, parents: Mapping[ast.AST, ast.AST]) -> str:
    """The reason's id, or IGNORED."""
    child: ast.AST = string
    pid = False
    for _ in range(_HEIGHT):
        parent = parents.get(child)
        if parent is None or isinstance(parent, ast.stmt):
            if isinstance(parent, ast.Expr) and child is string:
                return IGNORED
            break
        pid = pid or (isinstance(parent, (ast.BinOp, ast.JoinedStr, ast.Call)) and "getpid" in _names(parent))
        decided = _decided(child, parent, parents)
        if decided is not None:
            return "pid-name" if pid and decided in ("path", "written") else decided
        child = parent
    return "pid-name" if pid else "path"


def _names(node: ast.AST) -> set[str]:
    """The names and strings in an expression, as far as it is searched."""
    found = set()
    for each in islice(ast.walk(node), _NEAR):
        if isinstance(each, ast.Attribute):
            found.add(each.attr)
        elif isinstance(each, ast.Name):
            found.add(each.id)
        elif isinstance(each, ast.Constant) and isinstance(each.value, str):
            found.add(each.value)
    return found


def _decided(child: ast.AST, parent: ast.AST, parents: Mapping[ast.AST, ast.AST]) -> str | None:
    """A reason, or None: one has to go on climbing."""
    if isinstance(parent, ast.Call):
        return _call(child, parent)
    if isinstance(parent, ast.keyword):
        return _keyword(parent, parents.get(parent))
    if isinstance(parent, (ast.Compare, ast.MatchValue)):
        return "compared"
    if isinstance(parent, (ast.BoolOp, ast.IfExp)):
        return "fallback" if _names(parent) & TMP_NAMES else "default" if isinstance(parent, ast.BoolOp) else None
    if isinstance(parent, ast.arguments):
        return "default"
    return _composed(child, parent)


def _composed(child: ast.AST, parent: ast.AST) -> str | None:
    """Whether the string still begins what it is put into."""
    if isinstance(parent, ast.JoinedStr):
        return None if parent.values[0] is child else IGNORED
    if isinstance(parent, ast.BinOp):
        if not isinstance(parent.op, _OPERATORS):
            return "path"
        return IGNORED if isinstance(parent.op, ast.Add) and parent.right is child else None
    return None if isinstance(parent, _GOING_ON) else "path"


def _keyword(keyword: ast.keyword, call: ast.AST | None) -> str:
    if keyword.arg and keyword.arg.startswith("default"):
        return "default"
    name = dotted(call.func).rpartition(".")[2] if isinstance(call, ast.Call) else ""
    return "template" if keyword.arg == "dir" and name in _RANDOM else "path"


def _call(child: ast.AST, call: ast.Call) -> str | None:
    name = dotted(call.func).rpartition(".")[2]
    if name in _COMPARING:
        return "compared"
    if name in _ASKING and len(call.args) > 1 and child is call.args[1]:
        return "fallback" if _names(call.args[0]) & TMP_NAMES else "default"
    if name in _RANDOM:
        return "template"
    if name == "open":
        return "written" if _opens_to_write(call, child is call.func) else "path"
    if name in _MAKING:
        return "written"
    return None if name in _PASSING or child is call.func else "path"


def _opens_to_write(call: ast.Call, method: bool) -> bool:
    """Whether open(path, mode), path.open(mode) or os.open(path, flags) makes or changes a file."""
    modes = call.args[0 if method else 1:][:1] + [one.value for one in call.keywords if one.arg in ("mode", "flags")]
    return any((isinstance(mode, ast.Constant) and isinstance(mode.value, str) and set(mode.value) & set("wax+"))
               or _names(mode) & _WRITING for mode in modes)
