"""fs.protected_*: the machine's own are never written, a file stands in the place of each."""
from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pam_mktemp_py.doctor.kernel import FS, LASTING, SETTINGS
from tests.privileged.doctor.doctor import assert_cured, find, ids, run

Settings = Callable[..., None]


@pytest.fixture
def settings(machine: Callable[..., Path], host: None, put: Callable[..., Path], tmp_path: Path) -> Iterator[Settings]:
    """On a host: settings(protected_fifos=0); all are on at first. What the advice writes is gone with the test."""
    put(LASTING, "").unlink()
    for name in SETTINGS:
        (tmp_path / name).write_text("1\n")
        subprocess.run(["mount", "--bind", tmp_path / name, f"{FS}/{name}"], check=True)
    yield lambda **values: [(tmp_path / name).write_text(f"{value}\n") for name, value in values.items()] and None
    for name in SETTINGS:
        subprocess.run(["umount", f"{FS}/{name}"], check=True)


@pytest.mark.parametrize("off", [{name: 0} for name in SETTINGS] + [dict.fromkeys(SETTINGS, 0)],
                         ids=[*SETTINGS, "all"])
def test_off_on_a_host(settings: Settings, off: dict[str, int]) -> None:
    settings(**off)
    finding = assert_cured("kernel-protection-off")
    assert all(name in finding["what"] for name in off)
    for name in SETTINGS:
        wanted = "1" if name not in off else "2" if name == "protected_regular" else "1"
        assert Path(FS, name).read_text().strip() == wanted
        assert (f"fs.{name} = {wanted}" in Path(LASTING).read_text()) == (name in off)


def test_all_on(settings: Settings) -> None:
    assert "kernel-protection-off" not in ids(run())


def test_in_a_container_its_host_decides(settings: Settings, put: Callable[..., Path]) -> None:
    settings(protected_fifos=0)
    put("/run/.containerenv", "")
    finding = find(run(), "kernel-protection-off")
    assert finding["kind"] == "note" and finding["commands"] == []
