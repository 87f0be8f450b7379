"""pam-mktemp shims: the group of commands about programs that ignore TMPDIR; each has a file of its own."""
from __future__ import annotations

import click

from pam_mktemp_py.cli import shims_disable, shims_enable, shims_list, shims_show, shims_sync, shims_verify


@click.group("shims", short_help="What is done about programs that ignore TMPDIR.")
def command() -> None:
    """List and show what is known of programs that use /tmp, and the remedy for each.

    An entry of the catalogue says how a program is recognised, what it does with /tmp, what helps, and how that is
    known. Files in /etc/security/pam_mktemp.d/shims, one for each program, override those that are shipped.
    """


command.add_command(shims_list.command)
command.add_command(shims_show.command)
command.add_command(shims_verify.command)
command.add_command(shims_enable.command)
command.add_command(shims_disable.command)
command.add_command(shims_sync.command)
