"""PrivateTmp= on units that open logins (systemd.exec(5)): their sessions have another /tmp than all others."""
from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

from pam_mktemp_py.doctor import tools, whereabouts
from pam_mktemp_py.doctor.finding import NOTE, Finding, Patient

UNITS = ("ssh.service", "sshd.service", "ssh@.service", "sshd@.service", "cron.service", "crond.service",
         "atd.service", "getty@.service", "serial-getty@.service", "console-getty.service", "user@.service",
         "gdm.service", "gdm3.service", "lightdm.service", "sddm.service", "xdm.service", "xrdp-sesman.service")
FOLDER = "/etc/systemd/system"
FOLDERS = (FOLDER, "/run/systemd/system", "/usr/local/lib/systemd/system", "/usr/lib/systemd/system")
LATER = "zz-pam-mktemp.conf"  # a drop-in: the last one by name decides
YES = ("yes", "true", "on", "1", "y", "t", "disconnected")


def check(_patient: Patient) -> Iterator[Finding]:
    """Units as systemd's own tools print them, and the view that we have ourselves."""
    for unit in installed():
        if private_tmp(shown(unit)):
            folder = f"{FOLDER}/{unit}.d"
            reload = (("systemctl", "daemon-reload"),) if whereabouts.booted() else ()
            yield Finding(
                "unit-private-tmp", f"{unit} has PrivateTmp=", unit,
                "its sessions have a /tmp that no other login of the same account shares, and lose it when the unit "
                "is stopped", f"write PrivateTmp=no into {folder}/{LATER}, reload, and restart the unit",
                (("mkdir", "-p", folder), tools.create(f"{folder}/{LATER}", "[Service]", "PrivateTmp=no"), *reload))
    for line in tools.read("/proc/self/mountinfo"):
        words = line.split(" ")
        if len(words) > 4 and words[4] == "/tmp" and "systemd-private-" in words[3]:
            yield Finding("private-view", "this doctor runs in a service's private /tmp", words[3],
                          "what is said here of /tmp holds for that service only", "run it from a login", (), NOTE)


def installed() -> list[str]:
    """Those of the units that are there."""
    there = {name for folder in FOLDERS if os.path.isdir(folder) for name in os.listdir(folder)}
    return [unit for unit in UNITS if unit in there]


def shown(unit: str, settings: Sequence[str] = ("PrivateTmp",)) -> str:
    """What a running systemd holds of a unit, of a template's some instance; else its files, drop-ins last."""
    held = tools.output("systemctl", "show", f"--property={','.join(settings)}", unit.replace("@.", "@1.")) \
        if whereabouts.booted() else ""
    if held or not _said(unit, settings):
        return held
    return tools.output("systemd-analyze", "cat-config", f"systemd/system/{unit}")


def _said(unit: str, settings: Sequence[str]) -> bool:
    """Whether any file of a unit names one of them: few do, and systemd-analyze takes its time."""
    paths = tools.files(*(f"{folder}/{unit}{more}" for folder in FOLDERS for more in ("", ".d/*.conf")))
    return any(name in line for path in paths for line in tools.read(path) for name in settings)


def private_tmp(text: str) -> bool:
    """What the last PrivateTmp= of a unit and its drop-ins says."""
    values = [line.partition("=")[2].strip().lower() for line in text.splitlines()
              if line.partition("=")[0].strip() == "PrivateTmp"]
    return bool(values) and values[-1] in YES
