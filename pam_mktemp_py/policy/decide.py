"""Configuration, account, service -> the stage, with the line that decided."""
from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pam_mktemp_py.config.model import Config
    from pam_mktemp_py.linux.accounts import Account


class Decision:
    """`stage`, the `reason` as a sentence naming file and line, `failure` (open, closed), and the
    `directories` to have, [(name, [variable])], none at stage off."""

    __slots__ = ("stage", "reason", "failure", "directories")

    def __init__(self, stage: str, reason: str, failure: str, directories: list[tuple[str, list[str]]]) -> None:
        self.stage = stage
        self.reason = reason
        self.failure = failure
        self.directories = directories


def decide(config: Config, account: Account, service: str, gids: list[int]) -> Decision:
    """The first that applies: exempt user, exempt group, min_uid, services, stage.

    `gids` are all groups of the account; they matter only if config.exempt_groups is not empty.
    """
    exempt = _exempt(config, account, service, gids)
    if exempt:
        # Whom we leave alone, we don't lock out either.
        return Decision("off", exempt, "open", [])
    # Any user can take all inodes of /tmp: root must still get in to clean up.
    failure = "open" if account.uid == 0 else config.failure
    reason = f'stage is "{config.stage}" ({config.origin("stage")})'
    return Decision(config.stage, reason, failure, config.directories if config.stage != "off" else [])


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
