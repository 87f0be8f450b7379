"""To be written."""
from __future__ import annotations

from collections.abc import Iterator

from pam_mktemp_py.doctor.finding import Finding, Patient


def check(patient: Patient) -> Iterator[Finding]:
    """The directory."""
    yield from ()
