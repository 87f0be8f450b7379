"""Slurm's ways to give a job its own /tmp."""
from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.privileged.doctor.doctor import assert_cured, ids, run


@pytest.mark.parametrize("file, text", [
    ("/etc/slurm/job_container.conf", "AutoBasePath=true\nBasePath=/srv/jobs\n"),
    ("/etc/slurm/namespace.yaml", "defaults:\n  base_path: /srv/jobs\n"),
    ("/etc/slurm/plugstack.conf", "# x\nrequired /usr/lib/slurm/private-tmpdir.so base=/srv/jobs\n"),
    ("/etc/slurm/plugstack.conf.d/tmp.conf", "# x\noptional auto_tmpdir.so mount=/tmp\n"),
])
def test_slurm(machine: Callable[..., Path], put: Callable[..., Path], file: str, text: str) -> None:
    put(file, text)

    def prolog() -> None:
        put("/etc/slurm/prolog.sh", "#!/bin/sh\necho export TMPDIR=/tmp TMP=/tmp TEMP=/tmp TEMPDIR=/tmp\n", 0o755)
        put("/etc/slurm/slurm.conf", "TaskProlog=/etc/slurm/prolog.sh\n")

    finding = assert_cured("slurm-own-tmp", kind="note", by=prolog)
    assert finding["where"] == f"{file}:2"


def test_slurm_without_a_tmp_of_its_own(machine: Callable[..., Path], put: Callable[..., Path]) -> None:
    put("/etc/slurm/job_container.conf", "BasePath=none\n")
    put("/etc/slurm/plugstack.conf", "optional lua.so\n")
    assert "slurm-own-tmp" not in ids(run())
