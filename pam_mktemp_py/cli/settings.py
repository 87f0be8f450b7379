"""What the global options say, and where things are: tests give other places."""
from __future__ import annotations

from dataclasses import dataclass

from pam_mktemp_py import paths


@dataclass
class Settings:
    """`owner` is the uid that configuration files must have; `verbosity` is -1 (-q), 0 or 1 (-v)."""

    config: str = paths.CONFIG
    json: bool = False
    output: str = "-"
    color: str = "auto"
    verbosity: int = 0
    owner: int = 0
    off: str = paths.OFF
    base: str = paths.BASE
    run: str = paths.RUN
    state: str = paths.STATE

    def folder(self, usual: str) -> str:
        """The place of one of the folders in /run/pam-mktemp."""
        return self.run + usual[len(paths.RUN):]
