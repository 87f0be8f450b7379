"""Mount namespaces: which paths are the host's, and which are a process's own."""
from __future__ import annotations

import pytest

from pam_mktemp_py.strace import events as acts
from pam_mktemp_py.strace.reader import Reader

NEW = "7 unshare(CLONE_NEWNS) = 0"
TMPFS = '7 mount("none", "/tmp", "tmpfs", 0, NULL) = 0'
MADE = '7 mkdir("/tmp/a", 0700) = 0'
# bwrap(1) 0.8, as strace 6.1 shows it.
BWRAP = [
    "6 clone(child_stack=NULL, flags=CLONE_NEWNS|SIGCHLD) = 7",
    '7 mount(NULL, "/", NULL, MS_REC|MS_SILENT|MS_SLAVE, NULL) = 0',
    '7 mount("tmpfs", "/tmp", "tmpfs", MS_NOSUID|MS_NODEV, NULL) = 0',
    '7 chdir("/tmp") = 0',
    '7 mkdir("newroot", 0755) = 0',
    '7 mount("newroot", "newroot", NULL, MS_MGC_VAL|MS_BIND|MS_REC|MS_SILENT, NULL) = 0',
    '7 mkdir("oldroot", 0755) = 0',
    '7 pivot_root("/tmp", "oldroot") = 0',
    '7 chdir("/") = 0',
    '7 mount("/oldroot/", "/newroot/", NULL, MS_BIND|MS_REC|MS_SILENT, NULL) = 0',
    '7 mount("none", "/newroot", NULL, MS_NOSUID|MS_REMOUNT|MS_BIND|MS_SILENT|MS_RELATIME, NULL) = 0',
    "{}",
    '7 mount("oldroot", "oldroot", NULL, MS_REC|MS_SILENT|MS_PRIVATE, NULL) = 0',
    '7 umount2("oldroot", MNT_DETACH) = 0',
    '7 openat(AT_FDCWD</>, "/", O_RDONLY|O_DIRECTORY) = 4</>',
    '7 chdir("/newroot") = 0',
    '7 pivot_root(".", ".") = 0',
    "7 fchdir(4</>) = 0",
    '7 umount2(".", MNT_DETACH) = 0',
    '7 chdir("/") = 0',
]


def made(*lines: str) -> list[tuple[str, bool]]:
    """The path of each mkdir, and whether it is private, of a log in which all is known."""
    reader = Reader(watch=("/tmp", "/dev/shm"))
    events = list(reader.events(["".join(line + "\n" for line in lines).encode()]))
    assert reader.unread == [] and reader.unresolved == []
    return [(event.path, event.private) for event in events if event.act == acts.MAKE_DIRECTORY]


def bwrap(*mounts: str) -> list[str]:
    """What bwrap does when it is given these further mounts."""
    at = BWRAP.index("{}")
    return [*BWRAP[:at], *mounts, *BWRAP[at + 1:]]


@pytest.mark.parametrize(("lines", "private"), [
    ([TMPFS], False),
    ([NEW], False),
    ([NEW, TMPFS], True),
    ([NEW, TMPFS.replace("= 0", "= -1 EPERM (Operation not permitted)")], False),
    ([NEW, '7 mount("none", "/", NULL, MS_REC|MS_PRIVATE, NULL) = 0'], False),
    ([NEW, '7 mount("none", "/tmp", NULL, MS_REMOUNT|MS_BIND|MS_RDONLY, NULL) = 0'], False),
    ([NEW, '7 mount("/", "/", NULL, MS_BIND|MS_REC, NULL) = 0'], False),
    ([NEW, '7 mount("/home/u/t", "/tmp", NULL, MS_BIND, NULL) = 0'], True),
    ([NEW, '7 mount("/tmp", "/home/t", NULL, MS_BIND, NULL) = 0',
      '7 mount("none", "/home", "tmpfs", 0, NULL) = 0'], False),
    ([NEW, TMPFS, '7 umount2("/tmp", MNT_DETACH) = 0'], False),
    ([NEW, TMPFS, TMPFS, '7 umount("/tmp") = 0'], True),
    ([NEW, '7 mount("none", "/mnt", "tmpfs", 0, NULL) = 0', '7 mount("/mnt", "/tmp", NULL, MS_MOVE, NULL) = 0'], True),
    ([NEW, "7 fsmount(4, 0, 0) = 5", '7 move_mount(5, "", AT_FDCWD, "/tmp", MOVE_MOUNT_F_EMPTY_PATH) = 0'], True),
    ([NEW, '7 open_tree(AT_FDCWD, "/", OPEN_TREE_CLONE|AT_RECURSIVE) = 5',
      '7 move_mount(5, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH) = 0'], False),
    ([NEW, '7 mount("none", "/tmp/a/b", "tmpfs", 0, NULL) = 0'], False),
    (["6 unshare(CLONE_NEWNS) = 0", TMPFS.replace("7", "6", 1), "6 fork() = 7"], True),
    (["6 clone(child_stack=NULL, flags=CLONE_NEWNS|SIGCHLD) = 7", TMPFS.replace("7", "6", 1)], False),
    (["6 clone(child_stack=NULL, flags=CLONE_NEWNS|SIGCHLD) = 7", TMPFS], True),
    (bwrap(), False),
    (bwrap('7 mount("tmpfs", "/newroot/tmp", "tmpfs", MS_NOSUID|MS_NODEV, "mode=0755") = 0'), True),
    (bwrap('7 mount("/oldroot/home/p", "/newroot/tmp", NULL, MS_BIND|MS_REC|MS_SILENT, NULL) = 0'), True),
    (bwrap('7 mount("/oldroot/tmp", "/newroot/tmp", NULL, MS_BIND|MS_REC|MS_SILENT, NULL) = 0'), False),
])
def test_what_is_private(lines: list[str], private: bool) -> None:
    assert made(*lines, MADE)[-1:] == [("/tmp/a", private)]


def test_the_host_s_name_of_a_bound_tree() -> None:
    """A sandbox that shows everybody's /tmp elsewhere writes to everybody's /tmp."""
    lines = bwrap('7 mount("tmpfs", "/newroot/tmp", "tmpfs", 0, NULL) = 0',
                  '7 mount("/oldroot/tmp", "/newroot/mnt", NULL, MS_BIND|MS_SILENT, NULL) = 0')
    fill = ['7 access("/etc/passwd", R_OK) = 0'] * 300
    assert made(*lines, *fill, '7 mkdir("/mnt/a", 0700) = 0')[-1:] == [("/tmp/a", False)]


def test_a_namespace_that_a_child_made_and_described() -> None:
    """As the launcher makes its own: the mounts are those of a process that shares all but them."""
    flags = "CLONE_VM|CLONE_FILES|CLONE_VFORK|CLONE_NEWNS|CLONE_NEWUSER"
    lines = [f"7 clone(child_stack=0x5, flags={flags} <unfinished ...>",
             '8 openat(AT_FDCWD</>, "/proc/self/ns/mnt", O_RDONLY|O_CLOEXEC) = 4<mnt:[4026532180]>',
             '8 openat(AT_FDCWD</>, "/proc/1/ns/mnt", O_RDONLY|O_CLOEXEC) = 5<mnt:[4026532181]>',
             '8 mount("x", "/tmp", "tmpfs", 0, NULL) = 0', "7 <... clone resumed>) = 8", "8 +++ exited with 0 +++"]
    fill = ['7 access("/etc/passwd", R_OK) = 0'] * 300
    for before in ([], fill):
        entered = "7 setns(4<mnt:[4026532180]>, CLONE_NEWNS) = 0"
        assert made(*before, *lines, MADE) == [("/tmp/a", False)]
        assert made(*before, *lines, entered, MADE) == [("/tmp/a", True)]
        reader = Reader(watch=("/tmp",))  # that of process 1 is not what the child sees
        list(reader.events(["\n".join([*before, *lines, entered.replace("180", "181"), ""]).encode()]))
        assert len(reader.unresolved) == 1


def test_a_namespace_that_was_entered() -> None:
    for line in ("setns(3</proc/9/ns/mnt>, CLONE_NEWNS) = 0", "setns(3<mnt:[4026531840]>, 0) = 0"):
        reader = Reader(watch=("/tmp",))
        events = list(reader.events([f"7 {line}\n{MADE}\n".encode()]))
        assert [event.private for event in events] == [False]
        assert [unread.line for unread in reader.unresolved] == [1]
