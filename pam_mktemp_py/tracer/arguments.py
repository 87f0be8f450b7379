"""The command line of strace, and of what starts the command as another account (pure)."""
from __future__ import annotations

from collections.abc import Sequence

from pam_mktemp_py.linux.accounts import Account
from pam_mktemp_py.strace.calls import USERS

# What opens, makes, names, removes or opens up a file, what a relative path depends on, and who starts whom.
CALLS = (
    "open", "openat", "openat2", "creat", "mkdir", "mkdirat", "mknod", "mknodat", "link", "linkat", "symlink",
    "symlinkat", "rename", "renameat", "renameat2", "unlink", "unlinkat", "rmdir", "chmod", "fchmod", "fchmodat",
    "fchmodat2", "chown", "chown32", "lchown", "lchown32", "fchown", "fchown32", "fchownat", "truncate", "truncate64",
    "bind", "connect", "sendto", "getsockopt", "socketcall", "chdir", "fchdir", "chroot", "umask", "mount",
    "open_tree", "fsmount", "move_mount", "umount2", "pivot_root", "unshare", "setns", *USERS, "execve", "execveat",
    "clone", "clone3", "fork", "vfork", "io_uring_setup",
)
# strace resumes a new thread or child past its filter only from its first traced call on, and until then stops it at
# every call (TE_SECCOMP in its strace.c). What each makes first: glibc, Go, musl. They are rare, and say nothing.
FIRST = ("set_robust_list", "sigaltstack", "set_tid_address")
# strace's class of calls that take a file's name, and the one of the socket calls that is left out for its cost.
EVERYTHING = ("%file", "sendmsg")


def calls(everything: bool) -> str:
    """strace's expression for what is traced. '?': no error where the architecture or strace lacks a call."""
    return ",".join([f"?{name}" for name in CALLS + FIRST] + (list(EVERYTHING) if everything else []))


def for_command(strace: str, log: str, everything: bool, filtered: bool, command: Sequence[str]) -> list[str]:
    """strace for a command; `filtered`: with its seccomp filter.

    io_uring's calls are seen by no tracer, so programs are told that the kernel has none, and use the others.
    """
    filter = ["--seccomp-bpf"] if filtered else []
    return [strace, "-f", *filter, *_common(log, everything), "-e", "inject=?io_uring_setup:error=ENOSYS", "--",
            *command]


def for_processes(strace: str, log: str, everything: bool, pids: Sequence[int]) -> list[str]:
    """strace for what runs already: no filter is possible there, and io_uring may be in use already."""
    return [strace, "-f", *_common(log, everything), "-p", ",".join(map(str, pids))]


def as_account(setpriv: str, account: Account, groups: Sequence[int], command: Sequence[str]) -> list[str]:
    """setpriv(1) for a command of the account, with these groups: as a login sets them, without asking NSS again.

    Inheritable capabilities of the caller's would be kept, and raise what files grant (capabilities(7)).
    """
    supplementary = f"--groups={','.join(map(str, groups))}" if groups else "--clear-groups"
    return [setpriv, f"--reuid={account.uid}", f"--regid={account.gid}", supplementary, "--inh-caps=-all", "--",
            *command]


def _common(log: str, everything: bool) -> list[str]:
    # Paths are never cut; 256 bytes of data and arguments are enough to find a path in them.
    return ["-y", "-s", "256", "-o", log, "-e", f"trace={calls(everything)}"]
