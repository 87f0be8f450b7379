"""pam-mktemp enable."""
from __future__ import annotations

import click


@click.command("enable", short_help="Put the line into PAM's files.")
def command() -> None:
    """Put the line into PAM's files."""
