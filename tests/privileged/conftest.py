"""Fixtures of the tests that open sessions through the module."""
from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pam_mktemp_py.pamstack import pieces
from tests.privileged.pam_host import Host

SHARED = (Path("/etc/pam.d"), Path("/var/lib/pam"), Path(pieces.PROFILE).parent)


def installed() -> dict[str, tuple[object, ...]]:
    """What the files of a worker's tests share: PAM's files and state, and the installation."""
    manifest = pieces.read_manifest()
    paths = [path for folder in SHARED for path in folder.iterdir()]
    paths += [Path(name) for name in manifest.pieces] if manifest else []
    found: dict[str, tuple[object, ...]] = {}
    for path in sorted(paths):
        about = path.lstat() if os.path.lexists(path) else None
        found[str(path)] = (about.st_mode, about.st_uid, about.st_gid, path.read_bytes()) if about else ()
    return found


@pytest.fixture(scope="module", autouse=True)
def left_as_it_was() -> Iterator[None]:
    """What one file leaves behind, another would stumble over, in one order of them and not in another."""
    before = installed()
    yield
    after = installed()
    assert sorted(path for path in before.keys() | after.keys() if before.get(path) != after.get(path)) == []


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
