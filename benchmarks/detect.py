#!/usr/bin/python3
"""What detect and scan cost, beside strace, a naive parser and grep in one run. README.md says how to read it."""
from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(1, str(REPOSITORY))
sys.dont_write_bytecode = True

import arena  # noqa: E402
import lines  # noqa: E402
import overhead  # noqa: E402
import parsing  # noqa: E402
import program  # noqa: E402
import scan_speed  # noqa: E402
import workloads  # noqa: E402
from detect_report import Report, rate  # noqa: E402
from figures import Goal  # noqa: E402
from installed import Installed  # noqa: E402

LINES_PER_SECOND = 250_000
PEAK_MB = 100
IN_MEMORY = 40_000_000  # bytes
# The worst log is read at a tenth of the speed, so less of it is made.
WORST = 50
RECORDED_LOG, WORST_LOG = "recorded", "worst"


def parse(report: Report, command: Installed, recorded: list[lines.Recorded], size: int) -> None:
    """Speed and memory of the reader and the judge."""
    share = min(size, IN_MEMORY)
    pieces = {RECORDED_LOG: list(lines.repeated(recorded, share)), WORST_LOG: list(lines.worst(share // WORST))}
    for _ in range(report.rounds):
        for log, text in pieces.items():
            for name, read in parsing.READERS.items():
                report.speeds.setdefault((log, name), []).append(parsing.speed(read, text))
    report.wholes[RECORDED_LOG] = parsing.whole(command, lines.repeated(recorded, size), arena.STAGE)
    report.wholes[WORST_LOG] = parsing.whole(command, lines.worst(size // WORST), arena.STAGE)
    report.goals += [
        Goal("µs for a line of a log", 1e6 / rate(report.speeds[RECORDED_LOG, "ours"]), 1e6 / LINES_PER_SECOND),
        Goal("MB resident at most", max(one.peak_kb for one in report.wholes.values()) / 1000, PEAK_MB),
    ]


def benchmark(args: argparse.Namespace) -> Report:
    """Everything; raises ArenaError if something that it stands on fails."""
    report = Report(args.rounds)
    busy, processors = os.getloadavg()[0], os.cpu_count() or 1
    if busy > processors / 4:
        report.notes.append(f"the machine was busy (load {busy:.1f} of {processors}): the figures are worth little")
    workloads.check()
    recorded = lines.recorded(REPOSITORY / "tests/traces")
    report.scan = scan_speed.measure(args.rounds)
    arena.stage()
    command = Installed(arena.STAGE, REPOSITORY)
    # Nothing of the checkout is needed from here on: it may be below one of these.
    for folder in ("/tmp", "/var/tmp"):  # where programs, detect and its log are
        arena.run("mount", "-t", "tmpfs", "-o", "mode=1777", "tmpfs", folder)
    scale = args.scale
    sizes = workloads.Sizes(files=int(20_000 * scale), repository=int(10_000 * scale), commits=int(400 * scale),
                            megabytes=max(1, int(300 * scale)), seconds=8 * scale)
    everything = workloads.everything(arena.STAGE / "work", sizes)
    report.overheads = overhead.measure(command, everything, args.rounds, arena.STAGE)
    report.goals += overhead.goals(everything, report.overheads)
    parse(report, command, recorded, args.size * 1_000_000)
    report.goals.append(Goal(f"scan of {scan_speed.FOLDER} / grep", report.scan["ratio"], scan_speed.LIMIT))
    return report


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-n", "--rounds", type=int, default=7, help="rounds of everything (default: 7)")
    parser.add_argument("--size", type=int, default=1000, metavar="MB",
                        help="how large a log to read through a pipe (default: 1000)")
    parser.add_argument("--scale", type=float, default=1.0,
                        help="how much work the programs have: with less, the start of detect weighs more (default: 1)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    return parser.parse_args()


def main() -> int:
    """0: every goal met; 1: one missed; 2: usage; 3: could not measure."""
    args = arguments()
    return program.run("detect.py", "detect_table", args.json, lambda: benchmark(args))


if __name__ == "__main__":
    sys.exit(main())
