"""Fixtures for doctor: a machine on which nothing is wrong."""
from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pam_mktemp_py.doctor.kernel import FS, SETTINGS
from tests.privileged.doctor.doctor import LINE
from tests.privileged.logins.session import configure
from tests.privileged.setup.installed import alice  # noqa: F401  fixture
from tests.sandbox import capabilities


@pytest.fixture(autouse=True, scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Protects shared directories, whatever the machine's own does, whose settings are never written."""
    on = tmp_path_factory.mktemp("kernel") / "on"
    on.write_text("2\n")
    settings = [Path(FS, name) for name in SETTINGS if Path(FS, name).exists()]
    for path in settings:
        subprocess.run(["mount", "--bind", on, path], check=True)
    yield
    for path in settings:
        subprocess.run(["umount", path], check=True)


@pytest.fixture
def profiles() -> Iterator[None]:
    """pam-auth-update's state is put back: advice may change it."""
    state = {path: path.read_bytes() for path in Path("/var/lib/pam").iterdir()}
    yield
    for path, data in state.items():
        path.write_bytes(data)


@pytest.fixture
def machine(
    fresh_state: None, alice: None, profiles: None, pam_service: Callable[..., Path],  # noqa: F811
) -> Callable[..., Path]:
    """No state, alice, and our line at the end of su; returns pam_service, whose files are put back."""
    pam_service("su", [*Path("/etc/pam.d/su").read_text().splitlines(), LINE])
    return pam_service


@pytest.fixture
def host() -> Iterator[None]:
    """The machine without the marks of a container: to doctor it is a host then. Name it before `put`."""
    marks = [Path(path) for path in ("/.dockerenv", "/run/.containerenv", "/run/systemd/container")]
    before = [mark for mark in marks if mark.exists()]
    for mark in before:
        mark.rename(f"{mark}.away")
    capabilities.need(subprocess.run(["systemd-detect-virt", "--container", "--quiet"]).returncode != 0,
                      "this machine's kernel itself says that it is a container")
    yield
    for mark in before:
        Path(f"{mark}.away").rename(mark)


@pytest.fixture
def put() -> Iterator[Callable[..., Path]]:
    """put("/etc/environment", "TMPDIR=/x\\n") writes a file, its folders too; put back, or removed, at the end."""
    before: dict[Path, tuple[bytes, int] | None] = {}
    made: list[Path] = []

    def write(path: str | Path, text: str, mode: int = 0o644) -> Path:
        path = Path(path)
        made.extend(folder for folder in path.parents if not folder.exists())
        path.parent.mkdir(parents=True, exist_ok=True)
        before.setdefault(path, (path.read_bytes(), path.stat().st_mode & 0o7777) if path.exists() else None)
        path.write_text(text)
        os.chmod(path, mode)
        return path

    yield write
    for path, earlier in before.items():
        path.unlink(missing_ok=True)
        if earlier is not None:
            path.write_bytes(earlier[0])
            os.chmod(path, earlier[1])
    for folder in made:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def instances() -> Iterator[None]:
    """Where those of pam_namespace are; in one of /tmp our parent was made, append-only."""
    Path("/var/instances").mkdir(mode=0)
    yield
    subprocess.run(["chattr", "-R", "-f", "-a", "/var/instances"], check=False)
    shutil.rmtree("/var/instances")


@pytest.fixture
def bound(machine: Callable[..., Path]) -> Callable[..., Path]:
    """The same at stage bind; bound('[mounts."/srv"]') writes a configuration with more."""
    def write(more: str = "") -> Path:
        return configure(f'stage = "bind"\n{more}')

    write()
    return write
