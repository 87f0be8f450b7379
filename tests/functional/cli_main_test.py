"""The command's own manners: options, exit statuses, output files, colors, a reader that goes away."""
from __future__ import annotations

import contextlib
import io
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from pam_mktemp_py import __version__
from pam_mktemp_py.cli import files
from pam_mktemp_py.cli.main import COMPLETION
from pam_mktemp_py.cli.report import Report, Row, deliver
from pam_mktemp_py.cli.settings import Settings
from tests.functional.commands import USER, Command

TOP = Path(__file__).parents[2]
INSTALLED = shutil.which("pam-mktemp", path=os.path.dirname(sys.executable))
SCRIPT = [INSTALLED] if INSTALLED else [sys.executable, "-m", "pam_mktemp_py.cli.main"]


def run(*words: str, **options: object) -> subprocess.CompletedProcess[str]:
    """The installed command."""
    given = {"capture_output": True, "text": True, "cwd": TOP, "timeout": 60} | options
    return subprocess.run([*SCRIPT, *words], **given)  # type: ignore[call-overload, no-any-return]


def test_help_names_every_command_and_status() -> None:
    text = run("--help").stdout
    for word in ("plan", "where", "--config", "--json", "-o", "--color", "-q", "-v", "--version", "needs root"):
        assert word in text
    for name in ("plan", "where"):
        done = run(name, "-h")
        assert done.returncode == 0 and done.stdout.startswith(f"Usage: pam-mktemp {name}")
    assert run("--version").stdout == f"pam-mktemp {__version__}\n"


def test_installed_command() -> None:
    done = run("--config", str(TOP / "contrib/pam_mktemp.toml"), "plan", "root")
    assert done.returncode in (0, 1) and "contrib/pam_mktemp.toml" in done.stdout, done.stderr
    assert run("where", "nosuchuser").returncode == 1


@pytest.mark.parametrize(("words", "message"), [
    (["plan"], "Missing argument 'USER'; see: pam-mktemp plan --help"),
    (["nothing"], "No such command 'nothing'; see: pam-mktemp --help"),
    (["plan", USER, "--json"], " there; it stands before the command: pam-mktemp --json plan ..."),
    (["config", "check", "-o", "x"], " there; it stands before the command: pam-mktemp -o FILE config check ..."),
    (["-q", "-v", "plan", USER], "-q and -v contradict each other; see: pam-mktemp --help"),
    (["plan", ""], "USER and SERVICE cannot be empty; see: pam-mktemp plan --help"),
    (["plan", USER, "-s", ""], "USER and SERVICE cannot be empty; see: pam-mktemp plan --help"),
    (["status", "-u", ""], "USER or UID cannot be empty; see: pam-mktemp status --help"),
    (["where", ""], "USER, UID or PATH cannot be empty; see: pam-mktemp where --help"),
    (["--color", "red", "plan", USER], None),
    (["plan", USER, "\x1b[31m"], None),
])
def test_usage(command: Command, words: list[str], message: str | None) -> None:
    result = command(*words)
    assert (result.exit_code, result.stdout) == (2, "")
    assert message is None or result.stderr.endswith(f"{message}\n")
    assert result.stderr.startswith("pam-mktemp: ")
    assert result.stderr.count("\n") == 1 and "\x1b" not in result.stderr


def test_a_name_too_long_for_a_plan(command: Command) -> None:
    result = command("plan", USER, "-s", "x" * 300)
    assert result.exit_code == 1 and "bytes long" in result.stderr


def test_output_file(command: Command, tmp_path: Path) -> None:
    target = tmp_path / "out"
    target.write_text("old")
    umask = os.umask(0o027)
    try:
        result = command("-o", str(target), "where", USER)
    finally:
        os.umask(umask)
    assert (result.exit_code, result.stdout) == (0, "")
    assert target.read_text() == command("where", USER).stdout
    assert stat.S_IMODE(target.stat().st_mode) == 0o640
    assert command("-o", "/dev/null", "where", USER).exit_code == 0 and Path("/dev/null").is_char_device()
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []


def test_output_file_is_no_link(command: Command, tmp_path: Path) -> None:
    (tmp_path / "diary").write_text("dear diary")
    (tmp_path / "link").symlink_to("diary")
    result = command("-o", str(tmp_path / "link"), "where", USER)
    assert result.exit_code == 3 and "is a symbolic link" in result.stderr
    assert (tmp_path / "diary").read_text() == "dear diary" and (tmp_path / "link").is_symlink()


def test_output_that_cannot_be_written(command: Command, tmp_path: Path) -> None:
    target = tmp_path / "no" / "out"
    result = command("-o", str(target), "where", USER)
    assert (result.exit_code, result.stderr) == (3, f"pam-mktemp: {target}: No such file or directory\n")
    with open("/dev/full", "w") as full:
        done = run("where", "root", stdout=full, stderr=subprocess.PIPE, capture_output=False)
    assert (done.returncode, done.stderr) == (3, "pam-mktemp: the standard output: No space left on device\n")


def test_output_is_looked_at_before_anything_is_done(command: Command, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("diary")
    for name in ("no/out", "link"):
        result = command("-o", str(tmp_path / name), "where", "no-such-user")
        assert result.exit_code == 3 and "no-such-user" not in result.stderr


def test_reader_that_goes_away() -> None:
    read, write = os.pipe()
    os.close(read)
    done = run("where", "root", stdout=write, stderr=subprocess.PIPE, capture_output=False)
    os.close(write)
    assert (done.returncode, done.stderr) == (141, "")


def test_colors(command: Command) -> None:
    plain, colored = command("where", USER).stdout, command("--color", "always", "where", USER).stdout
    assert "\x1b" not in plain and "\x1b[1m" in colored
    assert "\x1b" not in command("--color", "always", "--json", "where", USER).stdout


@pytest.mark.parametrize(("environment", "words", "colored"), [
    ({}, [], True), ({"TERM": "dumb"}, [], False), ({"NO_COLOR": "1"}, [], False), ({"NO_COLOR": ""}, [], True),
    ({"NO_COLOR": "1"}, ["--color", "always"], True), ({}, ["--color", "never"], False), ({}, ["--json"], False),
    ({"HIDE": "rich"}, [], False), ({"HIDE": "rich"}, ["--color", "always"], False),
])
def test_colors_on_a_terminal(environment: dict[str, str], words: list[str], colored: bool) -> None:
    """Where rich is not installed all is said without colors."""
    script = ("import os, sys; sys.modules.update(dict.fromkeys(os.environ.get('HIDE', '').split()))\n"
              "from pam_mktemp_py.cli.main import group; group.main(sys.argv[1:])")
    terminal, end = os.openpty()
    usual = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "TERM")}
    done = subprocess.run([sys.executable, "-c", script, *words, "where", "root"], stdout=end, stderr=subprocess.PIPE,
                          cwd=TOP, env=usual | {"TERM": "xterm"} | environment)
    os.close(end)
    seen = os.read(terminal, 65536)
    os.close(terminal)
    assert done.returncode in (0, 1) and b"root" in seen, done.stderr
    assert (b"\x1b[1m" in seen, b"\x1b" in seen) == (colored, colored)


def test_half_an_installation(tmp_path: Path) -> None:
    shutil.copytree(TOP / "pam_mktemp_py", tmp_path / "pam_mktemp_py", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "pam_mktemp_py/cli/where_path.py").unlink()
    words = [sys.executable, "-m", "pam_mktemp_py.cli.main"]
    done = subprocess.run([*words, "where", "root"], capture_output=True, text=True, cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (3, "", 1)
    assert f"{tmp_path} is not whole" in done.stderr and "make install" in done.stderr
    assert subprocess.run([*words, "plan", "root"], capture_output=True, cwd=tmp_path).returncode in (0, 1)
    tab = os.environ | {COMPLETION: "bash_complete", "COMP_WORDS": "pam-mktemp where ro", "COMP_CWORD": "2"}
    done = subprocess.run(words, capture_output=True, text=True, cwd=tmp_path, env=tab)
    assert (done.returncode, done.stdout, done.stderr) == (3, "", "")  # nothing into what is being typed


def test_a_row_of_a_label_alone() -> None:
    report = Report("x", Settings(), sections=[("Title", [Row("a", ""), Row("long", "value", "why")])])
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        deliver(report)
    assert out.getvalue() == "Title\n  a\n  long  value  why\n"


def test_rich_is_loaded_for_a_terminal_only() -> None:
    script = ("import sys; from pam_mktemp_py.cli.main import group\n"
              "try: group.main(sys.argv[1:])\nfinally: print('rich' in sys.modules)")
    for words, loaded in ((["where", "root"], "False"), (["--color", "always", "where", "root"], "True")):
        done = subprocess.run([sys.executable, "-c", script, *words], capture_output=True, text=True, cwd=TOP)
        assert done.stdout.splitlines()[-1] == loaded, done.stderr


def test_shells_can_complete() -> None:
    environment = os.environ | {"_PAM_MKTEMP_COMPLETE": "bash_complete", "COMP_WORDS": "pam-mktemp where roo",
                                "COMP_CWORD": "2"}
    assert "plain,root" in run(env=environment).stdout
    source = run(env=os.environ | {"_PAM_MKTEMP_COMPLETE": "bash_source"})
    assert "complete -o nosort -F _pam_mktemp_completion pam-mktemp" in source.stdout


def test_a_configuration_that_is_not_there_is_no_default() -> None:
    done = run("--config", "/nonexistent/typo.toml", "plan", "root")
    assert done.returncode == 2 and "/nonexistent/typo.toml" in done.stderr


def test_a_pipe_of_somebody_else_is_not_fed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """mkfifo /tmp/report; cat /tmp/report: root's -o /tmp/report would tell its maker what only root may see."""
    pipe = tmp_path / "report"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    monkeypatch.setattr(os, "geteuid", lambda: os.stat(pipe).st_uid + 1)
    if os.stat(pipe).st_uid == 0:
        os.chown(pipe, 65534, 65534)
    with pytest.raises(OSError, match="pipe of uid"):
        files.write(str(pipe), "secret")
    assert os.read(reader, 10) == b""
    os.close(reader)


@pytest.mark.parametrize("word", ["9" * 5000, "/tmp/.private/" + "9" * 4000, "4294967295"])
def test_numbers_that_are_no_uids(word: str) -> None:
    done = run("where", word)
    assert done.returncode in (1, 3) and "Traceback" not in done.stderr and "itself" not in done.stderr


@pytest.mark.parametrize(("redirected", "status", "said"), [
    (">&-", 0, ""), ("<&- >&- 2>&-", 0, ""), ("2>&-", 0, None),
    (">/dev/full", 3, "pam-mktemp: No space left on device\n"),
])
def test_streams_that_are_closed_or_full(redirected: str, status: int, said: str | None) -> None:
    done = subprocess.run(["/bin/sh", "-c", f'"$@" {redirected}', "sh", *SCRIPT, "--help"], capture_output=True,
                          text=True, cwd=TOP)
    assert done.returncode == status, done
    assert said is None or done.stderr == said


def test_no_file_takes_the_place_of_a_closed_stream(tmp_path: Path) -> None:
    """What a program that is started says on its standard error would be written into that file."""
    script = ("import os, sys; from pam_mktemp_py.cli.streams import occupied\n"
              "occupied(); fd = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT, 0o600); os.write(fd, b'%d' % fd)\n")
    words = [sys.executable, "-c", script, str(tmp_path / "file")]
    subprocess.run(["/bin/sh", "-c", '"$@" <&- >&- 2>&-', "sh", *words], cwd=TOP)
    assert int((tmp_path / "file").read_text()) > 2


@pytest.mark.parametrize(("words", "status"), [
    (["nothing"], 2), (["where", "nosuchuser"], 1), (["config", "import", "/dev/null"], 1),
    (["config", "import", "contrib/pam_mktemp.toml", "--format", "tmpdir"], 141),
])
def test_nobody_reads_the_errors(words: list[str], status: int) -> None:
    read, write = os.pipe()
    os.close(read)
    done = run(*words, stdout=subprocess.DEVNULL, stderr=write, capture_output=False)
    os.close(write)
    assert done.returncode == status
