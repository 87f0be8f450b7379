"""pam-mktemp config."""
from __future__ import annotations

import click


@click.command("config", short_help="Check, show or import the configuration.")
def command() -> None:
    """Check, show or import the configuration."""
