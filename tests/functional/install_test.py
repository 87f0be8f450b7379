"""`make install` into a folder: what is there, that no one else can write it, and that nothing old stays."""

from __future__ import annotations

import importlib.metadata
import os
import subprocess
import sysconfig
from pathlib import Path

import pytest

from tests.sandbox import capabilities

TOP = Path(__file__).parents[2]
LIB = "usr/lib/pam-mktemp"


def make_install(to: Path, umask: int = 0o022) -> None:
    done = subprocess.run(["make", "-s", "-C", TOP, "install", f"DESTDIR={to}"],
                          capture_output=True, text=True, umask=umask)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    to = tmp_path_factory.mktemp("dest dir") / "root"
    make_install(to)
    return to


def test_files(installed: Path) -> None:
    for name in ("__main__.py", "pam_mktemp_py/planner.py", "pam_mktemp_py/plan.py"):
        assert (installed / LIB / name).is_file()
    assert len(list(installed.glob("usr/lib/*/security/pam_mktemp_py.so"))) == 1
    assert os.access(installed / "usr/bin/pam-mktemp", os.X_OK)
    assert (installed / "usr/lib/tmpfiles.d/pam_mktemp.conf").is_file()
    assert (installed / "etc/security/pam_mktemp.toml").read_text() == (TOP / "contrib/pam_mktemp.toml").read_text()
    assert list(installed.rglob("*.new")) == []


def test_bytecode_is_there_for_every_source_and_never_compared(installed: Path) -> None:
    sources = list((installed / LIB).rglob("*.py"))
    for source in sources:
        compiled = list((source.parent / "__pycache__").glob(f"{source.stem}.cpython-*.pyc"))
        assert [int.from_bytes(path.read_bytes()[4:8], "little") for path in compiled] == [0b01], source  # PEP 552
        assert str(installed).encode() not in compiled[0].read_bytes()
    assert sources


@pytest.mark.parametrize("umask", [0, 0o077])
def test_modes_do_not_depend_on_the_umask(tmp_path: Path, umask: int) -> None:
    root = tmp_path / "root"
    root.mkdir()
    make_install(root, umask)
    for path in root.rglob("*"):
        mode = path.stat().st_mode & 0o7777
        assert mode == (0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644), path


def test_an_upgrade_leaves_nothing_old_and_keeps_the_configuration(tmp_path: Path) -> None:
    make_install(tmp_path)
    gone = tmp_path / LIB / "pam_mktemp_py/gone.py"
    gone.write_text("")
    changed = tmp_path / LIB / "pam_mktemp_py/paths.py"
    changed.write_text("CONFIG = 'old'")
    config = tmp_path / "etc/security/pam_mktemp.toml"
    config.write_text("stage = 'off'\n")
    make_install(tmp_path)
    assert not gone.exists()
    assert changed.read_text() == (TOP / "pam_mktemp_py/paths.py").read_text()
    assert config.read_text() == "stage = 'off'\n"
    assert not (tmp_path / f"{LIB}.new").exists()


def test_the_module_is_hardened_and_exports_pams_functions_only(installed: Path) -> None:
    module = next(installed.glob("usr/lib/*/security/pam_mktemp_py.so"))
    exported = subprocess.run(["nm", "-D", "--defined-only", module], check=True, capture_output=True, text=True).stdout
    names = {line.split()[-1] for line in exported.splitlines()}
    assert names == {"pam_sm_open_session", "pam_sm_close_session", "pam_sm_setcred"}
    headers = subprocess.run(["readelf", "-dlW", module], check=True, capture_output=True, text=True).stdout
    assert "GNU_RELRO" in headers and "BIND_NOW" in headers and "TEXTREL" not in headers


def test_the_wheel_has_the_module() -> None:
    """The one that tox built and installed."""
    found = list(importlib.metadata.distributions(name="pam_mktemp_py", path=[sysconfig.get_path("platlib")]))
    capabilities.need(bool(found), "no wheel is installed, run by tox")
    files = {str(file) for file in found[0].files or ()}
    assert "pam_mktemp_py/lib/pam_mktemp_py.so" in files
    assert "pam_mktemp_py/linux/boot.py" in files
    assert [name for name in files if name.startswith(("tests", "shims", "contrib"))] == []
