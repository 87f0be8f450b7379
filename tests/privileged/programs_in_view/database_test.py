"""PostgreSQL's clients look for its socket in /tmp: in a view that is a link to where the server keeps it."""
from __future__ import annotations

import pwd
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.privileged.logins.bind_test import by, held, said
from tests.privileged.logins.session import CONFIG, login
from tests.sandbox.accounts import run_as

PROGRAMS = "/usr/lib/postgresql/15/bin"
CLUSTER = Path("/var/tmp/cluster")
ASK = "psql -U postgres -h /tmp -Atc 'select 40 + 2'"
Control = Callable[..., None]


def as_postgres(*command: str) -> None:
    """Run one of the server's programs, which has to succeed."""
    done = run_as(pwd.getpwnam("postgres"), [f"{PROGRAMS}/{command[0]}", *command[1:]])
    assert done.returncode == 0, done


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    """A data directory, and a folder for the socket as Debian has it."""
    CLUSTER.mkdir(0o700)
    shutil.chown(CLUSTER, "postgres", "postgres")
    as_postgres("initdb", "-D", str(CLUSTER), "-A", "trust", "--no-sync")
    yield
    shutil.rmtree(CLUSTER)


@pytest.fixture
def control(cluster: None) -> Iterator[Control]:
    """control("start", folder), control("stop"): the server, with its socket in that folder alone."""
    def act(action: str, folder: Path | None = None) -> None:
        options = ["-o", f"-k {folder} -h '' -F", "-l", f"{CLUSTER}/log"] if folder else ["-m", "fast"]
        as_postgres("pg_ctl", "-D", str(CLUSTER), "-s", "-w", *options, action)

    yield act
    if (CLUSTER / "postmaster.pid").exists():
        act("stop")


@pytest.fixture
def kept(request: pytest.FixtureRequest) -> Iterator[Path]:
    """Where the server keeps its socket: by default, or as the configuration says."""
    folder = Path("/run/postgresql" if request.param == "default" else "/run/elsewhere")
    folder.mkdir()
    shutil.chown(folder, "postgres", "postgres")
    if request.param != "default":
        CONFIG.write_text(f'stage = "bind"\n[mounts."/tmp".links]\n".s.PGSQL.5432" = "{folder}/.s.PGSQL.5432"\n')
    yield folder
    shutil.rmtree(folder)


@pytest.mark.parametrize("kept", ["default", "configured"], indirect=True)
def test_psql_before_and_after_a_restart(control: Control, kept: Path) -> None:
    """Of a session that stays open: what is bound, and no link, would be the old server's dead socket."""
    control("start", kept)
    with held(by("alice", f"cd /tmp; {ASK} > asked; echo ready; read x; {ASK} >> asked")):
        control("stop")
        done = login(by("alice", ASK))
        assert (done.returncode, '"/tmp/.s.PGSQL.5432" failed' in done.stderr) == (2, True), done
        control("start", kept)
        assert said(by("alice", ASK)) == said(by("bob", ASK)) == "42\n"
        said(by("alice", "cp /tmp/asked /tmp/first"))
    assert [Path(f"/tmp/.private/alice/tmp/{name}").read_text() for name in ("first", "asked")] == ["42\n", "42\n42\n"]
    assert said(by("alice", "rm -f /tmp/.s.PGSQL.5432 2>/dev/null; readlink /tmp/.s.PGSQL.5432")) == (
        f"{kept}/.s.PGSQL.5432\n")


def test_an_accounts_own_server() -> None:
    """It keeps its socket in its account's /tmp, and there only that account meets it."""
    start = f"{PROGRAMS}/pg_ctl -s -w -D data -l log -o \"-k /tmp -p 5433 -h '' -F\" start"
    ask = "psql -h /tmp -p 5433 postgres -Atc 'select current_user'"
    said(by("alice", f"{PROGRAMS}/initdb -D data -A trust --no-sync > made; {start}"))
    try:
        assert said(by("alice", ask)) == "alice\n"
        done = login(by("bob", ask))
        assert (done.returncode, "No such file or directory" in done.stderr) == (2, True), done
    finally:
        said(by("alice", f"{PROGRAMS}/pg_ctl -s -w -D data -m fast stop"))
