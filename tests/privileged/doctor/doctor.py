"""The real `pam-mktemp doctor`, its findings, and its advice followed to the letter."""
from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tests.sandbox.accounts import CLEAN  # PATH: not the command of the environment that the tests run in

USER, SERVICE = "alice", "su"
LINE = "session [success=ok ignore=ignore module_unknown=ignore default=bad] pam_mktemp_py.so"
PLAIN = ["auth sufficient pam_rootok.so", "auth required pam_unix.so", "account required pam_unix.so",
         "session required pam_unix.so"]


def run(*words: str, user: str = USER, status: int | None = None, **options: Any) -> Any:
    """The document of `pam-mktemp --json doctor USER WORDS...`; its exit status must fit, or be `status`."""
    options = {"capture_output": True, "text": True, "timeout": 120, "cwd": "/", "env": CLEAN} | options
    command = ["pam-mktemp", "--json", "doctor", *([user] if user else []), *words]
    done = subprocess.run(command, **options)
    assert done.stdout, (done.returncode, done.stderr)
    document = json.loads(done.stdout)
    assert (document["schema"], document["command"]) == (1, "doctor")
    assert {each["kind"] for each in document["findings"]} <= {"problem"}
    assert {each["kind"] for each in document["notes"]} <= {"note"}
    wanted = int(bool(document["findings"])) if status is None else status
    assert done.returncode == wanted, (done.returncode, document["findings"], done.stderr)
    assert "Traceback" not in done.stderr
    return document


def shown(*words: str, before: Sequence[str] = ()) -> subprocess.CompletedProcess[str]:
    """`pam-mktemp WORDS...` as a person sees it; `before` is a command that runs it."""
    command = [*before, "pam-mktemp", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, cwd="/", env=CLEAN)


def said(document: Any) -> list[Any]:
    """Problems and notes."""
    return [*document["findings"], *document["notes"]]


def ids(document: Any, kind: str = "") -> set[str]:
    """The ids of problems and notes, or of those of one kind (problem, note)."""
    return {each["id"] for each in said(document) if not kind or each["kind"] == kind}


def find(document: Any, id: str) -> Any:
    """The one finding of this id."""
    found = [each for each in said(document) if each["id"] == id]
    assert len(found) == 1, (id, said(document))
    return found[0]


def follow(finding: Any) -> None:
    """Run its commands as an administrator would, one after the other; each has to succeed."""
    assert finding["commands"], f"{finding['id']} has no commands: {finding['do']}"
    for command in finding["commands"]:
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL, cwd="/",
                              env=CLEAN)
        assert done.returncode == 0, (command, done.stdout, done.stderr)


def assert_cured(id: str, *words: str, user: str = USER, by: Callable[[], object] | None = None,
                 kind: str = "problem") -> Any:
    """doctor reports `id`; its commands are run, or `by` does by hand what it says; doctor no longer does.

    The finding, as it was: what it says can be looked at.
    """
    finding = find(run(*words, user=user), id)
    assert finding["kind"] == kind and finding["what"] and finding["do"]
    if by is None:
        follow(finding)
    else:
        by()
    after = run(*words, user=user)
    assert id not in ids(after), said(after)
    return finding


def add_line(name: str = "su", *arguments: str) -> None:
    """Our line at the end of a file of /etc/pam.d."""
    path = Path("/etc/pam.d", name)
    path.write_text(path.read_text() + " ".join([LINE, *arguments]) + "\n")
