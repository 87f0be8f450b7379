"""What doctor's checks of stage bind read, as text."""
from __future__ import annotations

import pytest

from pam_mktemp_py.doctor import apart, tmpfiles
from pam_mktemp_py.doctor.sockets import _NAME
from pam_mktemp_py.doctor.tmpfiles import Line


@pytest.mark.parametrize("text, settings", [
    ("ProtectSystem=full", {"ProtectSystem": "no"}),
    ("ProtectSystem=full\nProtectSystem=no", {}),
    ("ProtectSystem=false\nProtectHome = tmpfs", {"ProtectHome": "no"}),
    ("ProtectProc=invisible\nProcSubset=pid", {"ProtectProc": "default", "ProcSubset": "all"}),
    ("ProtectProc=default\nProcSubset=all\nProtectProc=", {}),
    ("ReadOnlyPaths=/a\nReadOnlyPaths=/b", {"ReadOnlyPaths": ""}),
    ("ReadOnlyPaths=/a\nReadOnlyPaths=\nBindPaths=", {}),
    ("MountFlags=shared", {}), ("MountFlags=slave", {"MountFlags": ""}),
    ("PrivateTmp=yes\nPrivateUsers=yes\nProtectClock=yes\n# ProtectHome=yes", {}),
])
def test_what_gives_a_unit_mounts_of_its_own(text: str, settings: dict[str, str]) -> None:
    assert apart.own_mounts(f"[Service]\nExecStart=/bin/x --ProtectHome=yes\n{text}\n") == settings


@pytest.mark.parametrize("name, fit", [
    (".s.PGSQL.5432", True), ("mysql.sock", True), ("a" * 64, True), ("a" * 65, False), ("", False), ("a b", False),
    ("-x", False), ("shared-web", False), (".private", False), (".pam-mktemp-x", False), ("a'b", False),
])
def test_what_a_link_may_be_called(name: str, fit: bool) -> None:
    assert bool(_NAME.fullmatch(name)) is fit


@pytest.mark.parametrize("kind, path, age, id", [
    ("q", "/tmp", "10d", "tmpfiles-ages"), ("D", "/", "1d", "tmpfiles-ages"), ("q", "/tmp", "-", ""),
    ("q", "/var/tmp", "10d", ""), ("D", "/tmp/.X11-unix", "10d", ""), ("R", "/tmp/.X11-unix", "", "tmpfiles-removes"),
    ("r", "/tmp/.X*", "", "tmpfiles-removes"), ("R", "/tmp", "", "tmpfiles-removes"), ("r", "/tmp", "", ""),
    ("R", "/tmp/*", "", ""), ("R", "/tmp/.X11-unix/X0", "", ""),
])
def test_a_directory_that_views_share(
    monkeypatch: pytest.MonkeyPatch, kind: str, path: str, age: str, id: str,
) -> None:
    def found(*lines: Line) -> list[str]:
        monkeypatch.setattr(tmpfiles, "lines", lambda: list(lines))
        return [each.id for each in tmpfiles.check((), ["/tmp/.X11-unix"]) if each.id != "tmpfiles-shadowed"]

    line = Line("f", 1, kind, False, path, age)
    assert found(line) == ([id] if id else [])
    kept = Line("f", 2, "X", False, "/tmp/.X11-unix", "")
    assert found(line, kept) == ([id] if id == "tmpfiles-removes" else [])
