"""A system that systemd has booted: as process 1 of a PID namespace, without any unit but what a test asks for."""
from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.privileged.logins.session import eventually
from tests.sandbox import capabilities
from tests.sandbox.accounts import CLEAN

GROUPS = Path("/sys/fs/cgroup")
UNITS = Path("/etc/systemd/system")
OWN = ("test.target", "user@.service.d", "user-runtime-dir@.service.d")
# Without the targets that would start all else of the machine; and for logind, which needs a D-Bus, a line each.
ALONE = "[Unit]\nDefaultDependencies=no\n"
# What dbus-user-session brings, which would change the machine's PAM files: systemd-run(1) needs it.
BUS = Path("/etc/systemd/user")
BUS_UNITS = {"dbus.socket": "[Socket]\nListenStream=%t/bus\n", "dbus.service": "[Service]\nType=notify\nExecStart="
             "dbus-daemon --session --address=systemd: --nofork --nopidfile --systemd-activation --syslog-only\n"}
RUNTIME = """[Service]
ExecStart=
ExecStart=install -d -m 700 -o %i /run/user/%i
ExecStop=
ExecStop=rm -r /run/user/%i
"""
BOOT = """set -e
echo $$ > {group}/cgroup.procs
exec unshare --cgroup --pid --uts --mount --propagation slave --mount-proc --fork --kill-child sh -ec '
umount {GROUPS}
mount -t cgroup2 none {GROUPS}
mount -t tmpfs none /run/systemd
mount --bind /proc/sys /proc/sys
mount -o remount,bind,ro /proc/sys
exec env -i container=sandbox PATH=$PATH /lib/systemd/systemd --system --unit=test.target'
"""
Inside = Callable[..., list[str]]


@contextlib.contextmanager
def _units() -> Iterator[None]:
    for name in OWN[1:]:
        (UNITS / name).mkdir()
    (UNITS / OWN[0]).write_text(ALONE)
    (UNITS / OWN[1] / "test.conf").write_text(f"{ALONE}[Service]\nEnvironment=XDG_RUNTIME_DIR=/run/user/%i\n")
    (UNITS / OWN[2] / "test.conf").write_text(ALONE + RUNTIME)
    bus = {} if Path("/usr/lib/systemd/user/dbus.socket").exists() else BUS_UNITS
    for name, text in bus.items():
        (BUS / name).write_text(text)
    wants = BUS / "sockets.target.wants/dbus.socket"
    if bus:
        wants.parent.mkdir(exist_ok=True)
        wants.symlink_to("../dbus.socket")
    try:
        yield
    finally:
        for path in [wants, *(BUS / name for name in bus)] if bus else []:
            path.unlink()
        (UNITS / OWN[0]).unlink()
        for name in OWN[1:]:
            shutil.rmtree(UNITS / name)


@contextlib.contextmanager
def _group() -> Iterator[Path]:
    """A control group, which is the machine's like all of them, and has to go again."""
    capabilities.need(capabilities.works("mount", "-t", "cgroup2", "none", GROUPS), "a mount of cgroup2")
    group = GROUPS / f"pam-mktemp-test-{os.urandom(8).hex()}"
    group.mkdir()
    try:
        yield group
    finally:
        eventually(lambda: "populated 0" in (group / "cgroup.events").read_text(), "the end of all its processes")
        for folder, _, _ in os.walk(group, topdown=False):
            os.rmdir(folder)
        subprocess.run(["umount", GROUPS], check=True)


@contextlib.contextmanager
def booted() -> Iterator[Inside]:
    """inside(command...) is the command line that runs a command in that system."""
    Path("/run/systemd").mkdir(exist_ok=True)  # what is below it is its own: nothing else shall think that it booted
    with _units(), _group() as group:
        script = BOOT.format(group=group, GROUPS=GROUPS)
        with subprocess.Popen(["sh", "-c", script], stdin=subprocess.DEVNULL, env=CLEAN, cwd="/") as process:
            try:
                first = eventually(lambda: _child(process.pid), "process 1")

                def inside(*command: str) -> list[str]:
                    return ["nsenter", f"--target={first}", "--pid", "--mount", "--uts", "--cgroup", "--wd=/", *command]

                ask = inside("systemctl", "is-system-running")
                eventually(lambda: subprocess.run(ask, capture_output=True).stdout == b"running\n", "a booted system")
                yield inside
            finally:
                process.kill()


def _child(pid: int) -> str:
    found = subprocess.run(["pgrep", "-x", "systemd", "-P", str(pid)], capture_output=True, text=True)
    return found.stdout.strip()
