"""When an account's entry can be known without asking for it: it stands in /etc/passwd, unchanged.

The first question to NSS loads its modules and costs a fresh process as much as the rest of a session.
So a plan names the files that answered it. If one of them changes the module asks NSS again, and the
plan holds only if the answer is the same; an account of another source (LDAP, sssd) is always asked for.
"""
from __future__ import annotations

import os
import time

from pam_mktemp_py.config import depends

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pam_mktemp_py.config.depends import Depend
    from pam_mktemp_py.linux.accounts import Account

PASSWD = '/etc/passwd'
NSSWITCH = '/etc/nsswitch.conf'


def _read(path: str) -> bytes:
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        pieces = []
        while piece := os.read(fd, 1 << 20):
            pieces.append(piece)
        return b''.join(pieces)
    finally:
        os.close(fd)


def _files_answer_first(nsswitch: bytes) -> bool:
    """Whether what /etc/passwd says is final: 'files' is the first source, with no [ACTION] after it."""
    lines = [line for line in nsswitch.split(b'\n') if line.strip().startswith(b'passwd:')]
    if len(lines) != 1:
        return False
    sources = lines[0].split(b'#')[0].split(b':', 1)[1].split()
    return sources[:1] == [b'files'] and not (len(sources) > 1 and sources[1].startswith(b'['))


def _stands_in(passwd: bytes, account: Account) -> bool:
    """Whether the first entry of that name has these numbers."""
    name = os.fsencode(account.name) + b':'
    text = b'\n' + passwd
    at = text.find(b'\n' + name)
    if at < 0 or b'\n+' in text or b'\n-' in text:  # NIS inclusions
        return False
    fields = text[at + 1:].split(b'\n', 1)[0].split(b':')
    return len(fields) == 7 and fields[2:4] == [b'%d' % account.uid, b'%d' % account.gid]


def proof(account: Account, passwd: str = PASSWD, nsswitch: str = NSSWITCH) -> list[Depend]:
    """The files that name the account as it is, with their state; [] if it must be asked for each time."""
    try:
        before = [(path, depends.current(path)) for path in (nsswitch, passwd)]
        known = _files_answer_first(_read(nsswitch)) and _stands_in(_read(passwd), account)
    except OSError:  # absent, unreadable, no descriptor left: then NSS is asked, no harm done
        return []
    if not known or not depends.unchanged(before) or depends.recent(before, time.time_ns()):
        return []
    return before
