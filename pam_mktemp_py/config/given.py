"""What a configuration file gives: the line of each key, and how a wrong value is refused."""
from __future__ import annotations

from pam_mktemp_py.errors import ConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pam_mktemp_py.config.toml_lines import Path


class File:
    """One parsed file: its name, and the line of each key."""

    __slots__ = ("name", "lines")

    def __init__(self, name: str, lines: dict[Path, int]) -> None:
        self.name = name
        self.lines = lines

    def refuse(self, path: Path, what: str, hint: str) -> ConfigError:
        """The error for a key or an entry, whose path from the top is given."""
        return ConfigError(self.name, self.lines.get(path, 0), what, hint)


def strings(file: File, path: Path, key: str, value: object) -> list[str]:
    """A list of strings, else ConfigError."""
    if not isinstance(value, list):
        raise file.refuse(path, f"{key} is {shown(value)}", 'give a list: ["one", "two"]')
    for index, item in enumerate(value):
        if not isinstance(item, str):
            raise file.refuse((*path, index), f"{key} holds {shown(item)}", "give names in quotes, not numbers")
    return list(value)


def shown(value: object) -> str:
    """A value for a message, cut short."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (dict, list)):
        return "a table" if isinstance(value, dict) else "a list"
    text = repr(value) if isinstance(value, (str, int, float)) else f"a {type(value).__name__}"
    return text if len(text) <= 60 else text[:57] + "..."


def nearest(word: str, words: list[str], otherwise: str = "") -> str:
    """A hint: the known word that is most alike, or what else to say."""
    import difflib  # 2 ms, and only for an error
    near = difflib.get_close_matches(word, words, 1)
    if near:
        return f"did you mean {near[0]!r}?"
    return otherwise or f"known are: {', '.join(words)}"
