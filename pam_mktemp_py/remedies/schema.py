"""What may stand in a file of the catalogue. Every refusal names file, line, what is wrong and what to do."""
from __future__ import annotations

import re
from typing import Any, NoReturn

from pam_mktemp_py import expand
from pam_mktemp_py.config.given import File, nearest, shown, strings
from pam_mktemp_py.config.load import parse
from pam_mktemp_py.errors import ConfigError
from pam_mktemp_py.remedies import entry as model, versions
from pam_mktemp_py.remedies.entry import Check, Entry, Evidence, Recognise, Remedy

NAME = re.compile(r"[a-z0-9][a-z0-9._+-]{0,39}")
LONGEST = 600
TABLES: dict[str, tuple[str, ...]] = {
    "": ("summary", "group", "class", "does", "breaks", "recognise", "remedy", "evidence", "check"),
    "recognise": ("names", "paths", "interpreter", "versions", "version", "touches", "anyone"),
    "remedy": ("kind", "set", "unset", "arguments", "required", "file", "change", "reason"),
    "evidence": ("documented", "observed"),
    "check": ("packages", "commands", "output", "touches", "both"),
}
_FOR_KIND = {
    model.ENVIRONMENT: {"set"}, model.LAUNCHER: {"set", "unset", "arguments", "required"},
    model.BIND: {"set", "unset", "arguments", "required"}, model.CONFIGURATION: {"file", "change"},
    model.SHARE: set[str](), model.NONE: set[str](),
}
_NEEDED = {model.ENVIRONMENT: ("set",), model.CONFIGURATION: ("file", "change"), model.SHARE: ("reason",),
           model.NONE: ("reason",)}
PROGRAM = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+-]{0,63}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,255}")
_PACKAGE = re.compile(r"[a-z0-9][a-z0-9+.-]+")
_SYNTAX = "see docs.python.org/3/library/re.html"


def read(name: str, file: str, raw: bytes, *, site: bool = False) -> Entry:
    """The entry that a file's content makes; `name` is its stem. ConfigError."""
    if not NAME.fullmatch(name):
        raise ConfigError(file, 0, f"{name!r} can be no name of an entry",
                          "call it by 1 to 40 of a-z, 0-9 and ._+-, a letter or digit first")
    try:  # the lines of its keys take as long as all the rest, and are for errors alone
        data, _ = parse(file, raw, lines=False)
        return _entry(name, file, data, File(file, {}), site)
    except ConfigError:
        data, lines = parse(file, raw)
        return _entry(name, file, data, File(file, lines), site)


def _entry(name: str, file: str, data: dict[str, Any], about: File, site: bool) -> Entry:
    top = _Table(about, "", data)
    kind = top.word("class", model.CLASSES)
    return Entry(
        name, file, site, top.text("summary", required=True), top.matching("group", NAME, "name of a group") or name,
        kind, top.text("does", required=True), top.text("breaks"), _recognise(top.table("recognise")),
        _remedy(top.table("remedy")), _evidence(top.table("evidence")),
        _check(top.table("check")) if "check" in data else None)


class _Table:
    """One table: its keys are asked for by kind of value. The unknown ones are refused at once."""

    def __init__(self, file: File, name: str, data: dict[str, Any]) -> None:
        self.file, self.name, self.data = file, name, data
        for key in data:
            if key not in TABLES[name]:
                self.refuse(key, f"unknown key {key!r}" + (f" in [{name}]" if name else ""),
                            nearest(key, list(TABLES[name])))

    def path(self, key: str, *more: str | int) -> tuple[str | int, ...]:
        return (*((self.name,) if self.name else ()), *((key,) if key else ()), *more)

    def refuse(self, key: str, what: str, hint: str, *more: str | int) -> NoReturn:
        raise self.file.refuse(self.path(key, *more), what, hint)

    def need(self, key: str) -> None:
        if key not in self.data:
            where = f"[{self.name}]" if self.name else "the entry"
            self.refuse("", f"{where} has no {key}", f"add it: {key} = ...")

    def table(self, key: str) -> _Table:
        self.need(key)
        value = self.data[key]
        if not isinstance(value, dict):
            self.refuse(key, f"{key} is {shown(value)}", f"give a table: [{key}]")
        return _Table(self.file, key, value)

    def text(self, key: str, *, required: bool = False) -> str:
        """One line of text; "" if it is not there."""
        if required:
            self.need(key)
        value = self.data.get(key)
        if value is None:
            return ""
        if not isinstance(value, str):
            self.refuse(key, f"{key} is {shown(value)}", "give text in quotes")
        if not value.strip() or value != value.strip() or not value.isprintable() or len(value) > LONGEST:
            self.refuse(key, f"{key} is {shown(value)}", f"give one line of 1 to {LONGEST} characters, unpadded")
        return value

    def word(self, key: str, words: tuple[str, ...]) -> str:
        value = self.text(key, required=True)
        if value not in words:
            self.refuse(key, f"{key} is {shown(value)}", nearest(value, list(words)))
        return value

    def matching(self, key: str, pattern: re.Pattern[str], what: str) -> str:
        value = self.text(key)
        if value and not pattern.fullmatch(value):
            self.refuse(key, f"{key} is {shown(value)}, which can be no {what}", "correct it")
        return value

    def truth(self, key: str) -> bool:
        value = self.data.get(key, False)
        if not isinstance(value, bool):
            self.refuse(key, f"{key} is {shown(value)}", "give true or false")
        return value

    def words(self, key: str, *, required: bool = False) -> tuple[str, ...]:
        """A list of strings, with something in it if it is there."""
        if required:
            self.need(key)
        if key not in self.data:
            return ()
        found = strings(self.file, self.path(key), key, self.data[key])
        if not found:
            self.refuse(key, f"{key} is empty", "put something in, or leave it out")
        for index, word in enumerate(found):
            if "\0" in word:
                self.refuse(key, f"{key} holds a NUL byte", "remove it", index)
        return tuple(found)

    def names(self, key: str, pattern: re.Pattern[str], what: str, *, required: bool = False) -> tuple[str, ...]:
        found = self.words(key, required=required)
        for index, word in enumerate(found):
            if not pattern.fullmatch(word):
                self.refuse(key, f"{key} holds {shown(word)}, which can be no {what}", "correct it", index)
            if word in found[:index]:
                self.refuse(key, f"{key} has {word} twice", "remove one", index)
        return found

    def expandable(self, key: str) -> tuple[str, ...]:
        found = self.words(key)
        for index, word in enumerate(found):
            if wrong := expand.fault(word) or _two_lines(word):
                self.refuse(key, f"{shown(word)} {wrong}", "correct it", index)
        return found

    def regex(self, key: str) -> str:
        value = self.text(key)
        if wrong := _no_regex(value):
            self.refuse(key, f"{key} is no regular expression: {wrong}", _SYNTAX)
        return value


def _recognise(table: _Table) -> Recognise:
    names = table.names("names", PROGRAM, "name of a program", required=True)
    paths = table.words("paths")
    for index, path in enumerate(paths):
        if not path.startswith("/"):
            table.refuse("paths", f"{shown(path)} is no absolute path", "begin it with /", index)
        if wrong := _two_lines(path):
            table.refuse("paths", f"{shown(path)} {wrong}", "correct it", index)
    comparisons = table.text("versions")
    if comparisons and (wrong := versions.fault(comparisons)):
        table.refuse("versions", wrong, "correct it")
    version = table.words("version")
    if comparisons and not version:
        table.refuse("versions", "versions without a command that prints the version",
                     'add one: version = ["NAME", "--version"]')
    touches, anyone = _touches(table), table.truth("anyone")
    if anyone and not touches:
        table.refuse("anyone", "anyone without touches would be every finding", "add touches, or remove it")
    return Recognise(names, paths, table.matching("interpreter", PROGRAM, "name of a program"), comparisons, version,
                     touches, anyone)


def _touches(table: _Table) -> dict[str, str]:
    if "touches" not in table.data:
        return {}
    found = table.data["touches"]
    if not isinstance(found, dict) or not found:
        table.refuse("touches", f"touches is {shown(found) if found else 'empty'}",
                     "give patterns of names and their classes: {'^/tmp/x$' = \"hardcoded\"}")
    for pattern, kind in found.items():
        if wrong := _no_regex(pattern):
            table.refuse("touches", f"{shown(pattern)} is no regular expression: {wrong}", _SYNTAX, pattern)
        if kind not in model.CLASSES:
            table.refuse("touches", f"the class is {shown(kind)}", nearest(str(kind), list(model.CLASSES)), pattern)
    return dict(found)


def _no_regex(text: str) -> str:
    """What is wrong with a regular expression; "" for nothing."""
    try:
        re.compile(text)
    except (re.error, OverflowError, RecursionError) as error:
        return str(error) or type(error).__name__
    return ""


def _remedy(table: _Table) -> Remedy:
    kind = table.word("kind", tuple(model.KINDS))
    for key in table.data:
        if key not in {"kind", "reason"} | _FOR_KIND[kind]:
            table.refuse(key, f"{key} does nothing for the remedy {kind}", "remove it, or give another kind")
    for key in _NEEDED.get(kind, ()):
        table.need(key)
    if kind == model.LAUNCHER and not {"set", "unset", "arguments"} & set(table.data):
        table.refuse("kind", "the remedy launcher changes nothing", "add set, unset or arguments")
    file = table.text("file")
    if file and not file.startswith(("/", "~/")):
        table.refuse("file", f"file is {shown(file)}", "begin it with / or ~/")
    return Remedy(kind, _set(table), table.names("unset", _VARIABLE, "environment variable"),
                  table.expandable("arguments"), table.truth("required"), file, table.text("change"),
                  table.text("reason"))


def _set(table: _Table) -> dict[str, str]:
    if "set" not in table.data:
        return {}
    found = table.data["set"]
    if not isinstance(found, dict) or not found:
        table.refuse("set", f"set is {shown(found) if found else 'empty'}", 'give variables: {NAME = "$TMPDIR"}')
    for name, value in found.items():
        if not _VARIABLE.fullmatch(name):
            table.refuse("set", f"{shown(name)} can be no environment variable", "use letters, digits and _", name)
        if not isinstance(value, str):
            table.refuse("set", f"{name} is {shown(value)}", "give text in quotes", name)
        if wrong := expand.fault(value) or _two_lines(value):
            table.refuse("set", f"{name} {wrong}", "correct it", name)
    return dict(found)


def _two_lines(text: str) -> str:
    """What is wrong with text that no launch plan could say; "" for nothing."""
    return "holds a line feed, which no plan can" if "\n" in text else ""


def _evidence(table: _Table) -> Evidence:
    found = Evidence(table.text("documented"), table.text("observed"))
    if not found.documented and not found.observed:
        table.refuse("", "[evidence] has neither documented nor observed", "say how it is known")
    return found


def _check(table: _Table) -> Check:
    table.need("commands")
    given = table.data["commands"]
    if not isinstance(given, list) or not given:
        what = shown(given) if given else "empty"
        table.refuse("commands", f"commands is {what}", 'give a list of lists: [["tmux"]]')
    for index, words in enumerate(given):
        if not isinstance(words, list) or not words or not all(isinstance(word, str) for word in words):
            table.refuse("commands", "a command is no list of strings", 'give each as ["tmux", "-V"]: no shell', index)
        for word in words:
            if wrong := expand.fault(word):
                table.refuse("commands", f"{shown(word)} {wrong}", "correct it", index)
    return Check(table.names("packages", _PACKAGE, "name of a package"),
                 tuple(tuple(words) for words in given), table.regex("output"), table.regex("touches"),
                 table.truth("both"))
