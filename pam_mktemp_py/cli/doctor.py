"""pam-mktemp doctor."""
from __future__ import annotations

import click


@click.command("doctor", short_help="What a login really gets, and what is wrong.")
def command() -> None:
    """What a login really gets, and what is wrong."""
