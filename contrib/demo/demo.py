"""What `make demo` shows, in a throwaway copy of this machine made by tests/sandbox/enter.

Each step prints the command, its output, and whether it is as it should be; exits 1 if any is not.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import time
from pathlib import Path

PRIVATE = "/tmp/.private/alice/tmp"
VARIABLES = ("TMPDIR", "TMP", "TEMP", "TEMPDIR")
PORT = "2222"
PROGRAM = """#!/bin/sh
# a careless program: a predictable name, in $TMPDIR like most programs, else in /tmp
echo "my report" > "${TMPDIR:-/tmp}/report.txt" && echo "wrote ${TMPDIR:-/tmp}/report.txt"
"""
failures: list[str] = []


def step(title: str, text: str = "") -> None:
    """A heading and what it is about."""
    print(f"\n== {title}")
    if text:
        print(f"   {text}")


def run(*command: str, shown: str = "", quiet: bool = False) -> str:
    """Run a command, print it with its output, and return the output, errors included."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, timeout=60, cwd="/", env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"})
    if not quiet:
        print(f"   $ {shown or shlex.join(command)}")
        print("".join(f"     {line}\n" for line in done.stdout.splitlines()), end="")
    return done.stdout


def check(good: bool, text: str) -> None:
    """Say whether a step is as it should be."""
    print(f"   {'ok ' if good else 'NOT OK'} {text}")
    if not good:
        failures.append(text)


def has_variables(output: str) -> bool:
    """True if all four variables name alice's directory."""
    return all(f"{name}={PRIVATE}" in output.splitlines() for name in VARIABLES)


def as_mallory(script: str) -> str:
    """A command of the attacker."""
    return run("setpriv", "--reuid=mallory", "--regid=mallory", "--init-groups", "sh", "-c", script,
               shown=f"mallory: {script}")


def prepare() -> None:
    """Two accounts, a careless program, and the module in the copy's own PAM configuration."""
    step("Set-up", "Two accounts, and one line of PAM configuration: all of it in the copy.")
    for name in ("alice", "mallory"):
        run("useradd", "--create-home", "--shell", "/bin/bash", name)
    program = Path("/usr/local/bin/report")
    program.write_text(PROGRAM)
    program.chmod(0o755)
    with open("/etc/pam.d/common-session", "a") as file:
        file.write("session [success=ok ignore=ignore module_unknown=ignore default=bad] pam_mktemp_py.so\n")
    run("tail", "-n1", "/etc/pam.d/common-session")
    time.sleep(2)  # the copy was installed just now: a plan made that soon after a change is used for 2 s only


def before(diary: Path) -> None:
    """The problem, shown as it is without the module."""
    step("The problem: everyone shares /tmp", "mallory leaves a link where alice's program will write.")
    as_mallory(f"ln -s {diary} /tmp/report.txt")
    run("runuser", "-u", "alice", "--", "report")
    broken = diary.read_text() != "dear diary\n"
    print("   " + ("alice's diary has been overwritten." if broken else
                   "this kernel's fs.protected_symlinks refused it: alice cannot write her report at all."))
    diary.write_text("dear diary\n")


def su_login() -> None:
    """A real su."""
    step("A login with su", "Each session gets a directory that no other account can enter.")
    start = time.monotonic()
    output = run("su", "-", "alice", "-c", "env | grep -E '^TE?MP' ; ls -ld $TMPDIR; mktemp")
    print(f"   (this first login, with the planner, took {1000 * (time.monotonic() - start):.0f} ms in all)")
    check(has_variables(output), f"TMPDIR, TMP, TEMP and TEMPDIR are {PRIVATE}")
    check(f"\n{PRIVATE}/tmp." in output, "mktemp makes its file there")
    check("drwxrwxrwt" in output, "it has /tmp's own mode, so every program accepts it; its parent is closed:")
    run("getfacl", "-pc", "/tmp/.private/alice")
    output = run("su", "-", "-c", "echo $TMPDIR")
    check(output == "/tmp/.private/root/tmp\n", "root gets root's own")


def ssh_login() -> None:
    """A real sshd on loopback and a key."""
    step("A login with ssh", f"A real sshd of the copy, at 127.0.0.1:{PORT}, and a key.")
    folder = Path("/home/alice/.ssh")
    run("runuser", "-u", "alice", "--", "mkdir", "-m", "700", str(folder), quiet=True)
    for key in ("/root/.demo-host", "/root/.demo-key"):
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key, quiet=True)
    (folder / "authorized_keys").write_text(Path("/root/.demo-key.pub").read_text())
    daemon = subprocess.Popen(["/usr/sbin/sshd", "-D", "-e", "-f", "/dev/null", "-p", PORT, "-h", "/root/.demo-host",
                               "-o", "UsePAM=yes", "-o", "ListenAddress=127.0.0.1", "-o", "PidFile=none"],
                              stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    ssh = ["ssh", "-F", "none", "-i", "/root/.demo-key", "-p", PORT, "-o", "StrictHostKeyChecking=no", "-o",
           "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR", "-o", "BatchMode=yes", "-o", "ConnectionAttempts=20",
           "alice@127.0.0.1"]
    remote = "env | grep -E '^TE?MP'; report"
    output = run(*ssh, remote, shown=f"ssh -p {PORT} alice@127.0.0.1 {shlex.quote(remote)}")
    daemon.terminate()
    _, errors = daemon.communicate()
    check(has_variables(output), "the same directory as with su")
    if not has_variables(output):
        print(errors)


def attack(diary: Path) -> None:
    """The attack of the beginning, and some more."""
    step("The attack again", "mallory's link is still in /tmp.")
    as_mallory("ls -l /tmp/report.txt")
    output = run("su", "-", "alice", "-c", "report")
    check(output == f"wrote {PRIVATE}/report.txt\n", "the program never met it")
    check(diary.read_text() == "dear diary\n", "alice's diary is as it was")
    for script in (f"ln -sf {diary} {PRIVATE}/report.txt", f"cat {PRIVATE}/report.txt",
                   "ls /tmp/.private", "mv /tmp/.private/alice /tmp/.private/old"):
        output = as_mallory(script)
        check("denied" in output or "not permitted" in output, "refused")


def explain() -> None:
    """The command that says why."""
    step("Why a session is as it is", "What the next login of alice applies, with the reason for each line.")
    output = run("pam-mktemp", "plan", "alice", "--service", "sshd")
    check(PRIVATE in output, "the plan names the directory")


def main() -> int:
    """All steps in order; 0 if all is as it should be."""
    mark = Path("/run/sandbox")
    if not mark.exists() or mark.read_text().strip() != os.readlink("/proc/self/ns/mnt"):
        print("only in a throwaway copy of the machine: make demo", file=sys.stderr)
        return 3
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    print("This is a throwaway copy of this machine, with its own /etc, /tmp, accounts and network:\n"
          "the machine's own PAM configuration, /tmp and accounts are neither changed nor used.")
    prepare()
    diary = Path("/home/alice/diary")
    diary.write_text("dear diary\n")
    run("chown", "alice:", str(diary), quiet=True)
    before(diary)
    su_login()
    ssh_login()
    attack(diary)
    explain()
    print(f"\n{len(failures)} of the steps above are NOT as they should be" if failures else
          "\nAll as it should be. The copy is gone now, and the machine is as it was.")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
