"""The drop-in that says which entries of the catalogue are enabled, and nothing else."""
from __future__ import annotations

from pam_mktemp_py import paths
from pam_mktemp_py.config import files, toml_text
from pam_mktemp_py.config.load import parse
from pam_mktemp_py.config.model import Config
from pam_mktemp_py.errors import Refused

NAME = "50-shims.toml"
_HEADER = """\
# Written by: pam-mktemp shims enable, disable and sync. `enabled` may be changed by hand, and counts after
# pam-mktemp shims sync. `variables` are written anew from the catalogue, and comments and other keys are not kept.
"""


def path(config: str) -> str:
    """Where it lies, for the main file `config`."""
    return f"{paths.drop_in_folder(config)}/{NAME}"


def text(enabled: list[str], variables: dict[str, str]) -> str:
    """What stands in it, names in order."""
    sets = ", ".join(f"{name} = {toml_text.value(value)}" for name, value in sorted(variables.items()))
    return f"{_HEADER}[shims]\nenabled = {toml_text.value(sorted(enabled))}\nvariables = {{{sets}}}\n"


def check(config: Config, owner: int) -> None:
    """Refused if it holds what would be lost, or if another file says what this one shall; ConfigError, OSError.

    `config` is what all files make, `owner` whose they must be.
    """
    ours = path(config.path)
    raw, _ = files.read_one(ours, owner)
    data, lines = parse(ours, raw or b"")
    for key in data:
        if key != "shims":
            raise Refused("shims-refused", f"{ours}:{lines[(key,)]}", f"{key} would be lost: this file is written anew",
                          "move it to another drop-in")
    for key in ("shims.enabled", "shims.variables"):
        file, line = config.origins.get(key, (ours, 0))
        if file != ours:
            raise Refused("shims-refused", f"{file}:{line}", f"sets {key}, which pam-mktemp shims writes to {ours}",
                          "remove it there")
