"""Every path that is fixed by this project; functions take them as parameters, so tests use others."""

CONFIG = "/etc/security/pam_mktemp.toml"
CONFIG_DIR = "/etc/security/pam_mktemp.d"
OFF = "/etc/security/pam_mktemp.off"

RUN = "/run/pam-mktemp"
PLANS = RUN + "/plans"
QUEUE = RUN + "/queue"
FAILURES = RUN + "/failures"
SLOTS = RUN + "/slots"
SESSIONS = RUN + "/sessions"
CONFIG_CACHE = RUN + "/config.cache"
LOCK = RUN + "/lock"
RUN_MODE = 0o711
RUN_FOLDERS = (PLANS, QUEUE, FAILURES, SLOTS, SESSIONS)
RUN_FOLDER_MODE = 0o700

STATE = "/var/lib/pam-mktemp"
OWNERS = STATE + "/owners"
IDENTITY = STATE + "/identity"

BASE = "/tmp"
PRIVATE = ".private"


def drop_in_folder(config: str) -> str:
    """The folder of drop-ins beside a main file: /x/pam_mktemp.toml has /x/pam_mktemp.d."""
    stem = config[:-5] if config.endswith(".toml") else config
    return stem + ".d"
