"""What puts other folders before the shims in PATH, or takes them out of it: start files, pam_env(8), crontab(5)."""
from __future__ import annotations

import os
import pwd
import re
from collections.abc import Iterable, Iterator

from pam_mktemp_py.doctor import environment, shells, tools
from pam_mktemp_py.doctor.finding import NOTE, PROBLEM, Finding, Patient
from pam_mktemp_py.doctor.path_lines import Change, Reader, of_value
from pam_mktemp_py.remedies import order

PROFILE = "/etc/profile"
PIECE = "/etc/profile.d/pam-mktemp-shims.sh"
AGAIN = f"[ ! -r {PIECE} ] || . {PIECE}"
_AGAIN = {  # how other shells put the folder first again
    "csh": "if ( $?PAM_MKTEMP_SHIMS ) setenv PATH ${PAM_MKTEMP_SHIMS}:${PATH}",
    "fish": 'test -n "$PAM_MKTEMP_SHIMS"; and set -gx PATH $PAM_MKTEMP_SHIMS $PATH',
}
CRONTABS = ("/var/spool/cron/crontabs", "/var/spool/cron")
CRON = ("/etc/crontab", "/etc/cron.d/*")
_JOB = re.compile(r"(?:@\w+|(?:\S+\s+){4}\S+)\s+(\S+)\s+\S")
_CRON_PATH = re.compile(r"\s*[\"']?PATH[\"']?\s*=\s*(.*)")


def check(patient: Patient, programs: list[str], folder: str) -> Iterator[Finding]:
    """Everything that comes after the login has put `folder` first, for an account whose logins have the shims.

    `programs` have one. Only what keeps one of them from being found is said.
    """
    yield from _start_files(patient, programs)
    yield from _environment(patient, programs)
    yield from _cron(patient, programs, folder)


def _hidden(change: Change, programs: Iterable[str]) -> str:
    """The effect of a change in words; "" if every program is found as before."""
    found = {name: at for name in programs if (at := order.holding(change.folders, name))}
    if not found:
        return "puts folders before the shims that cannot be told from its text" if change.unclear else ""
    folders = list(dict.fromkeys(found.values()))
    names = [name for name, at in found.items() if at == folders[0]]
    shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if names[3:] else "")
    if change.anew:
        return f"gives PATH anew, without the shims: {shown} of {folders[0]} is run without its remedy"
    return f"puts {folders[0]} before the shims, which holds {shown}"


def _start_files(patient: Patient, programs: list[str]) -> Iterator[Finding]:
    for path, after in _systems():
        reader = Reader(tools.read, _values(patient), frozenset({PIECE}))
        reader.file(path, after=after)
        yield from _of_file(patient, path, reader.found, programs, own=False)
    try:
        home = pwd.getpwnam(patient.account.name).pw_dir
    except KeyError:
        return
    own = [os.path.join(home, name) for name in shells.OWN]
    for path in own:
        reader = Reader(lambda name: _own_lines(patient, name), _values(patient), frozenset({*own, PROFILE}))
        reader.file(path)
        yield from _of_file(patient, path, reader.found, programs, own=True)


def _values(patient: Patient) -> dict[str, str]:
    return {"HOME": patient.account.home, "USER": patient.account.name, "LOGNAME": patient.account.name}


def _own_lines(patient: Patient, path: str) -> list[str]:
    """The lines of a file that the account's start files read: what it could read itself, and none behind a link."""
    try:
        about = os.lstat(path)
    except (OSError, ValueError):
        return []
    if about.st_uid != patient.account.uid and not about.st_mode & 0o004:
        return []
    return tools.read(path, follow=False)


def _systems() -> Iterator[tuple[str, int]]:
    """The system's start files, each with the last line that our own piece in /etc/profile.d makes good again."""
    for path in tools.files(*shells.SYSTEM):
        folder, _, name = path.rpartition("/")
        if folder == os.path.dirname(PIECE) and name.endswith(".sh"):
            if name > os.path.basename(PIECE):
                yield path, 0
        elif path == PROFILE:
            yield path, max((number for number, line in tools.numbered(path) if "profile.d" in line), default=0)
        else:
            yield path, 0


def _of_file(patient: Patient, path: str, changes: list[Change], programs: list[str], own: bool) -> Iterator[Finding]:
    told = [(change, words) for change in changes if (words := _hidden(change, programs))]
    told.sort(key=lambda each: each[1].endswith("its text"))  # what is known first
    if not told:
        return
    change, words = told[0]
    more = f", and so do {len(told) - 1} more lines" if told[1:] else ""
    line = _AGAIN.get(_kind(path), AGAIN)
    script = f"$a {line}"
    yield Finding(
        "own-shims-behind" if own else "shims-behind", f"a start file {words}{more}", f"{change.file}:{change.line}",
        "shells that read it run these programs without their remedy, unless that is meant",
        f"put the shims first again at the end of {path}: {line}",
        (tools.as_account(patient.account, tools.edit(path, script)) if own else tools.edit(path, script),),
        NOTE if own or change.unclear and not change.folders else PROBLEM)


def _kind(path: str) -> str:
    """The kind of shell that reads a start file."""
    folder, _, name = path.rpartition("/")
    if name.endswith(".fish") or folder.endswith("/fish"):
        return "fish"
    return "csh" if "csh" in name or name == ".login" or "/csh" in path else "sh"


def _environment(patient: Patient, programs: list[str]) -> Iterator[Finding]:
    """pam_env after our line, sshd's SetEnv and the user's systemd: they set PATH when we have set it."""
    so = "login shells have the shims again by /etc/profile.d; ssh HOST COMMAND, a desktop and what it starts have not"
    for where, line, readers in environment.lines_that_set(patient, ["PATH"]):
        path, _, number = where.rpartition(":")
        if words := _set_by(line, patient, programs):
            yield Finding("shims-path-set", f"a line {words}; it is read by {', '.join(readers)}", where, so,
                          "take PATH out of this line; that of a login is then ENV_PATH of /etc/login.defs",
                          (tools.comment_out(path, int(number), holding="PATH"),))
    for path, reader in environment.own_readers(patient).items():
        for number_, line in tools.numbered(path, follow=False)[:tools.MOST]:
            if words := _set_by(line, patient, programs):
                yield Finding("own-shims-path-set", f"the account's own file {words}; it is read by {reader}",
                              f"{path}:{number_}", so, "if the account did not mean that, take the line out",
                              (tools.own_lines(patient.account, path, [number_]),), NOTE)
                break


def _set_by(line: str, patient: Patient, programs: list[str]) -> str:
    """The effect of a line that sets PATH, in pam_env.conf's way or NAME=VALUE; "" for none."""
    found = re.search(r"(?<![\w$])PATH(?:\s+(?:DEFAULT|OVERRIDE))?=(\"[^\"]*\"|'[^']*'|\S*)", line)
    change = of_value(found[1].replace("@{HOME}", "$HOME"), _values(patient)) if found else None
    return _hidden(change, programs) if change else ""


def _cron(patient: Patient, programs: list[str], folder: str) -> Iterator[Finding]:
    name = patient.account.name
    own = [f"{place}/{name}" for place in CRONTABS]
    for path in [*own, *tools.files(*CRON)]:
        lines = tools.numbered(path, follow=path not in own)
        jobs = [line for _, line in lines if (job := _JOB.match(line)) and (path in own or job[1] == name)]
        for number, line in lines if jobs else []:
            found = _CRON_PATH.match(line)
            change = of_value(found[1], _values(patient)) if found and folder not in line else None
            if change and _hidden(change, programs):
                yield Finding(
                    "shims-not-in-cron", f"cron's PATH for jobs of {name} has no shims", f"{path}:{number}",
                    "jobs run these programs without their remedy, with TMPDIR alone",
                    f"if they shall have it, put {folder}: first in this line",
                    (tools.edit(path, f"{number}s#=[[:space:]]*[\"']?#&{folder}:#"),), NOTE)
