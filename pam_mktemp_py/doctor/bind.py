"""What stage bind needs of the kernel and of the host's mounts (mount_namespaces(7)), and where doctor itself runs."""
from __future__ import annotations

import os
from collections.abc import Iterator

from pam_mktemp_py import paths
from pam_mktemp_py.config.model import Config
from pam_mktemp_py.doctor import tools, whereabouts
from pam_mktemp_py.doctor.finding import NOTE, Finding, Patient
from pam_mktemp_py.linux import mount_calls
from pam_mktemp_py.namespace import views

FIRST, OWN = "/proc/1/ns/mnt", "/proc/self/ns/mnt"
HOSTS = "/proc/1/mountinfo"


def bound(patient: Patient) -> Config | None:
    """The configuration, if by it logins get a private /tmp: what is only of interest then is looked at only then."""
    return patient.config if patient.config is not None and patient.config.stage == "bind" else None


def instead(config: Config) -> str:
    """What becomes of a login that cannot have a view."""
    if config.failure == "closed":
        return 'logins are refused, as failure = "closed" has it'
    return 'sessions have the /tmp that everybody shares, as failure = "open" has it, and TMPDIR'


def check(patient: Patient) -> Iterator[Finding]:
    """Process 1's mount namespace, whether / is shared, the calls of the kernel, and doctor's own view of it all."""
    config = bound(patient)
    if config is None or not patient.root:
        return
    if not whereabouts.sees_first():
        yield _unreadable(config)
        return
    yield from _own(patient)
    yield from _not_shared()
    yield from _calls()


def _unreadable(config: Config) -> Finding:
    file, line = config.origins["stage"]
    return Finding(
        "first-namespace-unreadable", "process 1's mount namespace cannot be looked at", FIRST,
        f"no login can get its private /tmp: {instead(config)}",
        f'set stage = "env" ({file}:{line}), or give logins the right to trace process 1 (CAP_SYS_PTRACE), which '
        "containers withhold", (tools.edit(file, f"{line}s/bind/env/"),))


def _own(patient: Patient) -> Iterator[Finding]:
    try:
        first, own = os.readlink(FIRST), os.readlink(OWN)
    except OSError:
        return
    if own == first:
        return
    doctor = f"pam-mktemp doctor {patient.account.name}"
    if views.mark_of(own, paths.VIEWS):
        yield Finding("doctor-in-view", "this doctor runs in the private view of an account", own,
                      "what is said here of /tmp and of mounts holds for that view only",
                      f"run it on the host: pam-mktemp host -- {doctor}", (), NOTE)
    else:
        yield Finding("doctor-apart", "this doctor has mounts that are neither the host's nor those of a view of ours",
                      own, "a session that is opened from here stays here, so no login was tried as others have it",
                      f"run it on the host: nsenter --mount={FIRST} {doctor}", (), NOTE)


def _not_shared() -> Iterator[Finding]:
    """The last line for / is the one that counts. A slave alone takes what its master has, and nothing of the host."""
    found = [line.split(" - ")[0].split(" ") for line in tools.read(HOSTS)]
    root = [words[6:] for words in found if len(words) > 5 and words[4] == "/"]
    if root and not any(word.startswith("shared:") for word in root[-1]):
        yield Finding(
            "root-not-shared", "/ is not a shared mount", "/",
            "what the host mounts or unmounts later does not reach the sessions that run: a disk, a home, an NFS share",
            "share it, for sessions that begin later; systemd does that at boot, and without it a boot script has to, "
            "before anybody logs in", (("mount", "--make-rshared", "/"),), NOTE)


def _calls() -> Iterator[Finding]:
    if not mount_calls.has_new():
        yield Finding("classic-mounts", "the kernel has no mount_setattr(2), or it is forbidden here", "",
                      "private mounts are made by mount(2): that does as well, with more calls at each login",
                      "nothing; Linux 5.12 has it", (), NOTE)
    if not mount_calls.tells_mount():
        yield Finding("mount-id-untold", "the kernel does not tell on which mount a path is (statx(2))", "",
                      "a program in a chroot that is a bind mount of / looks like one on the host, and its logins are "
                      "taken out of it", "run no logins in such a chroot, or Linux 5.8 or later", (), NOTE)
