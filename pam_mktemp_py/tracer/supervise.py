"""Answers prctl(PR_SET_NO_NEW_PRIVS) below root's strace: strace's own is not made, everybody else's is.

bwrap, sshd, man and browsers ask for no_new_privs because they rely on it, so theirs must be real.
"""
from __future__ import annotations

import os
import select
import threading

from pam_mktemp_py.linux import seccomp, tracing
from pam_mktemp_py.linux.seccomp import Notification

# ENOENT, ESRCH: it ended; EACCES: not ours to look at (another user namespace).
UNSEEN = (FileNotFoundError, ProcessLookupError, PermissionError)


class Supervisor:
    """A thread that answers until `close`, or until nobody is left who could ask.

    Whenever it ends, even by an error, the listener is closed with it: the kernel then answers ENOSYS, and nobody
    waits for ever.
    """

    def __init__(self, listener: int, strace: int, path: str) -> None:
        """`listener` becomes ours; `strace` is the pid of the strace that runs the file `path`."""
        self._listener = listener
        self._strace = strace
        found = os.stat(path)
        self._told: set[int] = set()  # the command could execute strace itself, and ask once more
        self._file = (found.st_dev, found.st_ino)
        self._stop = os.eventfd(0, os.EFD_CLOEXEC)
        self._thread = threading.Thread(target=self._serve, name="supervise", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread."""
        os.eventfd_write(self._stop, 1)
        self._thread.join()
        os.close(self._stop)

    def _serve(self) -> None:
        try:
            self._until_stopped()
        finally:
            os.close(self._listener)

    def _until_stopped(self) -> None:
        poll = select.poll()
        poll.register(self._listener, select.POLLIN)
        poll.register(self._stop, select.POLLIN)
        while True:
            ready = dict(poll.poll())
            if self._stop in ready or not ready[self._listener] & select.POLLIN:  # POLLHUP: the last one has ended
                return
            notification = seccomp.receive(self._listener)
            if notification is not None:
                self._answer(notification)

    def _answer(self, notification: Notification) -> None:
        own = self._is_strace(notification.pid)
        if own and notification.pid not in self._told and seccomp.waits(self._listener, notification):
            self._told.add(notification.pid)
            seccomp.pretend(self._listener, notification)
        else:
            seccomp.go_on(self._listener, notification)

    def _is_strace(self, pid: int) -> bool:
        """Whether it is a child of strace that has not executed the command yet (or strace itself)."""
        if self._strace not in (pid, tracing.parent_of(pid)):
            return False
        try:
            found = os.stat(f"/proc/{pid}/exe")
        except UNSEEN:
            return False
        return (found.st_dev, found.st_ino) == self._file
