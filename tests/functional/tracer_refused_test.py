"""Where there can be no trace: each reason is told apart, and what to do about it is said."""
from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pam_mktemp_py.tracer import diagnose
from tests.sandbox.capabilities import can_trace, need
from tests.tracing import PROGRAMS, Tracer, path_with


@pytest.fixture
def tracer(tmp_path: Path) -> Tracer:
    need(can_trace(), "strace")
    return Tracer(tmp_path)


def script(path: Path, text: str) -> Path:
    path.write_text(text)
    path.chmod(0o755)
    return path


def test_no_command(tracer: Tracer) -> None:
    assert "no such command in PATH=" in tracer.refusal("no-such-command-here")
    assert "give its full path" in tracer.refusal("./nor/this")
    assert "give it behind --" in tracer.refusal()


def test_a_path_of_its_own_is_searched(tracer: Tracer) -> None:
    """The command's PATH decides, as it would alone; an empty entry is the current directory."""
    script(tracer.folder / "here", "#!/bin/sh\nexit 9\n")
    assert tracer.run("here", extra=[["PATH", "/nowhere:"]], options={"cwd": tracer.folder})["status"] == 9
    assert "no such command" in tracer.refusal("here", extra=[["PATH", "/nowhere"]], options={"cwd": tracer.folder})


def test_what_cannot_be_executed(tracer: Tracer) -> None:
    plain = tracer.folder / "plain"
    plain.write_text("exit 3\n")
    assert "Permission denied" in tracer.refusal(str(plain))
    assert "no regular file" in tracer.refusal(str(tracer.folder))
    plain.chmod(0o755)
    assert "name its interpreter" in tracer.refusal(str(plain))
    script(plain, "#!/no/such/interpreter\n")
    assert "could not be executed: No such file" in tracer.refusal(str(plain))


def test_no_strace(tracer: Tracer) -> None:
    """Where the system has none at all, install hint; and the search that leads there."""
    from pam_mktemp_py.errors import TraceError
    from pam_mktemp_py.tracer import ready

    with pytest.raises(TraceError, match="strace is not installed; install it: apt-get install strace, dnf"):
        ready.strace(search=str(tracer.folder))


@pytest.mark.parametrize(("said", "text"), [
    ("strace -- version 5.10", "strace 5.10 is too old; 6.1"),
    ("busybox", "does not name a version"),
])
def test_another_strace_first_in_path(tracer: Tracer, said: str, text: str) -> None:
    folder = tracer.folder / "bin"
    folder.mkdir()
    script(folder / "strace", f"#!/bin/sh\necho '{said}'\n")
    assert text in tracer.refusal("true", options={"env": path_with(folder)})


def test_a_wrapper_of_strace_works(tracer: Tracer) -> None:
    """As root, its calls cannot be told from others': no filter, and that is said."""
    folder = tracer.folder / "bin"
    folder.mkdir()
    script(folder / "strace", "#!/bin/sh\nexec /usr/bin/strace \"$@\"\n")
    done = tracer.run("sh", "-c", "exit 6", options={"env": path_with(folder)})
    assert done["status"] == 6
    root = os.geteuid() == 0
    assert done["filtered"] == (not root)
    assert any("is a script" in note for note in done["notes"]) == root


def test_nested(tracer: Tracer) -> None:
    prefix = ["strace", "-f", "-o", str(tracer.folder / "outer"), "-e", "trace=none", "--"]
    text = tracer.refusal("true", prefix=prefix)
    assert "strace (" in text and "traces this command already" in text and "run it outside" in text


def test_refused_by_a_container(tracer: Tracer) -> None:
    text = tracer.refusal("true", prefix=[tracer.witness, "refused"])
    assert "seccomp filter" in text and "--cap-add=SYS_PTRACE" in text


def test_no_place_for_the_log(tracer: Tracer) -> None:
    link = tracer.folder / "link"
    link.symlink_to("/etc/passwd")
    assert "cannot be written" in tracer.refusal("true", log=str(link))
    assert "cannot be written" in tracer.refusal("true", log="/no/such/folder/log")


def test_too_many_words(tracer: Tracer) -> None:
    """E2BIG, at exec of strace."""
    file = tracer.folder / "ask.py"
    file.write_text(f"import sys; sys.path.insert(0, {str(PROGRAMS.parents[1])!r})\n"
                    "from pam_mktemp_py.errors import TraceError\n"
                    "from pam_mktemp_py.tracer.request import Request\n"
                    "from pam_mktemp_py.tracer.run import run\n"
                    "try:\n    run(Request(('true', 'x' * (1 << 18)), '/tmp', sys.argv[1]))\n"
                    "except TraceError as error:\n    print(error)\n")
    done = subprocess.run([sys.executable, file, tracer.log], capture_output=True, text=True)
    assert "cannot be started: Argument list too long" in done.stdout, done.stderr


@pytest.mark.parametrize(("files", "attaching", "text"), [
    ({"proc/sys/kernel/yama/ptrace_scope": "3\n"}, False, "ptrace_scope is 3: nobody can"),
    ({"proc/sys/kernel/yama/ptrace_scope": "2\n"}, False, "ptrace_scope is 2: only root"),
    ({"proc/sys/kernel/yama/ptrace_scope": "1\n"}, True, "ptrace_scope is 1: only root"),
    ({"proc/sys/kernel/yama/ptrace_scope": "1\n"}, False, "its own message says why"),
    ({"sys/fs/selinux/booleans/deny_ptrace": "1 1"}, False, "setsebool deny_ptrace off"),
    ({"sys/fs/selinux/booleans/deny_ptrace": "0 0"}, False, "its own message says why"),
    ({"proc/self/status": "Name:\tx\nTracerPid:\t0\nCapEff:\t0000000000000000\nSeccomp:\t2\n"}, False, "seccomp"),
    ({"proc/self/status": "TracerPid:\t77\nCapEff:\t0\n", "proc/77/comm": "gdb\n"}, False, "gdb (77) traces"),
    ({}, True, "its own message says why"),
])
def test_reasons_of_a_machine(tmp_path: Path, files: dict[str, str], attaching: bool, text: str) -> None:
    """What other kernels than this one say, in files of the same form."""
    (tmp_path / "sys").mkdir()
    for name, content in {"proc/self/status": "TracerPid:\t0\nCapEff:\t0000000000000000\n"}.items() | files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(files.get(name, content))
    error = diagnose.denied("strace", attaching, str(tmp_path / "proc"), str(tmp_path / "sys"))
    assert text in str(error) and error.id == "trace-failed" and error.hint


def test_an_error_while_it_runs_leaves_nothing(tracer: Tracer) -> None:
    """The caller's own failure, here in its report of progress: all that is traced is ended."""
    file = tracer.folder / "fail.py"
    file.write_text(f"import sys; sys.path.insert(0, {str(PROGRAMS.parents[1])!r})\n"
                    "from pam_mktemp_py.tracer.request import Request\n"
                    "from pam_mktemp_py.tracer.run import run\n"
                    "def broken(progress):\n    raise RuntimeError('broken')\n"
                    "run(Request(('sh', '-c', 'echo $$; sleep 3600'), '/tmp', sys.argv[1]), broken)\n")
    done = subprocess.run([sys.executable, file, tracer.log], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and "RuntimeError: broken" in done.stderr
    with pytest.raises(ProcessLookupError):
        os.kill(int(done.stdout), signal.SIG_DFL)
