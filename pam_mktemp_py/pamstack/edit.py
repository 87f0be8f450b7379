"""Our line put into the text of a PAM file, and taken out again. Pure; text is latin-1, see lines.py."""
from __future__ import annotations

from pam_mktemp_py.pamstack import lines
from pam_mktemp_py.pamstack.lines import MODULE, Line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

# A module that has gone missing must never lock anyone out; one that is there decides by its failure policy.
CONTROL = "[success=ok ignore=ignore module_unknown=ignore default=bad]"
END = "# end of pam-auth-update config"  # with a line more before it, pam-auth-update changes nothing any more
OURS = ("fail=", "config=")  # the arguments that `enable` sets; others are the administrator's


def line(arguments: Sequence[str] = ()) -> str:
    """The line, without a newline."""
    return " ".join(["session", CONTROL, MODULE, *arguments])


def ours(text: str) -> list[Line]:
    """Its lines that run our module as a session module."""
    return [each for each in lines.parse(text) if each.ours and each.type == "session"]


def named(text: str) -> list[Line]:
    """Its lines that name our module, whatever their type, also those that libpam cannot read (CR LF)."""
    return [each for each in lines.parse(text) if each.module.rpartition("/")[2].rstrip("\r") == MODULE]


def add(text: str, arguments: Sequence[str], brings: Callable[[Line], bool]) -> str:
    """`text` with our line after its last session line; with these arguments, if it is there already.

    `brings` says whether an include or @include brings session lines. So our line comes after all other
    session modules, and every jump within the file still lands where it did; nor does it stand within what
    pam-auth-update writes. A file whose last line has no newline still has none. `text` is returned as it is
    if it has no session lines; it must have no line with trouble.
    """
    if ours(text):
        return with_arguments(text, arguments)
    last = 0
    for each in lines.parse(text):
        if (each.type == "session" and not each.file) or (each.type in ("session", "") and each.file and brings(each)):
            last = each.last
    if not last:
        return text
    physical = text.split("\n")
    if last < len(physical) and physical[last].startswith(END):
        last += 1
    physical.insert(last, line(arguments))
    return "\n".join(physical)


def with_arguments(text: str, arguments: Sequence[str]) -> str:
    """`text` whose lines of ours have these arguments and, unchanged, those that are none of OURS.

    They are sorted, as pam-auth-update sorts them in a line that it manages.
    """
    physical = text.split("\n")
    for each in reversed(ours(text)):
        wanted = sorted([*arguments, *(word for word in each.arguments if not word.startswith(OURS))])
        if sorted(each.arguments) == wanted:
            continue
        written = physical[each.first - 1]
        head = written[:written.index(MODULE) + len(MODULE)] if each.first == each.last and MODULE in written else \
            " ".join([("-" if each.silent else "") + each.type, each.control, each.module])
        words = " ".join(map(_quoted, wanted))
        made = f"{head} {words}"  # pam-auth-update leaves a space where there are none
        physical[each.first - 1:each.last] = [made if head.startswith("session\t") else made.rstrip(" ")]
    return "\n".join(physical)


def remove(text: str) -> str:
    """`text` without any line that names our module, whatever its type, arguments and continuations."""
    physical = text.split("\n")
    for each in reversed(named(text)):
        at_end = each.last == len(physical)  # the file ends without a newline, and did so before
        del physical[each.first - 1:each.last]
        if at_end and not physical:
            return ""
    return "\n".join(physical)


def _quoted(word: str) -> str:
    return "[" + word.replace("]", "\\]") + "]" if set(" \t[]") & set(word) else word
