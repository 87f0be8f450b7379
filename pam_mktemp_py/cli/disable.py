"""pam-mktemp disable."""
from __future__ import annotations

import click


@click.command("disable", short_help="Take the line out of PAM's files.")
def command() -> None:
    """Take the line out of PAM's files."""
