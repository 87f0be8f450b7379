"""Whether a piece of a name was drawn by chance: a guess by its looks."""
from __future__ import annotations

import re

_TOKEN = re.compile(r"[A-Z]?[a-z]+|[A-Z]+|\d+")
_WORD = re.compile(r"[A-Z]?[a-z]+(?:[A-Z][a-z]{2,})*(?:SQL|XML|ID|DB|URL|API|HTML|PDF)?\d*|[A-Z]+\d*")
_NUMBERED = re.compile(r"[A-Z]?[a-z]+\d+")
_LEAST = 6  # letters of mkstemp(3)
_SHORT, _SHORT_EXCLUSIVE = 2.2, 3.0  # letters in a row of one kind: words have more
_LEAST_MUTE, _MUTE = 8, 0.13  # share of vowels
_VOWELS = frozenset("aeiouyAEIOUY")
# What looks random, and is none.
_WORDS = frozenset({"krb5cc", "krb5ccache", "krb5kdc", "md5sum", "sha1sum", "sha256sum", "sha512sum", "e2fsck",
                    "mke2fs", "lz4cat", "pod2html", "xml2conf"})


def looks_random(text: str, exclusive: bool = False, fresh: bool = False) -> bool:
    """Whether letters and digits look like those of mkstemp(3) and its like, rather than like words and numbers.

    `exclusive`: the name was made so that it is new, which random names are and few others; `fresh`: and with the
    mode of mkstemp(3), whose letters are six, of which all are small once in two hundred times.
    """
    if len(text) < _LEAST or text.isdigit() or text.lower() in _WORDS:
        return False
    if fresh and len(text) == _LEAST and not text.islower():
        return True
    average = len(text) / len(_TOKEN.findall(text))
    if average <= _SHORT:
        return True
    if exclusive and not _NUMBERED.fullmatch(text) and (average <= _SHORT_EXCLUSIVE or not _WORD.fullmatch(text)):
        return True
    vowels = sum(letter in _VOWELS for letter in text)
    return len(text) >= _LEAST_MUTE and vowels / len(text) < _MUTE
