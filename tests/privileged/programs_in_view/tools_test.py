"""Programs of every day in a private /tmp, and those that work as another account there."""
from __future__ import annotations

import hashlib
import shutil
import subprocess
from collections.abc import Iterator
from email.utils import formatdate
from pathlib import Path

import pytest

from tests.privileged.logins.bind_test import by, said
from tests.privileged.logins.session import login
from tests.sandbox.accounts import CLEAN

REPOSITORY = Path("/srv/repository")
PACKAGES = "Package: nothing\nVersion: 1\nArchitecture: all\nFilename: ./nothing.deb\nSize: 0\nDescription: x\n"


@pytest.fixture
def apt(tmp_path: Path) -> Iterator[str]:
    """A signed repository in a folder; the command that looks at it alone, with its lists kept apart."""
    keys, state = tmp_path / "keys", REPOSITORY / "state"
    keys.mkdir(mode=0o700)
    for folder in ("state/lists/partial", "cache/archives/partial"):
        (REPOSITORY / folder).mkdir(parents=True)
    gpg = ["gpg", "--homedir", str(keys), "--quiet", "--batch"]
    subprocess.run([*gpg, "--passphrase", "", "--quick-generate-key", "repository", "ed25519", "sign"], check=True)
    subprocess.run([*gpg, "--output", REPOSITORY / "key.gpg", "--export"], check=True)
    (REPOSITORY / "Packages").write_text(PACKAGES)
    digest = hashlib.sha256(PACKAGES.encode()).hexdigest()
    release = f"Date: {formatdate(usegmt=True)}\nSHA256:\n {digest} {len(PACKAGES)} Packages\n"
    subprocess.run([*gpg, "--clearsign", "--output", REPOSITORY / "InRelease"], input=release, text=True, check=True)
    subprocess.run(["gpgconf", "--homedir", keys, "--kill", "all"], check=True)
    (REPOSITORY / "list").write_text(f"deb [signed-by={REPOSITORY}/key.gpg] copy:{REPOSITORY} ./\n")
    (REPOSITORY / "apt.conf").write_text(
        f'Dir::Etc::SourceList "{REPOSITORY}/list"; Dir::Etc::SourceParts "/dev/null"; Dir::State "{state}";\n'
        f'Dir::Cache "{REPOSITORY}/cache"; Dir::State::Status "/var/lib/dpkg/status";\n')
    yield f"apt-get -c {REPOSITORY}/apt.conf update"
    shutil.rmtree(REPOSITORY)


def test_apt_by_sudo(apt: str) -> None:
    """Its methods run as _apt, which cannot reach root's TMPDIR and so verifies signatures in /tmp: alice's here.

    Where _apt cannot work, apt says so and does without it, or rejects the signature."""
    traced = f"sudo -n strace -f -qq -e trace=openat -o /srv/repository/trace {apt}"
    output = said(by("alice", traced))
    assert "Get:1 copy:/srv/repository ./ InRelease" in output and "Err:" not in output
    assert list((REPOSITORY / "state/lists").glob("*_Packages*"))
    made = [line for line in (REPOSITORY / "trace").read_text().splitlines() if '"/tmp/apt.' in line]
    assert made and not [line for line in made if " = -1 " in line]
    assert not list(Path("/tmp/.private/alice/tmp").glob("apt*"))


def test_man() -> None:
    """A page is found, unpacked and formatted without a complaint; ours, since small systems have no others."""
    page = said(by("alice", "man pam-mktemp"))
    assert page.split(maxsplit=1)[0] == "pam-mktemp(1)" and len(page.splitlines()) > 100


def test_ping() -> None:
    """Debian's has a capability of its file, which a user namespace would take from it, as the copy shows."""
    capability = subprocess.run(["getcap", "/usr/bin/ping"], capture_output=True, text=True, check=True).stdout
    assert "cap_net_raw=ep" in capability
    ping = "ping -c 1 -q 127.0.0.1"
    assert "1 received, 0% packet loss" in said(by("alice", ping))
    refused = login(by("alice", f"cp /usr/bin/ping copy; ./copy{ping.removeprefix('ping')}"))
    assert refused.returncode == 2 and "Operation not permitted" in refused.stderr


def test_sudo_and_an_editor() -> None:
    """sudoedit makes its copy in the caller's /tmp, with his name in it, and root's file gets what he wrote."""
    theirs = Path("/etc/of-root")
    theirs.write_text("before\n")
    editor = Path("/usr/local/bin/append")
    editor.write_text("#!/bin/sh\ncase $1 in /tmp/*|/var/tmp/*) echo after >> $1 ;; esac\n")
    editor.chmod(0o755)
    try:
        said(by("alice", f"SUDO_EDITOR=append sudo -n -e {theirs}"))
        assert theirs.read_text() == "before\nafter\n"
    finally:
        theirs.unlink()
        editor.unlink()


def test_pulseaudio() -> None:
    """Without $XDG_RUNTIME_DIR its socket is in a folder of $TMPDIR, found through a link in the home."""
    start = ("pulseaudio --daemonize --exit-idle-time=-1 -n -L module-native-protocol-unix -L module-null-sink "
             "&& pactl info | grep -c '^Server String: /tmp/.private/alice/tmp/pulse-'; echo ready")
    with subprocess.Popen(by("alice", f"{start}; read x; pulseaudio --kill"), stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, text=True, env=CLEAN) as running:
        assert running.stdout and running.stdout.readline() == "1\n" and running.stdout.readline() == "ready\n"
        sinks = said(by("alice", "pactl list short sinks; ls -d /tmp/pulse-*/native"))
        assert "module-null-sink.c" in sinks
        assert login(by("bob", f"PULSE_SERVER={sinks.split()[-1]} pactl info")).returncode == 1
        running.communicate("go\n", timeout=20)
    assert running.returncode == 0
