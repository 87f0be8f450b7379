"""pam-mktemp shims list: which programs the catalogue knows, which of them are here, and what is proved of them.

The keys of --json beside those that report.py names:

    site               the folder of the administrator's own entries
    path {folder listed why}
                       the folder of the shims, whether it is in the caller's PATH, and if not, why ("" if nothing
                       that needs it is enabled)
    entries [{name summary group class remedy site program version applies proved upgraded enabled shim behind}]
                       program is its path, null if it is not here; version null if it tells none; applies: the
                       entry is meant for this version; proved {version date system here}, null for nothing;
                       upgraded: what is here is not the version that was proved; enabled: by the configuration,
                       null if that cannot be used; shim: in place, missing, differs (from what the entry says now) or
                       left out (without effect), of the links and launch plans, or of a variable of sessions, null
                       if it is not enabled;
                       behind [{program folder}]: what the caller's PATH has in a folder before that of the shims
    errors [{file line what do}]   of files that therefore do not count; line is 0 where it is about the whole file
"""
from __future__ import annotations

from typing import Any

import click

from pam_mktemp_py.cli import shims_state
from pam_mktemp_py.cli.report import Report, Row
from pam_mktemp_py.cli.settings import Settings
from pam_mktemp_py.cli.shims_state import State
from pam_mktemp_py.remedies import catalogue, installed
from pam_mktemp_py.remedies.catalogue import Catalogue
from pam_mktemp_py.remedies.entry import Entry
from pam_mktemp_py.remedies.installed import Here
from pam_mktemp_py.remedies.proved import Proof


@click.command("list", short_help="The programs of the catalogue, those that are installed here first.")
@click.pass_obj
def command(settings: Settings) -> Report:
    """List each entry of the catalogue: class, remedy, the version that is here, and what was proved.

    Each program that is found in PATH is asked for its version. An entry is proved if a traced run has shown that
    the program uses /tmp without its remedy and does its work without /tmp with it; the others are unproved. A '?'
    marks a program that is here in another version than the one that was proved.

    Of an enabled entry it is shown whether its shims are in place, and whether your PATH finds them: a folder before
    that of the shims which holds the program is named, also marked with '?'.

    The exit status is 1 if a file of the catalogue or the configuration cannot be used, or if something enabled is not
    in place, which is then shown.
    """
    found = load(settings)
    here = installed.look_at_all(found.entries.values())
    state = shims_state.look(settings, found, here)
    report = Report("shims list", settings, {"site": catalogue.site_folder(settings.config)})
    report.data["path"] = state.path_data()
    report.data["entries"] = [data(entry, here[name], found.proofs.get(name)) | state.data(entry)
                              for name, entry in sorted(found.entries.items())]
    add_errors(report, found, state)
    for title, wanted in (("Installed here", True), ("Not installed here", False)):
        rows = [_row(entry, here[name], found.proofs.get(name), state) for name, entry in sorted(found.entries.items())
                if bool(here[name].program) == wanted]
        if rows:
            report.add(title, *rows)
    return report


def load(settings: Settings) -> Catalogue:
    """The catalogue as the settings have it. ConfigError."""
    return catalogue.load(site=catalogue.site_folder(settings.config), state=settings.state, owner=settings.owner)


def add_errors(report: Report, found: Catalogue, state: State | None = None) -> None:
    """What is wrong with files of the catalogue or the configuration, with the folders, and with PATH."""
    errors = [*found.errors, *([state.error] if state and state.error else [])]
    report.data["errors"] = [{"file": error.file, "line": error.line, "what": error.what, "do": error.hint}
                             for error in errors]
    if errors:
        report.add("Not used", *(Row(f"{error.file}:{error.line}" if error.line else error.file, error.what,
                                     error.hint, "bad") for error in errors))
    if state and state.why:
        report.add("Your PATH", Row("without the shims", "", state.why, "unknown"))


def upgraded(here: Here, proof: Proof | None) -> bool:
    """Whether another version is here than the one that was proved."""
    return bool(proof and here.version and proof.version and here.version != proof.version)


def data(entry: Entry, here: Here, proof: Proof | None) -> dict[str, Any]:
    """One entry for --json, in short."""
    return {"name": entry.name, "summary": entry.summary, "group": entry.group, "class": entry.kind,
            "remedy": entry.remedy.kind, "site": entry.site, "program": here.program or None,
            "version": here.version or None, "applies": here.applies,
            "proved": proof_data(proof), "upgraded": upgraded(here, proof)}


def proof_data(proof: Proof | None) -> dict[str, Any] | None:
    """What was proved, for --json."""
    if proof is None:
        return None
    return {"version": proof.version or None, "date": proof.date, "system": proof.system, "here": proof.here}


def in_words(proof: Proof | None) -> str:
    """'proved with 3.3 on 2026-01-31', or 'unproved'."""
    if proof is None:
        return "unproved"
    return f"proved {f'with {proof.version} ' if proof.version else ''}on {proof.date}"


def _row(entry: Entry, here: Here, proof: Proof | None, state: State) -> Row:
    words, mark = state.words(entry)
    if here.program and here.version:
        words.append(f"{here.version} is here")
    if here.program and not here.applies:
        words.append(f"not meant for it ({entry.recognise.versions})")
    if entry.site:
        words.append("a site's own")
    return Row(entry.name, f"{entry.kind}, {entry.remedy.kind}", "; ".join([*words, in_words(proof)]),
               mark or ("unknown" if upgraded(here, proof) else ""))
