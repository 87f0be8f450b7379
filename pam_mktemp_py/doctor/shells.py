"""Start files of shells that set one of our variables: the login had its directory, its shell uses another."""
from __future__ import annotations

import os
import pwd
import re
from collections.abc import Iterator

from pam_mktemp_py.doctor import tools
from pam_mktemp_py.doctor.finding import NOTE, Finding, Patient

SYSTEM = (
    "/etc/profile", "/etc/profile.d/*.sh", "/etc/profile.d/*.csh", "/etc/bash.bashrc", "/etc/bashrc",
    "/etc/zsh/z*", "/etc/zshenv", "/etc/zprofile", "/etc/zshrc", "/etc/zlogin", "/etc/ksh.kshrc", "/etc/mkshrc",
    "/etc/csh.cshrc", "/etc/csh.login", "/etc/csh/cshrc.d/*", "/etc/csh/login.d/*",
    "/etc/fish/config.fish", "/etc/fish/conf.d/*.fish", "/usr/share/fish/vendor_conf.d/*.fish",
)
OWN = (
    ".profile", ".bash_profile", ".bash_login", ".bashrc", ".zshenv", ".zprofile", ".zshrc", ".zlogin", ".kshrc",
    ".mkshrc", ".cshrc", ".tcshrc", ".login", ".config/fish/config.fish",
)
WHY = "whoever uses such a shell works there, and not in the private directory"
# `VAR=value command` lasts for that command only.
# No character fits two of these ways, and no longer line is read: a user must not be able to keep us busy.
_FOR_A_COMMAND = r"(?:[^\s;&|\"'$]|\$(?!\()|\$\([^)]*\)|\"[^\"]*\"|'[^']*')*+(?:\s*[;&|)}#]|\s*$)"
_LONGEST = 1000
_SOURCED = re.compile(r"(?:^|[;&|]|\bthen\b|\bdo\b)\s*(?:\.|source)\s+[\"']?(/[\w./-]+)")
_EXPORT = r"(?:export|declare|typeset|readonly)\s+(?:-\w+\s+)*(?:\w+=\S*\s+)*"


def check(patient: Patient) -> Iterator[Finding]:
    """Lines of the system's start files, and of the account's own."""
    names = tools.variables(patient)
    for path in _with_sourced(tools.files(*SYSTEM)):
        for number, name in setting_lines(tools.read(path), names):
            yield Finding("shell-sets", f"a start file of shells sets {name}", f"{path}:{number}", WHY,
                          "take the variable out of this line", (tools.comment_out(path, number),))
    try:
        home = pwd.getpwnam(patient.account.name).pw_dir
    except KeyError:
        return
    for path in (os.path.join(home, own) for own in OWN):
        found = list(setting_lines(tools.read(path, follow=False), names))
        if found:
            yield Finding("own-shell-sets", f"the account's own start file sets {found[0][1]}"
                          + (f", and so do {len(found) - 1} more of its lines" if found[1:] else ""),
                          f"{path}:{found[0][0]}", WHY, "if the account did not mean that, take it out",
                          (tools.own_lines(patient.account, path, [number for number, _ in found]),), NOTE)


def _with_sourced(paths: list[str]) -> list[str]:
    """These files, and those that they read by an absolute path (. FILE, source FILE)."""
    sourced = [found for path in paths for line in tools.read(path) if len(line) <= _LONGEST
               for found in _SOURCED.findall(line)]
    return tools.files(*paths, *sourced)


def setting_lines(lines: list[str], names: list[str]) -> Iterator[tuple[int, str]]:
    """(line from 1, variable) of all that set or unset one of the variables, whatever it was before.

    A start file is a program, so this is a guess: what only gives a variable that is not set yet a value
    (${TMPDIR:=...}, a test with -z on the line or one of the two before it) is left out.
    """
    any_name = "(" + "|".join(map(re.escape, names)) + ")"
    setting = re.compile(
        rf"(?:^|[;&|{{]|\bthen\b|\bdo\b|\belse\b)\s*(?:{_EXPORT}{any_name}=|{any_name}={_FOR_A_COMMAND}"
        rf"|setenv\s+{any_name}\b|set\s+(?:-\w+\s+|--\w+\s+)*-\w*[gxU]\w*\s+(?:-\w+\s+)*{any_name}\b"
        rf"|unset\s+(?:-\w+\s+)*(?:\w+\s+)*{any_name}\b|unsetenv\s+{any_name}\b)")
    for number, line in enumerate(lines, 1):
        text = line.strip()
        found = None if text.startswith("#") or len(text) > _LONGEST else setting.search(text)
        if found is None:
            continue
        name = next(group for group in found.groups() if group)
        if not _only_if_unset(name, lines[max(0, number - 3):number]):
            yield number, name


def _only_if_unset(name: str, lines: list[str]) -> bool:
    before = "\n".join(lines)
    return bool(re.search(rf"\$\{{{name}:?[-=]|-z\s+\"?\$\{{?{name}\b|!\s*\$\?{name}\b|not\s+set\s+-\w*q\w*\s+{name}\b"
                          rf"|-n\s+\"?\$\{{?{name}\b.*\|\|", before))
