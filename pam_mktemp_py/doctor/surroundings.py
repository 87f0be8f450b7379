"""The machine around a login: where it runs, what has not been tried there, what was inherited."""
from __future__ import annotations

import os
from collections.abc import Iterator

from pam_mktemp_py import paths
from pam_mktemp_py.directory import names
from pam_mktemp_py.doctor import bind, tmpfiles, tools, whereabouts
from pam_mktemp_py.doctor.finding import NOTE, Finding, Patient
from pam_mktemp_py.linux import accounts

LONGEST = 45  # bytes of TMPDIR: beyond, socket paths of Chromium, Ray and others pass unix(7)'s 108
SELINUX = "/sys/fs/selinux/enforce"
BOOT_SCRIPT = "/etc/init.d/pam-mktemp"
BOOT_LINE = f"d! {tmpfiles.TOP} 0711 root root -"
KEEP_LINE = f"x {tmpfiles.TOP}"
BOOT_FILE = "/etc/tmpfiles.d/pam_mktemp_boot.conf"


def check(patient: Patient) -> Iterator[Finding]:
    """All of them; most are notes."""
    yield from _place(patient)
    if tools.read(SELINUX)[:1] == ["1"]:
        yield Finding("selinux-untested", "SELinux is enforcing", SELINUX,
                      "this project has not been tried under a policy; one may refuse what the module does",
                      "try logins with: setenforce 0; and look for denials with: ausearch -m avc -ts recent", (), NOTE)
    yield from _length(patient)
    yield from _inherited()
    yield from _boot()


def _place(patient: Patient) -> Iterator[Finding]:
    if kind := whereabouts.container():
        yield Finding("container", f"this is a container ({kind})", "",
                      "kernel settings, and what PID 1's host does with /tmp, are not decided here",
                      "nothing; enable it on the host for logins of the host", (), NOTE)
    if whereabouts.chroot():
        yield Finding("chroot", "this is a chroot", "/",
                      "logins outside of it have another /etc and another /tmp",
                      "run doctor outside to examine those", (), NOTE)
    if patient.root and not bind.bound(patient) and not whereabouts.sees_first():  # at that stage it is a problem
        yield Finding("first-namespace-unreadable", "process 1's mount namespace cannot be looked at", "/proc/1/ns/mnt",
                      "a private mount of /tmp (stage bind) cannot be used here; TMPDIR can",
                      "leave the stage at env", (), NOTE)


def _length(patient: Patient) -> Iterator[Finding]:
    real = os.path.realpath(paths.BASE)
    for leaf, _ in patient.config.directories if patient.config else [("tmp", [])]:
        path = f"{real}/{paths.PRIVATE}/{names.wanted(patient.account)}/{leaf}"
        if len(os.fsencode(path)) > LONGEST:
            linked = real != paths.BASE
            yield Finding(
                "tmpdir-long", f"TMPDIR has {len(os.fsencode(path))} bytes, more than {LONGEST}", path,
                "programs that make sockets in it fail: Chromium, Ray and others",
                f"mount {real} at {paths.BASE} instead of linking it, and write that into /etc/fstab" if linked
                else "give the directory a shorter name",
                (("rm", paths.BASE), ("mkdir", "-m", "1777", paths.BASE),
                 ("mount", "--bind", real, paths.BASE)) if linked else ())


def _inherited() -> Iterator[Finding]:
    """The variables that this process was given: of another account, as sudo or su may have left them."""
    account = accounts.lookup(accounts.canonical_name(os.geteuid()))
    own = names.wanted(account) if account else str(os.geteuid())
    parent = f"{os.path.realpath(paths.BASE)}/{paths.PRIVATE}/"
    for variable in tools.TMP_VARIABLES:
        value = os.environ.get(variable, "")
        if value.startswith(parent) and value[len(parent):].partition("/")[0] not in (own, str(os.geteuid())):
            yield Finding("inherited-tmpdir", f"{variable} names another account's private directory", value,
                          "programs fail there, or leave root's files in it; the caller's variables came along",
                          f"unset {variable}, or log in with su - or sudo -i; see what sudo keeps (env_keep)")


def _boot() -> Iterator[Finding]:
    """Nothing makes /tmp/.private at boot: any user could take its name first."""
    why = "until the first login any user can take the name, which every login then has to move away"
    if whereabouts.booted():
        if not any(line.kind in "dDvqQ" and line.path.rstrip("/") == tmpfiles.TOP for line in tmpfiles.lines()):
            yield Finding("boot-step-missing", "nothing makes /tmp/.private at boot", "/usr/lib/tmpfiles.d", why,
                          f"write '{BOOT_LINE}' into {BOOT_FILE}, or install again",
                          (tools.create(BOOT_FILE, BOOT_LINE, KEEP_LINE),))
    elif tools.files("/sbin/init") and tools.read("/proc/1/comm")[:1] == ["init"]:
        if not tools.files("/etc/rc?.d/S??pam-mktemp"):
            yield Finding("boot-step-missing", "nothing makes /tmp/.private at boot", BOOT_SCRIPT, why,
                          "have it run at boot", (("update-rc.d", "pam-mktemp", "defaults"),))
