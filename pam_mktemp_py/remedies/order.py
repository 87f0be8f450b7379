"""Where the shims' folder stands in a PATH: a program is found in the first folder that holds it."""
from __future__ import annotations

import os
from collections.abc import Iterable

from pam_mktemp_py import paths
from pam_mktemp_py.config.model import Config
from pam_mktemp_py.linux import accounts
from pam_mktemp_py.linux.accounts import Account
from pam_mktemp_py.pamstack import pieces
from pam_mktemp_py.policy import decide
from pam_mktemp_py.policy.decide import Decision
from pam_mktemp_py.remedies import installed, state
from pam_mktemp_py.remedies.catalogue import Catalogue
from pam_mktemp_py.remedies.entry import BIND, LAUNCHER, Entry
from pam_mktemp_py.remedies.installed import Here

FOLDER = f"{paths.SHIMS}/{state.BIN}"
SHIMMED = (LAUNCHER, BIND)  # the remedies that need the program to be found in our folder


def launcher() -> str:
    """Where the shims lead: the launcher of the installation, whether it is there or not."""
    manifest = pieces.read_manifest()
    return f"{manifest.layout.libdir if manifest else pieces.LIBDIR}-shim"


def steps(folder: str, plans: dict[str, bytes], owner: int = 0) -> dict[str, str]:
    """What `shims sync` would do about each path of the state: made, replaced, mended or removed. Refused, OSError."""
    try:
        return {step.path: step.action for step in state.write(folder, plans, launcher(), owner=owner, dry_run=True)}
    except PermissionError as error:  # what others than root cannot read is nothing that a launcher of theirs can
        name = os.fsdecode(error.filename) if error.filename else ""
        return {folder if "/" not in name and name not in plans else f"{folder}/{state.PLANS}/{name}": "replaced"}


def present(entry: Entry, folder: str = FOLDER) -> list[str]:
    """The names of the entry that have a shim, or should: whatever was in the PATH of the one who enabled it counts,
    and nobody else's PATH does."""
    usual = installed.names(entry, "")
    return [name for name in entry.recognise.names if name in usual or os.path.lexists(f"{folder}/{name}")]


def before(path: str, folder: str) -> list[str] | None:
    """The folders of a PATH that come before ours, each once; None if ours is not in it."""
    found: list[str] = []
    for each in path.split(os.pathsep):
        if os.path.normpath(each or ".") == folder:
            return found
        if each.startswith("/") and each not in found:
            found.append(each)
    return None


def holding(folders: Iterable[str], program: str) -> str:
    """The first of the folders in which a shell finds a program of that name; "" if none of them has one."""
    return next((folder for folder in folders if holds(folder, program)), "")


def holds(folder: str, program: str) -> bool:
    """Whether a program of that name can be run there."""
    path = os.path.join(folder, program)
    return os.path.isfile(path) and os.access(path, os.X_OK)


def programs(found: Catalogue, enabled: Iterable[str]) -> list[str]:
    """The names of programs that have a shim, if these entries are enabled; sorted."""
    entries = [found.entries[name] for name in enabled if name in found.entries]
    return sorted({name for entry in entries if entry.remedy.kind in SHIMMED for name in entry.recognise.names})


def meant(found: Catalogue, enabled: Iterable[str]) -> dict[str, Here]:
    """What is here of those that are meant for some versions only: the others' programs are not run."""
    entries = [found.entries[name] for name in enabled if name in found.entries]
    return installed.look_at_all([entry for entry in entries if entry.recognise.versions])


def decision(config: Config, account: Account) -> Decision:
    """What the policy gives the account's logins of shims: that of the service which gives most of all logins."""
    gids = accounts.groups_of(account) if config.exempt_groups else [account.gid]
    made = [decide.decide(config, account, service, gids) for service in config.login_services]
    return next((each for each in made if each.shims), made[0] if made else Decision(
        "off", f"login_services is empty ({config.origin('login_services')})", "open", []))
