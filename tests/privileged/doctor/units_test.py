"""PrivateTmp= on units that open logins, and doctor in such a view."""
from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.privileged.doctor.doctor import find, ids, run
from tests.sandbox import capabilities


@pytest.fixture(autouse=True)
def needed(machine: Callable[..., Path], put: Callable[..., Path]) -> None:
    capabilities.need(capabilities.have("systemd-analyze"), "systemd-analyze")
    for unit in ("cron.service", "getty@.service"):
        put(f"/etc/systemd/system/{unit}.d/zz-pam-mktemp.conf", "").unlink()


@pytest.mark.parametrize("unit, file", [
    ("cron.service", "/etc/systemd/system/cron.service.d/private.conf"),
    ("getty@.service", "/run/systemd/system/getty@.service.d/private.conf"),
    ("cron.service", "/etc/systemd/system/cron.service"),
])
def test_private_tmp(put: Callable[..., Path], unit: str, file: str) -> None:
    put(file, "[Service]\nExecStart=/bin/true\nPrivateTmp=yes\n")
    Path("/run/systemd/system/x").unlink(missing_ok=True)
    finding = find(run(), "unit-private-tmp")
    assert (finding["where"], finding["kind"]) == (unit, "problem")
    for command in finding["commands"]:
        if command[0] != "systemctl":  # no systemd runs here that would read it again
            subprocess.run(command, check=True)
    assert "unit-private-tmp" not in ids(run())


def test_our_own_view(tmp_path: Path) -> None:
    service = tmp_path / "systemd-private-1-x.service-y/tmp"
    service.mkdir(parents=True, mode=0o1777)
    service.chmod(0o1777)
    subprocess.run(["mount", "--bind", service, "/tmp"], check=True)
    try:
        assert find(run(), "private-view")["kind"] == "note"
    finally:
        if (service / ".private").exists():
            subprocess.run(["chattr", "-a", service / ".private"], check=True)
        subprocess.run(["umount", "/tmp"], check=True)
    assert "private-view" not in ids(run())
