"""Whom a chown(2) gives a file to: an event has no ids, its line has."""
from __future__ import annotations

import re
from collections.abc import Set

from pam_mktemp_py.strace.events import Event

_IDS = re.compile(r", (\d+|-1), (?:\d+|-1)(?:, [\w|]+)?\)\s+= 0")


def given_away(event: Event, uids: Set[int]) -> bool:
    """Whether the OWNER event makes another account than these and root the owner; True where that is not known."""
    found = _IDS.search(event.text)
    return found is None or int(found[1]) not in uids | {0, -1}
