"""Fixtures for real programs in a private /tmp: the machine of the real logins, at stage bind."""
from __future__ import annotations

from tests.privileged.logins.bind_test import bind  # noqa: F401  fixture, for every test
from tests.privileged.logins.conftest import machine, people, stack  # noqa: F401  fixtures
from tests.privileged.logins.sshd_test import ssh  # noqa: F401  fixture
