"""The environment of the traced command: as it would be, but for the four variables."""
from __future__ import annotations

import os
import pwd
from collections.abc import Mapping

from pam_mktemp_py.linux.accounts import Account

VARIABLES = ("TMPDIR", "TMP", "TEMP", "TEMPDIR")
LOGIN_DEFS = "/etc/login.defs"
# What a login keeps of the terminal and the language; the rest is the caller's own affair, and may be secret.
KEPT = frozenset(("TERM", "LANG", "LANGUAGE", "TZ", "COLORTERM", "NO_COLOR"))
PATH = "/usr/local/bin:/usr/bin:/bin:/usr/local/games:/usr/games"
ROOT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def of(tmpdir: str, user: Account | None, base: Mapping[str, str], extra: Mapping[str, str]) -> dict[str, str]:
    """`base` for the caller's own command, a login's environment for another account's; then TMPDIR, then `extra`."""
    found = dict(base) if user is None else _login(user, base)
    return found | dict.fromkeys(VARIABLES, tmpdir) | dict(extra)


def _login(user: Account, base: Mapping[str, str]) -> dict[str, str]:
    """What su -l would give, but for what PAM adds. An account that is gone from NSS by now gets / and /bin/sh."""
    home, shell = "/", ""
    try:
        entry = pwd.getpwnam(user.name)
        home, shell = entry.pw_dir, entry.pw_shell
    except KeyError:
        home = "/"
    kept = {name: value for name, value in base.items() if name in KEPT or name.startswith("LC_")}
    return kept | {"HOME": home or "/", "SHELL": shell or "/bin/sh", "USER": user.name, "LOGNAME": user.name,
                   "PATH": path(user.uid)}


def path(uid: int, file: str = LOGIN_DEFS) -> str:
    """The PATH that a login of the uid starts with (login.defs(5): ENV_PATH, ENV_SUPATH)."""
    name, default = ("ENV_SUPATH", ROOT_PATH) if uid == 0 else ("ENV_PATH", PATH)
    try:
        with open(file, encoding="utf-8", errors="surrogateescape") as lines:
            words = [line.split() for line in lines]
    except (FileNotFoundError, PermissionError):
        return default
    values = [line[1] for line in words if len(line) == 2 and line[0] == name]
    return values[-1].removeprefix("PATH=") if values else default


def own(base: Mapping[str, str] | None) -> Mapping[str, str]:
    """`base`, or this process's environment."""
    return os.environ if base is None else base
