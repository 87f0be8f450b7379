"""What sets one of our variables after we did: pam_env(8), sshd_config(5), environment.d(5), systemd-user.conf(5)."""
from __future__ import annotations

import glob
import os
import pwd
from collections.abc import Iterator

from pam_mktemp_py.doctor import sshd, tools
from pam_mktemp_py.doctor.finding import NOTE, Finding, Patient
from pam_mktemp_py.pamstack.stack import Entry

PAM_ENV = "/etc/security/pam_env.conf"
ENVIRONMENT = "/etc/environment"
USER_MANAGER = (
    *(f"{folder}/environment.d/*.conf" for folder in ("/etc", "/run", "/usr/local/lib", "/usr/lib")),
    *(f"{folder}/systemd/user.conf{also}" for folder in ("/etc", "/run", "/usr/lib") for also in ("", ".d/*.conf")),
)
WHY = "a session gets this value instead of its private directory's path"


def check(patient: Patient) -> Iterator[Finding]:
    """Every line that sets one of the variables, once, with all that reads it."""
    names = tools.variables(patient)
    for where, line, readers in lines_that_set(patient, names):
        path, _, line_number = where.rpartition(":")
        name = _sets(line, names)
        yield Finding("environment-sets", f"a line sets {name}, read by {', '.join(readers)}", where, WHY,
                      "take the variable out of this line", (tools.comment_out(path, int(line_number)),))
    yield from _own_files(patient)


def lines_that_set(patient: Patient, names: list[str]) -> Iterator[tuple[str, str, list[str]]]:
    """(FILE:LINE, the line, who reads it) of all lines of root's that set one of these variables after our module."""
    found: dict[str, list[str]] = {}
    for path, reader in _read_by_us(patient):
        for number, line in tools.numbered(path):
            if _sets(line, names):
                readers = found.setdefault(f"{os.path.realpath(path)}:{number}", [])
                readers += [reader] if reader not in readers else []
    for where, readers in found.items():
        path, _, line_number = where.rpartition(":")
        yield where, tools.read(path)[int(line_number) - 1], readers


def _sets(line: str, names: list[str]) -> str:
    """The variable that a line sets, '' if none: NAME=, or pam_env.conf's NAME DEFAULT=value."""
    words = line.split()
    if len(words) > 1 and words[0] in names and words[1].startswith(("DEFAULT=", "OVERRIDE=")):
        return words[0]
    return "" if line.lstrip().startswith(("#", ";")) else tools.assigned(line.replace('"', " "), names)


def _read_by_us(patient: Patient) -> Iterator[tuple[str, str]]:
    """Files of root's that are read after our module has run, and what reads each."""
    for service, entry in _pam_env_after(patient):
        arguments = entry.line.arguments
        yield _argument(arguments, "conffile", PAM_ENV), f"pam_env in service {service}"
        if "readenv=0" not in arguments:
            yield _argument(arguments, "envfile", ENVIRONMENT), f"pam_env in service {service}"
    # SetEnv comes after PAM's variables. ~/.ssh/environment and authorized_keys come before, and ours replace theirs.
    for path in sshd.files() if _covered(patient, "sshd") else []:
        yield path, "sshd"
    for path in tools.files(*USER_MANAGER) if _covered(patient, "systemd-user") else []:
        yield path, "each user's systemd"


def _argument(arguments: tuple[str, ...], name: str, usual: str) -> str:
    given = [word.partition("=")[2] for word in arguments if word.startswith(name + "=")]
    return given[-1] if given else usual


def _covered(patient: Patient, service: str) -> bool:
    return any(entry.line.ours for entry in patient.stacks.get(service, []))


def _pam_env_after(patient: Patient) -> Iterator[tuple[str, Entry]]:
    """The lines of pam_env that run after ours, in every service; in auth a program may have them run last of all."""
    for service, entries in patient.stacks.items():
        ours = [index for index, entry in enumerate(entries) if entry.line.ours]
        for entry in entries[ours[-1]:] if ours else []:
            if entry.module == "pam_env.so":
                yield service, entry
    for service, entries in patient.late.items():
        for entry in entries:
            if entry.module == "pam_env.so":
                yield service, entry


def _in_home(home: str) -> list[str]:
    return tools.files(f"{glob.escape(home)}/.config/environment.d/*.conf")[:tools.MOST]


def _own_files(patient: Patient) -> Iterator[Finding]:
    """The same in the account's own files, which only matter where root allows them."""
    names = tools.variables(patient)
    for path, reader in own_readers(patient).items():
        found = [(number, name) for number, line in tools.numbered(path, follow=False)
                 if (name := _sets(line, names))]
        if found:
            yield Finding("own-environment-sets", f"the account's own file sets {found[0][1]}, read by {reader}",
                          f"{path}:{found[0][0]}", WHY, "if the account did not mean that, take the variables out",
                          (tools.own_lines(patient.account, path, [number for number, _ in found]),), NOTE)


def own_readers(patient: Patient) -> dict[str, str]:
    """The account's own files that are read after our module, and what reads each."""
    try:
        home = pwd.getpwnam(patient.account.name).pw_dir
    except KeyError:
        return {}
    readers: dict[str, str] = {}
    for service, entry in _pam_env_after(patient):
        if "user_readenv=1" in entry.line.arguments:
            name = _argument(entry.line.arguments, "user_envfile", ".pam_environment")
            readers[f"{home}/{name}"] = f"pam_env with user_readenv=1 in service {service}"
    if _covered(patient, "systemd-user"):
        readers |= {path: "the account's systemd" for path in _in_home(home)}
    return readers
