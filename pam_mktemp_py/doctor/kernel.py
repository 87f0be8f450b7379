"""The kernel's protections in world-writable sticky directories (proc_sys_fs(5)): /tmp, and ours in it."""
from __future__ import annotations

import os
from collections.abc import Iterator

from pam_mktemp_py.doctor import tools, whereabouts
from pam_mktemp_py.doctor.finding import NOTE, PROBLEM, Finding, Patient

FS = "/proc/sys/fs"
SETTINGS = {  # name -> the least that is safe, and what happens below it
    "protected_symlinks": (1, "a link that one user leaves in /tmp leads a program of another to any file"),
    "protected_hardlinks": (1, "a user can link to others' files from /tmp, and have them changed or kept"),
    "protected_fifos": (1, "a FIFO that one user leaves in /tmp stops or feeds a program of another"),
    "protected_regular": (1, "a file that one user leaves in /tmp receives what a program of another writes"),
}
LASTING = "/etc/sysctl.d/60-pam-mktemp-protect.conf"


def check(_patient: Patient) -> Iterator[Finding]:
    """Those of the four that are off: a problem on a host, a note where only its host can change it."""
    kind = NOTE if whereabouts.container() or whereabouts.chroot() or not whereabouts.sees_first() else PROBLEM
    values = {name: _value(name) for name in SETTINGS}
    off = [name for name, value in values.items() if value is not None and value < SETTINGS[name][0]]
    if not off:
        return
    settings = [f"fs.{name} = {2 if name == 'protected_regular' else 1}" for name in off]
    yield Finding(
        "kernel-protection-off", f"the kernel does not protect shared directories: {', '.join(off)} in {FS}",
        FS, "; ".join(SETTINGS[name][1] for name in off),
        f"set, now and at every boot, in {LASTING}: {', '.join(settings)}" if kind == PROBLEM
        else "decide it on the host, whose kernel it is",
        (tools.create(LASTING, *settings), ("sysctl", "--quiet", "--load", LASTING)) if kind == PROBLEM else (), kind)


def _value(name: str) -> int | None:
    try:
        return int(tools.read(os.path.join(FS, name))[0])
    except (IndexError, ValueError):  # an older kernel has fewer of them
        return None
