"""Our copies of the kernel's numbers and structures, against its headers and against the kernel."""
from __future__ import annotations

import struct
import subprocess
from pathlib import Path

import pytest

from pam_mktemp_py.linux import seccomp

SOURCE = """
#include <linux/audit.h>
#include <linux/prctl.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
int main(void)
{
    printf("%lu %lu %lu %lu %lu %d %d %d %u %u %d", SECCOMP_IOCTL_NOTIF_RECV, SECCOMP_IOCTL_NOTIF_SEND,
           SECCOMP_IOCTL_NOTIF_ID_VALID, sizeof(struct seccomp_notif), sizeof(struct seccomp_notif_resp), __NR_prctl,
           __NR_seccomp, PR_SET_NO_NEW_PRIVS, SECCOMP_RET_USER_NOTIF, SECCOMP_RET_ALLOW,
           (int)(SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_SPEC_ALLOW));
    return 0;
}
"""


def test_the_headers_say_the_same(tmp_path: Path) -> None:
    program = tmp_path / "numbers"
    subprocess.run(["gcc", "-x", "c", "-", "-o", program], input=SOURCE, text=True, check=True)
    found = [int(word) for word in subprocess.check_output([program], text=True).split()]
    known = seccomp.numbers()
    assert known is not None
    # The kernel takes both forms of the third one, of which headers before Linux 5.17 have the other.
    found[2] &= 0x3FFFFFFF
    assert found == [
        seccomp._request(True, 0, 80), seccomp._request(True, 1, 24), seccomp._request(False, 2, 8) & 0x3FFFFFFF,
        seccomp._RECEIVED.size, seccomp._ANSWER.size, known.prctl, known.seccomp, seccomp.PR_SET_NO_NEW_PRIVS,
        seccomp.SECCOMP_RET_USER_NOTIF, seccomp.SECCOMP_RET_ALLOW,
        seccomp.SECCOMP_FILTER_FLAG_NEW_LISTENER | seccomp.SECCOMP_FILTER_FLAG_SPEC_ALLOW,
    ]


def judged(code: bytes, arch: int, number: int, option: int, order: str) -> int:
    """What a filter of these three instructions returns: a second reading of linux/filter.h."""
    form = "<" if order == "little" else ">"
    data = struct.pack(f"{form}iIQ6Q", number, arch, 0, option, 0, 0, 0, 0, 0)
    at = held = 0
    while True:
        kind, yes, no, value = struct.unpack_from("=HBBI", code, 8 * at)
        at += 1
        if kind == 0x20:
            held = struct.unpack_from(f"{form}I", data, value)[0]
        elif kind == 0x15:
            at += yes if held == value else no
        else:
            assert kind == 0x06
            return int(value)


@pytest.mark.parametrize("order", ["little", "big"])
@pytest.mark.parametrize("place", sorted(seccomp._NUMBERS))
def test_what_the_filter_lets_through(place: tuple[str, int], order: str) -> None:
    known = seccomp.numbers(*place)
    assert known is not None
    code = seccomp.program(known, 38, order)
    notified = [(arch, number, option)
                for arch in (known.arch, 0xC000003E, 0x40000003, 0) for number in (known.prctl, known.seccomp, 0, 1)
                for option in (38, 39, 0, 38 | 7 << 32)
                if judged(code, arch, number, option, order) == seccomp.SECCOMP_RET_USER_NOTIF]
    # prctl(2) takes an int: what stands in the upper half of the register does not matter to the kernel either.
    assert set(notified) == {(known.arch, known.prctl, 38), (known.arch, known.prctl, 38 | 7 << 32)}


def test_unknown_machines_and_old_kernels() -> None:
    assert seccomp.numbers("alpha", 64) is None
    assert seccomp.numbers("aarch64", 32) is None
    assert not seccomp.can_continue("4.18.0-553.el8.x86_64")
    assert not seccomp.can_continue("5.4.0")
    assert seccomp.can_continue("5.5-rc1") and seccomp.can_continue("6.1.0-18-amd64") and seccomp.can_continue("10.0")
    assert not seccomp.can_continue("unknown")


def test_ioctl_numbers_of_powerpc() -> None:
    assert seccomp._request(True, 0, 80, "ppc64le") == 0xC0502100
    assert seccomp._request(False, 2, 8, "ppc64le") == 0x80082102


def test_without_the_right_to_it() -> None:
    ask = ("import os, sys; sys.path.insert(0, sys.argv[1])\nfrom pam_mktemp_py.linux import seccomp\n"
           "if os.geteuid() == 0:\n"  # now only: the checkout may be closed to others
           "    os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
           "try:\n    seccomp.notify_of_prctl(38)\nexcept OSError as error:\n    print(error.strerror)\n")
    top = Path(__file__).parents[2]
    done = subprocess.run(["/usr/bin/python3", "-c", ask, top], capture_output=True, text=True, cwd="/")
    assert done.stdout == "Permission denied\n", done.stderr
