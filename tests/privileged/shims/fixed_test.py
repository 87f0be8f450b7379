"""From a finding to its remedy in force: detect --fix, shims enable, and the program by its name as before."""
from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.privileged.detect import detect as tool
from tests.privileged.run.start import start
from tests.privileged.setup.pam_files import command
from tests.privileged.shims import launched
from tests.privileged.shims.launched import BIN, TMPDIR, hers
from tests.sandbox import capabilities

shims = launched.shims
DROP_INS = Path("/etc/security/pam_mktemp.d")
KNOB = "/usr/local/bin/knob-witness"


@pytest.fixture(autouse=True)
def alone(shims: Any) -> Iterator[None]:
    capabilities.need(capabilities.can_unshare_user(), "user namespaces")
    yield
    shutil.rmtree(DROP_INS, ignore_errors=True)
    Path("/tmp/witness.plain").unlink(missing_ok=True)


def test_a_private_mount(shims: Any, witness: str) -> None:
    done = command("detect", "--fix", "--write", "-u", "alice", "--", "tmp-witness", "plain")
    assert done.returncode == 0, done.stdout + done.stderr
    Path("/tmp/witness.plain").unlink()  # of the runs without a remedy
    assert command("shims", "enable", "tmp-witness").returncode == 0
    assert start("tmp-witness", "plain", user=shims, env=hers()).returncode == 0
    assert Path(TMPDIR, "witness.plain").exists() and not Path("/tmp/witness.plain").exists()
    assert (BIN / "tmp-witness").is_symlink()


def test_a_variable_for_it_alone(shims: Any) -> None:
    tool.build("knob_witness", KNOB)
    task = Path("/usr/local/bin/task")
    task.write_text("#!/bin/sh\nknob-witness; if [ -n \"$KNOB_TMPDIR\" ]; then echo noise; fi\n")
    task.chmod(0o755)
    done = command("detect", "--fix", "--write", "-u", "alice", "--", "task")
    assert done.returncode == 0 and command("shims", "enable", "knob-witness").returncode == 0, done.stdout
    found = start("task", user=shims, env=hers())
    assert (found.returncode, found.stdout) == (0, f"{TMPDIR}/knob.out\n")
    for path in (KNOB, task):
        Path(path).unlink()
