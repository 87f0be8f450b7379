"""Reading another module's configuration: which files, in which order, and of which module they are."""
from __future__ import annotations

import os
import re
import stat

from pam_mktemp_py.errors import Refused

LARGEST = 1024 * 1024
_TMPDIR_LINE = re.compile(r"^[ \t]*tmpdir[ \t]*=", re.MULTILINE)


def read(path: str, owner: int | None = None) -> list[tuple[str, str]]:
    """(name, text) of `path`, or of a folder: its namespace.conf and namespace.d/*.conf, else its *.conf.

    Bytes that are no UTF-8 come as lone surrogates. With `owner` each must belong to that uid and be
    writable by it alone: what is installed for good may say nothing that another put there. Refused, OSError.
    """
    if not os.path.isdir(path):
        return [(path, _text(path, owner))]
    if os.path.exists(f"{path}/namespace.conf"):
        names = [f"{path}/namespace.conf", *_confs(f"{path}/namespace.d")]
    else:
        names = _confs(path)
    if not names:
        raise Refused("import-refused", path, "holds no *.conf", "name a namespace.conf or a tmpdir.conf")
    return [(name, _text(name, owner)) for name in names]


def format_of(files: list[tuple[str, str]]) -> str:
    """"tmpdir" or "namespace", by the name, else by what stands in it. Refused if neither tells."""
    name = os.path.basename(files[0][0])
    text = "".join(text for _, text in files)
    if "namespace" in name or len(files) > 1 or os.path.basename(os.path.dirname(files[0][0])) == "namespace.d":
        return "namespace"
    if "tmpdir" in name or _TMPDIR_LINE.search(text):
        return "tmpdir"
    if any(len(line.partition("#")[0].split()) >= 3 for line in text.split("\n")):
        return "namespace"
    raise Refused("import-refused", files[0][0], "it cannot be told whose configuration this is",
                  "say it with --format namespace or --format tmpdir")


def _confs(folder: str) -> list[str]:
    try:
        return [f"{folder}/{name}" for name in sorted(os.listdir(folder)) if name.endswith(".conf") and name[0] != "."]
    except FileNotFoundError:
        return []


def _text(path: str, owner: int | None) -> str:
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # NONBLOCK: a FIFO would wait for a writer
    with os.fdopen(fd, "rb") as file:
        about = os.fstat(fd)
        if not stat.S_ISREG(about.st_mode):
            raise Refused("import-refused", path, "is no regular file", "name a namespace.conf or a tmpdir.conf")
        if owner is not None and (about.st_uid != owner or about.st_mode & 0o022):
            raise Refused("import-refused", path, f"belongs to uid {about.st_uid}, mode "
                          f"{about.st_mode & 0o7777:04o}: another account could have written it",
                          "look at it without --write first, then make it root's: chown root and chmod go-w")
        data = file.read(LARGEST + 1)
    if len(data) > LARGEST:
        raise Refused("import-refused", path, f"is larger than {LARGEST} bytes", "that is no configuration")
    return data.decode("utf-8", "surrogateescape")
