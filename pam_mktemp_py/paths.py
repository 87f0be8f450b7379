"""Every path that is fixed by this project; functions take them as parameters, so tests use others."""
from __future__ import annotations

from pam_mktemp_py.errors import DirectoryError

CONFIG = "/etc/security/pam_mktemp.toml"
CONFIG_DIR = "/etc/security/pam_mktemp.d"
OFF = "/etc/security/pam_mktemp.off"

RUN = "/run/pam-mktemp"
PLANS = RUN + "/plans"
QUEUE = RUN + "/queue"
FAILURES = RUN + "/failures"
SLOTS = RUN + "/slots"
SESSIONS = RUN + "/sessions"
VIEWS = RUN + "/views"
CONFIG_CACHE = RUN + "/config.cache"
LOCK = RUN + "/lock"
RUN_MODE = 0o711
RUN_FOLDERS = (PLANS, QUEUE, FAILURES, SLOTS, SESSIONS, VIEWS)
RUN_FOLDER_MODE = 0o700

STATE = "/var/lib/pam-mktemp"
OWNERS = STATE + "/owners"
IDENTITY = STATE + "/identity"
SHIMS = STATE + "/shims"

BASE = "/tmp"
PRIVATE = ".private"

LONGEST_LEAF = 16  # directory/prepare.py's limit, and what keeps socket paths short
SERVICE_LEAF = "svc-"  # an instance of a service's own, apart from its account's

_LOWER = "abcdefghijklmnopqrstuvwxyz0123456789_"
# The largest prime below 2^64.
_PRIME = 0xFFFFFFFFFFFFFFC5


def drop_in_folder(config: str) -> str:
    """The folder of drop-ins beside a main file: /x/pam_mktemp.toml has /x/pam_mktemp.d."""
    stem = config[:-5] if config.endswith(".toml") else config
    return stem + ".d"


def digest(text: str) -> int:
    """64 bits that differ for different texts as good as always, where nobody who wants otherwise chooses them."""
    return int.from_bytes(b"1" + text.encode("utf-8", "surrogateescape"), "big") % _PRIME


def leaf_of(directory: str, service: str = "", own: bool = True) -> str:
    """The leaf of the instance of `directory`: "tmp" of /tmp, "var-tmp" of /var/tmp; of any path [a-z0-9_-]{1,16}.

    It depends on nothing else, so that a change of the configuration exchanges no account's files. With the
    name of a service it is "svc-NAME", or a digest where the instance lies elsewhere (`own` is false): several
    directories may have theirs in one place.
    """
    if service:
        return SERVICE_LEAF + service if own else f"s-{digest(f'{service}:{directory}') % 2**56:014x}"
    plain = directory[1:].replace("/", "-")
    fit = len(plain) <= LONGEST_LEAF and not plain.strip(_LOWER + "-") and "-" not in directory
    if fit and not plain.startswith((SERVICE_LEAF, "s-")):
        return plain
    head = "".join([c for c in plain.lower() if c in _LOWER])[:7]
    return f"{head}-{digest(directory) % 2**32:08x}"


def service_of(service: str) -> str | None:
    """Of the names of services that `pam-mktemp run` uses, "run" and "run/NAME": '' and NAME. None for others."""
    if service != "run" and not service.startswith("run/"):
        return None
    name = service[4:]
    if service != "run" and (not 0 < len(name) <= LONGEST_LEAF - len(SERVICE_LEAF) or name.strip(_LOWER + "-")):
        raise DirectoryError(service, "can be no instance of a service", "use 1 to 12 of a-z, 0-9, _ and -")
    return name
