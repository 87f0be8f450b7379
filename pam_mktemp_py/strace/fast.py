"""Which lines cannot matter: told by one regular expression, so that a log of a gigabyte is read in minutes.

A line is passed over only if it is well-formed, has no watched directory's last component in it, changes
nothing, and has no name that is relative to a directory that is not known. All others go the long way.
Repetitions are possessive only over single characters: Python 3.11.2 has others wrong (gh-106052).
"""
from __future__ import annotations

import re

from pam_mktemp_py.strace import calls
from pam_mktemp_py.strace.acts import Watch
from pam_mktemp_py.strace.lexer import PREFIX, prefix
from pam_mktemp_py.strace.tasks import Task

# Escapes other than \x of -x: those could hide a watched name, octal ones leave its letters as they are.
_STRING = r'"[^"\\]*+(?:\\[^x][^"\\]*+)*"(?:\.\.\.)?'
_NOTE = r"<[^<>\\]*+>"
_BODY = rf'(?:[^"<>)]++|\)(?! *= )|(?<=[=-])>|{_STRING}|{_NOTE})*\)'
# Not that of a mount namespace: who enters it later has the mounts that are seen here (state.py).
_RESULT = rf' *= -?[0-9a-fx]++(?:(?!<mnt:){_NOTE}(?:\(deleted\))?)?'
_RESULT += r'(?: (?:E[A-Z0-9_]++ )?\([^()<>"]*+\))?(?: <[0-9.]++>)?'
_IN = ("(?:openat|newfstatat|unlinkat|readlinkat|faccessat2?|mkdirat|statx|fstatat64|mknodat|fchmodat2?|fchownat"
       r"|utimensat)\(")
_OF = (r"(?:access|readlink|l?stat(?:64)?|open|unlink|rmdir|mkdir|l?chown|chmod|creat|truncate|statfs"
       r"|l?getxattr|l?listxattr)\(")
# Of calls that name files. Groups: the current directory as the line shows it; "" if its name is relative and nothing
# is shown; what getcwd says. These are compared with what is known of the pid.
_match_file = re.compile(
    rf'(?:(?:{_IN}(?:AT_FDCWD<([^<>\\]*+)>|\d++{_NOTE}), "|(?:{_IN}AT_FDCWD, "|{_OF}")(?:(?=/)|()))'
    rf'(?!/etc/suid-)[^"\\]*+(?:\\[^x][^"\\]*+)*"(?:\.\.\.)?{_BODY}|getcwd\("([^"\\]*+)", \d++\)){_RESULT}',
    re.DOTALL).fullmatch
# Of any others.
_match_other = re.compile(rf"[a-z_][a-z0-9_]*+\({_BODY}{_RESULT}", re.DOTALL).fullmatch
_match_signal = re.compile(r"--- SIG[A-Z0-9_+]++ \{[^\x1b]*\} ---", re.DOTALL).fullmatch
# The same for most lines of most logs, in a third of the time: with a pid alone, and with a time as well. Both are
# only for lines with two quotes and no backslash: what excludes a single character is matched much faster then.
_QUICK = (r'(?:(?:openat|newfstatat|unlinkat|readlinkat|mkdirat|statx)\((?:AT_FDCWD<([^>]*+)>|\d++<[^>]*+>), "'
          r'|(?:access\("(?!/etc/suid-)|(?:readlink|l?stat|open|unlink|rmdir|mkdir|chmod)\(")(?:(?=/)|()))'
          r'[^"]*+"[^)]*+\) *= (?:\d++(?:<(?!mnt:)[^>]*+>)?|-1 E[^(]*+\([^)]*+\))')
quick = re.compile(rf"(?:\[pid +)?(\d{{1,7}}+)\]? +{_QUICK}", re.DOTALL).fullmatch
quick_timed = re.compile(rf"{PREFIX}{_QUICK}(?: <[0-9.]++>)?", re.DOTALL).fullmatch
_plain = re.compile(r"[A-Za-z0-9._+,:@%-]+")


def needles(watch: Watch) -> tuple[str, ...]:
    """What a line must have in it to name something below a watched directory: its last component, unescaped.

    strace escapes whatever is not plain, so of a component only its longest plain part is looked for.
    """
    tops = [path for path in watch.paths if not any(path != top and Watch((top,)).holds(path) for top in watch.paths)]
    last = {max(_plain.findall(path.rpartition("/")[2]), key=len, default="") for path in tops}
    return tuple(sorted(last)) or ("",)


class Known:
    """What is known of each pid, in the form that a passed line is compared with: its current directory.

    "" stands for one that is not known, or lies where names relative to it may be watched. No entry: the
    pid's lines must all go the long way.
    """

    def __init__(self, watch: Watch) -> None:
        self.cwd: dict[str | None, str] = {}
        self._watch = watch
        self._needles = needles(watch)

    def forget(self) -> None:
        """A directory, a root or a mount has changed, perhaps of several pids."""
        self.cwd.clear()

    def learn(self, task: Task) -> None:
        """After a line of this task that went the long way."""
        root = task.files.root
        hidden = bool(root) and self._watch.touches(root) or not task.view.first and any(
            origin is not None and origin != target and self._watch.touches(origin)
            for target, origin in task.view.mounts)
        if hidden:  # /etc/x may be below a watched directory, and does not show it
            self.cwd.pop(task.key, None)
            return
        cwd = task.files.cwd or ""
        unsure = "\\" in cwd or any(needle in cwd for needle in self._needles)
        self.cwd[task.key] = "" if unsure else cwd

    def skips(self, text: str) -> bool:
        """Whether a line cannot matter: what the reader's loop does, for a line that was joined."""
        for needle in self._needles:
            if needle in text:
                return False
        if text[-4:] == "...>":
            return False
        pid, at = prefix(text)
        cwd = self.cwd.get(pid)
        if cwd is None:
            return False
        name = text[at:text.find("(", at)]
        if name not in calls.MATTER:
            return (_match_signal if name[:1] == "-" else _match_other)(text, at) is not None
        found = _match_file(text, at)
        if found is None:
            return False
        shown, relative, got = found.groups()
        return shown == cwd or got == cwd or (shown is None and got is None and (relative is None or cwd != ""))
