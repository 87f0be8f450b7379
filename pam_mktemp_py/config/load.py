"""The configuration from its files: defaults, the main file over them, then each drop-in."""
from __future__ import annotations

import time

from pam_mktemp_py import paths
from pam_mktemp_py.config import depends, files
from pam_mktemp_py.config.model import Config
from pam_mktemp_py.errors import ConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

    from pam_mktemp_py.config import toml_lines

_LONG_NUMBER = 640  # the smallest limit of digits that Python can be given (sys.int_info)


def load(path: str = paths.CONFIG, *, owner: int = 0, clock: Callable[[], int] = time.time_ns) -> Config:
    """Read and check `path` and the drop-ins beside it (X.toml has X.d/*.toml, in the order of their names).

    A missing file means the defaults. `owner` is the uid the files must have, `clock` the wall clock in
    ns. Raises ConfigError with file, line, what is wrong and what to do.
    """
    now = clock()  # before reading: what changes from now on lies in this clock's future
    texts, found = files.read_all(path, owner)
    config = compiled(path, texts)
    config.depends = found
    config.recent = depends.recent(found, now)
    if config.exempt_groups:
        from pam_mktemp_py.config import names
        names.resolve_groups(config)
    return config


def compiled(path: str, texts: list[tuple[str, bytes]]) -> Config:
    """The configuration that `texts` make, (file, content) in the order in which they count. ConfigError."""
    from pam_mktemp_py.config import schema
    config = Config(path)
    for file, raw in texts:
        data, lines = parse(file, raw)
        schema.apply(config, data, schema.File(file, lines))
    schema.finish(config)
    return config


def parse(file: str, raw: bytes, lines: bool = True) -> tuple[dict[str, Any], dict[toml_lines.Path, int]]:
    """The TOML of one file and the line of each of its keys, of none without `lines`. ConfigError if it is none."""
    import tomllib

    from pam_mktemp_py.config import toml_lines
    text = _decoded(file, raw)
    try:
        data = tomllib.loads(text)
        return data, toml_lines.key_lines(text) if lines else {}
    except RecursionError as error:
        raise ConfigError(file, 0, "is nested too deeply", "no setting needs more than three levels") from error
    except ValueError as error:  # TOMLDecodeError, and a number of more digits than int() takes
        line, what = _located(str(error), text)
        hint = "see https://toml.io; strings need quotes, and each key may stand once"
        raise ConfigError(file, line, f"is not valid TOML: {what}", hint) from error


def _decoded(file: str, raw: bytes) -> str:
    if raw.startswith(b"\xef\xbb\xbf"):
        raise ConfigError(file, 1, "begins with a byte order mark", f"run: sed -i '1s/^\\xef\\xbb\\xbf//' {file}")
    at = raw.find(b"\r")
    if at >= 0:
        raise ConfigError(file, raw.count(b"\n", 0, at) + 1, "holds a carriage return (was it written on Windows?)",
                          f"run: sed -i 's/\\r$//' {file}")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise ConfigError(file, line, f"holds the byte 0x{raw[error.start]:02x}, which is not UTF-8",
                          "save the file as UTF-8") from error


def _located(message: str, text: str) -> tuple[int, str]:
    """tomllib's message without its place, and the place: '... (at line 3, column 7)', '(at end of document)'."""
    from pam_mktemp_py.config.toml_lines import first_duplicate
    what, found, place = message.rpartition(" (at ")
    if not found:
        long = [line for line in text.split("\n") if len(line) > _LONG_NUMBER]
        return (text[:text.index(long[0])].count("\n") + 1, "a number of too many digits") if long else (0, message)
    if what.startswith("Cannot overwrite"):  # tomllib names the end of the second value
        duplicate = first_duplicate(text)
        if duplicate:
            return duplicate[1], f"{duplicate[0]!r} is set for the second time"
    if place.startswith("line "):
        return int(place[5:place.index(",")]), what
    return text.rstrip("\n").count("\n") + 1, what + " at the end of the file"
