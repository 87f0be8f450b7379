"""Putting the pieces in their places: `make install` and `pam-mktemp install`. Standard library only.

What an upgrade must not do is refuse a login that happens meanwhile, nor one of a module that was loaded
before: in a login under way, or in a daemon. The module verifies its plan, and asks the planner for another
when it cannot use it. Both change places together, two renames apart, while no planner runs
(staging.no_planner): none imports half of another version, and a login that needs one waits for the new one.
With one format of plans that is all. A next one, N, leaves no moment in which somebody's plan cannot be read,
in both directions, if

- the module reads formats N - 1 and N, asks with PAM_MKTEMP_FORMAT=N in the planner's environment (the planner
  of the first version refuses further words), and writes N:CONFIG into its request, which another planner may serve;
- the planner passes over words that it does not know, and writes for each request the newest format that both it and
  the module know: the oldest where none is asked for (planner.py does all of it).

Whatever lies in /run: a plan of an unknown format is made anew by the machine's planner. A module that cannot
read what its planner writes follows its failure policy. So does a login whose request a planner of the first
version serves: it reads CONFIG alone.
"""
from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass, replace

from pam_mktemp_py import __version__, log, paths
from pam_mktemp_py.errors import InstallError
from pam_mktemp_py.pamstack import pieces, places, signals, staging
from pam_mktemp_py.pamstack.pieces import Layout, Manifest, Piece

FROM_SOURCES = "run in a checkout of the sources: sudo make install"
CLEAN = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"}
# unchecked-hash: bytecode is never compared with its source, whose size and second an upgrade may repeat.
_COMPILE = """
import sys
if sys.version_info < (3, 11):
    sys.exit("Python 3.11 or newer is needed")
import compileall, py_compile
mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
sys.exit(not compileall.compile_dir(sys.argv[1], quiet=1, force=True, stripdir=sys.argv[1], prependdir=sys.argv[2],
                                    invalidation_mode=mode))
"""


@dataclass(frozen=True)
class Sources:
    """Where the pieces come from: their folder, the Python package, and the checkout if it is one."""

    folder: str
    package: str
    origin: str = ""


@dataclass(frozen=True)
class Step:
    """What becomes of one path: new, replaced, same, kept (a configuration) or removed (of an older version)."""

    path: str
    action: str


def of_checkout(top: str) -> Sources:
    """The sources of a checkout that make has built."""
    return Sources(top, f"{top}/{pieces.PACKAGE}", top)


def of_package() -> Sources:
    """The package that this runs from: a wheel's, or the installation itself."""
    package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    return Sources(f"{package}/lib", package)


def install(sources: Sources, layout: Layout, *, dry_run: bool = False) -> list[Step]:
    """Put all pieces in their places; what became, or with `dry_run` would become, of each path.

    InstallError if a place is not root's alone, or a piece is missing; OSError if something cannot be
    written. Everything is then as it was.
    """
    _check_layout(layout)
    found = _present(sources)
    before = pieces.read_manifest(layout.real(layout.libdir))
    if layout.live:
        _check_folders(layout, found)
    steps, obsolete = _steps(sources, layout, found, before)
    if not dry_run:
        with staging.locked(layout.real(layout.libdir)):
            _install(sources, layout, found, before, obsolete)
        if layout.live:
            for trouble in places.check_installed(layout.libdir, layout.python):
                raise InstallError(trouble.path, trouble.what)
            log.say("installed", f"version {__version__} in {layout.libdir}")
    return steps


def _check_layout(layout: Layout) -> None:
    for path in (layout.prefix, layout.securitydir, layout.sysconfdir, layout.destdir):
        if path and not path.startswith("/"):
            raise InstallError(path, "is not an absolute path, which begins with /")
    if layout.libdir != pieces.LIBDIR:
        raise InstallError(layout.libdir, "cannot be the planner's folder: the module starts it from "
                           f"{pieces.LIBDIR}, which is compiled into it", "leave LIBDIR as it is")


def _present(sources: Sources) -> list[Piece]:
    found = []
    for piece in pieces.PIECES:
        if os.path.isfile(f"{sources.folder}/{piece.source}"):
            found.append(piece)
        elif not piece.optional:
            raise InstallError(f"{sources.folder}/{piece.source}", "is missing", FROM_SOURCES)
    return found


def _check_folders(layout: Layout, found: list[Piece]) -> None:
    for path in sorted({layout.libdir, *(piece.path(layout) for piece in found)}):
        folder = os.path.dirname(path)
        while not os.path.isdir(folder):
            folder = os.path.dirname(folder)
        if why := places.root_only(folder):
            raise InstallError(path, f"would not be root's alone: {why}")
        if os.path.isdir(path) and not os.path.islink(path) and path != layout.libdir:
            raise InstallError(path, "is a folder, and a file belongs there", f"look into it, then run: rm -r {path}")


def _steps(sources: Sources, layout: Layout, found: list[Piece], before: Manifest | None,
           ) -> tuple[list[Step], list[str]]:
    steps = [Step(layout.libdir, "replaced" if os.path.lexists(layout.real(layout.libdir)) else "new")]
    for piece in found:
        path = piece.path(layout)
        steps.append(Step(path, _action(piece, layout.real(path), piece.data(sources.folder, layout))))
    now = {piece.path(layout) for piece in found}
    gone = [path for path, sha in sorted(before.pieces.items() if before else ())
            if path not in now and sha == pieces.digest(layout.real(path))]
    return steps + [Step(path, "removed") for path in gone], gone


def _action(piece: Piece, path: str, data: bytes) -> str:
    if not os.path.lexists(path):
        return "new"
    if piece.conffile:
        return "kept"
    try:
        same = not os.path.islink(path) and os.stat(path).st_mode & 0o7777 == piece.mode
        with open(path, "rb") as file:
            return "same" if same and file.read() == data else "replaced"
    except OSError:  # a dangling link, say
        return "replaced"


def _install(sources: Sources, layout: Layout, found: list[Piece], before: Manifest | None, obsolete: list[str],
             ) -> None:
    libdir = layout.real(layout.libdir)
    manifest = Manifest(__version__, replace(layout, destdir=""), sources.origin or (before.origin if before else ""))
    stage = staging.Staging()
    with signals.as_interrupts():
        try:
            stage.left.append(f"{libdir}.new")
            _stage_library(sources, layout, found, manifest, f"{libdir}.new")
            for piece in found:
                stage.add(layout.real(piece.path(layout)), piece.data(sources.folder, layout), piece.mode)
            with signals.held_back():  # some seconds at most
                _commit(stage, layout, found, obsolete)
        except BaseException:
            with signals.held_back():
                stage.undo()
            raise
        with signals.held_back():
            stage.finish()


def _stage_library(sources: Sources, layout: Layout, found: list[Piece], manifest: Manifest, new: str) -> None:
    """The planner's folder: its Python, the bytecode of it, all pieces once more, and the manifest."""
    staging.remove(new)
    for relative, path in library(sources, found):
        with open(path, "rb") as file:
            data = file.read()
        os.makedirs(os.path.dirname(f"{new}/{relative}"), 0o755, exist_ok=True)
        staging.write(f"{new}/{relative}", data, 0o644)
        manifest.library[relative] = pieces.digest(f"{new}/{relative}")
    for piece in found:
        kind = manifest.conffiles if piece.conffile else manifest.pieces
        kind[piece.path(layout)] = pieces.sha256(piece.data(sources.folder, layout))
    done = subprocess.run([layout.python, "-I", "-S", "-B", "-c", _COMPILE, new, layout.libdir], cwd="/", env=CLEAN,
                          stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode != 0:
        raise InstallError(layout.python, f"cannot compile the planner: {(done.stderr or done.stdout).strip()}")
    staging.write(f"{new}/{pieces.MANIFEST}", manifest.encode(), 0o644)


def library(sources: Sources, found: list[Piece]) -> list[tuple[str, str]]:
    """What the planner's folder holds: (path in it, source)."""
    files = [("__main__.py", f"{sources.folder}/{pieces.PLANNER}")]
    for folder, folders, names in os.walk(sources.package):
        folders[:] = [name for name in folders if name not in ("__pycache__", "lib")]
        inside = os.path.relpath(folder, os.path.dirname(sources.package))
        files += [(f"{inside}/{name}", f"{folder}/{name}") for name in names if name.endswith(".py")]
    kept = {pieces.PLANNER, *(piece.source for piece in found), *pieces.catalogue(sources.folder)}
    return sorted(files + [(f"{pieces.PACKAGE}/lib/{name}", f"{sources.folder}/{name}") for name in kept])


def _commit(stage: staging.Staging, layout: Layout, found: list[Piece], obsolete: list[str]) -> None:
    libdir = layout.real(layout.libdir)
    with staging.no_planner(paths.SLOTS if layout.live else ""):
        stage.put_folder(f"{libdir}.new", libdir)
        stage.put(layout.real(found[0].path(layout)))  # the module
        if layout.live:
            _forget_failures()
    for piece in found[1:]:
        path = layout.real(piece.path(layout))
        if piece.conffile:
            stage.put_absent(path)
        else:
            stage.put(path)
    for path in obsolete:
        stage.take(layout.real(path))


def _forget_failures() -> None:
    """What the planner before could not do, this one may: logins need not wait 30 s for it."""
    try:
        for name in os.listdir(paths.FAILURES):
            staging.remove(f"{paths.FAILURES}/{name}")
    except OSError:  # /run holds none, or is broken: then they are forgotten in 30 s
        return
