"""pam-mktemp uninstall."""
from __future__ import annotations

import click


@click.command("uninstall", short_help="Take everything back.")
def command() -> None:
    """Take everything back."""
