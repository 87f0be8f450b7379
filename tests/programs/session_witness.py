#!/usr/bin/python3 -ISB
"""Witness: says what a login session finds, and stays in it until it is let go.

    session_witness.py NAME

Writes NAME.report (JSON) into the meeting place, then waits for NAME.go. Ends with 1 if that never comes.
"""
from __future__ import annotations

import json
import os
import sys
import time

PLACE = "/run/meeting"
VARIABLES = ("TMPDIR", "TMP", "TEMP", "TEMPDIR")
PATIENCE = 30.0


def made_a_file(folder: str | None) -> str:
    """'ok', or why this process cannot make and remove a file in the folder."""
    if folder is None:
        return "not set"
    path = f"{folder}/witness.{os.getpid()}"
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        os.unlink(path)
    except OSError as error:
        return error.strerror or str(error)
    return "ok"


def open_files() -> list[str]:
    """What the descriptors from 3 on, which this program did not open, lead to."""
    found = []
    for number in range(3, 64):
        try:
            found.append(os.readlink(f"/proc/self/fd/{number}"))
        except FileNotFoundError:
            continue
    return found


def main(name: str) -> int:
    report = {
        "uid": os.getuid(), "pid": os.getpid(), "environment": dict(os.environ), "tty": os.isatty(0),
        "files": open_files(), "made": {variable: made_a_file(os.environ.get(variable)) for variable in VARIABLES},
    }
    with open(f"{PLACE}/{name}.new", "x", encoding="utf-8") as file:
        json.dump(report, file)
    os.rename(f"{PLACE}/{name}.new", f"{PLACE}/{name}.report")
    end = time.monotonic() + PATIENCE
    while not os.path.exists(f"{PLACE}/{name}.go"):
        if time.monotonic() > end:
            return 1
        time.sleep(0.01)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1]))
