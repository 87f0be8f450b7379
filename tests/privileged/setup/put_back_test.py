"""What happens to PAM's files where enable does not get to its end, or is not alone."""
from __future__ import annotations

import errno
import fcntl
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from pam_mktemp_py import paths
from pam_mktemp_py.errors import StackError
from pam_mktemp_py.pamstack import enable, lock, probe, write
from pam_mktemp_py.pamstack.probe import Outcome, ProbeError
from tests.privileged.logins.session import away, configure, logged
from tests.privileged.setup.pam_files import PAM_D, SAVED, State, done, ours, pam_files, refused, state  # noqa: F401
from tests.sandbox.syslog import Syslog

pytestmark = pytest.mark.usefixtures("pam_files")
SU = PAM_D / "su"
FINE = Outcome(0, "", "private")
STEPS = [("fchmod", 1), ("fsync", 3), ("renameat2", 2), ("renameat2", 4), ("fsync", 8), ("unlinkat", 2)]


def trying(then: Callable[[bool], Outcome]) -> Callable[..., Outcome]:
    """A stand-in for probe.open_session: then(whether the change is written)."""
    def open_session(user: str, service: str, how: str = "", files: dict[str, bytes] | None = None) -> Outcome:
        return then(files is None)
    return open_session


def contents(folder: Path = PAM_D) -> State:
    """Without what a killed run may leave."""
    return state(folder, hidden=False)


@pytest.mark.parametrize("bad", [Outcome(14, "no", "refused"), Outcome(0, "", "not-reached"),
                                 Outcome(0, "", "failed-open"), ProbeError("no namespaces"), KeyboardInterrupt()])
@pytest.mark.parametrize("services", [["su", "cron"], []])
def test_put_back(bad: Outcome | BaseException, services: list[str], syslog: Syslog) -> None:
    """The written stack is not as it must be: the very same files are in their places again."""
    before = contents(), contents(SAVED), os.stat(SU).st_mtime_ns

    def then(written: bool) -> Outcome:
        assert (contents() != before[0]) is written
        if written and isinstance(bad, BaseException):
            raise bad
        return bad if written and isinstance(bad, Outcome) else FINE

    with pytest.raises((StackError, ProbeError, KeyboardInterrupt)):
        enable.enable(services, arguments=[], user="nobody", probe=trying(then))
    assert (contents(), contents(SAVED), os.stat(SU).st_mtime_ns) == before
    assert state() == contents()
    assert logged(syslog).count("put-back") == (2 if services else 5)


def test_put_back_for_real() -> None:
    """The planner goes away just after the line was written, and the policy is closed."""
    configure('failure = "closed"\n')
    before = state()

    def open_session(user: str, service: str, how: str = "", files: dict[str, bytes] | None = None) -> Outcome:
        if files is not None:
            return probe.open_session(user, service, how, files)
        with away("/usr/lib/pam-mktemp/__main__.py"):
            for plan in Path("/run/pam-mktemp/plans").iterdir():
                plan.unlink()
            outcome = probe.open_session(user, service, how)
        assert outcome.code != 0
        return outcome

    with pytest.raises(StackError, match="is refused.*the old files are in place"):
        enable.enable(["su"], arguments=["fail=closed"], user="nobody", probe=open_session)
    assert state() == before


def test_one_of_two_was_written_to_at_the_last_moment() -> None:
    """Then the other is put back too."""
    cron = (PAM_D / "cron").read_bytes()

    def edit(now: bool) -> Outcome:
        if now:
            old, = (path for path in PAM_D.iterdir() if path.name.startswith(".su."))
            old.write_bytes(old.read_bytes() + b"# by hand\n")
        return FINE

    with pytest.raises(StackError, match="/etc/pam.d/su: was changed by somebody else meanwhile"):
        enable.enable(["cron", "su"], arguments=[], user="nobody", probe=trying(edit))
    assert (PAM_D / "cron").read_bytes() == cron
    assert SU.read_text().endswith("# by hand\n") and ours("su") == []


@pytest.mark.parametrize("in_place", [True, False])
@pytest.mark.parametrize("written", [False, True])
def test_an_editor_at_the_same_moment(in_place: bool, written: bool, syslog: Syslog) -> None:
    """What somebody else writes is never lost, whether the editor writes into the file or replaces it."""
    def edit(now: bool) -> Outcome:
        if now is written:
            text = SU.read_text() + "# by hand\n"
            if in_place:
                SU.write_text(text)
            else:
                (PAM_D / ".#su").write_text(text)
                (PAM_D / ".#su").rename(SU)
        return Outcome(14, "no", "refused") if now else FINE

    with pytest.raises(StackError, match="is refused" if written else "changed by somebody else meanwhile") as raised:
        enable.enable(["su"], arguments=[], user="nobody", probe=trying(edit))
    assert "the old files are in place" not in str(raised.value)
    assert bool(logged(syslog)) is written and not syslog.find("is as it was before")
    assert bool(syslog.find("su: could not be put back: .*meanwhile")) is written
    assert SU.read_text().endswith("# by hand\n")
    assert len(ours("su")) == written


def no_exchange(_folder: int, _new: str, _name: str) -> None:
    """As file systems without RENAME_EXCHANGE answer."""
    raise OSError(errno.EINVAL, "Invalid argument")


@pytest.mark.parametrize("exchange", [None, no_exchange])
@pytest.mark.parametrize("when", ["staged", "swapped", "never"])
def test_between_two_steps(exchange: write.Exchange | None, when: str) -> None:
    """An editor that has the old file open writes to it once more."""
    before = SU.read_bytes()
    mine = write.Replacement(write.Change(str(SU), before, before + b"# ours\n"))
    with open(SU, "ab", buffering=0) as file:
        mine.stage()
        if when == "staged":
            file.write(b"# theirs\n")
            with pytest.raises(StackError, match="meanwhile"):
                mine.swap(exchange)
        else:
            mine.swap(exchange)
            assert SU.read_bytes() == before + b"# ours\n"
    if when == "swapped":
        (PAM_D / mine.old).write_bytes(before + b"# theirs\n")
        with pytest.raises(StackError, match="meanwhile"):
            mine.settle()
    if mine.swapped:
        mine.back()
    mine.close()
    assert SU.read_bytes() == before + (b"" if when == "never" else b"# theirs\n")
    assert state() == contents()


def killed(call: str, number: int, words: str) -> bool:
    """Run the command and kill it before the `number`-th call of this name; whether it came so far."""
    inject = f"inject={call}:signal=KILL:when={number}"
    run = subprocess.run(["strace", "-o/dev/null", "-e", f"trace={call}", "-e", inject, "/usr/bin/pam-mktemp", words],
                         capture_output=True, timeout=60)
    return run.returncode == -signal.SIGKILL


def test_killed() -> None:
    """At each step every file is whole, old or new, and the next run goes on from there."""
    done("enable")
    new = contents(), contents(SAVED)
    done("disable")
    old = contents(), contents(SAVED)
    hit = set()
    for call, number in STEPS:
        for words, wanted in (("enable", new), ("disable", old)):
            if killed(call, number, words):
                hit.add((call, words))
            for index, folder in enumerate((PAM_D, SAVED)):
                now = contents(folder)
                assert set(now) == set(old[index])
                assert all(now[name] in (old[index][name], new[index][name]) for name in now)
            done(words)
            assert (state(), state(SAVED)) == wanted  # and nothing hidden is left
    calls = ("fchmod", "fsync", "renameat2", "unlinkat")
    assert not [name for name in os.listdir("/run") if "profile" in name]
    assert hit >= {(call, words) for call in calls for words in ("enable", "disable")}


def test_two_at_once() -> None:
    before = state()
    runs = [subprocess.Popen(["/usr/bin/pam-mktemp", "enable", "-s", name], stderr=subprocess.PIPE, text=True,
                             stdout=subprocess.DEVNULL) for name in ("su", "cron", "su", "runuser")]
    assert [(run.communicate(timeout=60)[1], run.returncode)[1] for run in runs] == [0, 0, 0, 0]
    assert [len(ours(name)) for name in ("su", "cron", "runuser")] == [1, 1, 1]
    done("disable")
    assert state() == before


def test_the_second_is_told_who_is_first(tmp_path: Path) -> None:
    path = str(tmp_path / "run" / "setup.lock")
    with lock.held("pam-mktemp enable", path):
        with pytest.raises(StackError, match=f"is held by pam-mktemp enable, process {os.getpid()} for more than 0.1"):
            with lock.held("other", path, 0.1):
                pass
    with lock.held("other", path, 0.1):
        assert (os.stat(path).st_mode & 0o777, os.stat(os.path.dirname(path)).st_mode & 0o777) == (0o600, 0o711)


def test_no_user_can_hold_the_lock() -> None:
    done("enable", "-s", "su")
    with open(lock.PATH, "rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    for path in (lock.PATH, os.path.dirname(lock.PATH)):
        tried = subprocess.run(["flock", "-n", path, "true"], user="nobody", capture_output=True, text=True)
        assert "Permission denied" in tried.stderr


def test_a_careful_umask_closes_nothing() -> None:
    """The folder of the lock is the one that all of the project shares."""
    subprocess.run(["/usr/bin/pam-mktemp", "enable", "-s", "su"], umask=0o077, check=True, timeout=60)
    assert os.stat(paths.RUN).st_mode & 0o777 == paths.RUN_MODE


def test_a_full_run_does_not_keep_the_line() -> None:
    before = state()
    done("enable", "-s", "su")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=711,size=4k", "test", paths.RUN], check=True)
    try:
        Path(paths.RUN, "ballast").write_bytes(bytes(4096))
        done("disable")
    finally:
        subprocess.run(["umount", paths.RUN], check=True)
    assert state() == before


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize(("call", "number"), [("fsync", 2), ("renameat2", 1), ("fsync", 4)])
def test_interrupted(end: signal.Signals, call: str, number: int) -> None:
    """Control-C, kill, a lost connection: when files are made, between two exchanges, when all is to be tried."""
    before = state()
    inject = f"inject={call}:signal={end.name}:when={number}"
    run = subprocess.run(["strace", "-o/dev/null", "-e", f"trace={call}", "-e", inject, "/usr/bin/pam-mktemp", "enable",
                          "-s", "su", "-s", "cron"], timeout=60)
    assert run.returncode == 130
    assert state() == before
