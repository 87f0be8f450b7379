"""The plan: the one contract between what decides (Python) and what applies (C).

A plan is ASCII text, one item a line, fields separated by one space. It is written here and read in
shims/plan/parse.c; tests/twin.py reads it a second time as the oracle for both. Pure: no system call.

    pam-mktemp-plan 3
    config PATH
    boot BOOT_ID
    expires BOOTTIME_NS
    depends PATH absent | depends PATH DEV INO SIZE MTIME_NS CTIME_NS     (0 to 32)
    account NAME UID GID
    lookup PATH DEV INO SIZE MTIME_NS CTIME_NS       (0 to 2)
    service NAME
    stage off|env|shim|bind
    reason TEXT
    fail open|closed
    view keep|host|NAME              (of the mount namespace: the caller's, the host's, the account's own)
  and at stages env, shim and bind:
    form acl|group|owner
    base PATH
    dir NAME DEV INO UID GID MODE       (.private, the account's, then 1 to 8 leaves)
    stamp TEXT|-
    acl HEX|-
    setenv NAME VALUE                   (0 to 32)
    mount SOURCE DEV INO TARGET FLAGS   (0 to 24; SOURCE a directory or `tmpfs`; FLAGS as in linux/mount.h)
    end

PATH's value is DIRECTORY:DEFAULT, and the module puts DIRECTORY before a PATH that PAM has already.

Format 2 has `env` where this has `shim`, for a module of an earlier version (see pamstack/install.py).
"""
from __future__ import annotations

from pam_mktemp_py import percent
from pam_mktemp_py.errors import Error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    Dependency = tuple[str, tuple[int, int, int, int, int] | None]
    Directory = tuple[str, int, int, int, int, int]
    Mount = tuple[str, int, int, str, int]

VERSION = 3
OLDEST = 2
HEADER = 'pam-mktemp-plan'
MAX_BYTES = 16384
MAX_FIELD = 1024
MAX_DEPENDS = 32
MAX_LOOKUPS = 2
MAX_LEAVES = 8
MAX_SETENV = 32
MAX_MOUNTS = 24
MAX_VIEW = 64
MAX_KEY = 240
_VIEW = frozenset('0123456789abcdefghijklmnopqrstuvwxyz.-')


class PlanError(Error):
    """What was asked for cannot be said in a plan (a field too long, too many of a kind)."""

    def __init__(self, what: str) -> None:
        super().__init__('plan-refused', f'cannot write the plan: {what}')


class Plan:
    """One account's plan for one service.

    Fields as in the module's text. `directories` holds (name, device, inode, uid, gid, mode) from
    .private downwards and is empty at stage off; `mounts` (source, device, inode, target, flags) in the order
    of mounting. `expires_ns` counts on CLOCK_BOOTTIME.
    """

    __slots__ = (
        'config', 'boot', 'expires_ns', 'depends', 'name', 'uid', 'gid', 'lookups', 'service', 'stage',
        'reason', 'failure', 'form', 'base', 'directories', 'stamp', 'acl', 'environment',
        'view', 'mounts',
    )

    def __init__(
        self, *, config: str, boot: str, expires_ns: int, depends: Iterable[Dependency],
        name: str, uid: int, gid: int, service: str, stage: str, reason: str, failure: str,
        lookups: Iterable[Dependency] = (), form: str = '', base: str = '',
        directories: Iterable[Directory] = (), stamp: str = '-',
        acl: bytes | None = None, environment: Iterable[tuple[str, str]] = (),
        view: str = 'keep', mounts: Iterable[Mount] = (),
    ) -> None:
        self.config = config
        self.boot = boot
        self.expires_ns = expires_ns
        self.depends = list(depends)
        self.name = name
        self.uid = uid
        self.gid = gid
        self.lookups = list(lookups)
        self.service = service
        self.stage = stage
        self.reason = reason
        self.failure = failure
        self.form = form
        self.base = base
        self.directories = list(directories)
        self.stamp = stamp
        self.acl = acl
        self.environment = list(environment)
        self.view = view
        self.mounts = list(mounts)


def _field(text: str) -> str:
    data = text.encode('utf-8', 'surrogateescape')
    if not data:
        raise PlanError('a field is empty')
    if b'\0' in data:
        raise PlanError(f'{text!r} holds a NUL byte')
    if len(data) > MAX_FIELD:
        raise PlanError(f'{text[:40]!r}… is {len(data)} bytes long, more than {MAX_FIELD}')
    return percent.encoded(text)


def _environment_name(name: str) -> str:
    if not (name.isascii() and name.replace('_', 'a').isalnum() and not name[0].isdigit()):
        raise PlanError(f'{name!r} is no name for an environment variable')
    if len(name) > MAX_FIELD:
        raise PlanError(f'the variable {name[:40]}… has a name of {len(name)} bytes, more than {MAX_FIELD}')
    return name


def _view_name(name: str) -> str:
    if not name or len(name) > MAX_VIEW or name.startswith('.') or not _VIEW.issuperset(name):
        raise PlanError(f'{name[:80]!r} is no name for a mount namespace')
    return name


def _depend(key: str, dependency: Dependency) -> str:
    path, state = dependency
    # Modulo 2^64 as in C: a time before 1970 or after 2262 must not make the plan unreadable.
    fields = 'absent' if state is None else ' '.join([str(n % 2 ** 64) for n in state])
    return f'{key} {_field(path)} {fields}'


def _lines(plan: Plan, version: int) -> list[str]:
    lines = [
        f'{HEADER} {version}', f'config {_field(plan.config)}', f'boot {_field(plan.boot)}',
        f'expires {plan.expires_ns}',
    ]
    lines += [_depend('depends', dependency) for dependency in plan.depends]
    lines.append(f'account {_field(plan.name)} {plan.uid} {plan.gid}')
    lines += [_depend('lookup', dependency) for dependency in plan.lookups]
    lines += [
        f'service {_field(plan.service)}',
        # Format 2 has no word for it. Its reader takes the variables all the same.
        f'stage {"env" if version == OLDEST and plan.stage == "shim" else plan.stage}',
        f'reason {_field(plan.reason)}', f'fail {plan.failure}', f'view {_view_name(plan.view)}',
    ]
    if plan.stage != 'off':
        lines += [f'form {plan.form}', f'base {_field(plan.base)}']
        for name, device, inode, uid, gid, mode in plan.directories:
            lines.append(f'dir {_field(name)} {device} {inode} {uid} {gid} {mode:04o}')
        lines += [f'stamp {_field(plan.stamp)}', f'acl {plan.acl.hex() if plan.acl else "-"}']
        for name, value in plan.environment:
            if name == 'PATH' and version == OLDEST:
                continue  # its reader would put this in the place of what PAM has
            lines.append(f'setenv {_environment_name(name)} {_field(value)}')
    lines += [f'mount {_field(source)} {device} {inode} {_field(target)} {flags}'
              for source, device, inode, target, flags in plan.mounts]
    return lines


def encode(plan: Plan, version: int = VERSION) -> bytes:
    """The plan's text in format 2 or 3.

    Raises PlanError where a reader would refuse it: a field that is empty, longer than 1,024 bytes
    or holds NUL, too many of a kind, more than 16 KiB in all.
    """
    if len(plan.depends) > MAX_DEPENDS or len(plan.lookups) > MAX_LOOKUPS or len(plan.environment) > MAX_SETENV:
        raise PlanError(f'more than {MAX_DEPENDS} files or {MAX_SETENV} variables')
    if len(plan.mounts) > MAX_MOUNTS or (plan.mounts and plan.stage != 'bind'):
        raise PlanError(f'{len(plan.mounts)} mounts at stage {plan.stage}, not 0 to {MAX_MOUNTS} at stage bind')
    if plan.stage != 'off' and not 3 <= len(plan.directories) <= 2 + MAX_LEAVES:
        raise PlanError(f'{len(plan.directories)} directories, not 3 to {2 + MAX_LEAVES}')
    data = '\n'.join([*_lines(plan, version), 'end', '']).encode('ascii')
    if len(data) > MAX_BYTES:
        raise PlanError(f'{len(data)} bytes in all, more than {MAX_BYTES}')
    return data


def _key_part(text: str) -> str:
    encoded = percent.encoded(text, percent.KEY)
    return '%2E' + encoded[1:] if encoded.startswith('.') else encoded


def key(user: str, service: str) -> str:
    """The name of the plan's file: 'user:service', other bytes than [A-Za-z0-9_.-] as %XX.

    Raises PlanError if it is longer than 240 bytes or a part is empty: no file can bear it.
    """
    if not user or not service:
        raise PlanError('the account or the service has no name')
    name = f'{_key_part(user)}:{_key_part(service)}'
    if len(name) > MAX_KEY:
        raise PlanError(f'the name of account and service is {len(name)} bytes long when encoded')
    return name


def unkey(name: str) -> tuple[str, str]:
    """The account and service of a plan's file name. Raises PlanError for one that `key` never made."""
    try:
        parts = [percent.decoded(part) for part in name.split(':')]
    except ValueError:
        raise PlanError(f'{name!r} is no name of a plan') from None
    if len(parts) != 2 or key(parts[0], parts[1]) != name:
        raise PlanError(f'{name!r} is no name of a plan')
    return parts[0], parts[1]
