"""Witness: prepares a private directory as the planner does, and says what came of it.

    prepare_directory.py ACCOUNT[,ACCOUNT...] [--times N] [--base B] [--force] [LEAF...]

One line per account and time: "ok FORM STAMP DEV:INO PATH" or "ERROR-ID TEXT".
"""
from __future__ import annotations

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

from pam_mktemp_py.directory.prepare import prepare  # noqa: E402
from pam_mktemp_py.errors import Error  # noqa: E402
from pam_mktemp_py.linux.accounts import lookup  # noqa: E402


def main(words: list[str]) -> int:
    os.umask(0)
    names, words = words[0].split(","), words[1:]
    times, base, force, leaves = 1, "/tmp", False, []
    while words:
        word = words.pop(0)
        if word == "--times":
            times = int(words.pop(0))
        elif word == "--base":
            base = words.pop(0)
        elif word == "--force":
            force = True
        else:
            leaves.append(word)
    bad = 0
    for _ in range(times):
        for name in names:
            account = lookup(name)
            assert account, name
            try:
                done = prepare(account, leaves or ["tmp"], base=base, force=force)
            except Error as error:
                bad = 1
                print(error.id, str(error), flush=True)
            else:
                print("ok", done.form, done.stamp.replace(" ", ","), f"{done.chain[1][1]}:{done.chain[1][2]}",
                      done.path, flush=True)
    return bad


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
