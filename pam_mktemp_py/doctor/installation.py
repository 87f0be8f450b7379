"""What is installed: there, whole, of one version, compiled for this Python, and root's alone."""
from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator

from pam_mktemp_py import __version__
from pam_mktemp_py.doctor.finding import NOTE, Finding, Patient
from pam_mktemp_py.pamstack import pieces, places
from pam_mktemp_py.pamstack.pieces import LIBDIR, PYTHON, Manifest
from pam_mktemp_py.pamstack.places import Trouble

Commands = tuple[tuple[str, ...], ...]
RENEW: Commands = (("pam-mktemp", "install"),)
RENEWED = "run: pam-mktemp install"
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin"
_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_NO_PLAN = "no plan can be made: sessions follow the failure policy when theirs has expired"
_MISSING = {
    "module": ("module-missing", "PAM passes over it: sessions start without a directory, also under fail=closed"),
    "planner": ("planner-missing", _NO_PLAN),
    "interpreter": ("interpreter-missing", _NO_PLAN),
    "command": ("command-missing", "an installation without it cannot be looked at or taken back"),
}
_EXPOSED = {"module": "module-exposed", "planner": "planner-exposed", "interpreter": "interpreter-exposed",
            "command": "command-exposed"}
_TELL = "import sys, importlib.util as u; print(sys.implementation.cache_tag, u.MAGIC_NUMBER.hex())"


def check(patient: Patient) -> Iterator[Finding]:
    """Installation: module, planner, interpreter and command in their places, whole and root's alone."""
    manifest = pieces.read_manifest()
    troubles = places.check_installed()
    for trouble in troubles:
        yield _missing(trouble, manifest) if trouble.missing else _exposed(trouble, manifest)
    if manifest is None:
        yield Finding("manifest-missing", "the list of what was installed is missing or cannot be read",
                      f"{LIBDIR}/{pieces.MANIFEST}", "neither doctor nor uninstall knows what belongs to it", RENEWED,
                      RENEW)
        return
    yield from _pieces(manifest, {trouble.path for trouble in troubles})
    yield from _library(manifest)
    yield from _bytecode(manifest)
    yield from _command(manifest)


def _missing(trouble: Trouble, manifest: Manifest | None) -> Finding:
    do, commands = RENEWED, RENEW
    if trouble.part == "planner":
        do, commands = _from_sources(manifest)
    elif trouble.part == "interpreter":
        do, commands = "put it back, on Debian: apt-get install --reinstall python3-minimal", ()
    id, why = _MISSING[trouble.part]
    return Finding(id, f"the {trouble.part} is missing, or is no file that can be used",
                   trouble.path, why, do, commands)


def _exposed(trouble: Trouble, manifest: Manifest | None) -> Finding:
    """Who could write it may have done so: mending the mode alone is not enough."""
    commands = trouble.fault.commands if trouble.fault else ()
    inside = trouble.path == LIBDIR or trouble.path.startswith(f"{LIBDIR}/")
    if trouble.part == "interpreter":
        after = "; check that it is the distribution's: dpkg --verify python3-minimal libpython3-stdlib"
    elif trouble.part == "planner":
        after, renew = _from_sources(manifest)
        after, commands = f"; then {after}", (() if inside else commands) + renew if renew else ()
    else:
        after, commands = f"; then {RENEWED}", commands + RENEW
    who = "whoever can write it is root at the next login"
    first = str(trouble.fault).partition("; ")[2] if trouble.fault and trouble.fault.commands else "take it from others"
    return Finding(_EXPOSED[trouble.part], f"the {trouble.part} is not root's alone: {trouble.what.split('; ')[0]}",
                   trouble.path, who, first + after, commands)


def _from_sources(manifest: Manifest | None) -> tuple[str, Commands]:
    """What installs from the sources; as a command only if they are where root alone can write."""
    origin = manifest.origin if manifest else ""
    if origin and os.path.isfile(f"{origin}/Makefile") and not places.root_only(origin):
        return f"run: make -C {origin} install", (("make", "-C", origin, "install"),)
    last = f" (the last time that was {origin})" if origin else ""
    return f"run in a checkout of the sources{last}: sudo make install", ()


def _pieces(manifest: Manifest, reported: set[str]) -> Iterator[Finding]:
    found = {path: pieces.digest(path) for path, sha in manifest.pieces.items() if path not in reported}
    missing = [path for path, sha in found.items() if not os.path.lexists(path)]
    changed = [path for path, sha in found.items() if os.path.lexists(path) and sha != manifest.pieces[path]]
    if missing:
        yield Finding("pieces-missing", f"{len(missing)} installed files are missing: {', '.join(missing)}", missing[0],
                      "the installation is not whole", RENEWED, RENEW)
    if changed:
        yield Finding("pieces-changed", "installed files are not of the version that the planner is of, or were "
                      f"changed by hand: {', '.join(changed)}", changed[0],
                      "parts of different versions may not understand each other", RENEWED, RENEW)


def _library(manifest: Manifest) -> Iterator[Finding]:
    changed = [name for name, sha in sorted(manifest.library.items()) if pieces.digest(f"{LIBDIR}/{name}") != sha]
    if changed:
        do, commands = _from_sources(manifest)
        yield Finding("planner-changed", f"files of the planner are missing or were changed: {', '.join(changed)}",
                      f"{LIBDIR}/{changed[0]}", "what runs as root in logins is not what was installed", do, commands)


def _bytecode(manifest: Manifest) -> Iterator[Finding]:
    """unchecked-hash bytecode (PEP 552) beside every source that is imported."""
    told = _interpreter()
    if told is None:  # it cannot be run: that is found elsewhere
        return
    tag, magic = told
    for name in sorted(manifest.library):
        if not name.endswith(".py") or name == "__main__.py" or "/lib/" in name:
            continue
        folder, _, file = f"{LIBDIR}/{name}".rpartition("/")
        path = f"{folder}/__pycache__/{file[:-3]}.{tag}.pyc"
        try:
            with open(path, "rb") as compiled:
                head = compiled.read(8)
        except OSError:
            head = b""
        if head != magic + b"\1\0\0\0":
            yield Finding("bytecode-stale", f"the planner is not compiled for the Python that is there now ({tag})",
                          path, "an account's first login waits longer, while its Python is compiled", RENEWED, RENEW)
            return


def _interpreter() -> tuple[str, bytes] | None:
    """The name and magic number of the bytecode that PYTHON takes."""
    if os.path.realpath(sys.executable) == os.path.realpath(PYTHON) and sys.implementation.cache_tag:
        return sys.implementation.cache_tag, importlib.util.MAGIC_NUMBER
    try:
        done = subprocess.run([PYTHON, "-I", "-S", "-B", "-c", _TELL], capture_output=True, text=True, cwd="/",
                              stdin=subprocess.DEVNULL, env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return None
    words = done.stdout.split()
    return (words[0], bytes.fromhex(words[1])) if done.returncode == 0 and len(words) == 2 else None


def _command(manifest: Manifest) -> Iterator[Finding]:
    ours = f"{manifest.layout.prefix}/bin/pam-mktemp"
    first = shutil.which("pam-mktemp", path=_PATH)
    if first and os.path.realpath(first) != os.path.realpath(ours):
        yield Finding("command-elsewhere", f"another pam-mktemp than the installed one ({ours}) is found first", first,
                      "it may be of another version, and shows what logins do not do",
                      f"remove it, with pip if pip has put it there: rm {first}", (("rm", first),))
    if os.path.realpath(_PACKAGE) != os.path.realpath(f"{LIBDIR}/{pieces.PACKAGE}"):
        same = manifest.version == __version__
        yield Finding("package-elsewhere", "this doctor is not the installed one"
                      + ("" if same else f", of another version ({__version__}, not {manifest.version})"), _PACKAGE,
                      "what it says about plans may not be what logins do", f"run: {ours} doctor", kind=NOTE)
