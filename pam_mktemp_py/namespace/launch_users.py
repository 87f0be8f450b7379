"""Why an ordinary user can have no user namespace here, and the way round: told for a person."""
from __future__ import annotations

import errno
import os

from pam_mktemp_py.errors import Refused
from pam_mktemp_py.linux import userns

ID = "view-refused"
APPARMOR = "kernel.apparmor_restrict_unprivileged_userns"
DEBIAN = "kernel.unprivileged_userns_clone"
MOST = ("user.max_user_namespaces", "user.max_mnt_namespaces")


def check(user: str) -> None:
    """Raises Refused if this process cannot have mounts of its own; OSError if that cannot be tried."""
    outside()
    failed = userns.attempt()
    if failed is not None:
        step, number = failed
        what, hint = why(step, number)
        asked = f"ask root for: pam-mktemp run --user {user} -- COMMAND"
        raise Refused(ID, "run", what, f"{asked}{', or for: ' + hint if hint else ''}")


def outside() -> None:
    """Raises Refused where root cannot be told from others, so that nothing can be trusted for being root's."""
    owner = os.stat("/").st_uid
    if owner != 0:
        raise Refused(ID, "/", f"is of uid {owner}: this is in a user namespace already, as of another pam-mktemp run",
                      "run it outside; what was run there before, pam-mktemp-launch can still run")


def why(step: str, number: int, proc: str = "/proc") -> tuple[str, str]:
    """What forbids it, with the kernel's own word, and the command of root's that would allow it, or ''."""
    said = os.strerror(number) if number else "killed"
    if step == "unshare" and number == errno.ENOSPC:
        return _exhausted(said, proc)
    if step == "unshare" and number in (errno.ENOSYS, errno.EINVAL):
        return f"this kernel has no user namespaces ({said})", ""
    if step == "unshare" and number == errno.EUSERS:
        return f"user namespaces are nested too deeply here ({said})", ""
    if _value(DEBIAN, proc) == "0" and step == "unshare":
        return f"user namespaces are for root only: {DEBIAN} is 0 ({said})", f"sysctl {DEBIAN}=1"
    if _value(APPARMOR, proc) == "1":
        # There unshare(2) succeeds, and what it was made for is refused.
        return (f"AppArmor keeps programs without a profile from using a user namespace: {APPARMOR} is 1 "
                f"({_STEPS[step]}: {said})", f"sysctl {APPARMOR}=0")
    if _status("Seccomp", proc) == "2":
        return (f"a seccomp filter is in force, as of a container, which may be what forbids a user namespace "
                f"({_STEPS[step]}: {said})", "")
    if step == "unshare" and number == errno.EPERM:
        return f"a user namespace cannot be made in a chroot, nor where a security module forbids it ({said})", ""
    return f"a user namespace cannot be used here ({_STEPS[step]}: {said})", ""


_STEPS = {"unshare": "making it", "map": "giving it this user", "mount": "the mounts in it"}


def _exhausted(said: str, proc: str) -> tuple[str, str]:
    for name in MOST:
        if _value(name, proc) == "0":
            return f"namespaces are switched off: {name} is 0 ({said})", f"sysctl {name}=10000"
    return f"there are as many namespaces as are allowed ({said})", f"a larger {MOST[0]}"


def _value(name: str, proc: str) -> str:
    """Of a sysctl; '' where there is none."""
    try:
        with open(f"{proc}/sys/{name.replace('.', '/')}", encoding="ascii", errors="replace") as file:
            return file.read().strip()
    except OSError:
        return ""


def _status(name: str, proc: str) -> str:
    try:
        with open(f"{proc}/self/status", encoding="ascii", errors="replace") as file:
            lines = [line.partition(":") for line in file]
    except OSError:
        return ""
    return "".join(value.strip() for key, _, value in lines if key == name)
