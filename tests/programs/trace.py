"""Witness: runs a command under the tracer as pam-mktemp does, in a process of its own, and writes what came of it.

    trace.py ANSWER REQUEST      both of them JSON; REQUEST: {"run": {fields of Request}} or {"attach": {arguments}}

ANSWER is a file: {"outcome": ..., "progress": [...]} or {"error": id, "text": ...}.
"""
from __future__ import annotations

import dataclasses
import json
import os
import signal
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

from pam_mktemp_py.errors import Error  # noqa: E402
from pam_mktemp_py.linux.accounts import lookup  # noqa: E402
from pam_mktemp_py.tracer.attach import attach  # noqa: E402
from pam_mktemp_py.tracer.request import Request  # noqa: E402
from pam_mktemp_py.tracer.run import run  # noqa: E402


def main(answer: str, text: str) -> None:
    asked, progress = json.loads(text), []
    before = {number: signal.getsignal(number) for number in range(1, 32)}
    try:
        if "attach" in asked:
            outcome = attach(**asked["attach"], on_progress=progress.append)
        else:
            fields = asked["run"] | {"command": tuple(asked["run"]["command"])}
            if "user" in fields:
                fields["user"] = lookup(fields["user"])
            outcome = run(Request(**fields), progress.append)
        said = {"outcome": dataclasses.asdict(outcome), "progress": [dataclasses.asdict(one) for one in progress]}
    except Error as error:
        said = {"error": error.id, "text": str(error)}
    said["restored"] = before == {number: signal.getsignal(number) for number in range(1, 32)}
    with open(answer, "w", encoding="utf-8") as file:
        json.dump(said, file)


if __name__ == "__main__":
    main(*sys.argv[1:])
