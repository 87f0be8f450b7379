"""What another module's configuration becomes in ours, with the line that each setting comes from. Pure."""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from pam_mktemp_py.config import toml_text

# The first name of an account's uid, or None if there is no such account.
Canonical = Callable[[str], "str | None"]


@dataclass(frozen=True)
class Source:
    """One line of the other configuration; `text` is its own."""

    file: str
    line: int
    text: str = ""

    @property
    def where(self) -> str:
        """FILE:LINE, or FILE where it is about the whole."""
        return f"{self.file}:{self.line}" if self.line else self.file


@dataclass(frozen=True)
class Remark:
    """What is not, or not the same, in ours. `lost`: something that was asked for is not done."""

    source: Source
    what: str
    do: str
    lost: bool = True

    @property
    def where(self) -> str:
        """FILE:LINE."""
        return self.source.where

    def __str__(self) -> str:
        return f"{self.where}: {self.what}; {self.do}" if self.do else f"{self.where}: {self.what}"


@dataclass
class Translation:
    """`stage` and `variables` are None where the other configuration says nothing of them.

    `exempt` gives for each account that gets nothing the line that says so, `mounts` for each further directory
    that accounts have an instance of. `word` is the stage.
    """

    format: str
    files: list[str]
    stage: Source | None = None
    word: str = "env"
    exempt: dict[str, Source] = field(default_factory=dict)
    mounts: dict[str, Source] = field(default_factory=dict)
    variables: Source | None = None
    remarks: list[Remark] = field(default_factory=list)

    def told(self, lost: bool) -> list[Remark]:
        """What is lost, or what is done another way, in the order of the lines."""
        found = [remark for remark in self.remarks if remark.lost == lost]
        return sorted(found, key=lambda remark: (self.files.index(remark.source.file), remark.source.line))

    @property
    def empty(self) -> bool:
        """Whether no setting of ours comes out of it."""
        return self.stage is None and self.variables is None and not self.exempt

    def lose(self, source: Source, what: str, do: str) -> None:
        """Note what is not translated."""
        self.remarks.append(Remark(source, what, do))

    def note(self, source: Source, what: str, do: str = "") -> None:
        """Note what is done another way."""
        self.remarks.append(Remark(source, what, do, lost=False))


def to_toml(made: Translation, variables: tuple[str, ...]) -> str:
    """The TOML, with a comment for each setting and for what is not translated."""
    lines = [toml_text.comment(f"Made by 'pam-mktemp config import' from {', '.join(made.files)} ({made.format}).")]
    if made.stage is not None:
        lines += ["", _origin(made.stage), f"stage = {toml_text.value(made.word)}"]
    if made.exempt:
        lines += ["", "exempt_users = ["]
        lines += [f"    {toml_text.value(name)},  {toml_text.comment(source.where)}"
                  for name, source in made.exempt.items()]
        lines.append("]")
    if made.variables is not None:
        lines += ["", _origin(made.variables), "[directories.tmp]",
                  f"variables = {toml_text.value(list(variables))}"]
    for directory, source in made.mounts.items():
        lines += ["", _origin(source), f"[mounts.{toml_text.value(directory)}]"]
    for title, lost in (("Not translated:", True), ("Done another way:", False)):
        remarks = [toml_text.comment(f"- {remark}") for remark in made.told(lost)]
        if remarks:
            lines += ["", toml_text.comment(title), *remarks]
    return "\n".join(lines) + "\n"


def _origin(source: Source) -> str:
    return toml_text.comment(f"{source.where}: {' '.join(source.text.split())}" if source.text else source.where)
