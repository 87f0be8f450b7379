"""The names in exempt_users and exempt_groups against the accounts and groups that there are.

An unknown name is reported and never matches: it must turn into neither 'nobody' nor 'everybody'.
"""
from __future__ import annotations

from pam_mktemp_py.linux import accounts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pam_mktemp_py.config.model import Config


def resolve_groups(config: Config) -> None:
    """Fill config.exempt_gids. Not kept in the cache: a group may appear, or get another id."""
    for group in config.exempt_groups:
        gid = accounts.gid_of(group)
        if gid is not None:
            config.exempt_gids[gid] = group


def unknown(config: Config) -> list[str]:
    """One sentence for each unknown name."""
    found = []
    if config.parsed:
        for user in config.exempt_users:
            if accounts.lookup(user) is None:
                found.append(_sentence(config, "exempt_users", user, "user"))
    known = config.exempt_gids.values()
    for group in config.exempt_groups:
        if group not in known and accounts.gid_of(group) is None:
            found.append(_sentence(config, "exempt_groups", group, "group"))
    found += _shared(config)
    return found


def _shared(config: Config) -> list[str]:
    """Those of the hand-over directories, users again only if the files were parsed now."""
    found = []
    for name, who in config.shared.items():
        if who["group"] and accounts.gid_of(who["group"]) is None:
            found.append(_sentence(config, f"shared.{name}.group", who["group"], "group"))
        for user in who["users"] if config.parsed else []:
            if accounts.lookup(user) is None:
                found.append(_sentence(config, f"shared.{name}.users", user, "user"))
    return found


def _sentence(config: Config, key: str, name: str, kind: str) -> str:
    origin = config.origin(f"{key}[{name}]" if f"{key}[{name}]" in config.origins else key)
    return (f"{origin}: {kind} {name!r} in {key} is unknown and is skipped; "
            f"check its spelling with 'getent {'passwd' if kind == 'user' else 'group'} {name}'")
