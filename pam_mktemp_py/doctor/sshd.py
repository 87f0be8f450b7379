"""Whether sshd asks PAM at all (sshd_config(5), UsePAM)."""
from __future__ import annotations

import os
import re
from collections.abc import Iterator

from pam_mktemp_py.doctor import tools
from pam_mktemp_py.doctor.finding import Finding, Patient

CONFIG = "/etc/ssh/sshd_config"
FILES = (CONFIG, "/etc/ssh/sshd_config.d/*.conf")
_INCLUDE = re.compile(r"include[\s=]+(.*)", re.I)
_LINE = re.compile(r"usepam[\s=]+\"?no\b", re.I)


def files() -> list[str]:
    """sshd's configuration, and what it includes; one deep."""
    included = [os.path.join("/etc/ssh", word.strip('"')) for path in tools.files(*FILES)
                for _, line in tools.numbered(path) if (found := _INCLUDE.match(line)) for word in found[1].split()]
    return tools.files(*FILES, *included)


def check(patient: Patient) -> Iterator[Finding]:
    """Sessions of sshd without PAM, though its PAM file runs our module; as sshd itself reads its configuration."""
    if not any(entry.line.ours for entry in patient.stacks.get("sshd", [])):
        return
    if "usepam no" not in tools.output("sshd", "-T").lower().splitlines():  # '' without root, or without host keys
        return
    found = [(path, number) for path in files() for number, line in tools.numbered(path)
             if _LINE.match(line)]
    commands = [tools.edit(path, f"{number}s/.*/UsePAM yes/") for path, number in found]
    # The first value counts. Upstream's own is no.
    commands = commands or [tools.edit(CONFIG, "1i UsePAM yes")]
    yield Finding("sshd-without-pam", "sshd does not use PAM (UsePAM no)",
                  f"{found[0][0]}:{found[0][1]}" if found else CONFIG,
                  "logins through ssh get no private directory, whatever PAM's files say",
                  "write UsePAM yes, and reload sshd", tuple(commands))
