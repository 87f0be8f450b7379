"""Fixtures of the tests that open sessions through the module."""
from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.privileged.pam_host import Host


@pytest.fixture
def alice(account: Callable[..., Any]) -> Any:
    """An account like any other."""
    return account('alice', uid=2101)


@pytest.fixture
def bob(account: Callable[..., Any]) -> Any:
    """Another one."""
    return account('bob', uid=2102)


@pytest.fixture
def host(fresh_state: None, pam_service: Callable[..., Path]) -> Host:
    """The witness and the module as they are installed, with no state yet."""
    return Host(False, pam_service)


@pytest.fixture(params=['installed', 'sanitized'])
def any_host(request: pytest.FixtureRequest, fresh_state: None, pam_service: Callable[..., Path]) -> Host:
    """The same, and once more with both built with ASan and UBSan."""
    return Host(request.param == 'sanitized', pam_service)
