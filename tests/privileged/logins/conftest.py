"""Fixtures for real logins: accounts that stay for one file, and a machine with our line in its PAM files."""
from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.privileged.logins.session import LINE, prepare_meeting
from tests.sandbox import accounts

FILES = ("common-session", "common-session-noninteractive", "runuser")
PEOPLE = ("alice", "bob", "mallory")


@pytest.fixture(scope="module")
def people() -> Iterator[None]:
    """alice, bob and mallory, with homes and a group each, for all tests of a file."""
    for number, name in enumerate(PEOPLE):
        accounts.add(name, uid=3001 + number)
    yield
    for name in PEOPLE:
        accounts.remove(name)


@pytest.fixture
def stack(pam_service: Callable[..., Path]) -> Callable[..., None]:
    """stack("debug") puts our line with these arguments at the end of the PAM files that real programs use."""
    before = {name: Path("/etc/pam.d", name).read_text().splitlines() for name in FILES}

    def write(*arguments: str) -> None:
        for name, lines in before.items():
            pam_service(name, [*lines, " ".join([LINE, *arguments])])

    return write


@pytest.fixture
def machine(fresh_state: None, people: None, stack: Callable[..., None]) -> Iterator[None]:
    """No state, the accounts, our line in PAM, and a place to meet the witness."""
    prepare_meeting()
    stack()
    yield
    for name in PEOPLE:  # nothing of theirs may stay in a directory that the next test unmounts
        accounts.kill_all_of(accounts.pwd.getpwnam(name).pw_uid)
