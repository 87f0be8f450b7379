"""Percent-encoding: names are chosen by others, and in our files a field ends at a space, a line at its end.

Used by plans, session records and stamps. The C side has the same in shims/plan/escape.c.
"""
from __future__ import annotations

FIELD = frozenset(range(0x21, 0x7f)) - {0x25}
KEY = frozenset(b'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-')


def encoded(text: str, plain: frozenset[int] = FIELD) -> str:
    """`text` in ASCII, each byte that is not in `plain` as %XX."""
    data = text.encode('utf-8', 'surrogateescape')
    return ''.join([chr(byte) if byte in plain else f'%{byte:02X}' for byte in data])


def decoded(field: str) -> str:
    """What `encoded` was given; a byte that is no UTF-8 as a lone surrogate. ValueError for what it never made."""
    first, *rest = field.encode('ascii').split(b'%')
    data = first + b''.join([bytes([int(piece[:2], 16)]) + piece[2:] for piece in rest])
    return data.decode('utf-8', 'surrogateescape')
