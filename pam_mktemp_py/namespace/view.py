"""What a view is called, and the mounts that make it. Pure."""
from __future__ import annotations

from pam_mktemp_py.paths import PRIVATE, digest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pam_mktemp_py.directory.instances import Instance, Instances

    Mount = tuple[str, int, int, str, int]  # source, its device and inode, target, flags

RDONLY, NOSUID, NODEV, NOEXEC = 1, 2, 4, 8  # linux/mount.h: MS_* and MOUNT_ATTR_* are the same here
_WORDS = ((RDONLY, "ro"), (NOSUID, "nosuid"), (NODEV, "nodev"), (NOEXEC, "noexec"))


def name(uid: int, mounts: list[Mount]) -> str:
    """What the view with these mounts is called: another one as soon as any of them is another."""
    text = "\n".join([" ".join(map(str, mount)) for mount in mounts])
    return f"{uid}.{digest(f'{uid} {text}'):016x}"


def words(flags: int) -> str:
    """The flags of a mount as mount(8) has them."""
    return ",".join([word for bit, word in _WORDS if flags & bit])


def lines(found: Instances) -> list[Mount]:
    """The mounts of a view in their order."""
    made = _instance(found.tmp)
    flags = _flags(found.tmp)
    made += [(path, device, inode, path, NOSUID | NODEV) for path, device, inode in found.passed]
    made += [(path, device, inode, path, flags) for path, device, inode in found.shared]
    for other in found.others:
        made += _instance(other)
    return made


def _flags(instance: Instance) -> int:
    return NOSUID | NODEV | (NOEXEC if instance.noexec else 0)


def _instance(instance: Instance) -> list[Mount]:
    """The directory itself, and, where it would hide them, all private directories at their own path."""
    ready, flags = instance.ready, _flags(instance)
    parent, user, *leaves = ready.chain
    devices = {leaf: (device, inode) for leaf, device, inode, *_ in leaves}
    made = [(f"{ready.path}/{instance.leaf}", *devices[instance.leaf], instance.target, flags)]
    if instance.inside:
        path = f"{ready.base.rstrip('/')}/{PRIVATE}"
        made.append((path, parent[1], parent[2], path, flags))
        # What is a file system of its own is not part of that mount.
        made += [(f"{ready.path}/{leaf}", device, inode, f"{ready.path}/{leaf}", flags)
                 for leaf, (device, inode) in devices.items() if device != user[1]]
    return made
