"""Programs that must meet, each started through its own shim, as two logins of a user do."""
from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.privileged.run.start import good, start
from tests.privileged.setup.pam_files import command
from tests.privileged.shims import launched
from tests.privileged.shims.launched import BIN, PLANS, TMPDIR, hers
from tests.sandbox import capabilities

shims = launched.shims


@pytest.fixture
def enable(shims: Any) -> Iterator[Callable[..., None]]:
    """enable("java") as an administrator does it."""
    def run(*programs: str) -> None:
        done = command("shims", "enable", *programs)
        assert done.returncode == 0, done.stdout + done.stderr

    yield run
    assert command("shims", "disable", "--all").returncode == 0
    Path("/etc/security/pam_mktemp.d/50-shims.toml").unlink()


def of_host() -> list[str]:
    """What stands in the host's /tmp beside ours."""
    return sorted(path.name for path in Path("/tmp").iterdir() if path.name != ".private")


def test_ssh_agent(enable: Callable[..., None], shims: Any) -> None:
    enable("ssh-agent")
    before = of_host()
    done = good("sh", "-c", "eval $(ssh-agent) >&2; ssh-keygen -q -t ed25519 -N '' -f ~/key; ssh-add -q ~/key; "
                "ssh-add -l; "
                "echo $SSH_AUTH_SOCK; ssh-agent -k >&2; rm ~/key*", user=shims, env=hers(HOME="/home/alice"))
    assert "ED25519" in done and f"{TMPDIR}/agent" in done.split() and of_host() == before


def test_a_group_goes_together(enable: Callable[..., None], shims: Any) -> None:
    """Of java's group are the tools that attach: one without the other would look in two places."""
    enable("jcmd")
    assert {"java", "jcmd", "jps"} <= {path.name for path in BIN.iterdir()}
    assert {path.name for path in BIN.iterdir()} == {path.name for path in PLANS.iterdir()}
    assert command("shims", "disable", "java").returncode == 0
    assert not list(BIN.iterdir())


@pytest.mark.long
def test_java(enable: Callable[..., None], shims: Any) -> None:
    """Each in a mount and a user namespace of its own, and they attach through the directory of the account."""
    capabilities.need(capabilities.have("jcmd"), "openjdk-17-jdk-headless")
    enable("java")
    before = of_host()
    source = Path("/home/alice/Sleeper.java")
    source.write_text("public class Sleeper { public static void main(String[] a) throws Exception {\n"
                      "System.out.println(java.io.File.createTempFile(\"xyz\", \"y\")); Thread.sleep(60000); } }\n")
    running = subprocess.Popen(["java", str(source)], stdout=subprocess.PIPE, text=True, user=shims.pw_uid,
                               group=shims.pw_gid, extra_groups=(), cwd="/", env=hers(HOME="/home/alice"))
    try:
        assert running.stdout and running.stdout.readline().startswith("/tmp/x")
        listed = good("jps", user=shims, env=hers())
        assert f"{running.pid} Main" in listed
        assert "JDK 17" in good("jcmd", str(running.pid), "VM.version", user=shims, env=hers())
        assert of_host() == before
        assert start("/usr/bin/jcmd", str(running.pid), "VM.version", user=shims, env=hers()).returncode != 0
    finally:
        running.kill()
        running.communicate()  # closes its end of the pipe, too
        source.unlink()
