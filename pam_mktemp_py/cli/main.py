"""The group of commands, and the one place where a report is delivered and an error ends."""
from __future__ import annotations

import importlib
import os
import sys
from typing import Any, NoReturn

import click

from pam_mktemp_py import __version__, paths
from pam_mktemp_py.cli import files
from pam_mktemp_py.cli.complaints import FAILED, NAME, complain, translated
from pam_mktemp_py.cli.report import Report, deliver
from pam_mktemp_py.cli.settings import Settings
from pam_mktemp_py.cli.streams import drop, occupied, settled

COMMANDS = ("config", "detect", "disable", "doctor", "enable", "enter", "host", "install", "plan", "run", "scan",
            "shims", "status", "uninstall", "where")
COMPLETION = "_PAM_MKTEMP_COMPLETE"  # click's own name: set where a shell asks what Tab can insert
FINE, USAGE, INTERRUPTED, BROKEN_PIPE = 0, 2, 130, 141


class Group(click.Group):
    """A group whose commands return a Report; it is delivered here, and every error ends here.

    Each command is `command` of the file of its name, imported when it is asked for: what one needs, the
    others need not wait for, and what one lacks does not keep the others from running.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names, sorted."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, or None if there is none of that name."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"pam_mktemp_py.cli.{cmd_name}").command
        return command

    def main(self, *args: Any, **options: Any) -> NoReturn:
        """As click's, but with our messages and exit statuses."""
        options.update(prog_name=NAME, standalone_mode=False)
        occupied()
        for stream in (sys.stdout, sys.stderr):
            if hasattr(stream, "reconfigure"):
                stream.reconfigure(errors="backslashreplace")
        status = self._status(*args, **options)
        settled()
        sys.exit(status)

    def _status(self, *args: Any, **options: Any) -> int:
        try:
            result = super().main(*args, **options)
            return deliver(result) if isinstance(result, Report) else int(result or FINE)
        except click.UsageError as error:
            return complain(usage(error), USAGE)
        except (click.Abort, KeyboardInterrupt):
            return INTERRUPTED
        except BrokenPipeError:
            return quiet_end()
        except SystemExit as end:  # click's own answer to a broken pipe
            return end.code if isinstance(end.code, int) and end.code != 1 else quiet_end()
        except Exception as error:
            if COMPLETION in os.environ:  # a message would stand in the middle of what is being typed
                return FAILED
            return translated(error)


def usage(error: click.UsageError) -> str:
    """What is wrong with the words of the command line, and what to do."""
    message = error.format_message().rstrip(".")
    option = getattr(error, "option_name", None)
    found = [parameter for parameter in group.params if option in parameter.opts]
    if error.ctx and found:
        command = error.ctx.command_path.removeprefix(NAME).strip()
        words = " ".join(filter(None, (option, found[0].metavar, command)))
        return f"{message} there; it stands before the command: {NAME} {words} ..."
    path = error.ctx.command_path if error.ctx else NAME
    return f"{message}; see: {path} --help"


def quiet_end() -> int:
    """The reader of our output has gone: nothing is wrong, and nobody is left to tell."""
    drop(sys.stdout, sys.stderr)
    return BROKEN_PIPE


@click.group(NAME, cls=Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option("--config", metavar="FILE", default=paths.CONFIG, show_default=True, type=click.Path(readable=False),
              help="The configuration; its drop-ins are FILE's *.toml with .d for .toml.")
@click.option("--json", is_flag=True, help='Write one JSON object, with "schema": 1, instead of text.')
@click.option("-o", "--output", metavar="FILE", default="-", type=click.Path(readable=False),
              help="Write to FILE, whole or not at all, instead of the standard output.")
@click.option("--color", type=click.Choice(["auto", "always", "never"]), default="auto", show_default=True,
              help="Colors: on a terminal where NO_COLOR is not set (auto), always or never.")
@click.option("-q", "--quiet", is_flag=True, help="No notes on the standard error, only errors.")
@click.option("-v", "--verbose", is_flag=True, help="More details.")
@click.version_option(__version__, "-V", "--version", prog_name=NAME, message="%(prog)s %(version)s")
@click.pass_context
def group(ctx: click.Context, config: str, json: bool, output: str, color: str, quiet: bool, verbose: bool) -> None:
    """Private temporary directories for login sessions: set up, looked at, explained.

    plan, where, status, doctor, config, shims list and shims show look, and work for everyone; what only root
    can see is shown as 'needs root'. detect runs a command and finds what ignores TMPDIR, scan looks for it in
    files. run gives a command a private /tmp; enter and host, for root, run one in the mounts of others.
    install, uninstall, enable, disable, config import --write, detect --fix --write and shims enable, disable
    and sync change the system, as root, and show with --dry-run what they would do.

    \b
    Exit status:
      0    fine
      1    a finding, or refused (an unknown account, say)
      2    wrong usage
      3    it could not be done
    run, enter and host end as their command does, or with 125, 126 or 127.
    """
    if quiet and verbose:
        raise click.UsageError("-q and -v contradict each other")
    settings = ctx.obj = ctx.obj or Settings()
    if not isinstance(settings, Settings):
        raise TypeError("obj must be Settings")
    if ctx.get_parameter_source("config") != click.core.ParameterSource.DEFAULT:
        if not os.path.lexists(config):  # the usual one may be absent; one that was typed is meant to be there
            raise click.BadParameter(f"there is no file {config!r}", ctx, param_hint="--config")
        settings.config = os.path.abspath(config)  # PAM modules are given absolute paths
    if output != "-":
        files.check(output)  # else a change would be made, and only the failure to write the answer be told
    settings.json, settings.output, settings.color = json, output, color
    settings.verbosity = verbose - quiet


def main() -> NoReturn:
    """The entry point of the installed command."""
    group.main()


if __name__ == "__main__":
    main()
