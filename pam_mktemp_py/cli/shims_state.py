"""What `pam-mktemp shims list` and `show` say of an enabled entry: its shim, and whether the caller's PATH finds it."""
from __future__ import annotations

import os
import pwd
from dataclasses import dataclass, field
from typing import Any

from pam_mktemp_py.cli.settings import Settings
from pam_mktemp_py.config.load import load
from pam_mktemp_py.config.model import Config
from pam_mktemp_py.errors import ConfigError, Refused
from pam_mktemp_py.linux import accounts
from pam_mktemp_py.remedies import enabled, order, state
from pam_mktemp_py.remedies.catalogue import Catalogue
from pam_mktemp_py.remedies.enabled import LeftOut
from pam_mktemp_py.remedies.entry import Entry
from pam_mktemp_py.remedies.installed import Here

SYNC = "run: pam-mktemp shims sync"
DAEMONS = {"cron", "crond", "atd", "anacron"}


@dataclass
class State:
    """The configuration (None if it cannot be used, then `error` says why), and what follows of it on this host.

    `folder` is the one with the shims, `steps` what `shims sync` would do, {path: what}, `left_out` why an enabled
    entry gets nothing. `before` are the folders before ours in PATH; if it is not in PATH, None, and `why` says why.
    """

    folder: str
    config: Config | None = None
    error: ConfigError | None = None
    steps: dict[str, str] = field(default_factory=dict)
    left_out: dict[str, LeftOut] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)
    before: list[str] | None = None
    why: str = ""

    def on(self, entry: Entry) -> bool | None:
        """Whether the entry is enabled; None if nobody knows."""
        return None if self.config is None else entry.name in self.config.shims["enabled"]

    def shim(self, entry: Entry) -> str | None:
        """"in place", "missing", "differs" or "left out" of an enabled entry's shims or variables; None for another."""
        if not self.on(entry) or self.config is None:
            return None
        if entry.name in self.left_out:
            return "left out"
        if entry.remedy.kind not in order.SHIMMED:
            given = self.config.shims["variables"]
            wrong = [name for name in entry.remedy.set if given.get(name) != self.variables.get(name)]
            return "in place" if not wrong else "differs" if any(name in given for name in wrong) else "missing"
        top = os.path.dirname(self.folder)
        own = [path for name in entry.recognise.names for path in (f"{self.folder}/{name}", f"{top}/plans/{name}")]
        steps = {self.steps[path] for path in (*own, top, self.folder, f"{top}/plans") if path in self.steps}
        return "in place" if not steps else "missing" if "made" in steps else "differs"

    def behind(self, entry: Entry) -> list[tuple[str, str]]:
        """(program, folder) of each of an enabled entry's programs that PATH has in a folder before ours."""
        if not self.on(entry) or entry.remedy.kind not in order.SHIMMED:
            return []
        found = [(name, order.holding(self.before or (), name)) for name in entry.recognise.names]
        return [(name, folder) for name, folder in found if folder]

    def data(self, entry: Entry) -> dict[str, Any]:
        """The entry's keys for --json."""
        return {"enabled": self.on(entry), "shim": self.shim(entry),
                "behind": [{"program": name, "folder": folder} for name, folder in self.behind(entry)]}

    def words(self, entry: Entry) -> tuple[list[str], str]:
        """The same in words, and a mark for the row."""
        if not self.on(entry):
            return [], ""
        shim, said = self.shim(entry), ["enabled"]
        what = "shim" if entry.remedy.kind in order.SHIMMED else "variable"
        if entry.name in self.left_out:
            said.append(f"without effect: {self.left_out[entry.name].why}")
            return said, "bad" if self.left_out[entry.name].wrong else "unknown"
        if shim != "in place":
            said.append(f"its {what} is {'missing' if shim == 'missing' else 'not up to date'}, {SYNC}")
        behind = dict.fromkeys(folder for _, folder in self.behind(entry))
        said += [f"behind {folder} in your PATH" for folder in behind]
        return said, "bad" if shim != "in place" else "unknown" if behind else ""

    def path_data(self) -> dict[str, Any]:
        """PATH for --json."""
        return {"folder": self.folder, "listed": self.before is not None, "why": self.why}


def look(settings: Settings, found: Catalogue, here: dict[str, Here] | None = None) -> State:
    """How it all stands, for the caller's own account and PATH. `here`: what is known of all programs already."""
    made = State(f"{settings.state}/shims/{state.BIN}")
    try:
        made.config = load(settings.config, owner=settings.owner)
    except ConfigError as error:
        made.error = error
        return made
    names = made.config.shims["enabled"]
    if here is None:
        here = order.meant(found, names)
    wanted = enabled.wanted(found, names, here, lambda entry: order.present(entry, made.folder))
    made.left_out, made.variables = {each.name: each for each in wanted.left_out}, wanted.variables
    top = os.path.dirname(made.folder)
    try:
        made.steps = order.steps(top, wanted.plans, settings.owner)
    except (Refused, OSError):  # sync says what is in its way
        made.steps = {top: "replaced"}
    made.before = order.before(os.environ.get("PATH", os.defpath), made.folder)
    if made.before is None and order.programs(found, names):
        made.why = _why(made.config)
    return made


def _why(config: Config) -> str:
    """Why the caller's PATH is without the shims."""
    if os.geteuid() == 0 and os.environ.get("SUDO_COMMAND"):
        return "this runs under sudo, whose secure_path has no shims: see it without sudo"
    if _below(DAEMONS):
        return "this runs under cron, whose PATH has no shims"
    try:
        account = accounts.lookup(pwd.getpwuid(os.getuid()).pw_name)
    except KeyError:
        account = None
    decided = order.decision(config, account) if account else None
    if decided is None or decided.shims != "path":
        return decided.reason if decided else f"nobody knows the account of uid {os.getuid()}"
    if not os.environ.get("PAM_MKTEMP_SHIMS"):
        return "this session is no login that began since something was enabled: log in again"
    return "a start file has set PATH anew: pam-mktemp doctor names it"


def _below(names: set[str], proc: str = "/proc") -> bool:
    """Whether a program of one of these names is among the ancestors of this process."""
    pid = os.getppid()
    while pid > 1:
        try:
            with open(f"{proc}/{pid}/stat", "rb") as file:
                text = file.read()
        except OSError:
            return False
        name, _, rest = text.partition(b"(")[2].rpartition(b")")
        if os.fsdecode(name) in names:
            return True
        pid = int(rest.split()[1])
    return False
