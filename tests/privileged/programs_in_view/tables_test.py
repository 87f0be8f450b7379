"""cron and at, from the editor of a table to the job: all in the account's view."""
from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.privileged.logins.at_test import atd  # noqa: F401  fixture
from tests.privileged.logins.bind_test import VIEW, by, held, said
from tests.privileged.logins.cron_test import cron  # noqa: F401  fixture
from tests.privileged.logins.session import eventually, login, open_records

EDITOR = Path("/usr/local/bin/edit-table")
HERS = Path("/tmp/.private/alice/tmp")
JOB = "(readlink /proc/self/ns/mnt; cat /tmp/f; echo $TMPDIR) > /tmp/part; mv /tmp/part /tmp/of-job"


@pytest.fixture
def editor() -> Iterator[None]:
    """It shows where the copy is, and adds a line. crontab looks at whole seconds to see a change."""
    EDITOR.write_text(f"#!/bin/sh\necho $1 > /tmp/edited\necho '@reboot {JOB}' >> $1\ntouch -d 'next minute' $1\n")
    EDITOR.chmod(0o755)
    yield
    EDITOR.unlink()


@pytest.fixture
def scene() -> Iterator[str]:
    """An open session of alice's with a file in her /tmp; what a job in her view says."""
    with held(by("alice", "echo hers > /tmp/f; echo ready; read x")):
        record, = open_records("su-l")
        yield f"mnt:[{record.number('namespace')}]\nhers\n"


def of_job() -> str:
    """What the job said."""
    path = HERS / "of-job"
    eventually(path.exists, "the job's file")
    return path.read_text()


def test_crontab(editor: None, scene: str, cron: Callable[[], None]) -> None:  # noqa: F811
    """The program is setgid, and its copy of the table is in /tmp. The job sees the view of the open session."""
    done = login(by("alice", "VISUAL=edit-table crontab -e && crontab -l | tail -n 1"))
    assert (done.returncode, done.stdout) == (0, f"@reboot {JOB}\n"), done
    assert (HERS / "edited").read_text().startswith("/tmp/crontab.")
    assert not list(HERS.glob("crontab.*"))
    cron()
    assert of_job() == f"{scene}{HERS}\n"


def test_a_job_alone_in_the_view(cron: Callable[[], None]) -> None:  # noqa: F811
    """No other session is open: the job's own login makes the view, and its /tmp is the account's all the same."""
    said(by("alice", "echo hers > /tmp/f"))
    subprocess.run(["crontab", "-u", "alice", "-"], input=f"@reboot {JOB}\n", text=True, check=True)
    cron()
    view, *others = of_job().splitlines()
    assert others == ["hers", str(HERS)]
    assert view.startswith("mnt:[") and view != os.readlink("/proc/self/ns/mnt")


def test_at(scene: str, atd: None) -> None:  # noqa: F811
    """Its job has the submitter's variables without TMPDIR, which at(1) itself never got; the view it has, too."""
    assert said(by("alice", VIEW)) == scene.splitlines()[0] + "\n"
    done = login(by("alice", f"echo '{JOB}' | at now"))
    assert done.returncode == 0, done.stderr
    assert of_job() == f"{scene}\n"
