"""What opens logins in mounts of its own: a view is entered from the host's mounts, or from a view of ours, only."""
from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass

from pam_mktemp_py.doctor import tools, units, whereabouts
from pam_mktemp_py.doctor.bind import FIRST, bound, instead
from pam_mktemp_py.doctor.finding import Finding, Patient
from pam_mktemp_py.namespace import views

DROP_IN = "zz-pam-mktemp-mounts.conf"  # beside that of units.py, which another advice writes
# What gives a unit a mount namespace (systemd.exec(5)), and the value without one. PrivateTmp= is units.py's.
SWITCHES = {**dict.fromkeys(("PrivateDevices", "PrivateMounts", "PrivateIPC", "ProtectKernelTunables",
                             "ProtectKernelModules", "ProtectKernelLogs", "ProtectControlGroups", "ProtectSystem",
                             "ProtectHome"), "no"), "ProtectProc": "default", "ProcSubset": "all"}
LISTS = ("ReadWritePaths", "ReadOnlyPaths", "InaccessiblePaths", "ExecPaths", "NoExecPaths", "ReadWriteDirectories",
         "ReadOnlyDirectories", "InaccessibleDirectories", "BindPaths", "BindReadOnlyPaths", "TemporaryFileSystem",
         "MountImages", "ExtensionImages", "ExtensionDirectories", "RootDirectory", "RootImage", "LogNamespace",
         "MountFlags")
NO = ("no", "false", "off", "0", "n", "f")
DAEMONS = ("sshd", "cron", "crond", "atd", "agetty", "login", "gdm", "gdm3", "lightdm", "sddm", "xdm", "lxdm", "slim",
           "xrdp-sesman", "vsftpd", "proftpd", "pure-ftpd", "inetd", "xinetd")
_UNIT = re.compile(r"/([^/]+\.service)(?:/|$)")


def check(patient: Patient) -> Iterator[Finding]:
    """Units with settings that make them a mount namespace, and daemons that run in one now."""
    config = bound(patient)
    if config is None:
        return
    so = f"no login through it can get its private /tmp: {instead(config)}"
    for unit in units.installed():
        if settings := own_mounts(units.shown(unit, (*SWITCHES, *LISTS))):
            yield _unit(unit, settings, so)
    if patient.root and whereabouts.sees_first():
        yield from _running(so)


def own_mounts(text: str) -> dict[str, str]:
    """{setting: the value that takes it back} of what a unit and its drop-ins say in the end."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        name, _, value = (piece.strip() for piece in line.partition("="))
        usual = SWITCHES.get(name, "")
        without = NO if usual == "no" else (usual, "")
        if name not in SWITCHES and name not in LISTS:
            continue
        found.pop(name, None)  # of a list the empty value takes all back
        if value.lower() not in without and (name, value) != ("MountFlags", "shared"):
            found[name] = usual
    return found


def _unit(unit: str, settings: dict[str, str], so: str) -> Finding:
    folder = f"{units.FOLDER}/{unit}.d"
    lines = [f"{name}={value}" for name, value in settings.items()]
    reload = (("systemctl", "daemon-reload"),) if whereabouts.booted() else ()
    return Finding(
        "unit-own-mounts", f"{unit} has {', '.join(settings)}, and with it mounts of its own", unit, so,
        f"write {' '.join(lines)} into {folder}/{DROP_IN}, reload, and restart the unit",
        (("mkdir", "-p", folder), tools.create(f"{folder}/{DROP_IN}", "[Service]", *lines), *reload))


@dataclass(frozen=True)
class Daemon:
    """A process of root's that opens logins; `unit` is '' where systemd started none."""

    pid: int
    name: str
    namespace: str
    unit: str


def _running(so: str) -> Iterator[Finding]:
    first, marks = os.readlink(FIRST), views.marks()
    said = set()
    for daemon in daemons():
        if daemon.namespace == first or (daemon.name, daemon.namespace) in said:
            continue
        said.add((daemon.name, daemon.namespace))
        start = f"systemctl restart {daemon.unit}" if daemon.unit and whereabouts.booted() \
            else f"service {daemon.name} restart"
        who = f"{daemon.name} (process {daemon.pid})"
        if daemon.namespace in marks:
            yield Finding("daemon-in-view", f"{who} runs in the private view of an account", daemon.namespace,
                          "it takes that account's directory for /tmp, and keeps the view alive: somebody started it "
                          "from there by sudo", f"start it from the host: pam-mktemp host -- {start}")
        else:
            yield Finding("daemon-apart", f"{who} has mounts that are neither the host's nor those of a view of ours",
                          daemon.namespace, so, "take away what gives it those (a setting of its unit, or the script "
                          f"that starts it), and start it from the host: nsenter --mount={FIRST} {start}")


def daemons() -> Iterator[Daemon]:
    """Those that run here; sessions that they opened are children of theirs, and go where logins go."""
    own = os.readlink("/proc/self/ns/pid")
    for name in sorted(filter(str.isdigit, os.listdir("/proc")), key=int):
        folder = f"/proc/{name}"
        try:
            if os.stat(folder).st_uid != 0 or os.readlink(f"{folder}/ns/pid") != own:  # a container's serve that
                continue
            said = "".join(tools.read(f"{folder}/comm")[:1])
            if said in DAEMONS and not _child(folder, said):
                unit = _UNIT.search("".join(tools.read(f"{folder}/cgroup")))
                yield Daemon(int(name), said, os.readlink(f"{folder}/ns/mnt"), unit[1] if unit else "")
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue


def _child(folder: str, name: str) -> bool:
    """Whether its parent is such a daemon itself, so that this is the process of one session."""
    parent = next((line.split()[1] for line in tools.read(f"{folder}/status") if line.startswith("PPid:")), "0")
    return "".join(tools.read(f"/proc/{parent}/comm")[:1]) == name
