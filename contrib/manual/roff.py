"""Text as roff with the man macros (groff_man(7)): everything is escaped, options and names are marked."""
from __future__ import annotations

import itertools
import re

# In what is to be typed, these must come out as ASCII, else it cannot be copied from the page.
_LITERAL = {"\\": r"\(rs", "-": r"\-", "'": r"\(aq", "`": r"\(ga", "^": r"\(ha", "~": r"\(ti", '"': r"\(dq"}
_PROSE = {"\\": r"\(rs", "'": r"\(aq", "`": r"\(ga", "^": r"\(ha", "~": r"\(ti", '"': r"\(dq"}
_MARKED = re.compile(r"""(?x)
    (?P<ticked> `[^`]+` )
  | (?P<page> \b[a-z][\w.-]* (?= \([1-8]\) ) )
  | (?P<command> \b pam-mktemp (?: \ (?:%s) \b )* )
  | (?P<option> (?<![\w/-]) --?[A-Za-z][\w-]* )
  | (?P<path> (?<![\w>*/.]) (?: /[\w.*@-]+ )+ /? )
  | (?P<variable> \b[A-Z][A-Z0-9_]{2,}\b )
""")


def escaped(text: str, literal: bool = False) -> str:
    """Text within a line; `literal` for what is to be typed as it stands."""
    table = _LITERAL if literal else _PROSE
    return "".join(table.get(c, c if " " <= c <= "~" else rf"\[u{ord(c):04X}]") for c in text)


def line(text: str) -> str:
    """A line of text that roff must not take for a request, whatever it begins with."""
    return r"\&" + text if text.startswith((".", "'")) else text


def bold(text: str) -> str:
    """What is typed as it stands."""
    return rf"\fB{escaped(text, True)}\fP"


def italic(text: str) -> str:
    """What is replaced when it is typed, and names of files."""
    return rf"\fI{escaped(text, True)}\fP"


class Marker:
    """Marks options, commands, pages, paths and placeholders in plain sentences."""

    def __init__(self, commands: list[str]) -> None:
        words = sorted({word for command in commands for word in command.split()}, key=len, reverse=True)
        self.pattern = re.compile(_MARKED.pattern % "|".join(map(re.escape, words)), re.X)

    def inline(self, text: str, placeholders: frozenset[str] = frozenset()) -> str:
        """One line of roff; `placeholders` are the words such as USER that stand for something."""
        out, at = [], 0
        for found in self.pattern.finditer(text):
            word, kind = found.group(), str(found.lastgroup)
            if kind == "path":  # the full stop of a sentence is none of its
                word = word.rstrip(".")
            out.append(escaped(text[at:found.start()]))
            at = found.start() + len(word)
            if kind in ("ticked", "page", "command", "option"):
                out.append(bold(word.strip("`")))
            else:
                out.append(italic(word) if kind == "path" or word in placeholders else escaped(word))
        return "".join(out) + escaped(text[at:])

    def sentences(self, text: str, placeholders: frozenset[str] = frozenset()) -> list[str]:
        """A paragraph, one sentence to a line."""
        parts = re.split(r"(?<=[A-Za-z0-9)\"'.`]{2}[.?!]) (?=[A-Z\"'(])", " ".join(text.split()))
        return [line(self.inline(part, placeholders)) for part in parts]

    def paragraphs(self, text: str, placeholders: frozenset[str] = frozenset()) -> list[str]:
        r"""Several, parted by empty lines; one that begins with \b or is indented stays as it is."""
        out: list[str] = []
        for block in re.split(r"\n[ \t]*\n", text.strip("\n")):
            lines = block.split("\n")
            if lines[0].strip() == "\b" or all(one.startswith("  ") for one in lines):
                out += self.aligned([one for one in lines if one.strip() != "\b"], placeholders)
            else:
                out += [".PP", *self.sentences(block, placeholders)]
        return out

    def aligned(self, lines: list[str], placeholders: frozenset[str] = frozenset()) -> list[str]:
        """Lines whose layout says something: two columns become a list, anything else stays as it is."""
        rows: list[list[str]] = []
        depth = min(len(one) - len(one.lstrip()) for one in lines)
        for one in lines:
            left, _gap, right = one.strip().partition("  ")
            if len(one) - len(one.lstrip()) > depth and rows:
                rows[-1][1] += " " + one.strip()
            else:
                rows.append([left, right.strip()])
        if sum(bool(right) for _left, right in rows) * 2 <= len(rows):
            return self.shown(lines, depth, placeholders)
        return [text for left, right in rows
                for text in item(bold(left), self.sentences(right, placeholders) if right else [r"\&"])]

    def shown(self, lines: list[str], depth: int, placeholders: frozenset[str]) -> list[str]:
        """What is to be typed, and between such lines, indented less, words about it."""
        out: list[str] = []
        for deeper, some in itertools.groupby(lines, lambda one: len(one) - len(one.lstrip()) > depth):
            block = list(some)
            if deeper or len({len(one) - len(one.lstrip()) for one in lines}) == 1:
                out += literal(block)
            else:
                out += [".PP", *self.sentences(" ".join(block), placeholders)]
        return out


def literal(lines: list[str]) -> list[str]:
    """Lines as they are, indented, without their common indentation."""
    depth = min((len(one) - len(one.lstrip()) for one in lines if one.strip()), default=0)
    body = [line(escaped(one[depth:].rstrip(), True)) for one in lines]
    return [".PP", ".RS 4", ".nf", *body, ".fi", ".RE"]


def item(tag: str, body: list[str]) -> list[str]:
    """An entry of a list: the tag is roff already."""
    return [".TP", line(tag), *body]
