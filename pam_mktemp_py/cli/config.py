"""pam-mktemp config: the group of commands about the configuration; each has a file of its own."""
from __future__ import annotations

import click

from pam_mktemp_py.cli import config_check, config_import, config_show


@click.group("config", short_help="Check, show or import the configuration.")
def command() -> None:
    """Check, show or import the configuration.

    It is /etc/security/pam_mktemp.toml and then /etc/security/pam_mktemp.d/*.toml in the order of their
    names, or what --config says; pam_mktemp.toml(5) describes it.
    """


command.add_command(config_check.command)
command.add_command(config_show.command)
command.add_command(config_import.command)
