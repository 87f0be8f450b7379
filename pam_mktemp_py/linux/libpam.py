"""pam_start_confdir(3), of which python-pam knows nothing. Importing this loads ctypes: only rare paths may."""
from __future__ import annotations

import ctypes
import os
from collections.abc import Callable
from typing import Any


def start_in(folder: str) -> Callable[[Any, Any, Any, Any], int]:
    """A pam_start(service, user, byref(conversation), byref(handle)) that reads `folder` and not /etc/pam.d.

    OSError where libpam is older than 1.4 and has no such function.
    """
    try:
        start = ctypes.CDLL("libpam.so.0").pam_start_confdir
    except AttributeError:
        raise OSError(0, "libpam is older than 1.4 and has no pam_start_confdir", "libpam.so.0") from None
    start.restype = ctypes.c_int

    def call(service: Any, user: Any, conversation: Any, handle: Any) -> int:
        return int(start(service, user, conversation, os.fsencode(folder), handle))

    return call
