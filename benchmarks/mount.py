#!/usr/bin/python3
"""What a private mount costs a session and a command, beside pam_namespace and bwrap. README.md says how to read it."""
from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(1, str(REPOSITORY))
sys.dont_write_bytecode = True

import arena  # noqa: E402
import contenders as c  # noqa: E402
import program  # noqa: E402
import ways  # noqa: E402
from driver import Driver  # noqa: E402
from measure import phase  # noqa: E402
from mount_report import JOINED, MADE, MOUNTS, NAMESPACE, MountReport, command_goals, session_goals  # noqa: E402
from session import SETTLE_S  # noqa: E402

from pam_mktemp_py import paths  # noqa: E402

KEPT = "bind, no login"
RUNNER = "bench-runner"
LOGINS = ("made", "joined")


class Held:
    """The mount namespace of the session that others join, and that of the driver."""

    def __init__(self) -> None:
        self.host = os.stat("/proc/self/ns/mnt").st_ino
        self.namespace = 0
        self.pid = 0

    def again(self, driver: Driver, one: c.Contender) -> None:
        """Another session to join, made of the mounts that there are now."""
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
        self.namespace, self.pid = driver.hold(one.service, one.user)
        if self.namespace == self.host:
            raise arena.ArenaError(f"{one.name}: the session to be joined is in the host's mount namespace")


def contenders(held: Held, shared: bool) -> list[c.Contender]:
    """The sessions, pam_permit's first."""
    # Without it, what pam_namespace mounts would reach a host whose / is shared.
    options = " mount_private" if shared else ""
    return [
        c.Contender("permit", "pam_permit.so", "bench-permit", False, in_place=lambda n: n == held.host),
        c.Contender(KEPT, c.MODULE, "bench-kept", True, in_place=lambda n: n == held.host),
        c.Contender(MADE, c.MODULE, "bench-made", True, in_place=lambda n: n not in (held.host, held.namespace)),
        c.Contender(JOINED, c.MODULE, "bench-joined", True, in_place=lambda n: n == held.namespace),
        c.Contender(NAMESPACE, f"pam_namespace.so{options}", "bench-noinit", False,
                    in_place=lambda n: n not in (held.host, held.namespace)),
    ]


def prepare(args: argparse.Namespace, everyone: list[c.Contender]) -> Driver:
    """The arena with every contender in it, ours at stage `bind`."""
    if ways.missing():
        raise arena.ArenaError(f"{' and '.join(ways.missing())}: missing")
    arena.stage()
    source = arena.copy_sources(REPOSITORY)
    confdir = arena.STAGE / "pam.d"
    confdir.mkdir()
    for one in everyone:
        one.write(confdir)
    arena.build([*(one.user for one in everyone), RUNNER], args.tmp)
    c.place_namespace({one.user for one in everyone})
    c.install(source)
    logins = ", ".join(f'"{name}"' for name in LOGINS)
    Path(paths.CONFIG).write_text(f'stage = "bind"\nlogin_services = [{logins}]\n')
    if args.shared:
        arena.run("mount", "--make-rshared", "/")
    return Driver(arena.STAGE, source, confdir, args.host)


def benchmark(args: argparse.Namespace) -> MountReport:
    """All phases; raises ArenaError if something that they stand on fails."""
    report = MountReport(args.rounds, args.host, 0, mounts=args.mounts, shared=args.shared)
    held = Held()
    everyone = contenders(held, args.shared)
    joined = next(one for one in everyone if one.name == JOINED)
    driver = prepare(args, everyone)
    time.sleep(SETTLE_S)
    directory = ways.directory_of(RUNNER)
    uid = arena.FIRST_UID + len(everyone)
    commands = ways.private_tmp(directory)
    for title, mounts in (("quiet", 0), (f"with {args.mounts} mounts", args.mounts))[:2 if args.mounts else 1]:
        arena.mounts(mounts)
        held.again(driver, joined)
        found = phase(title, driver, everyone, report, python=False)
        report.goals += session_goals(title, found)
        for way in commands:
            ways.prove(way, uid, directory)
        report.commands[title] = ways.measure(driver, commands, uid, args.rounds)
        report.goals += command_goals(title, report.commands[title], mounts)
    return report


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-n", "--rounds", type=int, default=200, help="rounds of all contenders (default: 200)")
    parser.add_argument("--mounts", type=int, default=MOUNTS, metavar="COUNT",
                        help=f"measure again with COUNT further mounts on the host (default: {MOUNTS}; 0: do not)")
    parser.add_argument("--shared", action="store_true", help="/ is a shared mount, as systemd leaves it")
    parser.add_argument("--tmp", choices=("ext4", "tmpfs"), default="ext4", help="file system of /tmp")
    parser.add_argument("--host", choices=("new", "usual"), default="new", help="what opens the sessions: a process "
                        "that did nothing before (default), or one that has looked its user up")
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    return parser.parse_args()


def main() -> int:
    """0: every goal met; 1: one missed; 2: usage; 3: could not measure."""
    args = arguments()
    return program.run("mount.py", "mount_table", args.json, lambda: benchmark(args))


if __name__ == "__main__":
    sys.exit(main())
