"""Whether what is enabled is in place: the shims' folders, the launcher, /etc/profile.d, the programs' versions."""
from __future__ import annotations

import datetime
import os
import re
import stat
from collections.abc import Generator, Iterator

from pam_mktemp_py import paths
from pam_mktemp_py.config import shims_file
from pam_mktemp_py.config.model import Config
from pam_mktemp_py.doctor import search_path, tools
from pam_mktemp_py.doctor.finding import NOTE, PROBLEM, Finding
from pam_mktemp_py.doctor.installation import RENEW, RENEWED
from pam_mktemp_py.errors import Refused
from pam_mktemp_py.linux.accounts import Account
from pam_mktemp_py.pamstack import places
from pam_mktemp_py.remedies import catalogue, enabled, installed, order
from pam_mktemp_py.remedies.catalogue import Catalogue
from pam_mktemp_py.remedies.enabled import Wanted
from pam_mktemp_py.remedies.entry import Entry
from pam_mktemp_py.remedies.proved import Proof

SYNC = ("pam-mktemp", "shims", "sync")
WITHOUT = "the programs run as without their remedy, and use the /tmp of the session"
_PROGRAMS = f"/usr/local/bin:{tools.ENVIRONMENT['PATH']}"
_PUTS_FIRST = re.compile(r"\bPATH=[\"']?\$\{?PAM_MKTEMP_SHIMS\b")


def findings(config: Config) -> Generator[Finding, None, list[str]]:
    """What is wrong on this host, for whatever account; the names of the programs that have a shim. ConfigError."""
    found, names = known(config), config.shims["enabled"]
    wanted = enabled.wanted(found, names, order.meant(found, names), order.present)
    yield from _without_effect(config, wanted)
    yield from _state(config, wanted)
    yield from _upgraded(found, names)
    if wanted.plans:
        yield from _launcher()
        yield from _profile()
    return sorted(wanted.plans)


def known(config: Config) -> Catalogue:
    """What the catalogue says of the enabled entries. ConfigError."""
    return catalogue.load(site=catalogue.site_folder(config.path), only=config.shims["enabled"])


def programs(config: Config) -> list[str]:
    """The names of the programs that have a shim, or should. ConfigError."""
    return order.programs(known(config), config.shims["enabled"])


def for_logins(config: Config, account: Account) -> bool:
    """Whether logins of the account have the shims in their PATH."""
    return order.decision(config, account).shims == "path"


def _without_effect(config: Config, wanted: Wanted) -> Iterator[Finding]:
    for each in wanted.left_out:
        yield Finding(
            "shims-without-effect", f"{each.name} is enabled, and has no effect: {each.why}",
            config.origin("shims.enabled"), WITHOUT,
            "disable it" if each.wrong else "nothing, if another version is to be expected; else disable it",
            (("pam-mktemp", "shims", "disable", each.name),), PROBLEM if each.wrong else NOTE)


def _state(config: Config, wanted: Wanted) -> Iterator[Finding]:
    """The folders are root's alone, and in them and the configuration stands what sync would write."""
    exposed = places.fault_below(paths.SHIMS) if os.path.lexists(paths.SHIMS) else None
    if exposed:
        yield Finding("shims-exposed", f"the shims are not root's alone: {exposed.what}", exposed.component,
                      "whoever can write there decides what accounts run by the name of a program",
                      str(exposed).partition("; ")[2] or "see what it is", (*exposed.commands, SYNC))
    try:
        steps = order.steps(paths.SHIMS, wanted.plans)
    except (Refused, OSError) as error:
        yield Finding("shims-stale", f"the shims cannot be in place: {error}", paths.SHIMS, WITHOUT,
                      "move it away, and write them again",
                      (("mv", _named(error), f"{_named(error)}.moved-away"), SYNC))
        return
    path = shims_file.path(config.path)
    if wanted.variables != config.shims["variables"]:
        steps = {path: "replaced", **steps}
    if steps:
        first = next(iter(steps))
        yield Finding("shims-stale", f"what is enabled is not in place as it should be: {_counted(steps)}", first,
                      WITHOUT, "write them again: pam-mktemp shims sync", (SYNC,))


def _named(error: Exception) -> str:
    return error.path if isinstance(error, Refused) else str(getattr(error, "filename", "") or paths.SHIMS)


def _counted(steps: dict[str, str]) -> str:
    words = {"made": "missing", "replaced": "different", "mended": "of a wrong owner or mode", "removed": "too many"}
    numbers = {word: sum(action == each for each in steps.values()) for action, word in words.items()}
    return ", ".join(f"{number} {word}" for word, number in numbers.items() if number)


def _launcher() -> Iterator[Finding]:
    """All shims lead to it. The kernel gives a setuid program none of the caller's environment that it needs."""
    path = order.launcher()
    try:
        about = os.stat(path)
    except OSError:
        about = None
    if about is None or not stat.S_ISREG(about.st_mode) or about.st_mode & 0o111 != 0o111:
        yield Finding("launcher-missing", "the launcher is missing, or not everybody can run it", path,
                      WITHOUT, RENEWED, RENEW)
        return
    if about.st_mode & (stat.S_ISUID | stat.S_ISGID):
        yield Finding("launcher-setuid", "the launcher is setuid or setgid", path,
                      "it must not have more rights than its caller: it does nothing then", "take the bits away",
                      (("chmod", "u-s,g-s", path),))
    if fault := places.fault(path):
        yield Finding("launcher-exposed", f"the launcher is not root's alone: {fault.what}", fault.component,
                      "whoever can write it is every account that starts an enabled program",
                      f"{str(fault).partition('; ')[2] or 'take it from others'}; then {RENEWED}",
                      (*fault.commands, *RENEW))


def _profile() -> Iterator[Finding]:
    """/etc/profile sets PATH anew in most distributions, so without our piece login shells have no shims."""
    piece = search_path.PIECE
    lines = tools.read(piece)
    good = os.path.isfile(piece) and os.stat(piece).st_mode & 0o004
    so = "/etc/profile sets PATH anew, so login shells do not find the shims"
    if not os.path.lexists(piece):
        yield Finding("shims-profile", "the file of /etc/profile.d that puts the shims first is missing", piece, so,
                      RENEWED, RENEW)
    elif not good or not any(_PUTS_FIRST.search(line) for line in lines if not line.lstrip().startswith("#")):
        yield Finding("shims-profile", "the file of /etc/profile.d that puts the shims first does not do it any more, "
                      "or not everybody can read it", piece, so, f"move it away, and {RENEWED}",
                      (("mv", piece, f"{piece}.moved-away"), *RENEW))
    profile = tools.numbered(search_path.PROFILE)
    if any(line.startswith("PATH=") for _, line in profile) and not any("profile.d" in line for _, line in profile):
        yield Finding("shims-profile", "/etc/profile does not read /etc/profile.d", search_path.PROFILE, so,
                      f"let it read the shims' file at its end: {search_path.AGAIN}",
                      (tools.edit(search_path.PROFILE, f"$a {search_path.AGAIN}"),))


def _upgraded(found: Catalogue, names: list[str]) -> Iterator[Finding]:
    """Programs that were changed since they were proved on this host: only these are asked for their version, which
    may take a while."""
    asked = [(entry, proof) for entry, proof in ((found.entries.get(name), found.proofs.get(name)) for name in names)
             if entry and proof and proof.here and proof.version and _newer(entry, proof)]
    here = installed.look_at_all([entry for entry, _ in asked], _PROGRAMS) if asked else {}
    for entry, proof in asked:
        version = here[entry.name].version
        if version and version != proof.version:
            yield Finding(
                "shim-upgraded", f"{entry.name} is enabled, was proved with {proof.version}, and {version} is here",
                here[entry.name].program, "another version may use /tmp in another way",
                f"prove it again: pam-mktemp shims verify {entry.name}",
                (("pam-mktemp", "shims", "verify", entry.name),), NOTE)


def _newer(entry: Entry, proof: Proof) -> bool:
    """Whether the program's file is as new as its proof."""
    program = installed.find(entry, _PROGRAMS)
    if not program:
        return False
    day = datetime.date.fromtimestamp(os.stat(program).st_ctime).isoformat()
    return day >= proof.date
