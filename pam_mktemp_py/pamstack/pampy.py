"""python-pam (Debian: python3-pampy), used so that its conversation outlives its authenticate()."""
from __future__ import annotations

from typing import Any

from pam import PamAuthenticator  # type: ignore[import-not-found,import-untyped,unused-ignore]

from pam_mktemp_py.linux import libpam

PAM_TTY, PAM_RUSER = 3, 8  # security/_pam_types.h
RUSER = b"root"


class Session:
    """One session, opened without a password, through a service whose auth and account are permitted.

    python-pam makes PAM's conversation function and its data in local variables of authenticate(): they are
    freed when it returns, and a module that speaks during open_session would call into freed memory. So
    what it hands to pam_start is kept here as long as the handle lives. latin-1 for its texts: it decodes
    them inside that callback, where an error could not be raised.
    """

    def __init__(self, user: str, service: str, tty: bytes = b"", folder: str = "") -> None:
        """`folder`: where the services' files are, instead of /etc/pam.d. OSError if libpam cannot do that."""
        self._user = user.encode("utf-8", "surrogateescape")
        self._service = service.encode("utf-8", "surrogateescape")
        self._tty = tty
        self._pam: Any = PamAuthenticator()
        self._kept: list[Any] = []
        self._tried = False
        start = libpam.start_in(folder) if folder else self._pam.pam_start

        def kept_start(service: Any, user: Any, conversation: Any, handle: Any) -> Any:
            self._kept += [conversation, conversation._obj]  # byref()'s object holds the callback and its data
            return start(service, user, conversation, handle)

        self._pam.pam_start = kept_start

    def open(self) -> tuple[int, str]:
        """Open it: PAM's result (0: it is open) and what it is called (pam_strerror(3))."""
        pam = self._pam
        if pam.authenticate(self._user, b"", self._service, call_end=False, resetcreds=False, encoding="latin-1"):
            pam.pam_set_item(pam.handle, PAM_RUSER, RUSER)
            if self._tty:
                pam.pam_set_item(pam.handle, PAM_TTY, self._tty)
            self._tried = True
            pam.open_session(encoding="latin-1")
        return pam.code, str(pam.reason)

    def environment(self) -> dict[str, str]:
        """What the session's programs would be given (pam_getenvlist(3))."""
        listed: dict[str, str] = self._pam.getenvlist(encoding="latin-1")
        return {_text(key): _text(value) for key, value in listed.items()}

    def messages(self) -> list[str]:
        """What modules said to the user."""
        return [_text(message) for message in self._pam.messages]

    def close(self) -> None:
        """Close the session, and end. One that was refused too: our module may have run before another refused it."""
        if self._tried:
            self._pam.close_session(encoding="latin-1")
        self._pam.end()


def _text(latin: str) -> str:
    return latin.encode("latin-1").decode("utf-8", "backslashreplace")
