"""The catalogue's entry for a program that the detector found: made from the findings, and a remedy for it."""
from __future__ import annotations

import glob
import os
import re
import shutil
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

from pam_mktemp_py import log
from pam_mktemp_py.detect.model import Finding
from pam_mktemp_py.remedies.entry import Check, Entry, Evidence, Recognise, Remedy
from pam_mktemp_py.remedies.schema import LONGEST, NAME, PROGRAM

_MARK = re.compile(r"<(\w+)>")
_VARIES = {"pid": r"\d+", "uid": r"\d+", "time": r"\d+", "display": r"\d+"}
_NAMES = 4  # of what it touches in the sentence about it
_PATTERNS = 12
_TELLING = re.compile(
    r"O_CREAT|O_TMPFILE|O_WRONLY|O_RDWR|\b(mkdir|mknod|bind|connect|symlink|link|rename|chmod)(at)?2?\(")
_PID = re.compile(r"^\d+\s+")
_FOLDER = re.compile(r"(?<=AT_FDCWD)<[^<>]*>")  # where the command was started: nobody else's concern


def why_none(program: str) -> str:
    """Why no entry can be about the program, "" if one can."""
    name = os.path.basename(program)
    if not PROGRAM.fullmatch(name):
        return f"an entry cannot name a program that is called {log.escaped(name)}: rename it"
    if not program.startswith("/") or not program.isprintable():
        return "its path is not known, or cannot be written down"
    if not os.path.isfile(program):
        return "it is gone, so that nothing could recognise it"
    return ""


def entry_for(findings: Sequence[Finding], remedy: Remedy, taken: Collection[str], folders: str, system: str) -> Entry:
    """About the program of `findings`, worst first, which is one that why_none() has nothing to say of.

    `taken` are names of entries that it may not have, `folders` a PATH: a program that lies elsewhere is recognised
    by its path. `system` in words, for the evidence.
    """
    program = findings[0].program
    name = _free(os.path.basename(program), taken)
    names = list(dict.fromkeys(finding.path for finding in findings))
    told = ", ".join(map(log.escaped, names[:_NAMES])) + (" and others" if len(names) > _NAMES else "")
    recognise = Recognise((os.path.basename(program),), _paths(program, folders), touches=_touches(findings))
    return Entry(name, f"{name}.toml", True, f"{os.path.basename(program)}, as pam-mktemp detect --fix found it", name,
                 findings[0].kind, _line(f"Uses {told}, whatever TMPDIR says."), "", recognise, remedy,
                 Evidence(observed=_observed(findings[0], system)))


def in_place_of(entries: Iterable[Entry], entry: Entry) -> Entry:
    """The same by the name of the one that means the program already: of two about one program none could count."""
    mine = entry.recognise
    for other in entries:
        theirs = other.recognise
        if set(mine.names) & set(theirs.names) and (mine.paths, mine.versions) == (theirs.paths, theirs.versions):
            return replace(entry, name=other.name, group=other.name, file=f"{other.name}.toml")
    return entry


def in_one_group(entries: dict[str, Entry]) -> dict[str, Entry]:
    """Entries by their programs, all in the group of the first one."""
    group = next((entry.name for entry in entries.values()), "")
    return {program: replace(entry, group=group) for program, entry in entries.items()}


def _free(program: str, taken: Collection[str]) -> str:
    """A name for the entry: the program's in small letters, with a number if another has it."""
    plain = re.sub(r"[^a-z0-9._+-]", "-", program.lower()).lstrip("._+-")[:36] or "program"
    names = [plain, *(f"{plain}-{number}" for number in range(2, 100))]
    return next(name for name in names if NAME.fullmatch(name) and name not in taken)


def _paths(program: str, folders: str) -> tuple[str, ...]:
    found = shutil.which(os.path.basename(program), path=folders)
    if found and os.path.realpath(found) == os.path.realpath(program):
        return ()
    return (glob.escape(program),)


def _touches(findings: Sequence[Finding]) -> dict[str, str]:
    found: dict[str, str] = {}
    for finding in findings:
        if finding.path.isprintable() and not _surrogates(finding.path) and len(found) < _PATTERNS:
            found.setdefault(f"^{re.escape(finding.path)}(/|$)", finding.kind)
    return found


def _surrogates(text: str) -> bool:
    return any(0xd800 <= ord(letter) <= 0xdfff for letter in text)


def _observed(finding: Finding, system: str) -> str:
    calls = [each.call for each in finding.evidence] or [" ".join(finding.calls)]
    telling = next((each for each in calls if _TELLING.search(each)), calls[0])
    call = _FOLDER.sub("", _PID.sub("", telling))
    return _line(f"{log.escaped(call)[:LONGEST - len(system) - 40]} with TMPDIR set; {system}.")


def _line(text: str) -> str:
    """One line of text, as the schema takes it."""
    text = "".join(letter if letter.isprintable() else " " for letter in text).strip()
    return text if len(text) <= LONGEST else text[:LONGEST - 3] + "..."


def check_for(words: Sequence[str], finding: Finding, packages: Sequence[str]) -> Check | None:
    """The command that was given as the entry's check; None if TOML has no word for one of its words."""
    if any(_surrogates(word) for word in words):
        return None
    return Check(tuple(packages), (tuple(word.replace("$", "$$") for word in words),), touches=_touched(finding))


def _touched(finding: Finding) -> str:
    """What a real name looks like whose normal form is that of the finding; "" for what cannot be written down."""
    parts, at = [], 0
    for mark in _MARK.finditer(finding.path):
        parts += [re.escape(finding.path[at:mark.start()]), _VARIES.get(mark[1], "[^/]+")]
        at = mark.end()
    text = "^" + "".join([*parts, re.escape(finding.path[at:])]) + "$"
    fits = text.isprintable() and not _surrogates(text) and len(text) <= LONGEST and text == text.strip()
    return text if fits and re.search(text, finding.example) else ""
