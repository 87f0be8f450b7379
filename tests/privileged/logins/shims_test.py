"""Which logins have shims, and which ways to start a program go through them: what README says, tried."""
from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.privileged.logins.cron_test import TABLE, cron  # noqa: F401  fixture
from tests.privileged.logins.session import configure, eventually, login
from tests.privileged.logins.sshd_test import ssh  # noqa: F401  fixture
from tests.privileged.setup.pam_files import command

SHIMS = "/var/lib/pam-mktemp/shims/bin"
HERS = Path("/tmp/.private/alice/tmp")
Ssh = Callable[..., list[str]]


@pytest.fixture(autouse=True)
def shims(machine: None) -> Iterator[None]:
    """Stage shim, with one program for each remedy: a variable, an argument, a private mount."""
    configure('stage = "shim"\nexempt_users = ["bob"]\n')
    done = command("shims", "enable", "tmux", "ssh-agent", "lua")
    assert done.returncode == 0, done.stdout + done.stderr
    yield
    assert command("shims", "disable", "--all").returncode == 0
    Path("/etc/security/pam_mktemp.d/50-shims.toml").unlink()


def path_of(words: list[str], **options: str) -> list[str]:
    done = login([*words], **options)
    assert done.returncode == 0, done.stderr
    return done.stdout.replace("\r", "").strip().splitlines()[-1].split(":")


class TestLogins:
    def test_a_login_shell(self) -> None:
        done = login(["su", "-", "alice", "-c", "env"])
        variables = dict(line.split("=", 1) for line in done.stdout.splitlines())
        assert variables["TMUX_TMPDIR"] == str(HERS) and variables["PAM_MKTEMP_SHIMS"] == SHIMS
        assert variables["PATH"].split(":")[0] == SHIMS and variables["PATH"].count(SHIMS) == 1
        assert "/usr/bin" in variables["PATH"].split(":")

    def test_bash_as_a_login_shell(self) -> None:
        """/etc/profile sets PATH, profile.d puts ours first again; once."""
        subprocess.run(["usermod", "-s", "/bin/bash", "alice"], check=True)
        path = path_of(["su", "-", "alice"], input="echo $PATH\n")
        assert path[0] == SHIMS and path.count(SHIMS) == 1
        inner = path_of(["su", "-", "alice"], input="bash -l -c 'bash -l -c \"echo \\$PATH\"'\n")
        assert inner[0] == SHIMS and inner.count(SHIMS) == 1

    def test_sshd(self, ssh: Ssh) -> None:  # noqa: F811
        """A command has no login shell: PAM's PATH is all there is."""
        for remote in ("echo $PATH", "sh -l -c 'echo $PATH'"):
            path = path_of(ssh("alice", remote))
            assert path[0] == SHIMS and path.count(SHIMS) == 1, remote
        assert login(ssh("alice", "command -v tmux lua5.4 ssh-agent")).stdout.split() == [
            "/usr/bin/tmux", f"{SHIMS}/lua5.4", f"{SHIMS}/ssh-agent"]

    def test_a_path_of_pams_own(self, ssh: Ssh, pam_service: Callable[..., Path]) -> None:  # noqa: F811
        """What pam_env has set before us stays, behind ours."""
        Path("/etc/environment").write_text('PATH="/opt/site/bin:/usr/bin:/bin"\n')
        lines = Path("/etc/pam.d/sshd").read_text().splitlines()
        try:
            pam_service("sshd", ["session required pam_env.so", *[line for line in lines if "pam_env" not in line]])
            assert path_of(ssh("alice", "echo $PATH")) == [SHIMS, "/opt/site/bin", "/usr/bin", "/bin"]
        finally:
            Path("/etc/environment").write_text("")

    @pytest.mark.parametrize("words", [
        ["su", "-", "bob", "-c"], ["su", "-", "root", "-c"], ["sudo", "-u", "alice", "sh", "-c"],
        ["su", "alice", "-c"], ["runuser", "-u", "alice", "--", "sh", "-c"],
    ], ids=" ".join)
    def test_no_shims(self, words: list[str]) -> None:
        """Exempt accounts, root, and what runs one command: sudo has its secure_path, su keeps its caller's PATH."""
        assert SHIMS not in path_of([*words, "echo $PATH"])

    def test_cron(self, cron: Callable[[], None]) -> None:  # noqa: F811
        """Its PATH has none: the variables are there."""
        out = Path("/var/tmp/of-cron")
        TABLE.write_text(f"@reboot alice echo $PATH $TMUX_TMPDIR > {out}.new; mv {out}.new {out}\n")
        cron()
        eventually(out.exists, "the job")
        said = out.read_text()
        out.unlink()
        assert SHIMS not in said and str(HERS) in said


SCRIPT = "os.tmpname()\n"
COVERED = {
    "shell": "lua5.4 ~/work/x.lua",
    "sh -c": "sh -c 'lua5.4 ~/work/x.lua'",
    "a script with env": "~/work/by-env",
    "a Makefile": "make -s -f ~/work/Makefile",
    "xargs": "echo ~/work/x.lua | xargs lua5.4",
    "find -exec": "find ~/work/x.lua -exec lua5.4 {} ';'",
    "another program's execvp": "perl -e 'system(\"lua5.4\", \"work/x.lua\")'",
    "time, nice and nohup": "nice nohup lua5.4 ~/work/x.lua",
    "bash's exec -a": "bash -c 'exec -a other lua5.4 ~/work/x.lua'",
    "a terminal": "script -qec 'lua5.4 work/x.lua' /dev/null",
}
NOT_COVERED = {
    "an absolute path": "/usr/bin/lua5.4 ~/work/x.lua",
    "a script with an absolute interpreter": "~/work/by-path",
    "a program that calls another by its absolute path": "perl -e 'system(\"/usr/bin/lua5.4\", \"work/x.lua\")'",
    "a PATH of a script's own": "PATH=/usr/bin:/bin lua5.4 ~/work/x.lua",
    "an empty environment": "env -i lua5.4 ~/work/x.lua",
}


class TestStarts:
    @pytest.fixture(autouse=True)
    def work(self) -> Iterator[Path]:
        folder = Path("/home/alice/work")
        folder.mkdir()
        (folder / "x.lua").write_text(SCRIPT)
        (folder / "by-env").write_text(f"#!/usr/bin/env lua5.4\n{SCRIPT}")
        (folder / "by-path").write_text(f"#!/usr/bin/lua5.4\n{SCRIPT}")
        (folder / "Makefile").write_text("all:\n\tlua5.4 ~/work/x.lua\n")
        for name in ("by-env", "by-path"):
            (folder / name).chmod(0o755)
        yield folder
        for path in folder.iterdir():
            path.unlink()
        folder.rmdir()

    def made(self, how: str) -> tuple[int, int]:
        """How many files of lua's are in the host's /tmp and in hers, which are taken away."""
        done = login(["su", "-", "alice", "-c", how])
        assert done.returncode == 0, done.stdout + done.stderr
        found = [list(folder.glob("lua_*")) for folder in (Path("/tmp"), HERS)]
        for path in (path for each in found for path in each):
            path.unlink()
        return len(found[0]), len(found[1])

    def test_covered(self) -> None:
        assert {how: self.made(words) for how, words in COVERED.items()} == dict.fromkeys(COVERED, (0, 1))

    def test_not_covered(self) -> None:
        """Which the session's own mount, stage bind, would be."""
        assert {how: self.made(words) for how, words in NOT_COVERED.items()} == dict.fromkeys(NOT_COVERED, (1, 0))
