"""Where we run: on a host, in a container, in a chroot."""
from __future__ import annotations

import os

from pam_mktemp_py.doctor import tools

BOOTED = "/run/systemd/system"  # sd_booted(3)
_MARKS = {"/run/.containerenv": "podman", "/.dockerenv": "docker"}


def container() -> str:
    """The kind of container this is, '' if it is none that we know of (systemd-detect-virt(1) -c, and by hand)."""
    said = tools.output("systemd-detect-virt", "--container").strip()
    if said and said != "none":
        return said
    for path in ("/run/systemd/container", "/run/host/container-manager"):
        if name := "".join(tools.read(path)[:1]).strip():
            return name
    return next((name for path, name in _MARKS.items() if os.path.exists(path)), "")


def chroot() -> bool:
    """Whether / is another directory than process 1's; False if that cannot be told."""
    try:
        first, own = os.stat("/proc/1/root"), os.stat("/")
    except OSError:
        return False
    return (first.st_dev, first.st_ino) != (own.st_dev, own.st_ino)


def sees_first() -> bool:
    """Whether process 1's mount namespace can be looked at."""
    try:
        os.readlink("/proc/1/ns/mnt")
    except OSError:
        return False
    return True


def booted() -> bool:
    """Whether systemd runs as process 1."""
    return os.path.isdir(BOOTED)
