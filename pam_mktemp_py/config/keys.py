"""Every key of the configuration, once: type, default, allowed values and what it means.

`pam-mktemp config show` and pam_mktemp.toml(5) are made from this; a test holds it against schema.py,
model.py and contrib/pam_mktemp.toml. Nothing that a login runs reads it.
"""
from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pam_mktemp_py.config import model, schema, toml_text

DIRECTORY = "directories.NAME.variables"


@dataclass(frozen=True)
class Key:
    """One key.

    `setting` is its name in model.SETTINGS. `type` is "word", "number" or "list of names". `initial` is the
    value without any file. `allowed` says in words what may stand there; `values` lists the words of a
    word; `low` and `high` bound a number. `description` is manual-page English, paragraphs parted by an
    empty line. `example` is TOML.
    """

    name: str
    setting: str
    type: str
    initial: Any
    allowed: str
    description: str
    example: str
    values: tuple[str, ...] = ()
    low: int = 0
    high: int = 0

    @property
    def default(self) -> str:
        """The value without any file, as TOML."""
        return toml_text.value(self.initial)


KEYS = (
    Key("stage", "stage", "word", model.STAGE, '"env" or "off"',
        'What a new session gets. "env": a private directory, and environment variables that name it. '
        '"off": nothing.\n\n'
        "Sessions that are open keep what they have; every change is for new sessions.",
        'stage = "env"', values=schema.STAGES),
    Key("failure", "failure", "word", model.FAILURE, '"open" or "closed"',
        'What happens when a directory cannot be had. "open": the session starts without, and says so in the '
        'log. "closed": it is refused. Root and exempt accounts are never refused, since any account can fill '
        "/tmp.\n\n"
        "Before an account has its first plan the module's own argument fail= decides: give it the same value.",
        'failure = "closed"', values=schema.FAILURES),
    Key("min_uid", "min_uid", "number", model.MIN_UID, f"0 to {schema.LARGEST_UID}",
        "Accounts with a lower uid get nothing. Does not apply to root.",
        "min_uid = 1000", low=0, high=schema.LARGEST_UID),
    Key("exempt_users", "exempt_users", "list of names", [], "names of accounts",
        "Accounts that get nothing, by name; the first name of an account's uid counts as well as the one that "
        "it was called by. A name that no account has is reported and matches nobody.",
        'exempt_users = ["backup", "nagios"]'),
    Key("exempt_groups", "exempt_groups", "list of names", [], "names of groups",
        "Groups whose members get nothing, be it their primary group or another. A name that no group has is "
        "reported and matches nobody. A change of an account's groups shows after fresh_for.",
        'exempt_groups = ["operators"]'),
    Key("services", "services", "list of names", ["*"], 'names in /etc/pam.d, or "*" for all',
        'PAM services whose sessions get a directory: exact names, such as "sshd", or "*" for all. There are no '
        "other patterns.",
        'services = ["sshd", "login"]'),
    Key("exempt_services", "exempt_services", "list of names", [], 'names in /etc/pam.d, or "*" for all',
        "PAM services whose sessions get nothing, also if services names them.",
        'exempt_services = ["cron"]'),
    Key("fresh_for", "fresh_for", "number", model.FRESH_FOR,
        f"{schema.FRESH_FOR[0]} to {schema.FRESH_FOR[1]} (seconds)",
        "For how many seconds a login relies on what was decided before. A change of these files shows at once; "
        "a change of an account's groups shows after this time.",
        "fresh_for = 600", low=schema.FRESH_FOR[0], high=schema.FRESH_FOR[1]),
    Key(DIRECTORY, "directories", "list of names", list(model.TMP_VARIABLES), "names of environment variables",
        "The environment variables that name the directory /tmp/.private/USER/NAME. There is always one called "
        "tmp, whose default is shown here; each further table [directories.NAME] makes another one beside it, "
        f"{schema.MOST_DIRECTORIES} in all. NAME is 1 to {schema.LONGEST_DIRECTORY} of a-z, 0-9, _ and -. No "
        f"variable may be set by two of them, and all together set at most {schema.MOST_VARIABLES}.",
        '[directories.cache]\nvariables = ["XDG_CACHE_HOME"]'),
)


def find(name: str) -> Key | None:
    """The key of that name, "directories.tmp.variables" included; None if there is none."""
    parts = name.split(".")
    if len(parts) == 3 and parts[0] == "directories" and parts[2] == "variables":
        name = DIRECTORY
    return next((key for key in KEYS if key.name == name), None)
