"""Fixtures for doctor: a machine on which nothing is wrong."""
from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.privileged.doctor.doctor import LINE, USER
from tests.sandbox import accounts


@pytest.fixture(scope="module")
def alice() -> Iterator[None]:
    """An account like any other, for all tests of a file."""
    accounts.add(USER, uid=2101)
    yield
    accounts.remove(USER)


@pytest.fixture
def machine(fresh_state: None, alice: None, pam_service: Callable[..., Path]) -> Callable[..., Path]:
    """No state, alice, and our line at the end of su; returns pam_service, whose files are put back."""
    pam_service("su", [*Path("/etc/pam.d/su").read_text().splitlines(), LINE])
    return pam_service
