"""The launcher behind a shim: which program it runs, how that is started, and what it never does."""
from __future__ import annotations

import os
import shutil
import subprocess
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.privileged.run.start import number, start
from tests.privileged.shims import launched
from tests.privileged.shims.launched import BIN, LAUNCHER, SHIMMED, TMPDIR, USUAL, hers, plan, seen, status
from tests.sandbox.accounts import CLEAN

shims = launched.shims


def script(path: Path, text: str) -> Path:
    """A program of alice's."""
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


class TestApplied:
    def test_variables_and_arguments(self, shims: Any) -> None:
        plan("python3", '- ?* =A=$TMPDIR$/x$_$y =B=$$z$_$"q"$_$\\$_$*$UID$ -TEMP +-I +-W +error =C=')
        found = seen(user=shims, env={"TEMP": "x", "C": "old"})
        environment = found["environment"]
        assert environment["A"] == f"{TMPDIR}/x y" and environment["B"] == '$z "q" \\ *2101' and environment["C"] == ""
        assert "TEMP" not in environment and not [name for name in environment if name.startswith("PAM_MKTEMP_")]
        words = subprocess.run(["python3", "-c", "import sys; print(sys.orig_argv)"], capture_output=True, text=True,
                               env=CLEAN | hers(), user=2101, cwd="/").stdout
        assert words == "['python3', '-I', '-W', 'error', '-c', 'import sys; print(sys.orig_argv)']\n"

    def test_a_value_is_not_expanded_again(self, shims: Any) -> None:
        plan("python3", '- ?* =A=$HOME$')
        for value in ("$USER", "$(id)", "`id`", "a  b*", "~", "'x", '"', "\\", "$((1+1))", "x\ny"):
            assert seen(user=shims, env={"HOME": value})["environment"]["A"] == value

    def test_sections(self, shims: Any) -> None:
        """By the path in PATH or by what that leads to; the first that matches is the only one."""
        plan("python3", "- /opt/?* =A=1", "- /usr/bin/python3.1? =A=2", "- ?* =A=3 =B=3")
        found = seen(user=shims)["environment"]
        assert found["A"] == "2" and "B" not in found
        plan("python3", "- /opt/?* =A=1")
        assert "A" not in seen(user=shims)["environment"]

    def test_a_private_mount(self, shims: Any, tmp_path: Path) -> None:
        plan("python3", "b ?* =A=1")
        found = seen(user=shims)
        assert f"{found['tmp']}\n" == number(TMPDIR) and found["environment"]["A"] == "1"
        assert found["environment"]["TMPDIR"] == TMPDIR and found["cwd"] == "/"
        assert seen(user=shims, cwd="/usr")["cwd"] == "/usr"
        Path("/tmp/work").mkdir(mode=0o777)
        try:  # what is in the host's /tmp alone stays where the caller is
            Path("/tmp/work/x").touch()
            done = start("python3", "-c", "import os; print(os.listdir())", user=shims, cwd="/tmp/work",
                         env=hers())
            assert done.stdout == "['x']\n", done.stderr
        finally:
            shutil.rmtree("/tmp/work")

    def test_no_mount_in_a_mount(self, shims: Any) -> None:
        """There /tmp is the same directory already: its programs meet in one namespace."""
        plan("python3", "b ?*")
        plan("sh", "b ?*")
        done = start("sh", "-c", "readlink /proc/self/ns/mnt; python3 -c 'import os; print(os.readlink("
                     "\"/proc/self/ns/mnt\"))'; readlink /proc/self/ns/user", user=shims,
                     env=hers())
        first, second, user = done.stdout.split()
        assert first == second and user != os.readlink("/proc/self/ns/user"), done.stderr
        assert not list(Path(TMPDIR).glob(".shim*"))

    def test_a_plan_is_made_where_there_is_none(self, shims: Any) -> None:
        plan("python3", "b ?*")
        (Path(TMPDIR) / ".run-plan").unlink()
        assert f"{seen(user=shims)['tmp']}\n" == number(TMPDIR)
        assert (Path(TMPDIR) / ".run-plan").exists()

    def test_root_keeps_the_hosts(self, shims: Any) -> None:
        """Whose directory came along from a user's session is not root's, and root's mounts are the host's."""
        plan("python3", "b ?* =A=1")
        assert "A" not in seen()["environment"]
        start("pam-mktemp", "run", "-u", "root", "--", "true")
        found = seen(env={"TMPDIR": "/tmp/.private/root/tmp"})
        assert found["environment"]["A"] == "1" and found["tmp"] == number("/tmp").strip()


class TestStarted:
    @pytest.mark.parametrize("flags", ["-", "b"])
    def test_as_without_it(self, shims: Any, flags: str) -> None:
        plan("python3", f"{flags} ?*")
        without = seen(user=shims, path=USUAL)
        with_it = seen(user=shims)
        for key in ("environment", "tmp"):
            del without[key], with_it[key]
        assert with_it.pop("pid") > 0 and without.pop("pid") > 0
        if flags == "b":
            assert with_it["status"].pop("Groups") and without["status"].pop("Groups")
        assert with_it == without

    @pytest.mark.parametrize("flags", ["-", "b"])
    def test_no_process_stays(self, shims: Any, flags: str) -> None:
        plan("python3", f"{flags} ?*")
        done = start("/bin/sh", "-c", "echo $$; exec python3 -c 'import os; print(os.getpid())'", user=shims,
                     env=hers())
        mine, its = done.stdout.split()
        assert mine == its

    @pytest.mark.parametrize("flags", ["-", "b"])
    def test_status_and_signals(self, shims: Any, flags: str) -> None:
        plan("python3", f"{flags} ?*")
        assert status("python3", "-c", "raise SystemExit(37)", user=shims)[0] == 37
        assert status("python3", "-c", "import os; os.kill(os.getpid(), 9)", user=shims)[0] == -9
        ignored = textwrap.dedent("""
            import os, signal, sys
            signal.signal(signal.SIGUSR1, signal.SIG_IGN)
            signal.signal(signal.SIGCHLD, signal.SIG_IGN)
            signal.pthread_sigmask(signal.SIG_SETMASK, [signal.SIGUSR2, signal.SIGTERM])
            os.execvp(sys.argv[1], [sys.argv[1], "-c", "print([line for line in open('/proc/self/status') if line[:4] "
                                    "in ('SigB', 'SigI')])"])
        """)
        names = ("/usr/bin/python3", "python3")
        said = [start("/usr/bin/python3", "-c", ignored, name, user=shims,
                      env=hers()).stdout for name in names]
        assert said[0] == said[1] != ""

    @pytest.mark.parametrize("flags", ["-", "b"])
    def test_closed_descriptors(self, shims: Any, flags: str) -> None:
        plan("python3", f"{flags} ?*")
        out = Path("/var/tmp/out")
        for closed in ("<&-", ">&-", "2>&-", "<&- >&- 2>&-"):
            said = []
            for name in ("/usr/bin/python3", "python3"):
                start("/bin/sh", "-c", f"exec {name} -c 'import os; x = os.open(\"/\", 0); "
                      f"open(\"/var/tmp/out\", \"w\").write(str([x, sorted(os.listdir(\"/proc/self/fd\"))]))' {closed}",
                      env=hers(), user=shims)
                said.append(out.read_text())
                out.unlink()
            assert said[0] == said[1]

    def test_a_terminal(self, shims: Any) -> None:
        plan("python3", "b ?*")
        code = "import os, sys; print(os.isatty(0), os.tcgetpgrp(0) == os.getpgrp(), os.ttyname(1) == os.ttyname(0))"
        done = start("script", "-qec", f"python3 -c '{code}'", "/dev/null", user=shims,
                     env=hers())
        assert done.stdout.strip() == "True True True", done.stderr


class TestFound:
    """Never itself."""

    COPIES: dict[str, Callable[[Path], object]] = {
        "a link": lambda at: at.symlink_to(LAUNCHER),
        "a link to a shim": lambda at: at.symlink_to(BIN / "python3"),
        "a hard link": lambda at: os.link(LAUNCHER, at),
        "a copy": lambda at: shutil.copy(LAUNCHER, at),
        "a stripped copy": lambda at: subprocess.run(["strip", "-o", at, LAUNCHER], check=True),
    }

    @pytest.mark.parametrize("how", COPIES)
    def test_not_itself(self, shims: Any, how: str) -> None:
        plan("python3", "- ?* =A=1")
        other = Path("/usr/local/other")
        other.mkdir()
        try:
            self.COPIES[how](other / "python3")
            for path in (f"{BIN}:{other}:{USUAL}", f"{other}:{SHIMMED}", f"{other}:{USUAL}", f"{BIN}:{SHIMMED}"):
                found = seen(user=shims, path=path)
                assert found["environment"]["A"] == "1" and found["exe"].startswith("/usr/bin/python3")
            assert status("python3", "-c", "", user=shims, path=f"{BIN}:{other}")[0] == 127
        finally:
            shutil.rmtree(other)

    def test_an_unreadable_copy(self, shims: Any) -> None:
        plan("python3", "- ?*")
        other = Path("/usr/local/other")
        other.mkdir()
        try:
            shutil.copy(LAUNCHER, other / "python3")
            (other / "python3").chmod(0o711)
            code, said = status("python3", "-c", "", user=shims, path=f"{BIN}:{other}:{USUAL}")
            assert code == 126 and "leads back here" in said
        finally:
            shutil.rmtree(other)

    def test_a_wrapper(self, shims: Any) -> None:
        """Of the user's: one that names the program is run, one that leads back ends with a clear error."""
        plan("python3", "- ?* =A=1")
        bin_ = Path("/home/alice/bin")
        try:
            script(bin_ / "python3", '#!/bin/sh\nexec /usr/bin/python3 "$@"\n')
            found = seen(user=shims, path=f"{BIN}:{bin_}:{USUAL}")
            assert found["environment"]["A"] == "1"
            for again in ('exec python3 "$@"', f'exec {BIN}/python3 "$@"', 'exec /usr/bin/env python3 "$@"'):
                script(bin_ / "python3", f"#!/bin/sh\n{again}\n")
                code, said = status("python3", "-c", "", user=shims, path=f"{BIN}:{bin_}:{USUAL}")
                assert code == 126 and f"{bin_}/python3 only leads back here" in said
            script(bin_ / "python3", f'#!/bin/sh\nPATH={BIN}:{USUAL} exec python3 "$@"\n')
            found = seen(user=shims, path=f"{BIN}:{bin_}:{USUAL}")
            assert found["exe"].startswith("/usr/bin/python3") and "PAM_MKTEMP_SHIM" not in found["environment"]
            # a script that starts others of the same name is no recursion
            script(bin_ / "python3", '#!/bin/sh\ncase $1 in -c) exec /usr/bin/python3 "$@";; esac\n'
                   'python3 -c "print(7)"\n')
            done = start("python3", "x", user=shims, env=hers(PATH=f"{BIN}:{bin_}:{USUAL}"))
            assert done.stdout == "7\n", done.stderr
        finally:
            shutil.rmtree(bin_)

    def test_by_which_name(self, shims: Any) -> None:
        """AT_EXECFN if it is a shim's, else argv[0]: exec -a, a script's interpreter, fexecve."""
        plan("python3", "- ?* =A=1")
        execs = {
            "exec -a": "os.execv(SHIM, ['other', '-c', REPORT])",
            "#!": "os.execv('/home/alice/run', ['/home/alice/run'])",
            "fexecve": "os.execve(os.open(SHIM, os.O_RDONLY), ['python3', '-c', REPORT], dict(os.environ))",
        }
        script(Path("/home/alice/run"), f"#!{BIN}/python3\n{launched.REPORT}\n")
        for how, code in execs.items():
            start_of = f"import os\nSHIM = '{BIN}/python3'\nREPORT = {launched.REPORT!r}\n"
            done = start("/usr/bin/python3", "-c", start_of + code,
                         user=shims, env=hers(PATH=USUAL))
            assert '"A": "1"' in done.stdout, f"{how}: {done.stdout}{done.stderr}"
            name = {"exec -a": "other", "#!": f"{BIN}/python3", "fexecve": "python3"}[how]
            assert f'"argv0": "{name}"' in done.stdout

    @pytest.mark.parametrize("name", ["/", "python3/"])
    def test_an_argv0_that_names_no_program(self, shims: Any, name: str) -> None:
        """It is pam-mktemp-launch itself then; basename(3) would say "." or "/", or shorten what the program sees."""
        plan("python3", "- ?*")
        code = f"import os; os.execve(os.open('{BIN}/python3', os.O_RDONLY), [{name!r}, '-q'], dict(os.environ))"
        done = start("/usr/bin/python3", "-c", code, user=shims, env=hers(PATH=USUAL))
        assert done.returncode == 2 and "pam-mktemp -q run" in done.stderr, done

    def test_not_there(self, shims: Any) -> None:
        plan("nosuch", "- ?*")
        assert status("nosuch", user=shims) == (127, "nosuch: shim: not found in PATH\n")
        assert status(str(BIN / "nosuch"), user=shims, path="")[0] == 127

    def test_a_script_without_interpreter(self, shims: Any) -> None:
        """A shell would run it itself."""
        plan("plain", "- ?*")
        script(Path("/usr/local/bin/plain"), "echo $0 $1\n")
        try:
            done = start("plain", "x", user=shims, env=hers())
            assert done.stdout == "/usr/local/bin/plain x\n", done.stderr
        finally:
            Path("/usr/local/bin/plain").unlink()
