"""pam-mktemp detect as installed, on real programs, and what it says in a form that a test can name whole."""
from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.sandbox.accounts import run_as

TOLD = frozenset({"user-requested", "already-private", "look-only"})
SOURCES = Path(__file__).parents[2] / "programs"
WITNESS = "/usr/local/bin/tmp-witness"
ANSWER = "/var/tmp/answer.json"
# One run tells a random name by its looks, and is wrong where chance drew six small letters: not in a test.
SURE = ("--runs", "2")


class Found:
    """The answer to one command. Programs are named by their file's name alone."""

    def __init__(self, document: dict[str, Any], done: subprocess.CompletedProcess[str]) -> None:
        self.document = document
        self.stdout, self.stderr, self.status = done.stdout, done.stderr, done.returncode
        self.findings: list[dict[str, Any]] = document["findings"]

    @property
    def verdict(self) -> str:
        return str(self.document["verdict"])

    @property
    def verdicts(self) -> dict[str, str]:
        """Of each program that made anything."""
        return {os.path.basename(each["program"]): each["verdict"]
                for each in self.document["programs"] if each["verdict"] != "none"}

    @property
    def faults(self) -> set[tuple[str, str, str, str]]:
        """(program, path, class, danger) of each finding that is the program's own."""
        return {_key(each) for each in self.findings if each["class"] not in TOLD}

    @property
    def told(self) -> set[tuple[str, str, str]]:
        """(program, path, class) of those that are not, and that more was done to than looking."""
        return {_key(each)[:3] for each in self.findings if each["class"] in TOLD - {"look-only"}}

    def finding(self, program: str, path: str) -> dict[str, Any]:
        """The one about this program and path."""
        [one] = [each for each in self.findings if _key(each)[:2] == (program, path)]
        return one

    def dangers(self) -> dict[str, tuple[str, tuple[str, ...]]]:
        """Of each path that is a fault: how dangerous, and the numbers of CWE."""
        return {each["path"]: (each["danger"], tuple(each["cwe"])) for each in self.findings
                if each["class"] not in TOLD}


def _key(finding: dict[str, Any]) -> tuple[str, str, str, str]:
    return os.path.basename(finding["program"]), finding["path"], finding["class"], finding["danger"]


def arguments(*words: str, answer: str = ANSWER) -> list[str]:
    """The command line, with the answer beside the command's own output."""
    return ["/usr/bin/pam-mktemp", "--json", "-o", answer, "detect", *words]


def read(done: subprocess.CompletedProcess[str], answer: str = ANSWER, unresolved: bool = False) -> Found:
    """The answer. All of the log must have been understood, but for paths if `unresolved`; the status must fit."""
    assert done.returncode in (0, 1), (done.returncode, done.stdout, done.stderr)
    document = json.loads(Path(answer).read_text())
    os.unlink(answer)
    assert done.returncode == document["finding"], document
    assert (document["unread"], document["cut"]) == ([], False)
    assert unresolved or document["unresolved"] == []
    return Found(document, done)


def detect(*command: str, user: str | None = "alice", options: Sequence[str] = (), **more: Any) -> Found:
    """As root; `user` runs the command, in his home."""
    words = [*(["--user", user] if user else []), *options, "--", *command]
    more = {"cwd": f"/home/{user}" if user else "/root", "stdin": subprocess.DEVNULL} | more
    return read(subprocess.run(arguments(*words), capture_output=True, text=True, timeout=60, **more))


def script(text: str, *parameters: str, **more: Any) -> Found:
    """A script of the user's, in a file: what it names was not typed."""
    path = Path("/usr/local/bin/task")
    path.write_text(f"#!/bin/sh\nset -e\n{text}\n")
    path.chmod(0o755)
    return detect(str(path), *parameters, **more)


def detect_own(account: Any, *command: str, options: Sequence[str] = (), unresolved: bool = False,
               **more: Any) -> Found:
    """The user himself."""
    answer = f"/home/{account.pw_name}/answer.json"
    more = {"cwd": f"/home/{account.pw_name}"} | more
    done = run_as(account, arguments(*options, "--", *command, answer=answer), **more)
    return read(done, answer, unresolved)


def build(name: str, to: str, *flags: str) -> None:
    """Compile a witness of tests/programs to where every account can run it."""
    subprocess.run(["gcc", "-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", *flags, "-o", to,
                    SOURCES / f"{name}.c"], check=True)


def document_without_luck(found: Found) -> dict[str, Any]:
    """What two runs must agree on: without numbers of lines and processes, real names, and times."""
    def kept(finding: dict[str, Any]) -> dict[str, Any]:
        return {key: value for key, value in finding.items() if key not in ("evidence", "example")}
    return {"findings": [kept(each) for each in found.findings]} | {
        key: found.document[key] for key in ("verdict", "programs", "finding")}
