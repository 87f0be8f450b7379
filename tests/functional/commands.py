"""What the tests of the command share: a configuration of our own, and click's runner."""
from __future__ import annotations

import inspect
import json
import os
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from pam_mktemp_py.cli.main import group
from pam_mktemp_py.cli.settings import Settings

USER = "nobody"  # there is one everywhere, and nothing of it matters
BASE = "/usr"    # root's, closed to others, and without a .private: what a login would make can be shown
# click before 8.2 mixes the two outputs unless told not to; from 8.2 on it cannot be told.
SEPARATE: Any = {"mix_stderr": False} if "mix_stderr" in inspect.signature(CliRunner).parameters else {}


class Command:
    """Runs pam-mktemp in this process, with the places that a test gives."""

    def __init__(self, folder: Path) -> None:
        self.config = folder / "pam_mktemp.toml"
        self.run = folder / "run"
        self.off = folder / "off"
        self.base = BASE
        for name in ("plans", "failures", "sessions"):
            (self.run / name).mkdir(parents=True)

    def __call__(self, *words: str, env: dict[str, str] | None = None) -> Result:
        settings = Settings(config=str(self.config), owner=os.getuid(), off=str(self.off), base=self.base,
                            run=str(self.run), state=str(self.run / "state"))
        return CliRunner(env=env, **SEPARATE).invoke(group, list(words), obj=settings)

    def json(self, *words: str, status: int = 0) -> Any:
        """The document of --json."""
        result = self("--json", *words)
        assert result.exit_code == status, result.stdout + result.stderr
        document = json.loads(result.stdout)
        assert list(document)[:2] == ["schema", "command"] and document["schema"] == 1
        return document
