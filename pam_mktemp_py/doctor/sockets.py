"""Sockets of servers in the host's /tmp, which programs in private views look for in their own."""
from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator

from pam_mktemp_py import paths
from pam_mktemp_py.config.mounts import MOST_LINKS
from pam_mktemp_py.doctor import tools
from pam_mktemp_py.doctor.bind import bound
from pam_mktemp_py.doctor.finding import Finding, Patient

UNIX = "/proc/net/unix"
DROP_IN = "zz-sockets.toml"
KEPT = "/run"  # of a server that nobody here knows
_LISTENS = 0x10000  # __SO_ACCEPTCON, linux/net.h
_NAME = re.compile(r"(?!-|shared-|[.]pam-mktemp|[.]private)[A-Za-z0-9._+:@-]{1,64}")  # what links may be called
SERVERS = (  # beginning and end of the name, where the server should keep it, how it is told to
    (".s.PGSQL.", "", "/run/postgresql", "unix_socket_directories = '/run/postgresql,/tmp' in postgresql.conf"),
    ("mysql", ".sock", "/run/mysqld", "socket = /run/mysqld/NAME below [mysqld] in my.cnf"),
    ("mariadb", ".sock", "/run/mysqld", "socket = /run/mysqld/NAME below [mysqld] in my.cnf"),
    ("mongodb-", ".sock", "/run/mongodb", "unixDomainSocket: pathPrefix: /run/mongodb in mongod.conf"),
    ("redis", ".sock", "/run/redis", "unixsocket /run/redis/NAME in redis.conf"),
)


def check(patient: Patient) -> Iterator[Finding]:
    """Listening sockets directly in /tmp that everybody may connect to, and that no link in views leads to."""
    config = bound(patient)
    if config is None:
        return
    listening = sockets()
    links = config.mounts[paths.BASE]["links"]
    for path in sorted(listening):
        folder, name = os.path.split(path)
        if folder == paths.BASE and _NAME.fullmatch(name) and _open_to_all(path) and links.get(name) not in listening:
            yield _finding(patient.config_path, links, name, listening)


def sockets() -> set[str]:
    """The paths of all sockets that somebody listens at, as they were bound (proc_net_unix(5))."""
    found = set()
    for line in tools.read(UNIX)[1:]:
        words = line.split(None, 7)
        if len(words) == 8 and words[7].startswith("/") and int(words[3], 16) & _LISTENS:
            found.add(words[7])
    return found


def _open_to_all(path: str) -> bool:
    """On the host there is such a socket, and all may connect (unix(7)): it is nobody's own rendezvous."""
    try:
        found = os.lstat(path)
    except OSError:
        return False  # bound in a view, or removed since
    return stat.S_ISSOCK(found.st_mode) and bool(found.st_mode & stat.S_IWOTH)


def _finding(config_path: str, given: dict[str, str], name: str, listening: set[str]) -> Finding:
    folder = paths.drop_in_folder(config_path)
    elsewhere = sorted(path for path in listening if path.endswith(f"/{name}") and not path.startswith(paths.BASE))
    place, how = _server(name)
    links = {**given, name: elsewhere[0] if elsewhere else f"{place}/{name}"}
    lines = ["[mounts.'/tmp'.links]", *(f"'{entry}' = '{target}'" for entry, target in links.items())]
    write = "" if links == given else f"write into {folder}/{DROP_IN}: {'; '.join(lines)}"
    move = "" if elsewhere else f"have the server listen in {place}, with {how.replace('NAME', name)}"
    fits = len(links) <= MOST_LINKS and not any("'" in text or '"' in text for text in links.values())
    return Finding(
        "socket-in-tmp", f"a server listens at {paths.BASE}/{name}", f"{paths.BASE}/{name}",
        "a program in a private view looks for it in its own /tmp, and does not find it",
        "; then ".join(filter(None, (move, write))) or "reload it, if it has just been told to",
        (("mkdir", "-p", folder), tools.create(f"{folder}/{DROP_IN}", *lines)) if elsewhere and fits else ())


def _server(name: str) -> tuple[str, str]:
    """Where a server of this name should keep its socket, and which setting does it."""
    for head, tail, place, how in SERVERS:
        if name.startswith(head) and name.endswith(tail):
            return place, how
    return KEPT, "see its manual"
