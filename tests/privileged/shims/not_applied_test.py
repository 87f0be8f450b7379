"""The launcher behind a shim: where the remedy cannot be applied, or must not."""
from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.privileged.run.forbidden_test import AS_ALICE, nested
from tests.privileged.run.start import number, start
from tests.privileged.shims import launched
from tests.privileged.shims.launched import PLANS, hers, plan, seen, status
from tests.sandbox.syslog import Syslog

shims = launched.shims

BROKEN: dict[str, Callable[[Path], object]] = {
    "missing": lambda path: path.unlink(),
    "cut": lambda path: path.write_text("pam-mktemp-shim 2\n- ?* =A=1\n"),
    "empty": lambda path: path.write_text(""),
    "of an earlier version": lambda path: path.write_text("pam-mktemp-shim 1\n- ?* =A=1\nend\n"),
    "without a value": lambda path: path.write_text('pam-mktemp-shim 2\n- ?* =A=1 =B=$XDG_RUNTIME_DIR$\nend\n'),
    "a command": lambda path: path.write_text('pam-mktemp-shim 2\n- ?* =A=1 =B=$(touch /tmp/x)\nend\n'),
    "open": lambda path: path.chmod(0o666),
    "another's": lambda path: os.chown(path, 2102, 2102),
    "a FIFO": lambda path: (path.unlink(), os.mkfifo(path)),
    "large": lambda path: path.write_text("pam-mktemp-shim 2\n" + "- /x =A=1\n" * 2000 + "end\n"),
}


class TestNotApplied:
    @pytest.mark.parametrize("how", BROKEN)
    def test_no_use(self, shims: Any, syslog: Syslog, how: str) -> None:
        """The program runs as it would, and the reason is logged once."""
        plan("python3", "- ?* =A=1")
        BROKEN[how](PLANS / "python3")
        for _ in range(3):
            assert "A" not in seen(user=shims)["environment"]
        assert syslog.ids() == ["shim-without-remedy"] and not Path("/tmp/x").exists()
        assert syslog.find(r"pam_mktemp_py\(python3:session\)\[\d+\]: \[shim-without-remedy\] alice: ")

    def test_required(self, shims: Any, syslog: Syslog) -> None:
        plan("python3", '! ?* =A=1 =B=$XDG_RUNTIME_DIR$')
        for _ in range(2):
            code, said = status("python3", "-c", "print('ran')", user=shims)
            assert code == 125 and said.startswith("python3: shim: not started") and "no value" in said
        assert syslog.ids() == ["shim-refused"] * 2
        assert seen(user=shims, env={"XDG_RUNTIME_DIR": "/run/x"})["environment"]["B"] == "/run/x"

    @pytest.mark.parametrize("tmpdir", ["", "/tmp", "/nosuch", "/home/alice", "/tmp/.private/bob/tmp", "relative"])
    def test_no_session_of_ours(self, shims: Any, bob: Any, syslog: Syslog, tmpdir: str) -> None:
        """Without a directory that is closed to others there is nothing to move to; no word of it."""
        start("pam-mktemp", "run", "-u", "bob", "--", "true")
        plan("python3", "b ?* =A=1")
        found = seen(user=shims, env={"TMPDIR": tmpdir})
        assert "A" not in found["environment"] and found["tmp"] == number("/tmp").strip()
        assert syslog.ids() == []

    def test_setuid(self, shims: Any, bob: Any) -> None:
        """In a program that runs as another than its caller nothing is applied."""
        plan("python3", "b ?* =A=1")
        for act in ("os.setreuid(2102, 2101)", "os.setregid(2102, 2101)"):
            done = start("/usr/bin/python3", "-c", f"import os\nos.setgid(2101)\n{act}\n"
                         f"os.getuid() or os.setuid(2101)\n"
                         f"os.execvp('python3', ['python3', '-c', {launched.REPORT!r}])",
                         env=hers())
            assert '"argv0": "python3"' in done.stdout and '"A"' not in done.stdout, done.stderr

    STEPS = [("clone", "error=EPERM"), ("setns", "error=EPERM:when=1"), ("mount", "error=EPERM:when=1"),
             ("open_tree", "error=EACCES:when=1"), ("move_mount", "error=EPERM:when=1"),
             ("move_mount", "error=EBUSY:when=4")]

    @pytest.mark.parametrize(("call", "fault"), STEPS)
    def test_each_step_failed(self, shims: Any, syslog: Syslog, call: str, fault: str) -> None:
        """It is where it was: never a program whose /tmp is half of each."""
        plan("python3", "b ?* =A=1")
        words = ("strace", "-f", "-qq", "-o", "/dev/null", f"--inject={call}:{fault}")
        found = seen(*words, "python3", user=shims)
        assert "A" not in found["environment"] and found["tmp"] == number("/tmp").strip()
        assert found["status"]["Uid"].split() == ["2101"] * 4
        assert syslog.ids() == ["shim-without-remedy"]

    def test_forbidden(self, shims: Any, syslog: Syslog) -> None:
        plan("python3", "b ?* =A=1")
        with nested("echo 0 > /proc/sys/user/max_user_namespaces") as inside:
            found = seen(*inside, *AS_ALICE, "python3")
        assert "A" not in found["environment"] and syslog.find("a user namespace is not allowed here")
