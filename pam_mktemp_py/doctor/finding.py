"""What a check found, and what it was given to look at."""
from __future__ import annotations

from dataclasses import dataclass, field

from pam_mktemp_py.config.model import Config
from pam_mktemp_py.errors import ConfigError
from pam_mktemp_py.linux.accounts import Account
from pam_mktemp_py.pamstack.stack import Entry

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pam_mktemp_py.directory.seen import Look
    from pam_mktemp_py.pamstack.probe import Outcome, ProbeError

PROBLEM = "problem"  # something to do; the exit status is 1
NOTE = "note"        # worth knowing; nothing has to be done


@dataclass(frozen=True)
class Finding:
    """One thing that is not as it should be.

    `id` is stable and listed in catalogue.py. `what` is a sentence, `where` a FILE:LINE, a path, a service
    or "". `why` says what comes of it. `do` says what to do; `commands` are the same as argument lists that
    root can run as they stand, where commands can do it at all.
    """

    id: str
    what: str
    where: str
    why: str
    do: str
    commands: tuple[tuple[str, ...], ...] = ()
    kind: str = PROBLEM


@dataclass
class Patient:
    """What the checks look at; made once.

    `stacks` has the session entries of every service that opens sessions (common-* and other files that are
    only included are not among them). `late` has the auth lines of those of them that run our module and whose
    programs call pam_setcred(3) when the session is open. `config` is None if it cannot be used, `error` then says why.
    `outcome` is None if no session was opened: not root, or no service runs our module. `before` is the
    directory as it was before that session. `full`: the session ran through all modules of the stack; else `shape`
    is what came of the stack's structure without them, and `outcome` the same, or what came of our line alone if
    the structure did not get to it or refused the session. `failed`: why no session could be tried.
    """

    account: Account
    service: str
    full: bool = False
    root: bool = True
    config_path: str = ""
    config: Config | None = None
    error: ConfigError | None = None
    stacks: dict[str, list[Entry]] = field(default_factory=dict)
    late: dict[str, list[Entry]] = field(default_factory=dict)
    outcome: Outcome | None = None
    shape: Outcome | None = None
    failed: ProbeError | None = None
    before: Look | None = None

    @property
    def entries(self) -> list[Entry]:
        """The session lines of the service that was asked for."""
        return self.stacks.get(self.service, [])
