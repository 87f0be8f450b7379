"""The shims: what is enabled is in place and root's alone, and logins find it; else a program runs as without it."""
from __future__ import annotations

from collections.abc import Iterator

from pam_mktemp_py import paths
from pam_mktemp_py.config.model import Config
from pam_mktemp_py.doctor import tools
from pam_mktemp_py.doctor.finding import Finding, Patient
from pam_mktemp_py.errors import ConfigError

FOLDER = f"{paths.SHIMS}/bin"


def check(patient: Patient) -> Iterator[Finding]:
    """The enabled shims: links, launch plans, launcher, /etc/profile.d, and whatever comes before them in PATH."""
    config = shimmed(patient)
    if config is None:
        return
    from pam_mktemp_py.doctor import search_path, shims_in_place  # many files, which only this needs
    names = yield from shims_in_place.findings(config)
    if names and shims_in_place.for_logins(config, patient.account):
        yield from search_path.check(patient, names, FOLDER)


def shimmed(patient: Patient) -> Config | None:
    """The configuration, if by it sessions have shims, and something is enabled."""
    config = patient.config
    return config if config and config.stage in tools.SHIMMED and config.shims["enabled"] else None


def hidden_in(folders: list[str], patient: Patient) -> str:
    """A program with a shim that is found in these folders, for an account whose logins have shims; "" for none."""
    config = shimmed(patient)
    if config is None or FOLDER in folders:
        return ""
    from pam_mktemp_py.doctor import shims_in_place
    from pam_mktemp_py.remedies import order
    try:
        names = shims_in_place.programs(config) if shims_in_place.for_logins(config, patient.account) else []
    except ConfigError:  # said by the check above
        return ""
    return next((name for name in names if order.holding(folders, name)), "")
