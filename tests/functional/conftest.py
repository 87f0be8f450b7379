"""The command as a fixture."""
from __future__ import annotations

from pathlib import Path

import pytest

from tests.functional.commands import Command


@pytest.fixture
def command(tmp_path: Path) -> Command:
    """pam-mktemp on a configuration and a state of the test's own."""
    return Command(tmp_path)
