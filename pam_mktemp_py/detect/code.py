"""Whether a file that is opened for reading is going to be run: a library, a module or a script.

Whoever can put it there decides what the program does (CWE-426, CWE-427), far more than what data it reads.
"""
from __future__ import annotations

import re

from pam_mktemp_py.strace.events import Event

_LIBRARY = re.compile(r"\.so(\.\d+)*$")
_INTERPRETER = re.compile(r"(ba|da|k|z|mk)?sh|(python|perl|ruby|php|lua|tclsh)[\d.]*|node(js)?")
_MODULE = re.compile(r"\.(pyc?|p[lm]|rb|php|lua|tcl|[cm]?js|sh)$")


def is_code(event: Event) -> bool:
    """Whether the OPEN of `event` reads what its process then runs, as far as the names tell."""
    if "O_DIRECTORY" in event.flags or "O_PATH" in event.flags:
        return False
    if _LIBRARY.search(event.path):
        return "O_CLOEXEC" in event.flags  # as ld.so opens one (elf/dl-load.c)
    process = event.process
    if not _INTERPRETER.fullmatch(process.program.rpartition("/")[2]):
        return False
    script = next((word for word in process.argv[1:] if not word.startswith("-")), "")
    return event.path == script or _MODULE.search(event.path) is not None
