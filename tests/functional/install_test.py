"""`make install` into a folder: what is there, that no one else can write it, and that nothing old stays."""

from __future__ import annotations

import importlib.metadata
import os
import subprocess
import sysconfig
from dataclasses import replace
from pathlib import Path

import pytest

from pam_mktemp_py.pamstack import install, pieces
from pam_mktemp_py.pamstack.pieces import Layout, Manifest
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
    assert all((installed / LIB / "pam_mktemp_py/lib" / name).is_file() for name in pieces.catalogue(str(TOP)))
    assert (installed / "etc/security/pam_mktemp.toml").read_text() == (TOP / "contrib/pam_mktemp.toml").read_text()
    assert [path for path in installed.rglob("*") if path.name.endswith((".new", ".lock", "-new", "-old"))] == []


def test_the_installed_command_has_its_own_catalogue(installed: Path) -> None:
    script = ("import sys; sys.path.insert(0, sys.argv[1]); from pam_mktemp_py.remedies import catalogue;"
              "print(catalogue.folder(), len(catalogue.load(site='/nonexistent').entries))")
    done = subprocess.run(["/usr/bin/python3", "-I", "-B", "-c", script, installed / LIB],
                          capture_output=True, text=True)
    folder, _, entries = done.stdout.rpartition(" ")
    assert (folder, done.stderr) == (str(installed / LIB / "pam_mktemp_py/lib" / pieces.CATALOGUE), "")
    assert int(entries) == len(list((TOP / pieces.CATALOGUE).glob("*.toml"))) > 50


def test_the_manifest_tells_what_is_where(installed: Path) -> None:
    manifest = pieces.read_manifest(str(installed / LIB))
    assert manifest and (manifest.origin, manifest.layout.destdir) == (str(TOP), "")
    listed = {path: sha for kind in (manifest.pieces, manifest.conffiles) for path, sha in kind.items()}
    listed |= {f"/{LIB}/{name}": sha for name, sha in manifest.library.items()}
    assert all(pieces.digest(f"{installed}{path}") == sha for path, sha in listed.items())
    there = {f"/{path.relative_to(installed)}" for path in installed.rglob("*") if path.is_file()}
    assert {path for path in there - set(listed) if not path.endswith(".pyc")} == {f"/{LIB}/{pieces.MANIFEST}"}


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
    wanted = {f"pam_mktemp_py/lib/{piece.source}" for piece in pieces.PIECES} | {f"pam_mktemp_py/lib/{pieces.PLANNER}"}
    wanted |= {f"pam_mktemp_py/lib/{name}" for name in pieces.catalogue(str(TOP))}
    assert wanted <= files
    assert "pam_mktemp_py/linux/boot.py" in files
    assert [name for name in files if name.startswith(("tests", "shims", "contrib"))] == []


def test_what_an_older_version_had_is_removed_unless_it_was_changed(tmp_path: Path) -> None:
    make_install(tmp_path)
    manifest = pieces.read_manifest(str(tmp_path / LIB))
    assert manifest
    for name, text in (("old", "shipped"), ("edited", "by hand")):
        (tmp_path / f"usr/bin/{name}").write_text(text)
        manifest.pieces[f"/usr/bin/{name}"] = pieces.sha256(b"shipped")
    (tmp_path / LIB / pieces.MANIFEST).write_bytes(manifest.encode())
    make_install(tmp_path)
    assert not (tmp_path / "usr/bin/old").exists() and (tmp_path / "usr/bin/edited").exists()


def test_another_prefix_leaves_nothing_at_the_old_one(tmp_path: Path) -> None:
    layout = Layout(destdir=str(tmp_path), securitydir="/usr/lib/security")
    install.install(install.of_checkout(str(TOP)), layout)
    steps = install.install(install.of_checkout(str(TOP)), replace(layout, prefix="/opt/x"))
    assert (tmp_path / "opt/x/bin/pam-mktemp").exists() and not (tmp_path / "usr/bin/pam-mktemp").exists()
    assert install.Step("/usr/bin/pam-mktemp", "removed") in steps
    assert (tmp_path / "usr/share/pam-configs/pam-mktemp").exists()  # pam-auth-update looks nowhere else


def test_a_relative_destdir_and_slashes_at_the_end(tmp_path: Path) -> None:
    done = subprocess.run([TOP / "contrib/setup/install"], cwd=tmp_path, capture_output=True, text=True,
                          env={"DESTDIR": "out/", "PREFIX": "/usr/local/", "SECURITYDIR": "", "PATH": "/usr/bin:/bin"})
    assert done.returncode == 0, done.stderr
    manifest = pieces.read_manifest(f"{tmp_path}/out{pieces.LIBDIR}")
    assert manifest and "/usr/local/bin/pam-mktemp" in manifest.pieces
    assert f"{pieces.security_dir()}/pam_mktemp_py.so" in manifest.pieces


def test_a_dry_run_writes_nothing(tmp_path: Path) -> None:
    layout = Layout(destdir=str(tmp_path / "root"), securitydir="/usr/lib/security")
    steps = install.install(install.of_checkout(str(TOP)), layout, dry_run=True)
    assert {step.action for step in steps} == {"new"} and not (tmp_path / "root").exists()
    install.install(install.of_checkout(str(TOP)), layout)
    (tmp_path / "root/usr/bin/pam-mktemp").chmod(0o700)
    actions = {step.path: step.action for step in install.install(install.of_checkout(str(TOP)), layout, dry_run=True)}
    assert actions.pop("/usr/bin/pam-mktemp") == actions.pop(pieces.LIBDIR) == "replaced"
    assert actions.pop("/etc/security/pam_mktemp.toml") == "kept"
    assert actions.pop("/etc/profile.d/pam-mktemp-shims.sh") == "kept"
    assert set(actions.values()) == {"same"}


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b'{"schema": 2}', b'{"schema": 1, "layout": {"x": 1}}', b"\xff"])
def test_a_manifest_that_cannot_be_read(tmp_path: Path, text: bytes) -> None:
    (tmp_path / pieces.MANIFEST).write_bytes(text)
    assert pieces.read_manifest(str(tmp_path)) is None


def test_a_manifest_comes_back_as_it_was(tmp_path: Path) -> None:
    manifest = Manifest("1", Layout(prefix="/x"), "/src", {"/a": "1"}, {"/b": "2"}, {"c": "3"})
    (tmp_path / pieces.MANIFEST).write_bytes(manifest.encode())
    assert pieces.read_manifest(str(tmp_path)) == manifest


def test_what_fails_changes_nothing(tmp_path: Path) -> None:
    """A folder where the command belongs: it is met after the planner and the module have been replaced."""
    layout = Layout(destdir=str(tmp_path), securitydir="/usr/lib/security")
    install.install(install.of_checkout(str(TOP)), layout)
    command = tmp_path / "usr/bin/pam-mktemp"
    command.unlink()
    command.mkdir()
    (tmp_path / LIB / "mine").touch()
    (tmp_path / "usr/lib/security/pam_mktemp_py.so").write_text("old")
    with pytest.raises(OSError, match="pam-mktemp"):
        install.install(install.of_checkout(str(TOP)), layout)
    assert (tmp_path / LIB / "mine").exists()
    assert (tmp_path / "usr/lib/security/pam_mktemp_py.so").read_text() == "old"
    assert [path for path in tmp_path.rglob("*") if path.name.endswith((".new", ".lock", "-new", "-old"))] == []


def test_the_command_refuses_a_virtual_environment(command) -> None:
    """The one that tox runs this in; or, where there is none, one that is not root."""
    result = command("install", "--dry-run")
    assert result.exit_code in (1, 3)
    assert "sudo make install" in result.stderr or "run it as root" in result.stderr
