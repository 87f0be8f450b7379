"""Names that somebody chose to do harm: to the drop-in that is pasted, to the report, to memory and time."""

from __future__ import annotations

import json

import pytest

from pam_mktemp_py.detect import counters, stories
from pam_mktemp_py.detect.advice import drop_in
from pam_mktemp_py.detect.judge import judged
from pam_mktemp_py.detect.sarif import sarif
from tests.unit.detect_judge_test import TMPDIR, WRITE, counted, execed, forked, judge, only, opened

NAMES = ["a\\n[Service]\\nExecStart=/bin/evil", "a\\r\\33[2J", "\\342\\200\\256gpj", "\\377\\376", "a\\\\", "n" * 4000]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("call", [
    '100 openat(AT_FDCWD</>, "/tmp/{}", O_WRONLY|O_CREAT, 0666) = 3\n',
    '100 bind(3<socket:[7]>, {{sa_family=AF_UNIX, sun_path="/tmp/{}"}}, 110) = 0\n',
])
def test_a_name_adds_no_line_to_the_drop_in(name: str, call: str) -> None:
    found = judge(call.format(name)).findings
    text = drop_in("cups.service", found)
    assert text.isascii() and all(line.isprintable() and len(line) < 130 for line in text.splitlines())
    assert [line for line in text.splitlines() if not line.startswith("#")] == [
        "[Service]", "RuntimeDirectory=cups"]
    assert not any(line.endswith("\\") and line.count("\\") % 2 for line in text.splitlines())


@pytest.mark.parametrize("unit", ["a b.service", "a\nExecStart=x.service", "../x.service", "%n.service", "-x.service",
                                  ""])
def test_a_unit_that_is_none_has_no_drop_in(unit: str) -> None:
    assert drop_in(unit, judge(opened("/tmp/x", WRITE)).findings) == ""
    assert "RuntimeDirectory=my@a" in drop_in("my@a.service", judge(opened("/tmp/x", WRITE)).findings)


def test_shared_memory_needs_another_remedy_than_tmp() -> None:
    exclusive = opened("/dev/shm/x", "O_RDWR|O_CREAT|O_EXCL", mode=", 0600")
    finding = only(judge(exclusive))
    assert "mount of /dev/shm" in finding.advice and "TemporaryFileSystem=/dev/shm" in drop_in("a.service", [finding])
    assert only(judge(exclusive.replace("/x", "/sem.x"))).kind == "user-ipc"
    finding = only(judge(opened("/tmp/x", WRITE)))
    assert "mount of /tmp" in finding.advice and "/dev/shm" not in drop_in("a.service", [finding])


def test_sarif_has_no_half_characters() -> None:
    text = json.dumps(sarif(judge(opened("/tmp/\\377", WRITE)), "1", "prog '\udcff'", True), ensure_ascii=False)
    assert text.encode() and "\\udcff" in json.loads(text)["runs"][0]["invocations"][0]["commandLine"]


def test_programs_are_bounded() -> None:
    log = "".join(forked(101 + n) + execed(101 + n, f"/usr/bin/p{n}") + opened(TMPDIR + "/x", WRITE, pid=101 + n)
                  + f"{101 + n} +++ exited with 0 +++\n" for n in range(counters._PROGRAMS + 50))
    found = judge(log)
    assert len(found.programs) == counters._PROGRAMS + 1 and found.verdict == "honours"


def test_what_waits_is_bounded() -> None:
    waiting = stories.Stories()
    story = stories.Story("/tmp/x")
    assert all(waiting.wait(story, None) for _ in range(stories._WAITING)) and not waiting.wait(story, None)
    many = [stories.Story(str(number)) for number in range(stories._MOST_WAITING)]
    assert sum(waiting.wait(each, None) for each in many) == stories._MOST_WAITING - stories._WAITING
    assert len(waiting.waited(story)) == stories._WAITING and waiting.wait(story, None)


def test_many_templates_of_one_program_are_not_compared_each_with_each(monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"w{chr(97 + n % 26)}{chr(97 + n // 26)}" for n in range(400)]
    log = "".join(opened(f"/tmp/{name}-strato", "O_RDWR|O_CREAT|O_EXCL", mode=", 0600")
                  + opened(f"/tmp/{name}_aB3dE9", "O_RDWR|O_CREAT|O_EXCL", mode=", 0600") for name in names)
    monkeypatch.setattr("pam_mktemp_py.detect.alike._fit", lambda group: pytest.fail(f"{len(group)} names"))
    assert len(judged([counted(log)]).findings) == 800


def test_a_chain_is_as_long_as_is_of_use() -> None:
    log = "".join(forked(101 + n, 100 + n) + execed(101 + n, f"/usr/bin/p{n}") for n in range(300))
    assert len(only(judge(log + opened("/tmp/x", WRITE, pid=400))).chain) == counters._GENERATIONS
