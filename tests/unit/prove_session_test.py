"""What a traced session leaves in its HOME is the account's: whatever it puts there, we read it and are not stopped."""
from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from pam_mktemp_py import expand
from pam_mktemp_py.detect.model import Verdict
from pam_mktemp_py.prove import session, verify
from pam_mktemp_py.prove.session import Place, Seen
from pam_mktemp_py.tracer.request import Outcome


def seen(folder: Path) -> Seen:
    return session._seen(str(folder), Verdict([], [], 0), "", Outcome())


def test_a_session_has_a_value_for_every_name() -> None:
    """Else a remedy with that name in it could never be proved."""
    assert set(verify.values_in(Place("/var/tmp/x", "/tmp/x", -1), None, False)) == set(expand.NAMES)


@pytest.mark.parametrize(("text", "statuses"), [
    ("0\n-11\n", (0, -11)), ("--1\n", ()), ("1" * 5000, ()), ("0\n\u0661\n-\n", (0,)), ("", ()),
], ids=["whole", "dashes", "digits", "other digits", "empty"])
def test_statuses_that_were_forged(tmp_path: Path, text: str, statuses: tuple[int, ...]) -> None:
    (tmp_path / ".verify-status").write_text(text)
    assert seen(tmp_path).statuses == statuses


@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo, lambda path: os.symlink("/etc/passwd", path)],
                         ids=["directory", "fifo", "link"])
def test_what_is_no_file(tmp_path: Path, make: Callable[[Path], None]) -> None:
    """A FIFO whose other end another session of the account holds open has nothing to read yet."""
    names = [tmp_path / f".verify-{name}" for name in ("status", "0.out", "0.err")]
    for name in names:
        make(name)
    held = [os.open(name, os.O_RDWR | os.O_NONBLOCK) for name in names if name.is_fifo()]
    found = seen(tmp_path)
    for fd in held:
        os.close(fd)
    assert (found.statuses, found.output, found.said) == ((), "", "")
