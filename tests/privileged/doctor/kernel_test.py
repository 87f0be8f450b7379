"""fs.protected_*: the machine's own are never written, a file stands in the place of each."""
from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pam_mktemp_py.doctor.kernel import FS, SETTINGS
from tests.privileged.doctor.doctor import follow, ids, run


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Callable[[str, int], None]]:
    """settings("protected_fifos", 0); all are on at first."""
    for name in SETTINGS:
        (tmp_path / name).write_text("1\n")
        subprocess.run(["mount", "--bind", tmp_path / name, f"{FS}/{name}"], check=True)
    yield lambda name, value: (tmp_path / name).write_text(f"{value}\n") and None
    for name in SETTINGS:
        subprocess.run(["umount", f"{FS}/{name}"], check=True)


@pytest.mark.parametrize("name", SETTINGS)
def test_off(machine: Callable[..., Path], settings: Callable[[str, int], None], name: str) -> None:
    assert "kernel-protection-off" not in ids(run())
    settings(name, 0)
    finding, = (each for each in run()["findings"] if each["id"] == "kernel-protection-off")
    assert finding["where"] == f"{FS}/{name}"
    follow(finding)
    assert "kernel-protection-off" not in ids(run())
    assert Path(FS, name).read_text().strip() in ("1", "2")


def test_a_problem_of_hosts_alone(
    machine: Callable[..., Path], settings: Callable[[str, int], None], put: Callable[..., Path],
) -> None:
    settings("protected_fifos", 0)
    put("/run/.containerenv", "")
    put("/run/systemd/container", "podman\n")
    assert "kernel-protection-off" in ids(run(), "note")
