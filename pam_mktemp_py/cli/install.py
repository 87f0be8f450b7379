"""pam-mktemp install: every piece to its place, from a package that root alone can write.

The keys of --json beside those that report.py names:

    dry_run            whether nothing was changed
    source             the folder of the package that the pieces come from
    steps [{path action}]      new, replaced, same, kept (the configuration) or removed (of an older version)
"""
from __future__ import annotations

import os
import sys
from dataclasses import replace

import click

from pam_mktemp_py.cli.report import Report, Row
from pam_mktemp_py.cli.settings import Settings
from pam_mktemp_py.errors import InstallError
from pam_mktemp_py.pamstack import install, pieces, places
from pam_mktemp_py.pamstack.install import FROM_SOURCES, Sources
from pam_mktemp_py.pamstack.pieces import Layout

_WHY = {"kept": "the administrator's", "removed": "of an older version", "same": "nothing to do"}


@click.command("install", short_help="Put the module, the planner and their companions in their places.")
@click.option("-n", "--dry-run", is_flag=True,
              help="Show what would be written, replaced or removed, and change nothing.")
@click.option("--destdir", metavar="DIR", default="", type=click.Path(),
              help="Put everything below DIR, to make a package of it. The files are those for /.")
@click.option("--prefix", metavar="DIR", default=None, type=click.Path(),
              help="Where the command, the manual and other companions go. Default: where they are, else /usr. The "
                   "module and the planner have fixed places.")
@click.pass_obj
def command(settings: Settings, dry_run: bool, destdir: str, prefix: str | None) -> Report:
    """Put the PAM module, the planner, the manual and their companions in their places.

    Nothing changes for logins until `pam-mktemp enable`. From a checkout of the sources use `sudo make
    install`; this command does the same from a package that pip has put into a folder that root alone can
    write, and from the installation itself: there it verifies what is installed, puts back what is missing or
    was changed, and compiles the planner for the Python that is there now. Run it after an upgrade of Python.

    What runs as root in every login must lie where nobody else can write. So the command refuses to take
    it from a virtual environment, a home, or any folder that another account or group can write, and to put
    it into one. All of it is replaced or, where that fails, nothing; logins that happen meanwhile are served.
    An existing configuration is kept.

    The exit status is 1 if it is refused.
    """
    sources = install.of_package()
    destdir = os.path.abspath(destdir) if destdir else ""
    if not destdir.rstrip("/"):
        if os.geteuid() != 0:
            raise PermissionError("the system's folders are root's")
        check_source(sources)
    steps = install.install(sources, layout_of(sources, destdir, prefix), dry_run=dry_run)
    report = Report("install", settings, {
        "dry_run": dry_run, "source": sources.package,
        "steps": [{"path": step.path, "action": step.action} for step in steps]})
    report.add("Would be done" if dry_run else "Installed",
               *(Row(step.path, step.action, _WHY.get(step.action, "")) for step in steps))
    return report


def layout_of(sources: Sources, destdir: str, prefix: str | None) -> Layout:
    """Where everything goes: as before, if there is an installation."""
    known = pieces.read_manifest(destdir.rstrip("/") + pieces.LIBDIR) or pieces.read_manifest()
    layout = replace(known.layout if known else Layout(), destdir=destdir)
    if not layout.securitydir:
        folder = pieces.security_dir()
        if not folder:
            raise InstallError("/usr/lib/*/security", "no folder holds PAM's modules (pam_permit.so)", FROM_SOURCES)
        layout = replace(layout, securitydir=folder)
    return replace(layout, prefix=os.path.abspath(prefix)) if prefix else layout


def check_source(sources: Sources) -> None:
    """InstallError if anybody but root could have written what is about to be installed."""
    if sys.prefix != sys.base_prefix:
        raise InstallError(sys.prefix, "is a virtual environment, whose owner would be root at the next login",
                           FROM_SOURCES)
    if not os.path.isdir(sources.folder):
        raise InstallError(sources.package, "holds only the Python part", FROM_SOURCES)
    if found := places.fault_below(sources.package):
        raise InstallError(found.component, f"{found.what}, who would be root at the next login", FROM_SOURCES)
    _check_unchanged(sources)


def _check_unchanged(sources: Sources) -> None:
    """The installation's own folder has a manifest: it must be what was installed."""
    folder = os.path.dirname(sources.package)
    manifest = pieces.read_manifest(folder)
    for name, sha in sorted(manifest.library.items() if manifest else ()):
        if pieces.digest(f"{folder}/{name}") != sha:
            raise InstallError(f"{folder}/{name}", "is missing or was changed since it was installed", FROM_SOURCES)
