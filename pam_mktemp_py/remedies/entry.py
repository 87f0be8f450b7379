"""One entry of the catalogue: a program, what it does with /tmp, and what is done about it."""
from __future__ import annotations

from dataclasses import dataclass, field

ENVIRONMENT, LAUNCHER, BIND = "environment", "launcher", "bind"
SHARE, CONFIGURATION, NONE = "share", "configuration", "none"
KINDS = {
    ENVIRONMENT: "a variable for the whole session",
    LAUNCHER: "variables or arguments for this program alone",
    BIND: "this program sees a private /tmp",
    SHARE: "it must stay shared",
    CONFIGURATION: "a file to change",
    NONE: "nothing to do",
}
# Those of detect/model.py that can be said of a program beforehand.
CLASSES = ("shared-ipc", "user-ipc", "knob", "secure-exec", "hardcoded", "user-requested", "anonymous",
           "unusable-tmpdir")


@dataclass(frozen=True)
class Recognise:
    """Which executables are meant: base names, patterns of the absolute path, what runs the script, versions.

    `version` is the command that prints the version, `versions` the comparisons that it must pass (versions.py).
    `touches`: patterns of names in shared directories, as detect tells them, and the class of what is done to them;
    `anyone`: a name alone tells that it is the entry's, whichever program touches it.
    """

    names: tuple[str, ...]
    paths: tuple[str, ...] = ()
    interpreter: str = ""
    versions: str = ""
    version: tuple[str, ...] = ()
    touches: dict[str, str] = field(default_factory=dict)
    anyone: bool = False


@dataclass(frozen=True)
class Remedy:
    """What is done. `set` values and `arguments` have $TMPDIR and the like in them (expand.py).

    `required`: without the remedy the program is refused, not run. `file` and `change`: for a configuration.
    """

    kind: str
    set: dict[str, str] = field(default_factory=dict)
    unset: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()
    required: bool = False
    file: str = ""
    change: str = ""
    reason: str = ""


@dataclass(frozen=True)
class Evidence:
    """Where it is documented, and the call that was seen; one of them at least."""

    documented: str = ""
    observed: str = ""


@dataclass(frozen=True)
class Check:
    """Commands that show it: one after the other, each must end with 0, without a shell.

    Debian's `packages` have them, if any. `output` matches what the last one prints, `touches` the path in /tmp that is
    touched without the remedy; "" for either: nothing is asked. `both`: the commands run both ends of a rendezvous.
    """

    packages: tuple[str, ...]
    commands: tuple[tuple[str, ...], ...]
    output: str = ""
    touches: str = ""
    both: bool = False


@dataclass(frozen=True)
class Entry:
    """All of one file. `kind` is one of CLASSES ("class" in the file); `site`: it is the administrator's."""

    name: str
    file: str
    site: bool
    summary: str
    group: str
    kind: str
    does: str
    breaks: str
    recognise: Recognise
    remedy: Remedy
    evidence: Evidence
    check: Check | None = None
