"""Configuration, account, service -> the stage, with the line that decided."""
from __future__ import annotations

from pam_mktemp_py import paths

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pam_mktemp_py.config.model import Config
    from pam_mktemp_py.linux.accounts import Account


class Decision:
    """`stage`, the `reason` as a sentence naming file and line, `failure` (open, closed), and the
    `directories` to have, [(name, [variable])], none at stage off.

    `view` is which /tmp the session sees: "bind" the account's own (only at stage bind), "host" the host's,
    "keep" that of its caller. `shims` is what of them it has: "" nothing, "variables" those of the enabled entries,
    or "path" their folder in PATH as well.
    """

    __slots__ = ("stage", "reason", "failure", "directories", "view", "shims")

    def __init__(self, stage: str, reason: str, failure: str, directories: list[tuple[str, list[str]]],
                 view: str = "keep", shims: str = "") -> None:
        self.stage = stage
        self.reason = reason
        self.failure = failure
        self.directories = directories
        self.view = view
        self.shims = shims


def decide(config: Config, account: Account, service: str, gids: list[int]) -> Decision:
    """The first that applies: exempt user, exempt group, min_uid, services, stage; `run` before them all.

    `gids` are all groups of the account; they matter only if config.exempt_groups is not empty. Raises
    DirectoryError for a name of a service that `run` cannot have.
    """
    # Any user can take all inodes of /tmp: root must still get in to clean up.
    failure = "open" if account.uid == 0 else config.failure
    name = paths.service_of(service)
    if name is not None:
        reason = "asked for by pam-mktemp run, whatever the stage"
        return Decision("bind", reason, failure, _directories(config, name), "bind")
    # Only a login changes the view. sudo and su of a command look for it in the view that they run it in: in
    # another one a file of the same name could be another user's.
    login = service in config.login_services
    view = "host" if login else "keep"
    exempt = _exempt(config, account, service, gids)
    if exempt:
        # Whom we leave alone, we don't lock out either.
        return Decision("off", exempt, "open", [], view)
    stage, reason = config.stage, f'stage is "{config.stage}" ({config.origin("stage")})'
    if stage == "shim" and account.uid == 0:
        stage = "env"
        reason += ", but root's sessions get no shims"
    elif stage == "bind":
        if not login:
            stage = "shim" if account.uid else "env"
            reason += (f", but {service} is not in login_services ({config.origin('login_services')}): "
                       "it keeps the view of its caller, with this account's variables")
        elif account.uid == 0:
            # Who looks after the host must see its /tmp, not one of his own.
            stage = "env"
            reason += ", but root's logins see the host's /tmp"
        else:
            view = "bind"
    # A command that sudo or su runs is looked for in the PATH that they have.
    shims = ("path" if login else "variables") if stage in ("shim", "bind") else ""
    return Decision(stage, reason, failure, config.directories if stage != "off" else [], view, shims)


def _directories(config: Config, service: str) -> list[tuple[str, list[str]]]:
    """The directories, with a service's own in the place of tmp."""
    own = paths.leaf_of(paths.BASE, service)
    return [(own if name == "tmp" else name, variables) for name, variables in config.directories]


def _exempt(config: Config, account: Account, service: str, gids: list[int]) -> str:
    """Why nothing is done for this session, or ''."""
    for name in config.exempt_users:
        # By name, never by uid alone: a number is reused, and two accounts can share one.
        if name in (account.name, account.canonical):
            return f"user {name} is in exempt_users ({config.origin(f'exempt_users[{name}]')})"
    for gid in gids:
        if gid in config.exempt_gids:
            group = config.exempt_gids[gid]
            return (f"user {account.name} is in group {group}, which is in exempt_groups "
                    f"({config.origin(f'exempt_groups[{group}]')})")
    if 0 < account.uid < config.min_uid:
        return f"uid {account.uid} is below min_uid {config.min_uid} ({config.origin('min_uid')})"
    for name in (service, "*"):
        if name in config.exempt_services:
            return f"service {service} is in exempt_services ({config.origin(f'exempt_services[{name}]')})"
    if service not in config.services and "*" not in config.services:
        return f"service {service} is not in services ({config.origin('services')})"
    return ""
