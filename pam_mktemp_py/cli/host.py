"""pam-mktemp host: act on the host from inside of a private mount."""
from __future__ import annotations

import click

from pam_mktemp_py import paths
from pam_mktemp_py.cli import enter_run
from pam_mktemp_py.cli.settings import Settings
from pam_mktemp_py.errors import Error
from pam_mktemp_py.namespace import enter


@click.command("host", short_help="Run a command with the host's mounts.",
               context_settings={"allow_interspersed_args": False})
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED, metavar="COMMAND...")
@click.pass_obj
def command(settings: Settings, command: tuple[str, ...]) -> int:
    """Run COMMAND with the host's mounts and its shared /tmp, from inside of a view: what it mounts reaches the host.

    For root only. It is refused in a chroot, a container or another program's sandbox; on the host itself COMMAND
    is simply run. COMMAND is looked up before, and must be the same file on the host: not one of that name which
    another user has put into the shared /tmp.

    The exit status is that of COMMAND; 127 if there is none, 126 if it cannot be run, 125 if it was refused.
    """
    program = enter_run.prepared("host", command)
    if isinstance(program, int):
        return program
    try:
        enter_run.run(settings, enter.host(settings.folder(paths.VIEWS)), program)
    except (Error, OSError) as error:
        return enter_run.failed(error)
