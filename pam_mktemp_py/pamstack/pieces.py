"""What is installed, and where: the one list that `make install`, `pam-mktemp install` and doctor go by.

The same folders lie in three places: the checkout, a wheel's pam_mktemp_py/lib, and the planner's folder, so
that an installation can be checked and put right without the sources.
"""
from __future__ import annotations

import glob
import hashlib
import json
import os
from dataclasses import asdict, dataclass, field
from typing import Any

LIBDIR = "/usr/lib/pam-mktemp"  # compiled into the module, shims/pam/start.c
PYTHON = "/usr/bin/python3"     # this too
PACKAGE = "pam_mktemp_py"
MODULE = "build/pam_mktemp_py.so"
LAUNCH = "build/pam-mktemp-launch"
SHIM = "build/pam-mktemp-shim"
COMMAND = "contrib/pam-mktemp"
PLANNER = "contrib/planner/__main__.py"
CATALOGUE = "shims/catalogue"  # read in the planner's folder: it has no other place
MANIFEST = "manifest.json"
PROFILE = "/usr/share/pam-configs/pam-mktemp"  # whatever PREFIX is: pam-auth-update looks nowhere else
SCHEMA = 1
# Where Debian, Fedora and others keep PAM's modules; of the machine's own architecture first.
SECURITY_DIRS = ("/usr/lib64/security", "/usr/lib/*-linux-gnu*/security", "/lib64/security",
                 "/lib/*-linux-gnu*/security", "/usr/lib/security", "/lib/security")


@dataclass(frozen=True)
class Layout:
    """Where an installation goes: `destdir` (packages) stands before every path and is in none of the files."""

    destdir: str = ""
    prefix: str = "/usr"
    securitydir: str = ""
    sysconfdir: str = "/etc"
    libdir: str = LIBDIR
    python: str = PYTHON

    @property
    def live(self) -> bool:
        """Whether it is this machine's own installation."""
        return not self.destdir.rstrip("/")

    def real(self, path: str) -> str:
        """The path with DESTDIR before it."""
        return self.destdir.rstrip("/") + path


@dataclass(frozen=True)
class Piece:
    """One file. `source` is relative to the folder of the pieces, `place` names a folder of the layout.

    `conffile`: written once, then the administrator's. `template`: the folder of the planner is put in.
    `optional`: built from the help texts with click, which one who builds a wheel may lack.
    """

    source: str
    place: str
    mode: int = 0o644
    conffile: bool = False
    template: bool = False
    optional: bool = False

    def path(self, layout: Layout) -> str:
        """The absolute path of the place, without DESTDIR."""
        return self.place.format(**asdict(layout))

    def data(self, sources: str, layout: Layout) -> bytes:
        """What is written there. OSError."""
        with open(f"{sources}/{self.source}", "rb") as file:
            data = file.read()
        return data.replace(b"@LIBDIR@", os.fsencode(layout.libdir)) if self.template else data


PIECES = (
    Piece(MODULE, "{securitydir}/pam_mktemp_py.so"),
    Piece(COMMAND, "{prefix}/bin/pam-mktemp", 0o755, template=True),
    Piece(LAUNCH, "{libdir}-launch", 0o755),  # compiled into the static one
    Piece(SHIM, "{libdir}-shim", 0o755),
    Piece(SHIM, "{prefix}/bin/pam-mktemp-launch", 0o755),
    Piece("contrib/planner/run", "{libdir}-run", 0o755, template=True),  # compiled into the launcher
    Piece("contrib/pam-configs/pam-mktemp", PROFILE),
    Piece("contrib/tmpfiles.d/pam_mktemp.conf", "{prefix}/lib/tmpfiles.d/pam_mktemp.conf"),
    Piece("contrib/tmpreaper/pam_mktemp.conf", "{prefix}/share/pam-mktemp/tmpreaper.conf"),
    Piece("contrib/tmpwatch/tmpwatch", "{prefix}/share/pam-mktemp/tmpwatch", 0o755),
    # Does nothing until update-rc.d.
    Piece("contrib/init.d/pam-mktemp", "{sysconfdir}/init.d/pam-mktemp", 0o755),
    Piece("build/manual/pam-mktemp.1", "{prefix}/share/man/man1/pam-mktemp.1", optional=True),
    Piece("build/manual/pam-mktemp-launch.1", "{prefix}/share/man/man1/pam-mktemp-launch.1", optional=True),
    Piece("build/manual/pam_mktemp_py.8", "{prefix}/share/man/man8/pam_mktemp_py.8", optional=True),
    Piece("build/manual/pam_mktemp.toml.5", "{prefix}/share/man/man5/pam_mktemp.toml.5", optional=True),
    Piece("build/completion/pam-mktemp.bash", "{prefix}/share/bash-completion/completions/pam-mktemp", optional=True),
    Piece("build/completion/_pam-mktemp", "{prefix}/share/zsh/vendor-completions/_pam-mktemp", optional=True),
    Piece("build/completion/pam-mktemp.fish", "{prefix}/share/fish/vendor_completions.d/pam-mktemp.fish",
          optional=True),
    Piece("contrib/pam_mktemp.toml", "{sysconfdir}/security/pam_mktemp.toml", conffile=True),
    Piece("contrib/profile.d/pam-mktemp-shims.sh", "{sysconfdir}/profile.d/pam-mktemp-shims.sh", conffile=True),
)


@dataclass
class Manifest:
    """What an installation put where: sha256 by path. `library` is relative to the planner's folder.

    `origin` is the checkout that `make install` ran in, or "".
    """

    version: str
    layout: Layout
    origin: str = ""
    pieces: dict[str, str] = field(default_factory=dict)
    conffiles: dict[str, str] = field(default_factory=dict)
    library: dict[str, str] = field(default_factory=dict)

    def encode(self) -> bytes:
        """The file's text."""
        return (json.dumps({"schema": SCHEMA} | asdict(self), indent=1, sort_keys=True) + "\n").encode()


def read_manifest(folder: str = LIBDIR) -> Manifest | None:
    """The manifest of the installation whose planner lies in `folder`; None if it has none that can be read."""
    try:
        with open(f"{folder}/{MANIFEST}", "rb") as file:
            found: dict[str, Any] = json.loads(file.read())
        if found.pop("schema") != SCHEMA:
            return None
        layout = Layout(**found.pop("layout"))
        manifest = Manifest(layout=layout, **found)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):  # missing, cut short, of another version
        return None
    return manifest


def catalogue(sources: str) -> list[str]:
    """The files of the shim layer's catalogue, relative to the folder of the pieces."""
    return sorted(os.path.relpath(path, sources) for path in glob.glob(f"{glob.escape(sources)}/{CATALOGUE}/*"))


def sha256(data: bytes) -> str:
    """As hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def digest(path: str) -> str:
    """sha256 of a file as hexadecimal; "" if there is no regular file of that name, itself and not behind a link."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(fd, "rb") as file:
            return sha256(file.read())
    except OSError:  # missing, a link, a folder: none of them is the piece
        return ""


def security_dir() -> str:
    """The folder that libpam loads modules from: the one that holds PAM's own. "" if none does."""
    machine = os.uname().machine
    found = [folder for pattern in SECURITY_DIRS for folder in sorted(glob.glob(pattern))
             if os.path.exists(f"{folder}/pam_permit.so")]
    return next((folder for folder in found if machine in folder), found[0] if found else "")
