"""Every key of the configuration, once: type, default, allowed values and what it means.

`pam-mktemp config show` and pam_mktemp.toml(5) are made from this; a test holds it against schema.py,
model.py and contrib/pam_mktemp.toml. Nothing that a login runs reads it.
"""
from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pam_mktemp_py.config import model, schema, toml_text

DIRECTORY = "directories.NAME.variables"
MOUNT = 'mounts."DIR"'
SHARED = "shared.NAME"


@dataclass(frozen=True)
class Key:
    """One key.

    `setting` is its name in model.SETTINGS. `type` is "word", "number", "true or
    false", "path", "name", "list of names" or "table". For a key with DIR or NAME `setting` is that of all such
    tables, and `inner` the key in one of them. `initial` is the
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
    inner: str = ""

    @property
    def default(self) -> str:
        """The value without any file, as TOML."""
        return toml_text.value(self.initial)


KEYS = (
    Key("stage", "stage", "word", model.STAGE, '"bind", "shim", "env" or "off"',
        'What a new session gets. "env": a private directory, and environment variables that name it. '
        '"shim": that, and the remedies that are enabled with pam-mktemp shims enable; none for root. '
        '"bind": all that, and a login sees this directory at /tmp, so that programs which ignore the variables use it '
        'as well; root\'s logins see the host\'s /tmp. "off": nothing.\n\n'
        "Sessions that are open keep what they have; every change is for new sessions.",
        'stage = "env"', values=schema.STAGES),
    Key("failure", "failure", "word", model.FAILURE, '"open" or "closed"',
        'What happens when a directory, or at stage bind the private /tmp of a login, cannot be had. "open": the '
        'session starts without, and says so in the log. "closed": it is refused. Root and exempt accounts are never '
        "refused, since any account can fill /tmp.\n\n"
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
    Key("login_services", "login_services", "list of names", list(model.LOGIN_SERVICES), "names in /etc/pam.d",
        "PAM services that start a login: only these change which /tmp a session sees. At stage bind it is the "
        "account's own, and for accounts that have none the host's. All others, such as sudo and su, keep that of "
        "their caller, and set the variables alone: sudo looks for a command where its caller is, and elsewhere "
        "a file of the same name could be another account's.",
        'login_services = ["login", "sshd", "su-l", "sudo-i", "cron", "systemd-user"]'),
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
        '[directories.cache]\nvariables = ["XDG_CACHE_HOME"]', inner="variables"),
    Key(f"{MOUNT}.noexec", "mounts", "true or false", False, "true or false",
        "Whether programs in the directory cannot be run, at stage bind. nosuid and nodev are always set.\n\n"
        "Each table [mounts.\"DIR\"] names a directory that every account at stage bind has an instance of its own "
        "of, as pam_namespace's polydirs. /tmp always is one; others, such as /var/tmp and /dev/shm, are as soon as "
        "they have a table. It may not lie in /tmp or in another one, nor be one that the system needs.",
        '[mounts."/var/tmp"]\nnoexec = true', inner="noexec"),
    Key(f"{MOUNT}.instance", "mounts", "path", "", "an absolute path",
        "Where the instances of the directory lie: in .private/USER of this one. It must be root's, and writable by "
        "others only if it is sticky. Without it they lie in the directory itself, so those of /var/tmp survive a "
        "reboot and those of /dev/shm stay in memory. Not for /tmp, whose instance TMPDIR names.",
        '[mounts."/scratch"]\ninstance = "/data"', inner="instance"),
    Key('mounts."/tmp".pass', "mounts", "list of names", list(model.PASS), "names of directories in /tmp",
        "Directories of the host's /tmp that are also seen in a private one. They are made, as root and with mode "
        "1777, where they are missing; one that is not root's is left out, and that is logged.",
        '[mounts."/tmp"]\npass = [".X11-unix", ".ICE-unix", "sockets"]', inner="pass"),
    Key('mounts."/tmp".links', "mounts", "table", dict(model.LINKS), "names in /tmp, and absolute paths",
        "Symbolic links in a private /tmp to where a server keeps its socket, for clients that look for it in /tmp. "
        "Each is made if the folder that it leads to exists, and stays while the server is down. A table replaces the "
        "default as a whole; what it no longer names the next login removes.",
        '[mounts."/tmp".links]\n".s.PGSQL.5433" = "/run/postgresql/.s.PGSQL.5433"', inner="links"),
    Key(f"{SHARED}.group", "shared", "name", "", "the name of a group",
        "The group that shares the hand-over directory /tmp/shared-NAME, which its members see in their private "
        "/tmp as well. Root makes it, sticky and closed to others; what is there and not root's is left out, and "
        "that is logged. NAME is 1 to 32 of a-z, 0-9, _ and -.",
        '[shared.web]\ngroup = "www-data"', inner="group"),
    Key(f"{SHARED}.users", "shared", "list of names", [], "names of accounts",
        "Accounts that share /tmp/shared-NAME, beside or instead of a group.",
        '[shared.web]\nusers = ["alice", "bob"]', inner="users"),
    Key("shims.enabled", "shims", "list of names", [], "names of pam-mktemp shims list",
        "Programs that ignore TMPDIR and get their remedy at stages shim and bind. pam-mktemp shims enable writes it "
        "to 50-shims.toml; after a change by hand run pam-mktemp shims sync.",
        '[shims]\nenabled = ["screen", "tmux"]', inner="enabled"),
    Key("shims.variables", "shims", "table", {}, "names of environment variables, and what they hold",
        "Variables of a session that the enabled programs need. pam-mktemp shims sync writes it, from the catalogue. "
        "A value may name $TMPDIR, $UID, $USER, $HOME and $XDG_RUNTIME_DIR, and $$ is a dollar sign; where one of them "
        f"has no value, the variable is left out. With those of directories they are at most {schema.MOST_VARIABLES}, "
        "of which two are for PATH.",
        '[shims.variables]\nTMUX_TMPDIR = "$TMPDIR"', inner="variables"),
)


def find(name: str) -> Key | None:
    """The key of that name, "directories.tmp.variables" included; None if there is none."""
    exact = next((key for key in KEYS if key.name == name), None)
    table, _, inner = name.rpartition(".")
    setting, _, which = table.partition(".")
    if exact or not which or ("." in which and setting != "mounts"):
        return exact
    return next((key for key in KEYS if key.setting == setting and key.inner == inner and "/tmp" not in key.name), None)
