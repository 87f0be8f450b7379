"""peak.py FILE COMMAND...: run COMMAND, write to FILE how many kB of it were resident at most, end as it ended.

In a small process of its own, since the kernel counts what was there before execve(2), too.
"""
from __future__ import annotations

import os
import sys


def main() -> int:
    """The exit status of the command, as a shell has it."""
    pid = os.fork()
    if not pid:
        os.execv(sys.argv[2], sys.argv[2:])
    _, status, usage = os.wait4(pid, 0)
    with open(sys.argv[1], "w") as file:
        file.write(str(usage.ru_maxrss))
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main())
