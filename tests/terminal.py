"""A real bash on a terminal of its own, and what Tab completes in it."""

from __future__ import annotations

import os
import pwd
import re
import select
import subprocess
import time

INSERT_ALL = "\x1b*"  # readline's insert-completions: all that Tab Tab would list, at once
PROMPT = "ready> "
# Shows the words that completion put on the command line. Completion itself runs the program, by env.
SHOW = "pam-mktemp() { printf '<%s>' \"$@\"; printf '\\n'; }"


class Bash:
    """An interactive bash on a terminal of its own."""

    def __init__(self, start: str, path: str, home: str, user: pwd.struct_passwd | None = None) -> None:
        environment = {"PATH": path, "HOME": home, "XDG_DATA_HOME": home, "TERM": "dumb", "INPUTRC": "/dev/null",
                       "PYTHONDONTWRITEBYTECODE": "1"}
        self.terminal, end = os.openpty()
        whose = {} if user is None else {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        self.process = subprocess.Popen(["setsid", "--ctty", "bash", "--norc", "--noprofile", "-i"], env=environment,
                                        stdin=end, stdout=end, stderr=end, **whose)
        os.close(end)
        self.type(f"{start}; PS1='{PROMPT}'")
        self.type(SHOW)

    def type(self, line: str) -> str:
        """Enter a line; what the terminal shows until the next prompt."""
        os.write(self.terminal, (line + "\n").encode())
        seen, end = "", time.monotonic() + 30
        while not seen.endswith("\n" + PROMPT):
            assert select.select([self.terminal], [], [], max(0.0, end - time.monotonic()))[0], seen
            seen += os.read(self.terminal, 65536).decode(errors="replace").replace("\r", "")
            seen = re.sub(r"\x1b\[[?\d;]*[a-zA-Z]", "", seen)
        return seen

    def completed(self, line: str) -> list[str]:
        """The words after the command's name, when everything was inserted that completes `line`."""
        found = re.findall(r"(?m)^((?:<[^>\n]*>)+)$", self.type(line + INSERT_ALL))
        assert len(found) == 1, found
        return re.findall(r"<([^>]*)>", found[0])

    def close(self) -> None:
        """End it."""
        os.write(self.terminal, b"exit\n")
        self.process.wait(30)
        os.close(self.terminal)
