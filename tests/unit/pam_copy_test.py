"""A service's files rewritten for a session without a password: what is kept, replaced, left out."""
from __future__ import annotations

import pytest

from pam_mktemp_py.pamstack import copy

OURS = "session [success=ok ignore=ignore module_unknown=ignore default=bad] pam_mktemp_py.so fail=closed"
FILES = {
    "su": "# a comment\nauth required pam_unix.so\n@include common\nsession include /etc/elsewhere # why\n"
          "-session optional pam_systemd.so\naccount include common\n",
    "common": f"auth requisite pam_unix.so\nsession [success=1 default=ignore] \\\n    pam_x.so word\n"
              f"session substack deeper\n{OURS}\n",
    "/etc/elsewhere": "password required pam_unix.so\nsession required pam_deny.so\n",
    "deeper": "session required /lib/pam_y.so\nsession include missing\n",
    "other": "session required pam_z.so\n",
    "circle": "session include circle\nsession include su\n",
    "broken": "session required\nnonsense required pam_x.so\n",
    "jumps": "session required pam_a.so\nsession [success=2 default=bad] pam_mktemp_py.so debug\n",
    "silent": "auth required pam_unix.so\n",
}


def made(service: str, how: str) -> dict[str, list[str]]:
    """The lines of each file."""
    return {name: text.removeprefix(copy.HEAD).splitlines() for name, text in copy.copies(
        service, how, FILES.get).items()}


def test_shape() -> None:
    found = made("su", "shape")
    assert found.pop("other") == ["session required pam_permit.so"]
    common, elsewhere = "pam-mktemp-2", "pam-mktemp-3"
    assert found.pop("su") == [f"@include {common}", f"session include {elsewhere}",
                               "session optional pam_permit.so"]
    assert found.pop(elsewhere) == ["session required pam_deny.so"]
    [jump, substack, ours] = found.pop(common)
    assert (jump, ours) == ("session [success=1 default=ignore] pam_permit.so", OURS)
    [(name, deeper)] = found.items()
    assert substack == f"session substack {name}"
    assert deeper == ["session required pam_permit.so", "session include pam-mktemp-5"]  # of no file, as before


def test_full_keeps_every_session_line_as_it_is() -> None:
    found = made("su", "full")
    assert found["su"][2] == "-session optional pam_systemd.so"
    assert found["pam-mktemp-2"][:2] == ["session [success=1 default=ignore] \\", "    pam_x.so word"]
    assert "session required /lib/pam_y.so" in found["pam-mktemp-4"]
    assert not any("pam_unix" in line for text in found.values() for line in text)


def test_line() -> None:
    assert made("su", "line") == {"su": ["session required pam_permit.so", OURS]}
    assert made("circle", "line") == {"circle": ["session required pam_permit.so", OURS]}
    assert made("jumps", "line")["jumps"][1] == "session required pam_mktemp_py.so debug"  # would lead nowhere


@pytest.mark.parametrize("how", ["shape", "full"])
def test_nobody_is_asked(how: str) -> None:
    for service in ("su", "other", "circle", "silent"):
        text = copy.copies(service, how, FILES.get)[service]
        assert text.startswith("auth required pam_permit.so\naccount required pam_permit.so\n")
        assert text.count("auth ") == text.count("account ") == 1


@pytest.mark.parametrize("how", ["shape", "full"])
def test_what_libpam_cannot_read_stays(how: str) -> None:
    assert made("broken", how)["broken"] == FILES["broken"].splitlines()


def test_a_circle_stays_one() -> None:
    assert made("circle", "shape")["circle"][0] == "session include circle"


def test_a_service_without_session_lines_has_those_of_other() -> None:
    files = FILES | {"other": OURS}
    assert [line.module for line in copy.ours("silent", files.get)] == ["pam_mktemp_py.so"]
    assert copy.ours("broken", files.get) == copy.ours("silent", files.get)
