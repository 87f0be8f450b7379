"""What several checks need: texts read with care, and commands that mend a line of a file."""
from __future__ import annotations

import glob
import os
import re
import stat
import subprocess

from pam_mktemp_py.config.model import TMP_VARIABLES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from pam_mktemp_py.doctor.finding import Patient
    from pam_mktemp_py.linux.accounts import Account

    Command = tuple[str, ...]

LARGEST = 1 << 20  # bytes; no start file or configuration is longer
SHIMMED = ("shim", "bind")  # the stages at which sessions have the shims
MOST = 50          # files of a user's, or lines of one, that are spoken of: there may be any number
SECONDS = 20       # for a program that prints a configuration
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"}


def read(path: str, follow: bool = True) -> list[str]:
    """The lines of a regular file, without newlines, byte for character; [] if it cannot be read or is too long.

    follow=False for what a user may have put there: a link of theirs is not followed, and a FIFO or a device
    in its place keeps nobody waiting.
    """
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC | (0 if follow else os.O_NOFOLLOW)
    try:
        fd = os.open(path, flags)
    except (OSError, ValueError):
        return []
    about = os.fstat(fd)
    if not stat.S_ISREG(about.st_mode) or about.st_size > LARGEST:
        os.close(fd)
        return []
    with open(fd, "rb") as file:
        return file.read(LARGEST).decode("latin-1").split("\n")


def numbered(path: str, follow: bool = True) -> list[tuple[int, str]]:
    """The lines that are neither blank nor comments, stripped, with their numbers from 1."""
    lines = enumerate((line.strip() for line in read(path, follow)), 1)
    return [(number, line) for number, line in lines if line and not line.startswith(("#", ";"))]


def files(*patterns: str) -> list[str]:
    """What there is of these paths and patterns, each file once, under its first name."""
    found: dict[str, str] = {}
    for pattern in patterns:
        for path in sorted(glob.glob(pattern)):
            found.setdefault(os.path.realpath(path), path)
    return list(found.values())


def output(*command: str) -> str:
    """What a program prints; '' if it is not there, fails or takes too long."""
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                              env=ENVIRONMENT, cwd="/", timeout=SECONDS)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.decode("utf-8", "replace") if done.returncode == 0 else ""


def variables(patient: Patient) -> list[str]:
    """The variables that a session of ours exports: those of the directories, and of the enabled shims."""
    if patient.config is None:
        return list(TMP_VARIABLES)
    names = [name for _, names in patient.config.directories for name in names]
    return names + [name for name in patient.config.shims["variables"]
                    if name not in names and patient.config.stage in SHIMMED]


def assigned(text: str, names: Iterable[str]) -> str:
    """The first of the variables that NAME= stands for in the text, or ''."""
    found = re.search(rf"(?<![\w$]){_any(names)}=", text)
    return found[1] if found else ""


def _any(names: Iterable[str]) -> str:
    return "(" + "|".join(map(re.escape, names)) + ")"


# The commands hold no backslash and no newline: as text of unknown origin they are shown escaped, and a person who
# copies one would copy two.

def comment_out(path: str, first: int, last: int = 0, holding: str = "") -> Command:
    """Makes comments of these lines; of a single one only while it holds a word: another's advice may move it."""
    if holding and last in (0, first):
        return edit(path, f"{first}{{/{literal(holding)}/s/^/# /}}")
    return edit(path, f"{first},{last or first}s/^/# /")


def edit(path: str, *scripts: str) -> Command:
    """Applies lines of a sed script (extended expressions) to a file of root's."""
    return ("sed", "--follow-symlinks", "-E", "-i", *(word for script in scripts for word in ("-e", script)), path)


def literal(text: str) -> str:
    """An extended expression for this text; what cannot be said without a backslash matches any character."""
    return re.sub(r"[^\w =:-]", lambda found: "." if found[0] in "^\\/" else f"[{found[0]}]", text)


def create(path: str, *lines: str) -> Command:
    """Writes a file of these lines, which hold neither double quotes nor backslashes."""
    prints = "; ".join(f'print "{line}" > "{path}"' for line in lines)
    return ("awk", f"BEGIN {{ {prints} }}")


def own_lines(account: Account, path: str, numbers: list[int]) -> Command:
    """Makes comments of lines in a file of the account's own, as that account: root must change nothing where a
    user can exchange files for links."""
    return as_account(account, edit(path, *(f"{number}s/^/# /" for number in numbers[:MOST])))


def as_account(account: Account, command: Command) -> Command:
    """The same command with the rights of the account alone."""
    return ("setpriv", f"--reuid={account.uid}", f"--regid={account.gid}", "--init-groups", "--", *command)
