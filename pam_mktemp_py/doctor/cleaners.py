"""Everything that cleans /tmp on this machine, and whether it would touch the private directories."""
from __future__ import annotations

import os
import re
from collections.abc import Iterator

from pam_mktemp_py.doctor import bases, tmpfiles, tools
from pam_mktemp_py.doctor.finding import NOTE, PROBLEM, Finding, Patient
from pam_mktemp_py.doctor.removal import holds, joined, touching, unclear
from pam_mktemp_py.pamstack import places

TOP = tmpfiles.TOP
DAILY = "/etc/cron.daily/tmpreaper"
TMPREAPER = "/etc/tmpreaper.conf"
PROTECTION = "/usr/share/pam-mktemp/tmpreaper.conf"
TIMED = ("/etc/crontab", "/etc/cron.d/*", "/etc/cron.hourly/*", "/etc/cron.daily/*", "/etc/cron.weekly/*",
         "/etc/cron.monthly/*", "/var/spool/cron/crontabs/root", "/var/spool/cron/root", "/etc/periodic/*/*")
UNITS = ("/etc/systemd/system/*.service", "/usr/local/lib/systemd/system/*.service")  # an administrator's own
AT_BOOT = ("/etc/rc.local", "/etc/rc.d/rc.local", "/etc/boot.local")
WHY = "it removes directories that open sessions use, and what lies in them"
_PATH = re.compile(r"(?:^|[\s;&|('=])(/(?:usr/local|opt|root|srv|etc)/[\w./-]+)")
_INSERTS = {  # what stands before, and what is put behind it
    "find": ("find[[:space:]]+(-[HLP][[:space:]]+)*([^-(!][^[:space:]]*[[:space:]]+)+", "-not -path '/tmp/.private*' "),
    "tmpwatch": ("tmpwatch[[:space:]]", "--exclude=/tmp/.private "),
    "tmpreaper": ("tmpreaper[[:space:]]", "--protect /tmp/.private "),
}


def check(patient: Patient) -> Iterator[Finding]:
    """systemd-tmpfiles, Debian's tmpreaper, and every line that cron or a boot script runs."""
    yield from tmpfiles.check((TOP, *bases.tops(patient)), bases.points(patient))
    yield from _tmpreaper()
    said: set[str] = set()
    for kind, patterns in ((PROBLEM, (*TIMED, *UNITS)), (NOTE, AT_BOOT)):
        for path in tools.files(*patterns):
            if path == DAILY or not _is_run(path):  # DAILY's settings stand in TMPREAPER
                continue
            for script in (path, *_called(path)):
                if script not in said:
                    said.add(script)
                    yield from _script(script, kind)


def _called(path: str) -> list[str]:
    """The scripts that a script's lines name, one deep: none that others could change, as the advice is for root."""
    words = {word for _, _, line in joined(tools.read(path)) for word in _PATH.findall(line)}
    return [word for word in sorted(words) if tools.read(word)[:1] and tools.read(word)[0].startswith("#!")
            and not places.root_only(word)]


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
    if off or not any(holds(word) for word in folders.split()) or TOP in protected:
        return
    yield Finding("tmpreaper-unprotected", "tmpreaper cleans /tmp, and /tmp/.private is not protected",
                  f"{TMPREAPER}:{number}" if number else TMPREAPER, WHY,
                  f"append {PROTECTION} to {TMPREAPER}", (tools.edit(TMPREAPER, f"$r {PROTECTION}"),))


def _script(path: str, kind: str) -> Iterator[Finding]:
    text = tools.read(path)
    for first, last, line in joined(text):
        program = touching(line)
        if not program:
            if unclear(line, text):
                yield Finding("cleaner-unclear", "this line removes files in a folder that is named elsewhere",
                              f"{path}:{first}", f"if that is /tmp: {WHY}", "leave out /tmp/.private if so", (), NOTE)
            continue
        if program == "stmpclean":  # leaves root's directories, and can be told no exceptions
            yield Finding("cleaner-ages", "stmpclean removes old files", f"{path}:{first}",
                          "files that nobody used for long disappear from private directories too",
                          "nothing, if that is meant", (), NOTE)
            continue
        pattern, exception = _INSERTS.get(program, ("", ""))
        command = tools.edit(path, f"{first},{last}s#{pattern}#&{exception}#") if pattern \
            else tools.comment_out(path, first, last)
        yield Finding("cleaner-touches", f"{program} cleans /tmp, and does not leave out /tmp/.private",
                      f"{path}:{first}", WHY, "leave out /tmp/.private" if pattern else "take the line out",
                      (command,), kind)
