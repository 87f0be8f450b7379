"""The configuration as the rest of the program sees it, and its defaults."""
from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypedDict

    from pam_mktemp_py.config.depends import Depend

    Mount = TypedDict("Mount", {"instance": str, "noexec": bool, "pass": list[str], "links": dict[str, str]})
    Shared = TypedDict("Shared", {"group": str, "users": list[str]})
    Shims = TypedDict("Shims", {"enabled": list[str], "variables": dict[str, str]})

STAGE = "env"
FAILURE = "open"
MIN_UID = 0
FRESH_FOR = 3600
TMP_VARIABLES = ("TMPDIR", "TMP", "TEMP", "TEMPDIR")

# Not gdm-launch-environment: the greeter's own session, which is nobody's login.
LOGIN_SERVICES = (
    "login", "remote", "sshd", "su-l", "sudo-i", "runuser-l", "cron", "crond", "atd", "at", "systemd-user",
    "gdm-password", "gdm-autologin", "gdm-fingerprint", "gdm-smartcard", "lightdm", "lightdm-autologin", "sddm",
    "sddm-autologin", "lxdm", "xdm", "slim", "kde", "xrdp-sesman", "cockpit", "rlogin", "rsh", "vsftpd", "proftpd",
    "pure-ftpd", "ftp",
)
TMP = "/tmp"
PASS = (".X11-unix", ".ICE-unix")
LINKS = {".s.PGSQL.5432": "/run/postgresql/.s.PGSQL.5432", "mysql.sock": "/run/mysqld/mysqld.sock"}

SETTINGS = ("stage", "failure", "min_uid", "exempt_users", "exempt_groups", "services", "exempt_services",
            "login_services", "directories", "fresh_for", "mounts", "shared", "shims")


class Config:
    """All settings, and where they come from.

    `directories` is [(name, [variable])], tmp first; `fresh_for` is in seconds. `mounts` gives what is made of
    each directory that accounts at stage bind have an instance of, /tmp first (only it has `pass` and `links`);
    `shared` is {name: {group, users}}, group '' for none. `shims` are the enabled entries of the catalogue, and the
    variables of a session that they set, {name: text for expand.py}. `origins` gives the file and line of each
    setting that a file sets, by key: "stage", "directories.tmp.variables", 'mounts."/tmp".noexec', and by entry of a
    list of names: "exempt_users[backup]". `exempt_gids` is {gid: name} of the exempt groups
    that exist. `recent`: a file changed less than 2 s ago, so it may change again without a trace.
    `parsed`: read from the files now, not from the cache.
    """

    __slots__ = (*SETTINGS, "path", "origins", "depends", "recent", "parsed", "exempt_gids", "_warnings")

    def __init__(self, path: str) -> None:
        self.path = path
        self.stage = STAGE
        self.failure = FAILURE
        self.min_uid = MIN_UID
        self.exempt_users: list[str] = []
        self.exempt_groups: list[str] = []
        self.services = ["*"]
        self.exempt_services: list[str] = []
        self.login_services = list(LOGIN_SERVICES)
        self.directories = [("tmp", list(TMP_VARIABLES))]
        self.fresh_for = FRESH_FOR
        self.mounts: dict[str, Mount] = {
            TMP: {"instance": TMP, "noexec": False, "pass": list(PASS), "links": dict(LINKS)}}
        self.shared: dict[str, Shared] = {}
        self.shims: Shims = {"enabled": [], "variables": {}}
        self.origins: dict[str, tuple[str, int]] = {}
        self.depends: list[Depend] = []
        self.recent = False
        self.parsed = True
        self.exempt_gids: dict[int, str] = {}
        self._warnings: list[str] | None = None

    @property
    def warnings(self) -> list[str]:
        """Unknown users and groups in the lists, each a sentence with file and line.

        Asked of NSS when first read, which a dead directory service can make slow: read it after the
        plan is written. Users are checked only when the files were parsed now (no decision needs it,
        and one report for each change of the files is enough).
        """
        if self._warnings is None:
            from pam_mktemp_py.config import names
            self._warnings = names.unknown(self)
        return self._warnings

    def origin(self, key: str) -> str:
        """'FILE:LINE' of a key, or words saying that no file sets it."""
        if key in self.origins:
            file, line = self.origins[key]
            return f"{file}:{line}"
        return f"the default, not set in {self.path} or its drop-ins"

    def settings(self) -> dict[str, Any]:
        """Setting -> value, as schema.py checked them."""
        return {key: getattr(self, key) for key in SETTINGS}
