"""Taking everything back: PAM first, then the pieces by the manifest, and the planner's folder last.

PAM stops naming the module before anything is removed, so that no moment of it, and no failure in the middle,
can keep anyone out. The manifest goes last, after the command: until then a second run finds what is still there.
"""
from __future__ import annotations

import contextlib
import errno
import glob
import os
from collections.abc import Callable
from dataclasses import dataclass, field

from pam_mktemp_py import __version__, log, paths
from pam_mktemp_py.errors import InstallError
from pam_mktemp_py.linux import mounts
from pam_mktemp_py.pamstack import enable, pieces, profile, staging
from pam_mktemp_py.pamstack.install import of_package
from pam_mktemp_py.pamstack.pieces import LIBDIR, Layout, Manifest

SHIMS = (f"{paths.SHIMS}/bin", f"{paths.SHIMS}/plans")  # made anew by pam-mktemp shims sync
PURGED = (paths.CONFIG, paths.CONFIG_DIR, paths.OFF, paths.STATE, paths.RUN)
CHANGED = "was changed since it was installed"
CONFIGURATION = "the configuration; --purge removes it"


@dataclass
class Removal:
    """What was done, or would be. `failed` holds what could not be removed: a second run tries again."""

    changes: list[enable.Change] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    kept: list[tuple[str, str]] = field(default_factory=list)
    failed: list[OSError] = field(default_factory=list)

    def remove(self, path: str, dry_run: bool, act: Callable[[str], object] = staging.remove) -> None:
        """Take one path away, if it is there."""
        if not os.path.lexists(path):
            return
        if point := _mounted(path):  # what lies there is not ours to delete
            self.failed.append(OSError(errno.EBUSY, "something is mounted there, which is not ours to remove: "
                                       "unmount it", point))
            return
        try:
            if not dry_run:
                act(path)
            self.removed.append(path)
        except OSError as error:
            self.failed.append(OSError(error.errno, error.strerror, path))


def _mounted(path: str) -> str:
    """The first mount point at or below a path, "" if there is none."""
    return next((point for point in mounts.points() if f"{point}/".startswith(f"{path}/")), "")


def uninstall(*, purge: bool = False, dry_run: bool = False, libdir: str = LIBDIR) -> Removal:
    """Disable and remove. StackError or InstallError: PAM's files still name the module, and nothing is removed.

    What cannot be removed is in the answer's `failed`; the manifest and the command then stay.
    """
    ran = os.path.lexists(paths.RUN)  # else it is what disable makes there for a moment
    done = Removal(changes=enable.disable(None, dry_run=dry_run))
    if not dry_run:
        _check_disabled()
        _forget_profile()
    manifest = pieces.read_manifest(libdir) or pieces.read_manifest(_aside(libdir)) or _guessed(libdir)
    with contextlib.nullcontext() if dry_run else staging.locked(libdir):
        for folder in SHIMS:  # before the launcher, to which their links lead
            done.remove(folder, dry_run)
        _remove_pieces(done, manifest, dry_run)
        _remove_conffiles(done, manifest, purge, dry_run)
        if not done.failed:
            _remove_library(done, manifest, libdir, dry_run)
    if not ran and paths.RUN in done.removed:
        done.removed.remove(paths.RUN)
    if done.removed and not dry_run and not done.failed:
        log.say("uninstalled", f"version {manifest.version}{' with its configuration and state' if purge else ''}")
    return done


def _check_disabled() -> None:
    named = enable.where_enabled()
    if named["profile"] or named["files"]:
        where = ", ".join(named["files"]) or "pam-auth-update's profile"
        raise InstallError(where, "still names the module, so nothing is removed", "remove that line and run it again")


def _forget_profile(seen: str = f"{profile.STATE}/seen") -> None:
    """pam-auth-update remembers every profile that it was ever shown; ours is about to go."""
    if not os.path.isfile(seen):
        return
    with open(seen, "rb") as file:
        lines, mode = file.readlines(), os.fstat(file.fileno()).st_mode & 0o7777
    rest = [line for line in lines if line.strip() != os.fsencode(profile.NAME)]
    if rest != lines:
        new = staging.beside(seen, staging.NEW)
        staging.write(new, b"".join(rest), mode)
        os.replace(new, seen)


def _aside(libdir: str) -> str:
    """Where the planner's folder goes while it is removed."""
    return f"{libdir}.new"


def _guessed(libdir: str) -> Manifest:
    """Where the pieces of this package would be: for an installation that has lost its manifest."""
    layout = Layout(securitydir=pieces.security_dir(), libdir=libdir)
    sources = of_package()
    folder = sources.folder if os.path.isdir(sources.folder) else os.path.dirname(sources.package)  # in a checkout
    manifest = Manifest(__version__, layout)
    for piece in pieces.PIECES:
        with contextlib.suppress(FileNotFoundError):
            kind = manifest.conffiles if piece.conffile else manifest.pieces
            kind[piece.path(layout)] = pieces.sha256(piece.data(folder, layout))
    return manifest


def _remove_pieces(done: Removal, manifest: Manifest, dry_run: bool) -> None:
    command = f"{manifest.layout.prefix}/bin/pam-mktemp"
    for path, sha in sorted(manifest.pieces.items()):
        for end in (staging.NEW, staging.OLD):  # of an installation that was killed
            done.remove(staging.beside(path, end), dry_run)
        if not os.path.lexists(path):
            continue
        if pieces.digest(path) != sha:
            done.kept.append((path, CHANGED))
        elif path != command:  # without it there would be no second run
            done.remove(path, dry_run)
    for link in glob.glob("/etc/rc?.d/[SK][0-9][0-9]pam-mktemp"):  # update-rc.d made them, if anyone
        if os.path.islink(link) and not os.path.exists(link):
            done.remove(link, dry_run)
    with contextlib.suppress(OSError):  # not empty, or not there
        if not dry_run:
            os.rmdir(f"{manifest.layout.prefix}/share/pam-mktemp")


def _remove_conffiles(done: Removal, manifest: Manifest, purge: bool, dry_run: bool) -> None:
    if not purge:
        done.kept += [(path, CONFIGURATION) for path in sorted({*manifest.conffiles, *PURGED[:3]})
                      if os.path.lexists(path)]
        return
    for path in sorted({*manifest.conffiles, *PURGED} - {paths.RUN}):
        done.remove(path, dry_run)
    with contextlib.nullcontext() if dry_run else staging.no_planner():
        done.remove(paths.RUN, dry_run)


def _remove_library(done: Removal, manifest: Manifest, libdir: str, dry_run: bool) -> None:
    """The planner's folder and the command: one is of no use without the other."""
    command = f"{manifest.layout.prefix}/bin/pam-mktemp"
    ours = pieces.digest(command) == manifest.pieces.get(command)
    if not os.path.lexists(libdir):  # of a run that was killed: aside is the manifest, which goes after the command
        if ours:
            done.remove(command, dry_run)
        done.remove(_aside(libdir), dry_run)
        return
    done.remove(_aside(libdir), dry_run)

    def aside(path: str) -> None:
        """Out of the way in one step: half of it could not be run again."""
        try:
            os.rename(path, _aside(libdir))
        except OSError as error:
            if error.errno != errno.EXDEV:  # an overlay's lower layer
                raise
            staging.remove(path)

    done.remove(libdir, dry_run, aside)
    if done.failed:
        return
    if ours:
        done.remove(command, dry_run)
    if not dry_run:
        staging.remove(_aside(libdir))
