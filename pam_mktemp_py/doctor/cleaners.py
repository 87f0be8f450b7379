"""Everything that cleans /tmp on this machine, and whether it would touch the private directories."""
from __future__ import annotations

import fnmatch
import os
import re
import shlex
from collections.abc import Iterator

from pam_mktemp_py.doctor import tmpfiles, tools
from pam_mktemp_py.doctor.finding import NOTE, PROBLEM, Finding, Patient

TOP = tmpfiles.TOP
DAILY = "/etc/cron.daily/tmpreaper"
TMPREAPER = "/etc/tmpreaper.conf"
PROTECTION = "/usr/share/pam-mktemp/tmpreaper.conf"
TIMED = ("/etc/crontab", "/etc/cron.d/*", "/etc/cron.hourly/*", "/etc/cron.daily/*", "/etc/cron.weekly/*",
         "/etc/cron.monthly/*", "/var/spool/cron/crontabs/root", "/var/spool/cron/root", "/etc/periodic/*/*")
AT_BOOT = ("/etc/rc.local", "/etc/rc.d/rc.local", "/etc/boot.local")
WHY = "it removes directories that open sessions use, and what lies in them"
_PROGRAM = re.compile(r"(?:^|[\s;&|(`/])(find|rm|tmpwatch|tmpreaper|stmpclean)(?=\s)")
_DELETES = re.compile(r"-delete\b|-exec(?:dir)?\s+(?:\S*/)?(?:rm|unlink|rmdir)\b|xargs.*\brm\b")
_INSERTS = {  # what stands before, and what is put behind it
    "find": ("find[[:space:]]+(-[HLP][[:space:]]+)*([^-(!][^[:space:]]*[[:space:]]+)+", "-not -path '/tmp/.private*' "),
    "tmpwatch": ("tmpwatch[[:space:]]", "--exclude=/tmp/.private "),
    "tmpreaper": ("tmpreaper[[:space:]]", "--protect /tmp/.private "),
}


def check(_patient: Patient) -> Iterator[Finding]:
    """systemd-tmpfiles, Debian's tmpreaper, and every line that cron or a boot script runs."""
    yield from tmpfiles.check()
    yield from _tmpreaper()
    for kind, patterns in ((PROBLEM, TIMED), (NOTE, AT_BOOT)):
        for path in tools.files(*patterns):
            if path != DAILY and _is_run(path):  # DAILY's settings stand in TMPREAPER
                yield from _script(path, kind)


def _is_run(path: str) -> bool:
    """False for what cron and run-parts leave out by its name (editors' and dpkg's copies), or as it is no program."""
    folder, _, name = path.rpartition("/")
    if not folder.startswith("/etc/cron."):
        return True
    return not re.search(r"[^\w-]", name) and (folder == "/etc/cron.d" or os.stat(path).st_mode & 0o111 != 0)


def _tmpreaper() -> Iterator[Finding]:
    """The settings of a shell fragment, read and never run: the last plain assignment of each."""
    if not (os.access(DAILY, os.X_OK) and tools.files("/usr/sbin/tmpreaper")):
        return
    settings = {}
    protected = ""
    for number, line in tools.numbered(TMPREAPER):
        found = re.match(r"(?:export\s+)?(\w+)=(.*)", line)
        if found:
            settings[found[1]] = (number, found[2].strip("'\""))
            if found[1] == "TMPREAPER_PROTECT_EXTRA":  # one that adds to itself keeps what was before
                protected = found[2] + (protected if "$" in found[2] else "")
    off = settings.get("SHOWWARNING", (0, ""))[1] == "true" or settings.get("RUNFROMCRON", (0, ""))[1] != "true"
    number, folders = settings.get("TMPREAPER_DIRS", (0, "/tmp/."))
    if off or not any(_holds(word) for word in folders.split()) or TOP in protected:
        return
    yield Finding("tmpreaper-unprotected", "tmpreaper cleans /tmp, and /tmp/.private is not protected",
                  f"{TMPREAPER}:{number}" if number else TMPREAPER, WHY,
                  f"append {PROTECTION} to {TMPREAPER}", (tools.edit(TMPREAPER, f"$r {PROTECTION}"),))


def _script(path: str, kind: str) -> Iterator[Finding]:
    for first, last, line in joined(tools.read(path)):
        program = touching(line)
        if not program:
            continue
        if program == "stmpclean":  # leaves root's directories, and can be told no exceptions
            yield Finding("cleaner-ages", "stmpclean removes old files", f"{path}:{first}",
                          "files that nobody used for long disappear from private directories too",
                          "nothing, if that is meant", (), NOTE)
            continue
        pattern, text = _INSERTS.get(program, ("", ""))
        command = tools.edit(path, f"{first},{last}s#{pattern}#&{text}#") if pattern \
            else tools.comment_out(path, first, last)
        yield Finding("cleaner-touches", f"{program} cleans /tmp, and does not leave out /tmp/.private",
                      f"{path}:{first}", WHY, "leave out /tmp/.private" if pattern else "take the line out",
                      (command,), kind)


def joined(lines: list[str]) -> Iterator[tuple[int, int, str]]:
    """(first, last, text) of the lines of a script, those that a backslash continues as one; no comments."""
    at = 0
    while at < len(lines):
        first, text = at, lines[at]
        while text.endswith("\\") and not text.lstrip().startswith("#") and at + 1 < len(lines):
            at += 1
            text = text[:-1] + " " + lines[at]
        if text.strip() and not text.lstrip().startswith("#"):
            yield first + 1, at + 1, text
        at += 1


def touching(line: str) -> str:
    """The program in a line of a script that would remove from private directories, or ''; a careful guess."""
    found = _PROGRAM.search(line)
    if found is None:
        return ""
    program, rest = found[1], line[found.end():]
    try:
        words = shlex.split(rest, comments=True)
    except ValueError:  # a quote that ends elsewhere
        words = rest.replace('"', " ").replace("'", " ").split()
    named = [word for word in words if word.startswith("/")]
    if program == "rm":
        return program if any(_removed(word) for word in named) else ""
    if program == "find" and not _DELETES.search(rest):
        return ""
    return program if any(map(_holds, named)) and TOP not in rest else ""


def _holds(path: str) -> bool:
    """Whether a path is /tmp, or /."""
    return os.path.normpath(path.rstrip(".") or "/") in ("/tmp", "/") or path.rstrip("/") == TOP


def _removed(path: str) -> bool:
    """Whether rm of a pattern takes /tmp/.private: * matches no name that begins with a dot."""
    path = path.rstrip("/")
    if path in ("/tmp", TOP) or path.startswith(TOP + "/"):
        return True
    folder, _, name = path.rpartition("/")
    return folder == "/tmp" and name.startswith((".", "[.")) and fnmatch.fnmatchcase(".private", name)
