"""pam-mktemp install."""
from __future__ import annotations

import click


@click.command("install", short_help="Put the pieces in their places.")
def command() -> None:
    """Put the pieces in their places."""
