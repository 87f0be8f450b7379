"""Which services are logins at stage bind, and other modules in their stacks that mount."""
from __future__ import annotations

from collections.abc import Iterator

from pam_mktemp_py import paths
from pam_mktemp_py.config.model import LOGIN_SERVICES, Config
from pam_mktemp_py.doctor import coverage, modules, tools
from pam_mktemp_py.doctor.bind import bound, instead
from pam_mktemp_py.doctor.finding import Finding, Patient
from pam_mktemp_py.pamstack import stack
from pam_mktemp_py.pamstack.stack import Entry

MOUNTERS = ("pam_mount.so", "pam_zfs_key.so", "pam_ecryptfs.so")
ENTRY = "pam_loginuid.so"  # for entry points to a system, and not for su or sudo: pam_loginuid(8)
DROP_IN = "zz-login-services.toml"


def check(patient: Patient) -> Iterator[Finding]:
    """pam_namespace and modules that mount beside ours; logins that the configuration leaves out, and names of none."""
    config = bound(patient)
    if config is None:
        return
    said: set[str] = set()
    for service in config.login_services:
        entries = patient.stacks.get(service, [])
        ours = next((index for index, entry in enumerate(entries) if entry.line.ours), -1)
        for index, entry in enumerate(entries if ours >= 0 else []):
            if entry.where not in said:
                said.add(entry.where)
                yield from _beside(patient.account.name, config, entry, entries[ours], index > ours)
    yield from _left_out(patient, config)
    yield from _unknown(config)


def _beside(user: str, config: Config, entry: Entry, ours: Entry, after: bool) -> Iterator[Finding]:
    if entry.module == "pam_namespace.so":
        found = list(modules.instances(user))
        if found:
            where, directory = found[0]
            why = "the session leaves its view for that of pam_namespace" if after else \
                f"the module enters no view from there: {instead(config)}"
            yield Finding(
                "namespace-and-bind", f"pam_namespace makes mounts of its own ({directory}, {where})", entry.where, why,
                "take it out; its directories can be instances of ours: pam-mktemp config import "
                f"{where.rpartition(':')[0]}", (tools.comment_out(entry.file, entry.line.first, entry.line.last,
                                                                  entry.module),))
    elif entry.module in MOUNTERS and after:
        yield Finding("mounts-after", f"{entry.module} mounts after our line", entry.where,
                      "what it mounts is in that view alone: neither the host nor a later view of the account has it",
                      f"move the line above {ours.where}", modules.moved_down(ours, entry))


def _left_out(patient: Patient, config: Config) -> Iterator[Finding]:
    names = [name for name, entries in sorted(patient.stacks.items())
             if name not in config.login_services and any(entry.line.ours for entry in entries)
             and any(entry.module == ENTRY for entry in entries) and coverage.of_logins(patient, name)]
    if names:
        folder = paths.drop_in_folder(patient.config_path)
        listed = ", ".join(f"'{name}'" for name in [*config.login_services, *names])
        yield Finding(
            "login-not-listed", f"{', '.join(names)} opens logins and is not among login_services",
            config.origin("login_services"),
            "its sessions keep the view of the daemon, the host's /tmp, and get the variables only",
            f"name it there, with all others, as the list replaces the one before it: {folder}/{DROP_IN}; or in "
            "exempt_services", (("mkdir", "-p", folder),
                                tools.create(f"{folder}/{DROP_IN}", f"login_services = [{listed}]")))


def _unknown(config: Config) -> Iterator[Finding]:
    """Of the default list a machine has few; a name of one's own without a service is a slip."""
    if "login_services" not in config.origins:
        return
    file, line = config.origins["login_services"]
    known = {*LOGIN_SERVICES, *(service.lower() for service in stack.services())}
    for name in config.login_services:
        if name in known:
            continue
        end = next((number for number, text in enumerate(tools.read(file), 1) if number >= line and "]" in text), line)
        quoted = f"[\"']{tools.literal(name)}[\"'][[:space:]]*,?[[:space:]]*"
        yield Finding("login-service-unknown", f"login_services names {name}, and there is no such service",
                      f"{file}:{line}", "nothing happens for it; is another one meant?",
                      f"correct the name, or remove it: see ls {stack.PAM_D}",
                      (tools.edit(file, f"{line},{end}s/{quoted}//"),))
