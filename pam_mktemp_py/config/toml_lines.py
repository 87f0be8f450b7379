"""Where each key of a TOML document stands, which tomllib does not tell.

The text must be one that tomllib accepted: this scanner finds places and checks nothing. Only for the
rare path where a configuration is parsed; it follows TOML 1.0 (https://toml.io/en/v1.0.0).
"""
from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    # A key's path from the top: names, and the index of an element of an array.
    Path = tuple[str | int, ...]

_BLANK = " \t\r\n"
_BARE_KEY = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")
_SCALAR_ENDS = frozenset(",]}#\n")


def key_lines(text: str) -> dict[Path, int]:
    """The line (from 1) on which each key, table and array element of `text` is first named."""
    scanner = _Scanner(text)
    scanner.document()
    return scanner.lines


def first_duplicate(text: str) -> tuple[str, int] | None:
    """The first key given a value twice, and the line of the second; `text` need not be valid behind it."""
    scanner = _Scanner(text)
    try:
        scanner.document()
    except (ValueError, IndexError, RecursionError):  # invalid further down
        return scanner.duplicate
    return scanner.duplicate


class _Scanner:
    __slots__ = ("text", "at", "lines", "duplicate", "_last_index", "_counted", "_line")

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.lines: dict[Path, int] = {}
        self.duplicate: tuple[str, int] | None = None
        self._last_index: dict[Path, int] = {}  # [[array]]: its newest element, which [array.x] means
        self._counted = 0
        self._line = 1

    def document(self) -> None:
        table: Path = ()
        while self._skip_blank():
            if self.text.startswith("[[", self.at):
                self.at += 2
                table = self._new_element(self._key())
                self.at = self.text.index("]]", self.at) + 2
            elif self.text[self.at] == "[":
                self.at += 1
                table = self._enter((), self._key())
                self.at = self.text.index("]", self.at) + 1
            else:
                self._assignment(table)

    def _assignment(self, table: Path) -> None:
        key = self._key()
        if self.duplicate is None and (*table, *key) in self.lines:
            self.duplicate = ".".join(key), self.text.count("\n", 0, self.at) + 1
        path = self._enter(table, key)
        self.at = self.text.index("=", self.at) + 1
        self._skip_blank()
        self._value(path)

    def _value(self, path: Path) -> None:
        start = self.text[self.at]
        if start == "[":
            self._array(path)
        elif start == "{":
            self._inline_table(path)
        elif start in "\"'":
            self._string()
        elif start in _SCALAR_ENDS:
            raise ValueError("a value is missing")
        else:
            while self.at < len(self.text) and self.text[self.at] not in _SCALAR_ENDS:
                self.at += 1

    def _array(self, path: Path) -> None:
        self.at += 1
        index = 0
        while self._skip_blank() and self.text[self.at] != "]":
            if self.text[self.at] == ",":
                self.at += 1
                continue
            element = (*path, index)
            self._note(element)
            self._value(element)
            index += 1
        self.at += 1

    def _inline_table(self, path: Path) -> None:
        self.at += 1
        while self._skip_blank() and self.text[self.at] != "}":
            if self.text[self.at] == ",":
                self.at += 1
                continue
            self._assignment(path)
        self.at += 1

    def _key(self) -> list[str]:
        """The parts of a dotted key; leaves the cursor behind the last one."""
        parts = []
        while True:
            self._skip_blank()
            if self.text[self.at] in "\"'":
                start = self.at
                self._string()
                parts.append(_unquoted(self.text[start:self.at]))
            else:
                start = self.at
                while self.at < len(self.text) and self.text[self.at] in _BARE_KEY:
                    self.at += 1
                parts.append(self.text[start:self.at])
            self._skip_blank()
            if self.text[self.at] != ".":
                return parts
            self.at += 1

    def _string(self) -> None:
        quote = self.text[self.at]
        if not self.text.startswith(quote * 3, self.at):
            self.at = self._closing(quote, self.at + 1) + 1
            return
        self.at = self._closing(quote * 3, self.at + 3) + 3
        for _ in range(2):  # up to two quotes more may stand before the closing three
            if self.text.startswith(quote, self.at):
                self.at += 1

    def _closing(self, quotes: str, at: int) -> int:
        while not self.text.startswith(quotes, at):
            at += 2 if self.text[at] == "\\" and quotes[0] == '"' else 1
            if at >= len(self.text):
                raise ValueError("a string without an end")
        return at

    def _enter(self, table: Path, key: list[str]) -> Path:
        for part in key:
            table = (*table, part)
            self._note(table)
            if table in self._last_index:
                table = (*table, self._last_index[table])
        return table

    def _new_element(self, key: list[str]) -> Path:
        array = (*self._enter((), key[:-1]), key[-1])
        self._note(array)
        index = self._last_index.get(array, -1) + 1
        self._last_index[array] = index
        element = (*array, index)
        self._note(element)
        return element

    def _note(self, path: Path) -> None:
        if path not in self.lines:
            self._line += self.text.count("\n", self._counted, self.at)
            self._counted = self.at
            self.lines[path] = self._line

    def _skip_blank(self) -> bool:
        """Past white space, newlines and comments; False at the end of the text."""
        while self.at < len(self.text):
            if self.text[self.at] == "#":
                end = self.text.find("\n", self.at)
                self.at = end if end >= 0 else len(self.text)
            elif self.text[self.at] in _BLANK:
                self.at += 1
            else:
                return True
        return False


def _unquoted(token: str) -> str:
    if token[0] == "'" or "\\" not in token:
        return token[1:-1]
    import tomllib  # its own unescaping, so that a key is spelled as tomllib spells it
    value: str = tomllib.loads("k=" + token)["k"]
    return value
