"""The errors raised by the lower floors, each with a stable message id.

`str()` of an error is one sentence for the log and the terminal: where, what is wrong, what to do.
Text in it may come from a user or a file as it is: whoever prints it escapes it (see log.py).
"""
from __future__ import annotations


class Error(Exception):
    """Any refusal of ours; `id` names it in the log and in the documentation."""

    def __init__(self, id: str, message: str) -> None:
        super().__init__(message)
        self.id = id


class ConfigError(Error):
    """The configuration cannot be used: which file, which line (0: the file as a whole), why, what to do."""

    def __init__(self, file: str, line: int, what: str, hint: str = "") -> None:
        where = f"{file}:{line}" if line else file
        super().__init__("config-invalid", _sentence(where, what, hint))
        self.file = file
        self.line = line
        self.what = what
        self.hint = hint


class DirectoryError(Error):
    """A private directory cannot be made or trusted."""

    _id = "directory-refused"

    def __init__(self, path: str, what: str, hint: str = "") -> None:
        super().__init__(self._id, _sentence(path, what, hint))
        self.path = path
        self.what = what
        self.hint = hint


class InUse(DirectoryError):
    """A directory must be moved aside, but an open session uses it."""

    _id = "directory-in-use"


class AccountError(Error):
    """An account is unknown or cannot be served."""

    def __init__(self, name: str, what: str) -> None:
        super().__init__("account-refused", _sentence(name, what, ""))
        self.name = name
        self.what = what


class Refused(Error):
    """What was asked for is not done, and everything is as it was; `path` may have a line, FILE:LINE."""

    def __init__(self, id: str, path: str, what: str, hint: str = "") -> None:
        super().__init__(id, _sentence(path, what, hint))
        self.path = path
        self.what = what
        self.hint = hint


class StackError(Refused):
    """PAM's configuration cannot be changed as asked."""

    def __init__(self, path: str, what: str, hint: str = "") -> None:
        super().__init__("stack-refused", path, what, hint)


class InstallError(Refused):
    """A piece of the installation cannot be put in its place, or cannot be trusted there."""

    def __init__(self, path: str, what: str, hint: str = "") -> None:
        super().__init__("install-refused", path, what, hint)


class TraceError(Error):
    """A command was not traced, or no longer: what (a path, a pid, the command), why, what to do."""

    def __init__(self, path: str, what: str, hint: str = "") -> None:
        super().__init__("trace-failed", _sentence(path, what, hint))
        self.path = path
        self.what = what
        self.hint = hint


def _sentence(where: str, what: str, hint: str) -> str:
    return f"{where}: {what}; {hint}" if hint else f"{where}: {what}"
