"""libpam itself reads PAM's files as pamstack does: pam_echo says which lines it ran, and with what."""
from __future__ import annotations

import random
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from pam_mktemp_py.pamstack import lines, stack

Write = Callable[..., Path]
ECHO = "session optional pam_echo.so"
LONG = "x" * 500
SHOWN = 500  # pam_echo says at most 512 bytes
SERVICE = "pam-mktemp-test"
HEAD = "auth required pam_permit.so"
PIECES = [ECHO, ECHO, f"-{ECHO}", "SESSION Optional [pam_echo.so]", "\n", "\n", "\n", " a", " b ", "\\\n", " \\ \n",
          "\n# c", "#", "\t", "\r", "\f", "[x y]", " [p\\] q]", "\n@include two", "\nsession include two",
          "\n@INCLUDE [two]", "\nsession substack two", "\n\n", "\\", LONG]


def ran(service: str = SERVICE) -> list[str] | None:
    """What pam_echo said in a session; None if libpam could not read the files, or crashed."""
    done = subprocess.run(["pamtester", service, "root", "open_session"], capture_output=True, timeout=20)
    if done.returncode < 0 or b"Initialization failure" in done.stdout + done.stderr:
        return None
    said = done.stdout.decode("latin-1").split("\n")  # pamtester's own words go to the same place
    return [line[:SHOWN] for line in said if line and not line.startswith("pamtester: ")]


def read(service: str = SERVICE) -> list[str]:
    """What pamstack says that it will say."""
    return [" ".join(entry.line.arguments)[:SHOWN] for entry in stack.session(service)
            if entry.line.arguments and entry.module == "pam_echo.so"]


def write(pam_service: Write, name: str, text: str) -> None:
    """A file of exactly this text."""
    pam_service(name, [])
    Path("/etc/pam.d", name).write_bytes(text.encode("latin-1"))


def test_random_files(pam_service: Write) -> None:
    """Seen to fail: with comments that end a continued line, and with form feeds that separate words."""
    dice = random.Random(3)
    write(pam_service, "two", f"{ECHO} from two\nauth required pam_permit.so\n")
    sound = 0
    for _ in range(250):
        text = HEAD + "\n" + "".join(dice.choices(PIECES, k=dice.randrange(1, 16)))
        write(pam_service, SERVICE, text)
        if any(line.trouble for line in [*lines.parse(text), *(one.line for one in stack.session(SERVICE))]):
            continue  # such a file is refused, whatever libpam makes of it
        if "session" in text.lower():
            sound += 1
            assert ran() == read(), text
    assert sound > 30


@pytest.mark.parametrize("text", [
    f"{ECHO} a\r\n{ECHO} b", f"{ECHO} a \0 b\n", f"{ECHO} a\\", f"{ECHO} a\\\n", f"{ECHO} {LONG}{LONG} a b c d e f g h",
    f"#{LONG}{LONG}{LONG} {ECHO}\n{ECHO} a", "@include", "@include none", f"@includes two\n{ECHO} a",
    f"session include {SERVICE}", f"@include {SERVICE}", "session include none", "session required",
    f"session\foptional pam_echo.so a\n{ECHO} b",
])
def test_troubles_are_real(pam_service: Write, text: str) -> None:
    """What pamstack calls trouble does not run as it was meant: a word is lost, a line, the session or the host."""
    write(pam_service, "two", f"{ECHO} two")
    write(pam_service, SERVICE, f"{HEAD}\n{text}")
    assert any(entry.line.trouble for entry in stack.session(SERVICE))
    done = subprocess.run(["pamtester", SERVICE, "root", "authenticate", "open_session"], capture_output=True,
                          timeout=20)
    meant = text.replace("\r", "").replace("\f", " ").replace("\\", "").replace("\0", "")
    write(pam_service, SERVICE, f"{HEAD}\n{meant}")
    assert done.returncode != 0 or ran() != [line for line in done.stdout.decode("latin-1").split("\n")
                                             if line and not line.startswith("pamtester: ")]


def test_vendor_and_other(pam_service: Write) -> None:
    vendor = Path(stack.VENDOR)
    vendor.mkdir(exist_ok=True)  # systemd may have files there
    write(pam_service, "other", f"{ECHO} other")
    try:
        (vendor / SERVICE).write_text(f"{HEAD}\n{ECHO} vendor\n")
        assert ran() == read() == ["vendor"]
        write(pam_service, SERVICE, HEAD)
        assert ran() == ["other"] and read() == []  # no session lines of its own
        assert ran(SERVICE.upper()) == ["other"]
        write(pam_service, SERVICE, f"{HEAD}\n{ECHO} lower")
        assert ran(SERVICE.upper()) == read(SERVICE.upper()) == ["lower"]
    finally:
        (vendor / SERVICE).unlink()
