"""The configuration as the rest of the program sees it, and its defaults."""
from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from pam_mktemp_py.config.depends import Depend

STAGE = "env"
FAILURE = "open"
MIN_UID = 0
FRESH_FOR = 3600
TMP_VARIABLES = ("TMPDIR", "TMP", "TEMP", "TEMPDIR")

SETTINGS = ("stage", "failure", "min_uid", "exempt_users", "exempt_groups", "services", "exempt_services",
            "directories", "fresh_for")


class Config:
    """All settings, and where they come from.

    `directories` is [(name, [variable])], tmp first; `fresh_for` is in seconds. `origins` gives the file
    and line of each setting that a file sets, by key: "stage", "directories.tmp.variables", and by
    entry of a list of names: "exempt_users[backup]". `exempt_gids` is {gid: name} of the exempt groups
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
        self.directories = [("tmp", list(TMP_VARIABLES))]
        self.fresh_for = FRESH_FOR
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
