"""pam-mktemp detect --fix: one command finds, remedies, proves and stores, and says where it cannot."""
from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.privileged.detect import detect as tool
from tests.privileged.detect.detect import detect, detect_own
from tests.privileged.setup.pam_files import command
from tests.sandbox import capabilities

SITE = Path("/etc/security/pam_mktemp.d/shims")
STATE = Path("/var/lib/pam-mktemp/shims/proved.toml")
BIN = Path("/usr/local/bin")
KNOB, TASK = BIN / "knob-witness", BIN / "task"


@pytest.fixture(autouse=True)
def fresh(witness: str) -> Iterator[None]:
    capabilities.need(capabilities.can_unshare_user(), "user namespaces")
    yield
    STATE.unlink(missing_ok=True)
    shutil.rmtree(SITE, ignore_errors=True)
    if SITE.parent.exists() and not os.listdir(SITE.parent):
        SITE.parent.rmdir()


@pytest.fixture
def knob() -> Iterator[None]:
    tool.build("knob_witness", str(KNOB))
    yield
    KNOB.unlink()


def put(text: str, path: Path = TASK) -> str:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


def fix(*words: str, options: tuple[str, ...] = (), **more: Any) -> dict[str, Any]:
    """The key `fix`."""
    document = detect(*words, options=["--fix", *options], **more).document
    found: dict[str, Any] = document["fix"]
    return found


def only(found: dict[str, Any]) -> dict[str, Any]:
    [one] = found["programs"]
    assert isinstance(one, dict)
    return one


def shown(name: str) -> Any:
    [entry] = json.loads(command("--json", "shims", "show", name).stdout)["entries"]
    return entry


def verified(name: str) -> bool:
    done = command("--json", "shims", "verify", "-u", "alice", name)
    [result] = json.loads(done.stdout)["results"]
    return done.returncode == 0 and result["state"] == "proved"


@pytest.mark.parametrize("static", [True, False], ids=["static", "dynamic"])
def test_an_unknown_program_by_one_command(static: bool, witness: str) -> None:
    program = witness
    if not static:
        program = str(BIN / "fax-witness")
        tool.build("fax_witness", program)
    name = os.path.basename(program)
    words = (name, "plain") if static else (name,)
    one = only(fix(*words, options=("--write",)))
    assert (one["state"], one["remedy"], one["programs"], one["catalogue"]) == ("found", "bind", [program], [])
    assert [each["result"] for each in one["tried"]] == ["works"]
    [entry] = one["entries"]
    assert entry["name"] == name and entry["check"] and entry["refused"] is None
    assert (SITE / f"{name}.toml").read_text() == entry["toml"] and os.stat(entry["file"]).st_mode & 0o777 == 0o644
    about = shown(name)
    assert about["site"] and about["proved"]["here"] and about["class"] == "hardcoded"
    assert "O_CREAT" in about["evidence"]["observed"] and about["check"]["commands"] == [list(words)]
    assert verified(name)
    again = only(fix(*words, options=("--write",)))
    assert (again["state"], again["catalogue"], again["entries"]) == ("known", [name], [])
    found = detect(*words)
    assert {each["remedy"]["entry"] for each in found.findings} == {name}
    if not static:
        os.unlink(program)


def test_a_variable_of_its_own_comes_first(knob: None) -> None:
    found = fix("knob-witness", options=("--write",))
    one = only(found)
    assert (one["state"], one["remedy"], found["compared"]) == ("found", "environment",
                                                                "exit status and standard output")
    assert shown("knob-witness")["remedy"]["set"] == {"KNOB_TMPDIR": "$TMPDIR"} and verified("knob-witness")


def test_a_variable_that_others_answer_to_is_for_the_program_alone(knob: None) -> None:
    put("knob-witness; if [ -n \"$KNOB_TMPDIR\" ]; then echo noise; fi")
    one = only(fix("task"))
    assert (one["state"], one["remedy"]) == ("found", "launcher")
    assert [each["result"] for each in one["tried"]] == ["its output was another one", "works"]


def test_a_variable_that_makes_it_print_is_none() -> None:
    tool.build("knob_witness", str(KNOB), "-DSAY")
    one = only(fix("knob-witness"))
    os.unlink(KNOB)
    assert one["remedy"] == "bind" and one["tried"][0]["result"] == "its output was another one"


def test_a_silent_program_stays_silent() -> None:
    """What it prints with a variable, on its standard error as well, would be read in the whole session."""
    put(": > ${QUIET_TMPDIR:-/tmp}/quiet.out; [ -z \"$QUIET_TMPDIR\" ] || echo noise >&2")
    one = only(fix("task"))
    assert one["remedy"] == "bind" and one["tried"][0]["result"] == "it prints more than without it"


@pytest.mark.parametrize(("words", "entry", "says"), [
    (("tmux", "-L", "x", "-f", "/dev/null", "new-session", "-d", "true"), "tmux", "exit status"),
    (("lua5.4", "-e", "print(os.tmpname())"), "lua", "exit status (the output differs from run to run)"),
    (("ssh-agent", "true"), "ssh-agent", "exit status"),
    (("dbus-run-session", "--", "true"), "dbus-daemon", "exit status"),
])
def test_what_the_catalogue_knows(words: tuple[str, ...], entry: str, says: str) -> None:
    found = fix(*words, options=("--write",))
    one = only(found)
    assert (one["state"], one["catalogue"], one["entries"], found["compared"]) == ("known", [entry], [], says), one
    assert not SITE.exists() and not STATE.exists()


def test_several_programs(witness: str, knob: None) -> None:
    """Those that meet at a name are one group; the other one has its own remedy."""
    for name in ("meet-one", "meet-two"):
        shutil.copy(witness, BIN / name)
    put("meet-one plain; meet-two plain; knob-witness")
    found = fix("task", options=("--write",))
    for name in ("meet-one", "meet-two"):
        os.unlink(BIN / name)
    assert {tuple(sorted(map(os.path.basename, one["programs"]))): one["remedy"] for one in found["programs"]} == {
        ("meet-one", "meet-two"): "bind", ("knob-witness",): "environment"}
    assert shown("meet-one")["group"] == shown("meet-two")["group"] != shown("knob-witness")["group"]
    assert all(shown(name)["proved"] for name in ("meet-one", "meet-two", "knob-witness"))


@pytest.mark.parametrize(("words", "state", "says"), [
    (("env", "EDITOR=true", "crontab", "-e"), "left", "only the session's own mount (stage bind) can help"),
    (("sh", "-c", "printf 'a\\nx\\n.\\nq\\nq\\n' | ed -s; true"), "nothing", "a file without a name"),
])
def test_what_no_remedy_of_a_program_can_change(words: tuple[str, ...], state: str, says: str) -> None:
    one = only(fix(*words))
    assert (one["state"], says in one["why"], one["entries"]) == (state, True, []), one


@pytest.mark.parametrize(("text", "says"), [
    ("tmp-witness plain; echo no >&2; exit 3", "it ended with 3: no"),
    ("tmp-witness plain; test -t 0 || exit 4", "without a terminal and input it ended with 4"),
])
def test_a_command_that_fails_measures_nothing(text: str, says: str) -> None:
    found = fix(put(text))
    assert says in found["why"] and found["programs"] == []


def test_what_its_first_run_has_left_is_in_its_way() -> None:
    """Without the remedy it works once."""
    found = fix("tmp-witness", "exclusive", options=("--write",))
    one = only(found)
    assert (one["state"], one["remedy"], one["entries"][0]["check"]) == ("found", "bind", False)
    assert "/tmp/witness.exclusive is in the way" in found["compared"] and shown("tmp-witness")["proved"]["here"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it(number: signal.Signals) -> None:
    """The runs that are to come as well, and nothing of them is left."""
    put("tmp-witness plain; test -e /tmp/witness.slow && sleep 30; touch /tmp/witness.slow")
    with subprocess.Popen(["pam-mktemp", "detect", "--fix", "-u", "alice", "--", "task"], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True) as process:
        while not subprocess.run(["pgrep", "-u", "alice", "-x", "sleep"], capture_output=True).stdout:
            time.sleep(0.05)
        process.send_signal(number)
        out, error = process.communicate(timeout=20)
    assert (process.returncode, out, error.strip()) == (130, "", "")


def test_what_runs_on_is_told() -> None:
    found = detect(put("tmp-witness plain; setsid sleep 600 >/dev/null 2>&1 &"),
                   options=["--fix", "--timeout", "20"])
    assert only(found.document["fix"])["state"] == "found"
    assert "sleep ran on behind the command" in found.stderr


@pytest.mark.parametrize("name", ["tmp witness", "tmp\nwitness", "témoin"])
def test_a_name_that_no_entry_can_have(name: str, witness: str) -> None:
    shutil.copy(witness, BIN / name)
    one = only(fix(str(BIN / name), "plain", options=("--write",)))
    os.unlink(BIN / name)
    assert one["state"] == "left" and "rename it" in one["why"] and one["remedy"] == "bind"
    assert not SITE.exists()


def test_a_program_that_is_gone(witness: str) -> None:
    put(f"cp {witness} /var/tmp/brief; /var/tmp/brief plain; rm /var/tmp/brief")
    states = {one["programs"][0]: one for one in fix("env", "PATH=/usr/bin:/bin:/var/tmp", str(TASK))["programs"]}
    assert states["/var/tmp/brief"]["state"] == "left"


def test_what_a_script_starts_by_its_path(witness: str, knob: None) -> None:
    """No launcher is in the way, whatever PATH says: a variable reaches it, a private /tmp for it alone does not."""
    put(f"{witness} plain; {KNOB}")
    found = {os.path.basename(one["programs"][0]): one for one in fix("task")["programs"]}
    assert found["knob-witness"]["remedy"] == "environment"
    left = found["tmp-witness"]
    assert left["state"] == "left" and "is started by its path" in left["tried"][-1]["result"]


def test_one_that_is_not_in_path(witness: str) -> None:
    """Recognised by its path, which the check has as well."""
    folder = Path("/opt/a [b]")
    folder.mkdir()
    shutil.copy(witness, folder / "Tool_1")
    done = only(fix("./Tool_1", "plain", options=("--write",), cwd=folder))
    assert done["state"] == "found" and shown("tool_1")["recognise"]["paths"] == ["/opt/a [[]b]/Tool_1"]
    assert shown("tool_1")["check"]["commands"] == [[f"{folder}/Tool_1", "plain"]] and verified("tool_1")
    other = Path("/opt/c")
    shutil.copytree(folder, other)
    assert only(fix(f"{other}/Tool_1", "plain"))["entries"][0]["name"] == "tool_1-2"
    shutil.rmtree(folder)
    shutil.rmtree(other)


def test_what_is_there_is_not_overwritten(alice: Any) -> None:
    """An entry about python3 is shipped, and says that there is nothing to do."""
    script = TASK  # root runs no file of another account's for a proof
    script.write_text("open('/tmp/fixed', 'w')\n")
    refused = only(fix("python3", str(script), options=("--write",)))
    assert refused["entries"][0]["name"] == "python" and "--force" in refused["entries"][0]["refused"]
    assert not SITE.exists()
    for options in (("--write", "--force", "--dry-run"), ("--write", "--force")):
        assert only(fix("python3", str(script), options=options))["entries"][0]["refused"] is None
        assert SITE.exists() == ("--dry-run" not in options)
    assert verified("python") and shown("python")["site"]


def test_root_runs_no_check_of_another_accounts_file(alice: Any, witness: str) -> None:
    """As alice it may; what she puts there afterwards is not run by root."""
    program, ran = Path(alice.pw_dir, "hers"), Path(alice.pw_dir, "ran")
    put("echo > /tmp/hers", program)
    os.chown(program, alice.pw_uid, alice.pw_gid)
    assert only(fix(str(program), options=("--write",)))["state"] == "found"
    put(f"echo > {ran}; echo > /tmp/hers", program)
    [result] = json.loads(command("--json", "shims", "verify", "hers").stdout)["results"]
    assert result["state"] == "skipped" and "give --user" in result["why"] and not ran.exists()


def test_a_check_that_depends_on_the_folder(alice: Any) -> None:
    """The entry is stored without it, and is proved all the same."""
    Path(alice.pw_dir, "here").touch()
    put("test -e here && tmp-witness plain")
    [entry] = only(fix("task", options=("--write",)))["entries"]
    assert not entry["check"] and shown("tmp-witness")["check"] is None and shown("tmp-witness")["proved"]["here"]


def test_by_an_account_itself(alice: Any) -> None:
    found = detect_own(alice, "tmp-witness", "plain", options=["--fix"])
    assert only(found.document["fix"])["state"] == "found" and found.document["finding"] is False
    done = subprocess.run(["su", "alice", "-c", "pam-mktemp detect --fix --write -- tmp-witness plain"],
                          capture_output=True, text=True)
    assert done.returncode == 3 and "run it as root" in done.stderr and done.stdout == ""


def test_nothing_is_tried_where_nothing_was_found() -> None:
    found = detect("mktemp", options=["--fix"])
    assert found.document["fix"] is None and not found.document["finding"]
