"""Scripts for the completion of shells: click's own, for the command's name.

They ask the installed command itself for what can stand at the cursor, so they need not know any command,
option or account.
"""
from __future__ import annotations

import click
from click.shell_completion import BashComplete, FishComplete, ShellComplete, ZshComplete

FILES: dict[str, type[ShellComplete]] = {
    "pam-mktemp.bash": BashComplete, "_pam-mktemp": ZshComplete, "pam-mktemp.fish": FishComplete}


def scripts(group: click.Group, name: str) -> dict[str, str]:
    """File name -> script. source() is not used: it runs bash to ask for its version."""
    variable = f"_{name}_COMPLETE".replace("-", "_").upper()
    out = {}
    for file, kind in FILES.items():
        made = kind(group, {}, name, variable)
        out[file] = (made.source_template % made.source_vars()).strip() + "\n"
    return out
