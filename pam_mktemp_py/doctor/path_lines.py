"""What lines of start files do to PATH, read and never run: folders put before it, or all of it given anew."""
from __future__ import annotations

import glob
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

RESTORING = re.compile(r"pam-mktemp-shims\.sh|PAM_MKTEMP_SHIMS")  # our folder is first again after such a line
DEEPEST = 3        # of files that read others
MOST_LINES = 3000  # of all of them
MOST_CHANGES = 50  # that are looked at: of each every folder is, for every program
_LONGEST = 1000
_UNKNOWN = "\0"
_BEGINS = r"(?:^|[;&|{()]|\b(?:then|do|else|and|or)\b)\s*"
# No character fits two ways, and nothing is tried twice (++): a user must not be able to keep us busy.
_WORD = r"(?:\"[^\"]*\"|'[^']*'|[^\s;&|\"'])++"
_EXPORT = r"(?:\\?(?:export|declare|typeset|readonly)\s+(?:-\w+\s+)*(?:\w+=\S*\s+)*)?"
_SET = re.compile(rf"{_BEGINS}{_EXPORT}([A-Za-z_]\w*)=({_WORD}|)(?=\s*(?:[;&|)}}#]|$)|\s+\w+=)")
_PATH = (  # a line of each kind of shell; the group is the value
    re.compile(rf"{_BEGINS}{_EXPORT}PATH=(?P<value>{_WORD})\s*(?:[;&|)}}#]|$)"),
    re.compile(rf"{_BEGINS}\\?export\s+(?:-\w+\s+)*(?:\w+=\S*\s+)*?PATH=(?P<value>{_WORD})"),
    re.compile(rf"{_BEGINS}(?:typeset\s+(?:-\w+\s+)*)?path=\((?P<value>[^)]*)\)"),                # zsh
    re.compile(rf"{_BEGINS}set\s+path\s*=\s*\((?P<value>[^)]*)\)"),                               # csh
    re.compile(rf"{_BEGINS}setenv\s+PATH\s+(?P<value>{_WORD})"),                                  # csh
    re.compile(rf"{_BEGINS}set\s+(?:-\w+\s+|--\w+\s+)+PATH\s+(?P<value>[^;&|#]*)"),               # fish
)
_FISH_ADD = re.compile(rf"{_BEGINS}fish_add_path\s+(?P<value>[^;&|#]*)")
_SOURCED = re.compile(rf"{_BEGINS}(?:\\?\.|source)\s+({_WORD})")
_OURS = r"\$(?:\{PATH\}|PATH\b|\{path\}|path\b)"
_MANAGERS = re.compile(r"[\"'`(\s=]((?:[^\s\"'`()=]*/)?)(pyenv|rbenv|nodenv|goenv|jenv)[\"']?\s+init\b")
_HOOKS = re.compile(r"[\"'`(\s=](/[^\s\"'`()=]*)/(?:conda|mamba|brew)[\"']?\s+[\"']?(?:shell\.|shellenv|hook\b)")
_SOURCED_FOLDERS = {"nvm.sh": "versions/node/*/bin", "asdf.sh": "shims"}  # too long, or too clever, to be read
_SURE = re.compile(r"-z\s+\"?\$\{?PATH\b")  # only if there is none


@dataclass(frozen=True)
class Change:
    """What a line does to PATH: `folders` come before what it had, or `anew` are all of it. `unclear`: there may be
    more of them, which cannot be told from the text."""

    file: str
    line: int
    folders: tuple[str, ...]
    anew: bool = False
    unclear: bool = False


@dataclass
class Reader:
    """Reads start files. `read` gives the lines of a file, [] if it is not to be read; `values` are of variables that
    are known, and `apart` the files that are read by themselves. `found` has what still counts at the end."""

    read: Callable[[str], list[str]]
    values: dict[str, str]
    apart: frozenset[str] = frozenset()
    found: list[Change] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)
    lines: int = 0

    def file(self, path: str, depth: int = 0, after: int = 0) -> None:
        """Go through a file, and those that it reads; of the first one only lines `after` this number."""
        if path in self.seen:
            return
        self.seen.add(path)
        lines = self.read(path)[:MOST_LINES - self.lines]
        self.lines += len(lines)
        for number, line in enumerate(lines, 1):
            text = line.strip()
            if number <= after or text.startswith("#") or len(text) > _LONGEST:
                continue
            if RESTORING.search(text):
                self.found.clear()
                continue
            self.found += list(self._of_line(path, number, text, lines, depth))
            for name, value in assignments(text) if "=" in text else []:
                known = expanded(value, self.values)
                if known is not None and name != "PATH":
                    self.values[name] = known

    def _of_line(self, path: str, number: int, text: str, lines: list[str], depth: int) -> Iterator[Change]:
        many = len(self.found) >= MOST_CHANGES
        if not many and ("PATH" in text or "path" in text) and (change := of_line(text, self.values)):
            before = "\n".join(lines[max(0, number - 3):number])
            if not _SURE.search(before) and (depth == 0 or not change.unclear):
                yield replace(change, file=path, line=number)
        folders = [*_by_managers(text, self.values)] if "init" in text or "shell" in text or "hook" in text else []
        if folders:
            yield Change(path, number, tuple(folders))
        for found in _SOURCED.findall(text) if ". " in text or "source" in text else []:
            target = expanded(found, self.values)
            folder, _, name = (target or "").rpartition("/")
            if name in _SOURCED_FOLDERS:
                yield Change(path, number, tuple(sorted(glob.glob(f"{glob.escape(folder)}/{_SOURCED_FOLDERS[name]}"))))
            elif target and target.startswith("/") and depth < DEEPEST and os.path.normpath(target) not in self.apart:
                self.file(os.path.normpath(target), depth + 1)


def assignments(text: str) -> list[tuple[str, str]]:
    """(variable, value as written) of a line that does nothing else with them."""
    return [(found[1], found[2]) for found in _SET.finditer(text)]


def of_line(text: str, values: Mapping[str, str]) -> Change | None:
    """What one line does, None if nothing that matters here: to folders behind what PATH had."""
    for pattern in _PATH:
        if found := pattern.search(text):
            return of_value(found["value"], values)
    if found := _FISH_ADD.search(text):
        words = found["value"].split()
        if {"-a", "--append"} & set(words):
            return None
        return _change([word for word in words if not word.startswith("-")], values, anew=False)
    return None


def of_value(value: str, values: Mapping[str, str]) -> Change | None:
    """The same for what PATH is set to, as it is written: a:b:$PATH, or words (a b $path)."""
    text = re.sub(rf"\$\{{(?:PATH|path):?\+:?\"?:?{_OURS}\"?\}}", ":$PATH", value)
    front, *rest = re.split(_OURS, text, maxsplit=1)
    front = _filled(front, values)
    return _change(front.split(":" if ":" in front else None), values, anew=not rest)


def _change(words: Iterable[str], values: Mapping[str, str], *, anew: bool) -> Change | None:
    known = [_filled(word, values) for word in words]
    folders = [os.path.normpath(word) for word in known if word.startswith("/") and _UNKNOWN not in word]
    unclear = any(_UNKNOWN in word for word in known)
    if not (folders or unclear or anew):
        return None
    return Change("", 0, tuple(dict.fromkeys(folders)), anew, unclear)


def expanded(text: str, values: Mapping[str, str]) -> str | None:
    """A word without its quotes and with its variables; None if it has one that is not known, or a command."""
    if re.fullmatch(r"'[^']*'", text):
        return text[1:-1]
    found = _filled(text, values)
    return None if _UNKNOWN in found else found


def _filled(text: str, values: Mapping[str, str]) -> str:
    """The text without quotes, its variables as they are known, and what is not known, or what a command prints, as
    _UNKNOWN; so is what would be too long: lines of A=$A$A double it each time."""
    plain = re.sub(r"\$\([^()]*\)|`[^`]*`", _UNKNOWN, text).replace('"', "").replace("'", "")
    plain = re.sub(r"(^|[:\s])~(?=[/:\s]|$)", r"\1$HOME", plain)
    plain = re.sub(r"\$(?:\{(\w+)(?::?-([^${}]*))?\}|(\w+))",
                   lambda found: values.get(found[1] or found[3]) or found[2] or _UNKNOWN, plain)
    return plain.replace("$", _UNKNOWN).replace("`", _UNKNOWN) if len(plain) <= _LONGEST else _UNKNOWN


def _by_managers(text: str, values: Mapping[str, str]) -> Iterator[str]:
    """eval "$(pyenv init -)", "$(/opt/conda/bin/conda shell.bash hook)", "$(/opt/brew/bin/brew shellenv)"."""
    for found in _MANAGERS.findall(text):
        root = values.get(f"{found[1].upper()}_ROOT") or f"{values.get('HOME', '')}/.{found[1]}"
        yield f"{root}/shims"
    yield from _HOOKS.findall(text)
