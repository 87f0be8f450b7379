"""pam-mktemp scan as installed, on an overlay, as in a container: what the sandbox's own file system is."""
from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any


def scan(*words: str) -> Any:
    """The document."""
    done = subprocess.run(["pam-mktemp", "--json", "scan", *words], capture_output=True, text=True, timeout=100)
    assert done.returncode in (0, 1), done.stderr
    return json.loads(done.stdout)


def test_files_of_all_layers_of_an_overlay_are_looked_at() -> None:
    own = Path("/usr/bin/aaa-of-the-upper-layer")
    own.write_text("#!/bin/sh\necho >/tmp/fixed\n")
    files = [each for each in os.scandir("/usr/bin") if each.is_file(follow_symlinks=False)]
    assert len({each.stat(follow_symlinks=False).st_dev for each in files}) > 1, "this is no overlay"
    found = scan("/usr/bin")
    assert found["skipped"] == [] and found["scanned"] >= len({each.inode() for each in files})
    assert str(own) in {each["path"] for each in found["candidates"]}
    own.unlink()


def test_a_file_that_is_mounted_over_another_is_told(tmp_path: Path) -> None:
    (tmp_path / "here").write_text("x = '/tmp/fixed'")
    (tmp_path / "over.py").write_text("")
    subprocess.run(["mount", "--bind", tmp_path / "here", tmp_path / "over.py"], check=True)
    try:
        found = scan(str(tmp_path))
    finally:
        subprocess.run(["umount", tmp_path / "over.py"], check=True)
    assert [each["path"] for each in found["skipped"]] == [str(tmp_path / "over.py")] and found["candidates"] == []
