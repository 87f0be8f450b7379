"""The variables that the shims give a session: those of the enabled entries, and the way to the launcher."""
from __future__ import annotations

import os

from pam_mktemp_py import expand, paths, percent

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pam_mktemp_py.config.model import Config
    from pam_mktemp_py.linux.accounts import Account

LOGIN_DEFS = "/etc/login.defs"
DEFAULT_PATH = "/usr/local/bin:/usr/bin:/bin"
RUNTIME = "/run/user"
FOLDER = "PAM_MKTEMP_SHIMS"  # for profile.d/pam-mktemp-shims.sh: /etc/profile sets PATH anew
_LONGEST = 1024  # of a value in a plan, in bytes
_ROOM = 4096     # of all of them, as they stand there: a plan that is too long is none, and may refuse the login


def environment(config: Config, account: Account, known: list[tuple[str, str]], *, login: bool,
                runtime: str = RUNTIME, login_defs: str = LOGIN_DEFS) -> list[tuple[str, str]]:
    """What is set beside the variables `known`, which count where both have one.

    A variable whose value needs a name that this session has not is left out, and so is one that no plan could
    hold, by itself or with those before it. `login`: PATH as well, DIRECTORY:DEFAULT (plan.py).
    """
    set_already = dict(known)
    made = []
    room = _ROOM
    values = _values(account, set_already.get("TMPDIR", ""), runtime) if config.shims["variables"] else {}
    for name, text in config.shims["variables"].items():
        if name in set_already or not all(values[used] for used in expand.used(text)):
            continue
        value = expand.expand(text, values)
        size = len(f"setenv {name} {percent.encoded(value)}\n")
        if len(value.encode("utf-8", "surrogateescape")) <= _LONGEST and size <= room:
            made.append((name, value))
            room -= size
    if config.shims["enabled"]:
        folder = f"{paths.SHIMS}/bin"
        made.append((FOLDER, folder))
        if login and "PATH" not in set_already:
            made.append(("PATH", f"{folder}:{default_path(login_defs)}"))
    return made


def _values(account: Account, tmpdir: str, runtime: str) -> dict[str, str]:
    folder = f"{runtime}/{account.uid}"
    return {"TMPDIR": tmpdir, "UID": str(account.uid), "USER": account.name, "HOME": account.home,
            # Made by another module, before ours or after it. A name of what is not there would keep a program
            # from its work.
            "XDG_RUNTIME_DIR": folder if os.path.isdir(folder) else ""}


def default_path(login_defs: str = LOGIN_DEFS) -> str:
    """The PATH of a login, ENV_PATH of login.defs(5): "PATH=/bin:..." or without PATH=, the last line counts."""
    found = DEFAULT_PATH
    try:
        with open(login_defs, "rb") as file:
            lines = file.read(_LONGEST * 64).decode("utf-8", "surrogateescape").splitlines()
    except OSError:  # there are systems without
        return found
    for line in lines:
        key, *value = line.split(None, 1)[:2] or [""]
        if key == "ENV_PATH" and value:
            text = value[0].strip(" \t\"").removeprefix("PATH=")
            if text.startswith("/") and text.isprintable() and len(text.encode("utf-8", "replace")) < _LONGEST - 64:
                found = text
    return found
