"""What an attack on the launcher found: loops, other programs than without it, and directories of other users."""
from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.privileged.run.start import good, start
from tests.privileged.shims import launched
from tests.privileged.shims.launched import BIN, TMPDIR, USUAL, hers, plan, seen
from tests.privileged.shims.launcher_test import script
from tests.sandbox.accounts import CLEAN

shims = launched.shims
HOME = Path("/home/alice")
WITHIN = ("/usr/bin/timeout", "10")


@pytest.fixture
def work(shims: Any) -> Iterator[Path]:
    """A folder in her home."""
    folder = HOME / "w"
    (folder / "sub").mkdir(parents=True)
    yield folder
    shutil.rmtree(folder)


@pytest.mark.parametrize("path", [f"{BIN}::{USUAL}", f"{BIN}:", ""])
def test_an_empty_entry_of_path(shims: Any, work: Path, path: str) -> None:
    """It means the current directory, where execvp(3) would look the mere name up in PATH again."""
    plan("here", "- ?* =A=1")
    shutil.copy("/usr/bin/env", work / "here")
    done = start(*WITHIN, "here" if path else str(BIN / "here"), user=shims, cwd=str(work), env=hers(PATH=path))
    assert done.returncode == 0 and "A=1" in done.stdout, done.stderr


def test_a_compiled_wrapper(shims: Any, work: Path) -> None:
    plan("python3", "- ?*")
    text = '#include <unistd.h>\nint main(int c, char **v) { return execvp("python3", v); }\n'
    subprocess.run(["gcc", "-x", "c", "-o", work / "python3", "-"], input=text, text=True, check=True)
    os.chown(work / "python3", 2101, 2101)
    done = start(*WITHIN, "python3", "-c", "", user=shims, env=hers(PATH=f"{BIN}:{work}:{USUAL}"))
    assert done.returncode == 126 and "leads back here" in done.stderr


def test_a_wrapper_that_stays(shims: Any, work: Path) -> None:
    """Each level has another pid; without shims it finds the program."""
    plan("python3", "- ?*")
    count = work / "count"
    count.touch()
    count.chmod(0o666)
    script(work / "python3", f'#!/bin/sh\necho x >> {count}\nreal=$(which -a python3 | grep -vx "$0" | head -1)\n'
           '"$real" "$@"\nexit $?\n')
    assert good("python3", "-c", "print(1)", user=shims, env=hers(PATH=f"{work}:{USUAL}")) == "1\n"
    start(*WITHIN, "python3", "-c", "print(1)", user=shims, env=hers(PATH=f"{BIN}:{work}:{USUAL}"))
    assert 1 < len(count.read_text().split()) < 100


def test_a_relative_entry_of_path(shims: Any, work: Path) -> None:
    """The same name is another program after a cd."""
    plan("here", "- ?*")
    script(work / "here", "#!/bin/sh\ncd sub && exec here\n")
    script(work / "sub/here", "#!/bin/sh\necho ok\n")
    assert good("here", user=shims, cwd=str(work), env=hers(PATH=f"{BIN}:.:{USUAL}")) == "ok\n"


def test_a_script_without_its_interpreter(shims: Any) -> None:
    plan("odd", "- ?*")
    odd = script(Path("/usr/local/bin/odd"), "#!/nosuch/sh\n")
    try:
        for how in ("env {}", "sh -c {}", "bash -c {}"):
            statuses = {start(*how.format(name).split(), user=shims, env=hers()).returncode for name in (odd, "odd")}
            assert statuses == {127}, how
    finally:
        odd.unlink()


def test_a_directory_that_is_gone(shims: Any) -> None:
    plan("python3", "b ?*")
    code = "import os; print(os.readlink(\"/proc/self/cwd\"))"
    said = [good("/bin/sh", "-c", f"mkdir ~/gone && cd ~/gone && rmdir ~/gone && exec {name} -c '{code}'", user=shims,
                 env=hers(HOME=str(HOME))) for name in ("/usr/bin/python3", "python3")]
    assert said[0] == said[1]


def test_a_directory_of_both(shims: Any) -> None:
    """Of the host's /tmp and of the private one: what it was started in stays."""
    plan("python3", "b ?*")
    folders = [Path("/tmp/work"), Path(TMPDIR) / "work"]
    for folder in folders:
        folder.mkdir()
        os.chown(folder, 2101, 2101)
    try:
        (folders[0] / "x").touch()
        found = good("python3", "-c", "import os; print(os.listdir())", user=shims, cwd="/tmp/work", env=hers())
        assert found == "['x']\n"
    finally:
        for folder in folders:
            shutil.rmtree(folder)


def test_a_directory_that_another_made(shims: Any, bob: Any) -> None:
    """Closed to others, and open to alice: still bob's."""
    plan("python3", '- ?* =A=$TMPDIR$')
    trap = Path("/home/trap")
    (trap / "x/tmp").mkdir(parents=True)
    try:
        for path, mode in ((trap, 0o711), (trap / "x", 0o700), (trap / "x/tmp", 0o777)):
            path.chmod(mode)
            os.chown(path, 2102, 2102)
        subprocess.run(["setfacl", "-m", "u:2101:rwx", trap / "x"], check=True)
        assert "A" not in seen(user=shims, env={"TMPDIR": str(trap / "x/tmp")})["environment"]
    finally:
        shutil.rmtree(trap)


def test_a_name_that_looks_like_roots(shims: Any, bob: Any) -> None:
    plan("python3", '- ?* =A=$TMPDIR$')
    good("pam-mktemp", "-q", "run", "-u", "bob", "--", "true")
    link = Path("/home/bob/.private/root")
    link.parent.mkdir()
    try:
        link.symlink_to("/tmp/.private/bob")
        assert "A" not in seen(env={"TMPDIR": f"{link}/tmp"})["environment"]
    finally:
        shutil.rmtree(link.parent)


def test_a_plan_is_made_in_silence(shims: Any) -> None:
    """What the planner reads and says is not the program's."""
    plan("cat", "b ?*")
    (Path(TMPDIR) / ".run-plan").unlink()
    done = start("cat", user=shims, env=hers(), stdin=None, input="hello\n")
    assert (done.stdout, done.stderr) == ("hello\n", "")


def test_in_a_private_tmp(shims: Any) -> None:
    """Root shows as another there, and its plans are taken all the same."""
    plan("python3", "b ?* =A=1")
    code = f"PATH={BIN}:$PATH python3 -c 'import os; print(os.environ[\"A\"])'"
    assert good("pam-mktemp-launch", "--", "sh", "-c", code, user=shims) == "1\n"


def test_required_of_root(shims: Any) -> None:
    plan("python3", "b! ?*")
    good("pam-mktemp", "-q", "run", "-u", "root", "--", "true")
    assert start("python3", "-c", "", env=hers(TMPDIR="/tmp/.private/root/tmp")).returncode == 125


@pytest.mark.parametrize("name", ["-pam-mktemp-launch", "pml", "worker"])
def test_the_launcher_by_another_name(shims: Any, name: str) -> None:
    """Where its own path is executed, it is the launcher whatever its argv[0] says."""
    words = ("/bin/bash", "-c", f"exec -a {name} /usr/bin/pam-mktemp-launch -- echo ok")
    assert good(*words, user=shims, env=CLEAN) == "ok\n"


def test_the_mark_is_in_the_first_page() -> None:
    """That is all the launcher reads of a program: it would take itself for one, for ever."""
    assert b"called by a shim\0" in launched.LAUNCHER.read_bytes()[:4096]


def test_a_relative_directory(shims: Any) -> None:
    """It is another one after a cd: none at all."""
    plan("python3", "- ?* =A=1")
    assert "A" not in seen(user=shims, cwd="/tmp/.private/alice/tmp", env={"TMPDIR": "../tmp"})["environment"]
