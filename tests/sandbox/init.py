"""Process 1 of a sandbox: runs one command, reaps whatever is left to it, hands on signals and the exit status."""

from __future__ import annotations

import os
import signal
import sys


def run(command: list[str]) -> int:
    """Run the command to its end; returns its exit status as a shell would, 128 + N after signal N."""
    child = os.fork()
    if child == 0:
        try:
            os.execvp(command[0], command)
        except OSError as error:
            print(f"sandbox: {command[0]}: {error.strerror}", file=sys.stderr)
            os._exit(127)
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
        signal.signal(number, lambda caught, _frame: os.kill(child, caught))
    while True:
        pid, status = os.wait()  # orphans of daemons and of killed sessions too
        if pid == child:
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.stdout.flush()
    os._exit(run(sys.argv[1:]))
