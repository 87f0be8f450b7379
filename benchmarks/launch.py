#!/usr/bin/python3
"""What a shim costs a program, beside bwrap, firejail and a wrapper in Python. README.md says how to read it."""
from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import NamedTuple

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(1, str(REPOSITORY))
sys.dont_write_bytecode = True

import arena  # noqa: E402
import contenders as c  # noqa: E402
import program  # noqa: E402
import ways  # noqa: E402
from command_report import CommandReport  # noqa: E402
from driver import Driver  # noqa: E402
from launch_report import BIND, ENVIRONMENT, FIREJAIL, PROGRAM, WRAPPER, goals  # noqa: E402
from session import SETTLE_S  # noqa: E402
from ways import Way  # noqa: E402

from pam_mktemp_py import paths  # noqa: E402

RUNNER, UID = "bench-runner", arena.FIRST_UID
SHIMS = Path(paths.SHIMS)
LAUNCHER = "/usr/lib/pam-mktemp-shim"
# The program has one name for each remedy; both are links to it, in the folder where it is.
FOLDER = Path("/usr/bin")
NAMES = {ENVIRONMENT: "bench-environment", BIND: "bench-bind"}
VARIABLE, LEAF = "BENCH_DIR", "/x"
REMEDIES = {ENVIRONMENT: f"- ?* ={VARIABLE}=$TMPDIR${LEAF}", BIND: "b ?*"}
FIREJAIL_WORDS = ("/usr/bin/firejail", "--quiet", "--noprofile", "--private-tmp")
# What people write: one variable, and the program further down PATH than the first folder, in which this stands.
SCRIPT = f"""#!/usr/bin/python3 -IS
import os, sys
os.environ["{VARIABLE}"] = os.environ["TMPDIR"] + "{LEAF}"
name = os.path.basename(sys.argv[0])
for folder in os.environ["PATH"].split(":")[1:]:
    path = folder + "/" + name
    if os.access(path, os.X_OK):
        os.execv(path, [name, *sys.argv[1:]])
sys.exit(127)
"""


class Effect(NamedTuple):
    """What a way must do: set the variable, or not; /tmp is the directory, the host's, or (None) neither."""

    variable: bool
    tmp: str | None


def link(target: str) -> None:
    """Have both names stand for TARGET, as programs of the machine do in /usr/bin."""
    for name in NAMES.values():
        (FOLDER / name).unlink(missing_ok=True)
        (FOLDER / name).symlink_to(target)


def contenders(directory: str) -> list[tuple[Way, Effect]]:
    """All of them, the program itself first; the shims as they are when both are enabled."""
    for folder in ("bin", "plans"):
        (SHIMS / folder).mkdir(parents=True, exist_ok=True)
    SHIMS.parent.chmod(0o755)
    for remedy, name in NAMES.items():
        (SHIMS / "bin" / name).symlink_to(LAUNCHER)
        (SHIMS / "plans" / name).write_text(f"pam-mktemp-shim 2\n{REMEDIES[remedy]}\nend\n")
    wrapper = arena.STAGE / NAMES[ENVIRONMENT]
    wrapper.write_text(SCRIPT)
    wrapper.chmod(0o755)
    itself = str(FOLDER / NAMES[BIND])
    shim = {remedy: str(SHIMS / "bin" / name) for remedy, name in NAMES.items()}
    return [
        (Way(PROGRAM, (), command=itself), Effect(False, "/tmp")),
        (Way(ENVIRONMENT, (), command=shim[ENVIRONMENT]), Effect(True, "/tmp")),
        (Way(WRAPPER, (), command=str(wrapper)), Effect(True, "/tmp")),
        (Way(BIND, (), command=shim[BIND]), Effect(False, directory)),
        (ways.bwrap(directory, itself), Effect(False, directory)),
        (Way(FIREJAIL, FIREJAIL_WORDS, ways.SELDOM, itself), Effect(False, None)),
    ]


def prove(way: Way, effect: Effect, env: dict[str, str]) -> None:
    """With a shell in the program's place. ArenaError: the way does not do what it should, or more."""
    show = f'stat -c "%d %i" /tmp; echo "${{{VARIABLE}-unset}}"'
    *tmp, variable = ways.said((*way.before, way.command, "-c", show), UID, env)
    directory = env["TMPDIR"]
    if variable != (directory + LEAF if effect.variable else "unset"):
        raise arena.ArenaError(f"{way.name}: {VARIABLE} is {variable}")
    if (tmp != ways.number(effect.tmp)) if effect.tmp else (tmp in map(ways.number, ("/tmp", directory))):
        raise arena.ArenaError(f"{way.name}: /tmp is not what it should be, but {' '.join(tmp)}")


def proved(everyone: list[tuple[Way, Effect]], env: dict[str, str], notes: list[str]) -> list[Way]:
    """Each way once; a firejail that cannot be had, or does not work here, is noted and left out."""
    found = []
    link("/bin/sh")
    for way, effect in everyone:
        try:
            prove(way, effect, env)
            found.append(way)
        except (arena.ArenaError, OSError) as error:
            if way.name != FIREJAIL:
                raise
            notes.append(f"{FIREJAIL} left out: {error}")
    link(PROGRAM)
    return found


def benchmark(args: argparse.Namespace) -> CommandReport:
    """Everything; raises ArenaError if something that it stands on fails."""
    if ways.missing():
        raise arena.ArenaError(f"{' and '.join(ways.missing())}: missing")
    report = CommandReport(args.rounds, "new", 0)
    arena.stage()
    source = arena.copy_sources(REPOSITORY)
    arena.build([RUNNER], args.tmp)
    c.install(source)
    Path(paths.CONFIG).write_text('stage = "bind"\n')
    time.sleep(SETTLE_S)
    directory = ways.directory_of(RUNNER)
    env = {"TMPDIR": directory, "PATH": f"{SHIMS}/bin:/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8",
           "USER": RUNNER, "LOGNAME": RUNNER, "HOME": "/nonexistent",
           "container": "lxc"}  # else firejail takes our PID namespace for another sandbox, and does nothing
    everyone = proved(contenders(directory), env, report.notes)
    plan = Path(directory, ".run-plan")
    before = plan.stat()
    found = ways.measure(Driver(arena.STAGE, source, arena.STAGE, "new", env), everyone, UID, args.rounds)
    if plan.stat() != before:
        report.notes.append(f"the plan of {BIND} was made anew: not all of its starts were steady")
    if markers := [path.name for path in Path(directory).glob(".shim-*")]:
        raise arena.ArenaError(f"started without a remedy: {' '.join(markers)}")
    report.commands["quiet"] = found
    report.goals += goals(found)
    return report


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-n", "--rounds", type=int, default=500, help="rounds of all ways (default: 500)")
    parser.add_argument("--tmp", choices=("ext4", "tmpfs"), default="ext4", help="file system of /tmp")
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    return parser.parse_args()


def main() -> int:
    """0: every goal met; 1: one missed; 2: usage; 3: could not measure."""
    args = arguments()
    return program.run("launch.py", "launch_table", args.json, lambda: benchmark(args))


if __name__ == "__main__":
    sys.exit(main())
