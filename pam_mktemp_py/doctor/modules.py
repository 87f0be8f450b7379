"""Other modules in the stack that have to do with /tmp: what they set, mount, or need before us."""
from __future__ import annotations

import functools
import os
import re
from collections.abc import Iterator

from pam_mktemp_py import paths
from pam_mktemp_py.doctor import tools
from pam_mktemp_py.doctor.finding import NOTE, PROBLEM, Finding, Patient
from pam_mktemp_py.pamstack.lines import MODULE
from pam_mktemp_py.pamstack.stack import Entry

FOLDERS = ("/lib/security", "/usr/lib/security", "/lib64/security", "/usr/lib64/security",
           "/lib/*/security", "/usr/lib/*/security")
NAMESPACES = ("/etc/security/namespace.conf", "/etc/security/namespace.d/*.conf")
PROFILES = "/usr/share/pam-configs"
SETTERS = {  # what each of these gives a session in our place
    "pam_tmpdir.so": "/tmp/user/UID",
    "pam_mktemp.so": "a directory of its own below /tmp, in TMPDIR and TMP only",
}
HOMES = ("pam_mkhomedir.so", "pam_oddjob_mkhomedir.so")
LONGEST = 4 << 20  # bytes of a module that are searched


def check(patient: Patient) -> Iterator[Finding]:
    """Every service that runs our module; a line that many include is reported once."""
    said = set()
    for service, entries in patient.stacks.items():
        at = next((index for index, entry in enumerate(entries) if entry.line.ours), -1)
        if at < 0:
            continue
        for index, entry in enumerate(entries):
            if entry.where in said or not entry.module or entry.module == MODULE:
                continue
            for finding in _findings(entry, entries[at], index > at, patient):
                said.add(entry.where)
                yield finding
        for entry in patient.late.get(service, []):
            for finding in _setter(entry, True, patient) if entry.where not in said else ():
                said.add(entry.where)
                yield finding


def _findings(entry: Entry, ours: Entry, after: bool, patient: Patient) -> Iterator[Finding]:
    if entry.module == "pam_namespace.so":
        yield from _namespace(entry, ours, after, patient)
    elif entry.module in HOMES:
        if after:
            yield Finding("home-after", f"{entry.module} makes the home directory after our line", entry.where,
                          "no harm as long as nothing is mounted; a stage that mounts needs the home first",
                          f"move the line above {ours.where}", moved_down(ours, entry), NOTE)
    else:
        yield from _setter(entry, after, patient)


def _setter(entry: Entry, after: bool, patient: Patient) -> Iterator[Finding]:
    if entry.module and entry.module != "pam_env.so" and (sets := _sets(entry, patient)):
        value = SETTERS.get(entry.module, "a value of its own")
        why = ("the session gets that and not the private directory; where it leaves some of the variables, "
               "they disagree") if after else "our module runs later and replaces it: it works for nothing"
        yield Finding("other-module", f"{entry.module} sets {sets}: {value}", entry.where, why,
                      "take it out of the stack", (_taken_out(entry),), PROBLEM if after else NOTE)


def _sets(entry: Entry, patient: Patient) -> str:
    """The variables that a module gives a value; by what is known of it, or by the words in its file."""
    if entry.module == "pam_tmpdir.so":
        return "TMP TMPDIR TEMP TEMPDIR"
    names = tools.variables(patient)
    found = set(_words(entry.line.module, tuple(names)))
    if entry.module == "pam_mktemp.so":
        found |= {name for word in entry.line.arguments for name in [word.removeprefix("var=")] if name in names}
        found = found or {"TMPDIR", "TMP"}
    return " ".join(name for name in names if name in found)


@functools.cache
def _words(module: str, names: tuple[str, ...]) -> frozenset[str]:
    """Those of the variables for which a module's file has NAME=; empty if it cannot be read."""
    wanted = re.compile(rb"(?<![\w/.%-])(" + b"|".join(re.escape(name.encode()) for name in names) + b")=")
    try:
        with open(_path(module), "rb") as file:
            return frozenset(name.decode() for name in wanted.findall(file.read(LONGEST)))
    except OSError:
        return frozenset()


def _path(module: str) -> str:
    if module.startswith("/"):
        return module
    found = tools.files(*(f"{folder}/{module}" for folder in FOLDERS))
    return found[0] if found else ""


def _taken_out(entry: Entry) -> tools.Command:
    """pam-auth-update's own way where it wrote the line, else a comment."""
    if os.path.basename(entry.file).startswith("common-"):
        for profile in tools.files(f"{PROFILES}/*"):
            if any(entry.module in line.split() for line in tools.read(profile)):
                return ("pam-auth-update", "--disable", os.path.basename(profile))
    return tools.comment_out(entry.file, entry.line.first, entry.line.last, entry.module)


def moved_down(ours: Entry, entry: Entry) -> tuple[tools.Command, ...]:
    """Our line put right after another of the same file; nothing where pam-auth-update writes the file."""
    if ours.file != entry.file or ours.line.first != ours.line.last \
            or os.path.basename(ours.file).startswith("common-"):
        return ()
    return (tools.edit(ours.file, f"{ours.line.first}{{/{MODULE}/{{h;d}}}};{entry.line.last}G"),)


def _namespace(entry: Entry, ours: Entry, after: bool, patient: Patient) -> Iterator[Finding]:
    for where, polydir in polyinstantiated(patient.account.name):
        if after:
            yield Finding(
                "namespace-after", f"pam_namespace puts another directory at {polydir} after our line",
                entry.where, f"TMPDIR then names what is not there ({where})",
                f"put our line, {ours.where}, behind it", moved_down(ours, entry))
        else:
            yield Finding(
                "namespace-before", f"pam_namespace gives the session its own {polydir}", where,
                "the private directory is made inside of that: it is another one in each service with pam_namespace "
                "than in those without", "nothing, if that is meant; else take the line out",
                (tools.comment_out(*_split(where)),), NOTE)


def polyinstantiated(user: str) -> Iterator[tuple[str, str]]:
    """(FILE:LINE, directory) of namespace.conf(5) that hides /tmp/.private from this user."""
    for where, polydir in instances(user):
        if f"{paths.BASE}/{paths.PRIVATE}/".startswith(polydir.rstrip("/") + "/"):
            yield where, polydir


def instances(user: str) -> Iterator[tuple[str, str]]:
    """(FILE:LINE, directory) of all that namespace.conf(5) gives this user an instance of."""
    for path in tools.files(*NAMESPACES):
        for number, line in tools.numbered(path):
            words = line.split()
            if len(words) < 3:
                continue
            users = words[3] if len(words) > 3 else ""
            listed = user in users.removeprefix("~").split(",")
            if listed == users.startswith("~"):
                yield f"{path}:{number}", words[0]


def _split(where: str) -> tuple[str, int]:
    path, _, number = where.rpartition(":")
    return path, int(number)
