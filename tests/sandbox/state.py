"""Fixtures for the files of the sandbox: our own state, PAM services, file systems."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

MODULE = "pam_mktemp_py.so"
STATE = ("/run/pam-mktemp", "/var/lib/pam-mktemp", "/etc/security/pam_mktemp.d")
FILES = ("/etc/security/pam_mktemp.toml", "/etc/security/pam_mktemp.off")
TOP = Path(__file__).parents[2]
# The checkout by a name that lasts where a test has something else at /tmp. Below /tmp a sandbox has a second one.
CHECKOUT = Path(f"/.kept{TOP}") if str(TOP).startswith("/tmp/") and os.path.exists(f"/.kept{TOP}") else TOP


def run(*command: str | Path) -> str:
    """Run a command that has to succeed; its output."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout


def unmount_all(path: str) -> None:
    """Unmount what is mounted at or below the path, last first."""
    with open("/proc/self/mounts") as file:
        points = [line.split()[1].replace("\\040", " ") for line in file]
    for point in reversed(points):
        if point == path or point.startswith(path + "/"):
            run("umount", "-l", point)


def kept_below_tmp() -> list[str]:
    """The checkout and the interpreter of one who works in /tmp."""
    return [path for path in Path("/.kept/list").read_text().splitlines() if path.startswith("/tmp/")]


def reset() -> None:
    """No state, no configuration, an empty /tmp: a tmpfs made anew, since append-only folders resist rm."""
    for folder in STATE:
        unmount_all(folder)  # of a test that failed: all after it would fail too
        shutil.rmtree(folder, ignore_errors=True)
        assert not os.path.lexists(folder)
    for file in FILES:
        Path(file).unlink(missing_ok=True)
    unmount_all("/tmp")
    run("mount", "-t", "tmpfs", "-o", "mode=1777", "sandbox", "/tmp")
    for path in kept_below_tmp():
        os.makedirs(path, exist_ok=True)  # one may hold the other
        run("mount", "--bind", "/.kept" + path, path)


@pytest.fixture
def fresh_state() -> Iterator[None]:
    """Begin, and end, with no state, no configuration and an empty /tmp."""
    reset()
    yield
    reset()


@pytest.fixture
def pam_service() -> Iterator[Callable[..., Path]]:
    """pam_service("su", ["session required pam_mktemp_py.so"]) writes /etc/pam.d/su; put back when the test ends."""
    before: dict[Path, str | None] = {}

    def write(name: str, lines: list[str]) -> Path:
        path = Path("/etc/pam.d", name)
        before.setdefault(path, path.read_text() if path.exists() else None)
        path.write_text("".join(line + "\n" for line in lines))
        return path

    yield write
    for path, text in before.items():
        if text is None:
            path.unlink(missing_ok=True)
        else:
            path.write_text(text)


FORMATS = {"ext4": ("mkfs.ext4", "-q", 64), "xfs": ("mkfs.xfs", "-q", 320), "btrfs": ("mkfs.btrfs", "-q", 128)}


@pytest.fixture
def filesystem(tmp_path: Path) -> Iterator[Callable[..., Path]]:
    """filesystem("xfs", "/tmp") mounts a new one there, mode 1777; ext4 xfs btrfs tmpfs overlay. Undone at the end.

    `mount -o loop` finds its device atomically and gives it back with the mount, also when we are killed.
    """
    points: list[str] = []

    def make(kind: str, point: str | Path, options: str = "") -> Path:
        point = Path(point)
        point.mkdir(exist_ok=True)
        folder = tmp_path / f"filesystem-{len(points)}"
        folder.mkdir()
        if kind in FORMATS:
            program, quiet, megabytes = FORMATS[kind]
            with open(folder / "image", "wb") as file:
                file.truncate(megabytes << 20)
            run(program, quiet, folder / "image")
            run("mount", "-t", kind, "-o", ",".join(filter(None, ["loop", options])), folder / "image", point)
        else:
            if kind == "overlay":
                layers = {name: folder / name for name in ("lowerdir", "upperdir", "workdir")}
                for path in layers.values():
                    path.mkdir()
                options = ",".join(filter(None, [*(f"{key}={path}" for key, path in layers.items()), options]))
            run("mount", "-t", kind, *(["-o", options] if options else []), "test", point)
        points.append(str(point))
        if "ro" not in options.split(","):
            point.chmod(0o1777)
        return point

    yield make
    for point in reversed(points):
        run("umount", "-l", point)
