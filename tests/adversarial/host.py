"""Sessions opened by the witness tests/programs/login.c, and what must hold of each of them."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.adversarial import oracle
from tests.sandbox import state

PROGRAMS = Path(__file__).parent.parent / "programs"
BUILT = Path("/var/tmp/programs")  # of this sandbox
CAME_BACK = Path("/run/came-back")
SERVICE = "witness"
RUN, LIB_STATE = "/run/pam-mktemp", "/var/lib/pam-mktemp"
UNTRIED = "255"  # the witness itself was hindered
SUCCESS, PERM_DENIED = 0, 6  # security/_pam_types.h


def build(source: str, output: str, *options: str) -> Path:
    """Compile tests/programs/SOURCE once per sandbox; where the result is."""
    path = BUILT / output
    if not path.exists():
        BUILT.mkdir(mode=0o755, exist_ok=True)
        flags = ("-std=gnu11", "-O1", "-g", "-Wall", "-Wextra", "-Werror")
        state.run("gcc", *flags, "-o", path, PROGRAMS / source, *options)
    return path


class Login:
    """One line of the witness."""

    def __init__(self, line: str) -> None:
        self.fields = dict(field.partition("=")[::2] for field in line.split("\t"))
        self.user = self.fields["user"]
        self.result = int(self.fields["open"])
        self.seconds = float(self.fields["seconds"])
        self.heard = self.fields["heard"]
        self.variables = {name: self.fields[name] for name in oracle.VARIABLES if name in self.fields}

    @property
    def private(self) -> bool:
        """Opened, with all variables."""
        return self.result == SUCCESS and len(self.variables) == len(oracle.VARIABLES)

    @property
    def denied(self) -> bool:
        """Refused by the module."""
        return self.result == PERM_DENIED

    def problems(self, *, closed: bool, leaks: bool = True) -> list[str]:
        """What must never be, whatever failed; `leaks`: what is left in the host counts too."""
        wrong = []
        if len(self.variables) not in (0, len(oracle.VARIABLES)):
            wrong.append(f"some of the variables: {self.variables}")
        if self.variables:
            wrong += self._of_variables()
        elif not self.denied if closed else self.result != SUCCESS:
            wrong.append(f"no variables and open_session {self.result}, fail={'closed' if closed else 'open'}")
        for name, wanted in {"sigchld": "0", "same": "1", **({"left": "0", "children": "0"} if leaks else {})}.items():
            if self.fields[name] != wanted:
                wrong.append(f"the host was disturbed: {name}={self.fields[name]}")
        if CAME_BACK.exists():
            CAME_BACK.unlink()
            wrong.append("a child came back into the host")
        return wrong

    def _of_variables(self) -> list[str]:
        if self.result != SUCCESS:
            return [f"variables, and open_session {self.result}"]
        if len(set(self.variables.values())) != 1:
            return [f"the variables differ: {self.variables}"]
        wrong = oracle.problems(self.variables["TMPDIR"], self.user)
        if self.fields.get("own", UNTRIED) not in ("0", UNTRIED):
            wrong.append(f"the account cannot use it: {os.strerror(int(self.fields['own']))}")
        if self.user != "root" and self.fields.get("foreign") == "0":
            wrong.append("another account can use it")
        return wrong

    def __repr__(self) -> str:
        return f"Login({self.fields})"


def program() -> Path:
    """The witness."""
    return build("login.c", "login", "-lpam")


def parse(output: str) -> list[Login]:
    """The witness's lines."""
    return [Login(line) for line in output.splitlines() if line.startswith("user=")]


def login(user: str, service: str = SERVICE, timeout: float = 30) -> Login:
    """One session of a fresh host."""
    done = subprocess.run([program(), service, user], capture_output=True, text=True, timeout=timeout)
    (one,) = parse(done.stdout)
    assert done.returncode == 0, done
    return one


def together(*users: str, timeout: float = 30) -> list[Login]:
    """One session of a fresh host for each, at the same time."""
    command = [str(program()), SERVICE]
    hosts = [subprocess.Popen([*command, user], stdout=subprocess.PIPE, text=True) for user in users]
    logins = [parse(one.communicate(timeout=timeout)[0]) for one in hosts]
    assert all(len(lines) == 1 for lines in logins), logins
    return [line for lines in logins for line in lines]


def right(user: str) -> None:
    """A login now must be right in every way."""
    one = login(user)
    assert one.private and not one.problems(closed=True), (one, one.problems(closed=True))


def crowd(users: Sequence[str], times: int = 1) -> list[str]:
    """The command that logs all of them in at the same moment, about a second from now: parse() its output."""
    return [str(program()), "-n", str(times), SERVICE, *users]


def forget_failures() -> None:
    """As if the 30 s were over for which a failure is remembered."""
    with contextlib.suppress(FileNotFoundError):
        for name in os.listdir(f"{RUN}/failures"):
            os.unlink(f"{RUN}/failures/{name}")


def forget_plans() -> None:
    """As if every plan's time were over."""
    shutil.rmtree(f"{RUN}/plans", ignore_errors=True)


def wipe() -> None:
    """The state of a machine just started whose /tmp is a tmpfs and /var is new; configuration is kept."""
    shutil.rmtree(RUN, ignore_errors=True)
    shutil.rmtree(LIB_STATE, ignore_errors=True)
    state.unmount_all("/tmp")
    state.run("mount", "-t", "tmpfs", "-o", "mode=1777", "sandbox", "/tmp")
