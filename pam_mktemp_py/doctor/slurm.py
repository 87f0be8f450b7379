"""Slurm's ways to give each job its own /tmp: what becomes of a TMPDIR that sbatch brings along."""
from __future__ import annotations

import re
from collections.abc import Iterator

from pam_mktemp_py.doctor import tools
from pam_mktemp_py.doctor.finding import NOTE, Finding, Patient

FOLDERS = ("/etc/slurm", "/etc/slurm-llnl", "/usr/local/etc/slurm")
# job_container.conf(5), namespace.yaml(5); the others are plugins of SPANK (plugstack.conf(5)).
WAYS = (
    ("job_container.conf", re.compile(r"^\s*(?:\S+\s+)*basepath\s*=\s*(?!none\b)\S", re.I)),
    ("namespace.yaml", re.compile(r"^\s*-?\s*(?:base_path|basepath)\s*:\s*(?!none\b)\S", re.I)),
    ("plugstack.conf", re.compile(r"^\s*(?:required|optional)\s.*(?:private[-_]?tmp|auto_tmpdir|tmpdir)", re.I)),
    ("plugstack.conf.d/*", re.compile(r"^\s*(?:required|optional)\s.*(?:private[-_]?tmp|auto_tmpdir|tmpdir)", re.I)),
)
_PROLOG = re.compile(r"^\s*taskprolog\s*=\s*(\S+)", re.I)


def check(_patient: Patient) -> Iterator[Finding]:
    """The first line of each file that gives jobs a /tmp, unless a TaskProlog sets TMPDIR there."""
    if _prolog_sets():
        return
    for folder in FOLDERS:
        for name, pattern in WAYS:
            for path in tools.files(f"{folder}/{name}"):
                found = next((number for number, line in tools.numbered(path) if pattern.search(line)), 0)
                if found:
                    yield Finding(
                        "slurm-own-tmp", "Slurm gives jobs their own /tmp", f"{path}:{found}",
                        "a job inherits TMPDIR from the login that submitted it, and that path does not exist there",
                        "have a TaskProlog print: export TMPDIR=/tmp TMP=/tmp TEMP=/tmp TEMPDIR=/tmp", (), NOTE)


def _prolog_sets() -> bool:
    for path in tools.files(*(f"{folder}/slurm.conf" for folder in FOLDERS)):
        for _, line in tools.numbered(path):
            prolog = _PROLOG.match(line)
            if prolog and any("TMPDIR=" in text for _, text in tools.numbered(prolog[1])):
                return True
    return False
