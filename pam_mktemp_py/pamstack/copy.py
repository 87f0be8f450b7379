"""A service's files rewritten so that a session can be opened with no password asked. Pure: text -> text.

Only session lines are kept. auth and account are permitted, so nobody is asked anything and no failure is
counted; a change of password is denied.
"""
from __future__ import annotations

from pam_mktemp_py.pamstack import lines
from pam_mktemp_py.pamstack.lines import Line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Read = Callable[[str], str | None]  # a service or an include as it is named -> its text; None: no such file

LINE, SHAPE, FULL = "line", "shape", "full"
HEAD = "auth required pam_permit.so\naccount required pam_permit.so\npassword required pam_deny.so\n"
HARMLESS = ("pam_permit.so", "pam_deny.so")  # they decide, and do nothing
PREFIX = "pam-mktemp-"  # of the copies of included files
BESIDE = f"{PREFIX}vendor-"  # of those that lie in the distribution's folder, where not every libpam finds an include
OTHER = "other"  # what libpam runs for a service without session lines


def copies(service: str, how: str, read: Read, beside: Callable[[str], bool] = lambda name: False) -> dict[str, str]:
    """The files, by name in /etc/pam.d, that stand for `service`: itself, `other`, and all that they include.

    Those whose name begins with BESIDE belong in the distribution's folder, as `beside` says of their originals.

    "line": our lines alone. "shape": every include, substack, control and jump as it is, but each other
    module is pam_permit.so. "full": every session module as it is.
    """
    if how == LINE:
        found = "".join(_alone(line) + "\n" for line in ours(service, read))
        return {service: f"{HEAD}session required pam_permit.so\n{found}"}
    names = {service: service, OTHER: OTHER}
    made: dict[str, str] = {}
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        text = read(name)
        if text is None:  # the include of a file that is not there stays one
            continue
        for target in _included(text):
            if target not in names:
                names[target] = f"{BESIDE if beside(target) else PREFIX}{len(names)}"
                waiting.append(target)
        made[names[name]] = (HEAD if name in (service, OTHER) else "") + rewritten(text, how, names)
    return made


def ours(service: str, read: Read) -> list[Line]:
    """The session lines of a service that run our module, in order, through all includes."""
    found = list(_session(service, read, set())) or list(_session(OTHER, read, set()))
    return [line for line in found if line.ours]


def rewritten(text: str, how: str, names: dict[str, str]) -> str:
    """One file with its session lines alone; `names` maps what it includes to the names of their copies.

    A line that libpam cannot understand stays as it is: what it does to a login, it does here too.
    """
    physical = text.split("\n")
    kept = []
    for line in lines.parse(text):
        raw = "\n".join(physical[line.first - 1:line.last])
        if line.trouble:
            kept.append(raw)
        elif line.file and line.type in ("", "session"):
            kept.append(f"{line.type} {line.control} {names[line.file]}".strip())
        elif line.type == "session":
            kept.append(raw if how == FULL or line.ours or _module(line) in HARMLESS
                        else f"session {line.control} pam_permit.so")
    return "".join(line + "\n" for line in kept)


def _included(text: str) -> list[str]:
    return [line.file for line in lines.parse(text) if line.file and not line.trouble and line.type in ("", "session")]


def _session(name: str, read: Read, seen: set[str]) -> Iterator[Line]:
    seen.add(name)
    for line in lines.parse(read(name) or ""):
        if line.trouble or line.type not in ("", "session"):
            continue
        if not line.file:
            yield line
        elif line.file not in seen:
            yield from _session(line.file, read, seen)


def _module(line: Line) -> str:
    return line.module.rpartition("/")[2]


def _alone(line: Line) -> str:
    """Our line without the others: a jump would lead behind the end, which libpam takes for a failure."""
    words = line.control.strip("[]").split()
    jumps = any(word.rpartition("=")[2].isdigit() for word in words)
    control = "required" if jumps else line.control
    return " ".join(["session", control, line.module, *line.arguments])
