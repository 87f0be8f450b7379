"""Our line in PAM's files: put in, taken out, and tried before anybody logs in through it."""
from __future__ import annotations

import contextlib
import os
from typing import TypedDict

from pam_mktemp_py import log
from pam_mktemp_py.errors import InstallError, StackError
from pam_mktemp_py.pamstack import (
    authselect, checked, edit, lines, lock, places, probe as probing, profile, stack, trial, write,
)
from pam_mktemp_py.pamstack.write import Change

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from pam_mktemp_py.pamstack.stack import Entry
    from pam_mktemp_py.pamstack.trial import Probe

__all__ = ["Change", "disable", "enable", "running", "where_enabled"]


def enable(services: list[str], *, arguments: list[str], user: str, dry_run: bool = False,
           probe: Probe = probing.open_session) -> list[Change]:
    """Put the line with these arguments into the files of `services`; of none: into what the distribution shares.

    Returns the changes, none if all is as it shall be already. Before and after writing, a session of `user`
    is opened through the changed stacks; if it is not as it must be, the old files are in place again.
    Raises StackError and InstallError where nothing can be done, probe.ProbeError, Error, OSError.
    """
    _refuse_host()
    for trouble in places.check_installed():
        raise InstallError(trouble.path, trouble.what, "install it again, then enable" if trouble.missing else
                           "every login would run it as root; put it right, then enable")
    with _alone("pam-mktemp enable", dry_run):
        changes = _with_line(services, arguments) if services else _with_profile(arguments)
        _refuse_conflicts(changes)
        if changes and not dry_run:
            trial.run(changes, user, probe, written=False)
            with write.replaced(changes):
                trial.run(changes, user, probe, written=True)
            for change in _of_pam(changes):
                log.say("enabled", f"{change.path}: runs {lines.MODULE} {' '.join(arguments)}".rstrip())
    return changes


def disable(services: list[str] | None, *, dry_run: bool = False) -> list[Change]:
    """Take every line that names our module out of the files of `services`; None: the profile and all files.

    Returns the changes. The module need not be there any more. Raises StackError, OSError.
    """
    _refuse_host()
    with _alone("pam-mktemp disable", dry_run):
        changes = _without_any() if services is None else _without_line(services)
        _refuse_jumps(changes)
        if changes and not dry_run:
            with write.replaced(changes):
                pass
            for change in _of_pam(changes):
                log.say("disabled", f"{change.path}: runs {lines.MODULE} no longer")
    return changes


class Where(TypedDict):
    """Whether pam-auth-update has our profile in its files, and the paths in /etc/pam.d that name our module."""

    profile: bool
    files: list[str]


def where_enabled() -> Where:
    """Where our module is named. OSError."""
    files = _naming()
    return {"profile": any(profile.managed(path) for path in files), "files": files}


def running(service: str) -> list[str]:
    """FILE:LINE of each line of ours that sessions of the service run, through includes too. OSError."""
    return [entry.where for entry in stack.session(service) if entry.line.ours]


def _with_profile(arguments: list[str]) -> list[Change]:
    authselect.refuse("", arguments)
    for kind in profile.TYPES:
        path = f"{stack.PAM_D}/common-{kind}"
        found = edit.named(stack.read(path)) if os.path.exists(path) else []
        if found and not profile.managed(path):
            raise StackError(f"{path}:{found[0].first}", "has a line of ours that pam-auth-update did not write",
                             f"take it out first: pam-mktemp disable --service common-{kind}")
    return profile.on(arguments)


def _with_line(services: list[str], arguments: list[str]) -> list[Change]:
    changes = []
    paths = {name: _path(name) for name in services}
    for name, path in paths.items():
        authselect.refuse(path, arguments)
        before = write.current(path)
        checked.refuse_text(before, path)
        text = before.decode("latin-1")
        session = stack.session(name)
        _refuse_troubles([*(stack.Entry(path, line) for line in lines.parse(text)), *session])
        if not edit.ours(text) and any(entry.line.ours or (entry.file != path and entry.file in paths.values())
                                       for entry in session):
            continue  # one that it includes has our line, or is about to get it
        after = edit.add(text, arguments, lambda line: bool(stack.named(line.file)))
        if not edit.ours(after):
            raise StackError(path, "has no session lines, so that PAM runs those of 'other' instead; one of ours would "
                             "end that", "name a service that has some, or: pam-mktemp enable --service other")
        if after != text:
            changes.append(Change(path, before, after.encode("latin-1")))
    return changes


def _without_line(services: list[str]) -> list[Change]:
    changes = []
    for name in dict.fromkeys(services):
        path = _path(name)
        if profile.managed(path):
            raise StackError(path, "has the line from pam-auth-update, which would write it again",
                             "take all back: pam-mktemp disable")
        change = _removal(path)
        if change:
            changes.append(change)
        elif through := running(name):
            shared = through[0].rpartition(":")[0]
            raise StackError(path, f"has no line of ours; it comes from {through[0]}",
                             "take all back: pam-mktemp disable" if profile.managed(shared) else
                             "for all that share it: pam-mktemp disable --service " + os.path.basename(shared))
    return changes


def _without_any() -> list[Change]:
    changes = profile.off() if profile.enabled() else []
    done = {change.path for change in changes}
    return [*changes, *(change for path in _naming() if path not in done and (change := _removal(path)))]


def _removal(path: str) -> Change | None:
    before = write.current(path)
    after = edit.remove(before.decode("latin-1")).encode("latin-1")
    return Change(path, before, after) if after != before else None


def _path(name: str) -> str:
    """The file of a service. Raises StackError."""
    path = f"{stack.PAM_D}/{name}"
    if not stack.is_service_name(name):
        raise StackError(repr(name), f"is no name of a service, that is of a file in {stack.PAM_D}",
                         f"see: ls {stack.PAM_D}")
    if os.path.lexists(path):
        return path
    if os.path.exists(f"{stack.VENDOR}/{name}"):
        raise StackError(f"{stack.VENDOR}/{name}", "is the distribution's, and the next upgrade would replace it",
                         f"make one of your own first: cp -p {stack.VENDOR}/{name} {path}")
    raise StackError(path, "is not there", f"see: ls {stack.PAM_D}")


def _naming() -> list[str]:
    """Paths of the files of /etc/pam.d that name our module."""
    found = []
    for name in sorted(os.listdir(stack.PAM_D)):
        path = f"{stack.PAM_D}/{name}"
        if stack.is_service_name(name) and os.path.isfile(path) and edit.named(stack.read(path)):
            found.append(path)
    return found


def _refuse_host() -> None:
    if not os.path.isdir(stack.PAM_D):
        raise StackError("/etc/pam.conf", f"is where this host has its PAM configuration: there is no {stack.PAM_D}",
                         f'write there, for each service: SERVICE {edit.line()}')


def _refuse_troubles(entries: list[Entry]) -> None:
    for entry in entries:
        if entry.line.trouble:
            raise StackError(entry.where, entry.line.trouble, "put it right first")


def _refuse_conflicts(changes: list[Change]) -> None:
    """Raise StackError where a service would run the module twice, or a jump would land elsewhere."""
    files = {os.path.basename(change.path): change.after for change in _of_pam(changes)}
    for service, now in _sessions() if files else ():
        then = stack.session(service, files=files)
        ours = [entry.where for entry in then if entry.line.ours]
        if len(ours) > max(1, sum(entry.line.ours for entry in now)):
            there = [os.path.basename(entry.file) for entry in now if entry.line.ours]
            raise StackError(ours[0], f"would run in sessions of {service} together with the one in {ours[1]}",
                             "one is enough; " + (f"take the other out first: pam-mktemp disable --service {there[0]}"
                                                  if there else "name only one of the two"))
        for entry in stack.jumped(then):
            if not any(entry.where == other.where for other in stack.jumped(now)):
                raise StackError(entry.where, f"jumps over the line of ours that {service} would get, and would land "
                                 "one line too early", "name the services themselves: --service SERVICE")


def _refuse_jumps(changes: list[Change]) -> None:
    """Raise StackError where a line by hand jumps over one of ours: behind the last line, libpam refuses the login."""
    paths = {change.path for change in _of_pam(changes)}
    for service, now in _sessions() if paths else ():
        if any(entry.line.ours and entry.file in paths for entry in now):
            for entry in stack.jumped(now):
                raise StackError(entry.where, f"jumps over the line of ours in sessions of {service}, and would land "
                                 "elsewhere without it", "take this line out first")


def _sessions() -> Iterator[tuple[str, list[Entry]]]:
    """Every service that has a file, and its session lines. OSError."""
    for service in stack.services():
        if os.path.isfile(stack.path_of(service) or ""):
            yield service, stack.session(service)


def _of_pam(changes: list[Change]) -> list[Change]:
    return [change for change in changes if os.path.dirname(change.path) == stack.PAM_D]


@contextlib.contextmanager
def _alone(what: str, dry_run: bool) -> Iterator[None]:
    if dry_run:  # which changes nothing
        yield
        return
    with lock.held(what):
        for folder in (stack.PAM_D, profile.STATE):
            with contextlib.suppress(StackError, OSError):  # said by what must write there, if anything must
                write.sweep(folder)
        profile.sweep()
        yield
