"""A second reader and applier of plans, in Python: the oracle for shims/plan and for plan.py.

Written from the format's description, not from either of them, and slow on purpose: it checks by
regular expressions and os.path what the C reader checks by hand.
"""
from __future__ import annotations

import os
import re
import stat

FIELD = r'(?:[!-$&-~]|%[0-9A-F]{2})+'
NUMBER = r'(?:0|[1-9][0-9]*)'
U64 = 2 ** 64 - 1
ID = 2 ** 32 - 2

LINES = (
    ('pam-mktemp-plan', r'[23]', 1, 1),
    ('config', FIELD, 1, 1),
    ('boot', FIELD, 1, 1),
    ('expires', NUMBER, 1, 1),
    ('depends', rf'{FIELD} (?:absent|{NUMBER}(?: {NUMBER}){{4}})', 0, 32),
    ('account', rf'{FIELD} {NUMBER} {NUMBER}', 1, 1),
    ('lookup', rf'{FIELD} (?:absent|{NUMBER}(?: {NUMBER}){{4}})', 0, 2),
    ('service', FIELD, 1, 1),
    ('stage', r'off|env|shim|bind', 1, 1),
    ('reason', FIELD, 1, 1),
    ('fail', r'open|closed', 1, 1),
    ('view', r'[0-9a-z-][0-9a-z.-]{0,63}', 1, 1),
    ('form', r'acl|group|owner', 1, 1),
    ('base', FIELD, 1, 1),
    ('dir', rf'{FIELD} {NUMBER} {NUMBER} {NUMBER} {NUMBER} [0-7]{{4}}', 3, 10),
    ('stamp', FIELD, 1, 1),
    ('acl', r'-|(?:[0-9a-f]{2}){1,256}', 1, 1),
    ('setenv', rf'[A-Za-z_][A-Za-z0-9_]* {FIELD}', 0, 32),
    ('mount', rf'{FIELD} {NUMBER} {NUMBER} {FIELD} {NUMBER}', 0, 24),
)


class Refused(Exception):
    """The text is no plan."""


def _must(condition: object, what: str) -> None:
    if not condition:
        raise Refused(what)


def _decode(field: str) -> bytes:
    data = re.sub(rb'%(..)', lambda m: bytes([int(m[1], 16)]), field.encode())
    _must(b'\0' not in data, 'NUL')
    _must(0 < len(data) <= 1024, 'field length')
    return data


def _check_spelling(field: str) -> None:
    for code in re.findall('%(..)', field):
        byte = int(code, 16)
        _must(byte and not (0x20 < byte < 0x7f and byte != 0x25), f'%{code} need not be encoded')


def _values(key: str, rest: str) -> list[bytes]:
    fields = rest.split(' ')
    for field in fields:
        _check_spelling(field)
    values = [_decode(field) for field in fields]
    if key in ('config', 'base', 'depends', 'lookup'):
        _must(values[0].startswith(b'/'), 'path not absolute')
    if key == 'mount':
        _must(values[3].startswith(b'/'), 'target not absolute')
        _must(values[0].startswith(b'/') or values[0] == b'tmpfs', 'source')
    if key == 'dir':
        _must(b'/' not in values[0] and values[0] not in (b'.', b'..'), 'directory name')
    numbers = {
        'expires': values[:1], 'depends': values[1:], 'lookup': values[1:], 'account': values[1:], 'dir': values[1:5],
        'mount': [*values[1:3], *values[4:]],
    }
    if values[1:] != [b'absent']:
        for number in numbers.get(key, []):
            _must(int(number) <= U64, 'number too large')
    for number in {'account': values[1:], 'dir': values[3:5]}.get(key, []):
        _must(int(number) <= ID, 'id too large')
    return values


def parse(data: bytes) -> dict[str, list[list[bytes]]]:
    """The plan's lines by key, each a list of decoded fields. Raises Refused."""
    _must(len(data) <= 16384, 'size')
    try:
        text = data.decode('ascii')
    except UnicodeDecodeError:
        raise Refused('not ASCII') from None
    _must(text.endswith('\n'), 'no line feed at the end')
    lines = text[:-1].split('\n')
    plan: dict[str, list[list[bytes]]] = {}
    for key, pattern, least, most in LINES:
        plan[key] = []
        while lines and lines[0].startswith(key + ' '):
            rest = lines.pop(0)[len(key) + 1:]
            _must(re.fullmatch(pattern, rest), f'{key}: {rest[:60]!r}')
            plan[key].append(_values(key, rest))
        _must(least <= len(plan[key]) <= most, f'{len(plan[key])} lines {key}')
        if key == 'view' and plan['stage'] == [[b'off']]:
            break
    _must(lines == ['end'], f'behind the plan: {lines[:1]}')
    _must(plan['stage'] == [[b'bind']] or not plan.get('mount'), 'mounts')
    _must(plan['stage'] != [[b'shim']] or plan['pam-mktemp-plan'] == [[b'3']], 'shim in format 2')
    return plan


def _safe_ancestors(path: bytes) -> bool:
    while True:
        about = os.lstat(path)
        open_to_others = about.st_mode & 0o022 and not about.st_mode & stat.S_ISVTX
        if not stat.S_ISDIR(about.st_mode) or about.st_uid or open_to_others:
            return False
        if path == b'/':
            return True
        path = os.path.dirname(path)


def _xattr(path: bytes, name: str) -> bytes:
    try:
        return os.getxattr(path, name, follow_symlinks=False)
    except OSError:
        return b''


def apply(plan: dict[str, list[list[bytes]]]) -> dict[str, str] | None:
    """What a session must find in its environment, or None if the directory is not as planned."""
    if plan['stage'] == [[b'off']]:
        return {}
    path = plan['base'][0][0]
    try:
        if not _safe_ancestors(path):
            return None
        account = os.path.join(path, *(d[0] for d in plan['dir'][:2]))
        places = [os.path.dirname(account), account]
        places += [os.path.join(account, d[0]) for d in plan['dir'][2:]]
        for place, (_, device, inode, uid, gid, mode) in zip(places, plan['dir']):
            about = os.lstat(place)
            wanted = (int(device), int(inode), int(uid), int(gid), int(mode, 8))
            found = (about.st_dev, about.st_ino, about.st_uid, about.st_gid, about.st_mode & 0o7777)
            if wanted != found or not stat.S_ISDIR(about.st_mode):
                return None
    except OSError:
        return None
    acl = b'' if plan['acl'][0][0] == b'-' else bytes.fromhex(plan['acl'][0][0].decode())
    stamp = plan['stamp'][0][0]
    if _xattr(account, 'system.posix_acl_access') != acl:
        return None
    if stamp != b'-' and _xattr(account, 'trusted.pam_mktemp') != stamp:
        return None
    return {os.fsdecode(name): os.fsdecode(value) for name, value in plan['setenv']}
