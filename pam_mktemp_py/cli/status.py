"""pam-mktemp status."""
from __future__ import annotations

import click


@click.command("status", short_help="Live sessions, stale records, last failures.")
def command() -> None:
    """Live sessions, stale records, last failures."""
