"""pam-mktemp config: check, show and import, as far as they can be asked without root."""
from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from pam_mktemp_py.cli.report import WIDTH
from pam_mktemp_py.config.keys import KEYS
from pam_mktemp_py.config.load import load
from tests.functional.commands import USER, Command

NAMESPACE = f"/tmp /tmp-inst/ user root,{USER}\n"


def drop_in(command: Command, name: str, text: str) -> Path:
    folder = command.config.with_suffix(".d")
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(text)
    return folder / name


@pytest.fixture
def conf(tmp_path: Path) -> Path:
    """A namespace.conf to import."""
    path = tmp_path / "namespace.conf"
    path.write_text(NAMESPACE)
    return path


def test_check_without_files(command: Command) -> None:
    found = command.json("config", "check")
    assert found["valid"] and found["errors"] == found["overrides"] == found["unknown"] == []
    assert [(each["path"], each["present"]) for each in found["files"]] == [
        (str(command.config), False), (str(command.config.with_suffix(".d")), False)]
    assert "can be used" in command("config", "check").stdout


def test_check_shows_all_errors_at_once(command: Command) -> None:
    command.config.write_text('stag = "env"\n\nmin_uid = -1\nfailure = "open"\n')
    first = drop_in(command, "10-a.toml", 'stage = "env\n')
    second = drop_in(command, "20-b.toml", '\nservices = [1]\n')
    found = command.json("config", "check", status=1)
    assert not found["valid"]
    assert [(each["file"], each["line"]) for each in found["errors"]] == [
        (str(command.config), 1), (str(command.config), 3), (str(first), 1), (str(second), 2)]
    assert all(each["what"] and each["do"] for each in found["errors"])
    shown = command("config", "check")
    assert shown.exit_code == 1 and f"! {command.config}:3 min_uid is -1" in " ".join(shown.stdout.split())
    assert "the last good plans stay in use" in shown.stdout


def test_check_says_of_no_file_that_it_is_not_there_when_it_is(command: Command) -> None:
    command.config.write_text("")
    command.config.chmod(0o666)
    link = command.config.with_suffix(".d") / "link.toml"
    link.parent.mkdir()
    link.symlink_to("/etc/passwd")
    files = [str(command.config), str(link)]
    for wanted in (files, [files[0], str(link.parent)]):
        found = command.json("config", "check", status=1)
        assert found["files"] == [{"path": path, "present": True, "bytes": None} for path in wanted]
        assert {each["file"] for each in found["errors"]} == set(wanted)
        assert command("config", "check").stdout.count("  not read\n") == 2
        link.parent.chmod(0o777)


def test_check_of_what_only_all_files_together_break(command: Command) -> None:
    command.config.write_text('[directories.a]\nvariables = ["X"]\n')
    drop_in(command, "b.toml", '[directories.b]\nvariables = ["X"]\n')
    [error] = command.json("config", "check", status=1)["errors"]
    assert error["what"].startswith("X is set by directories.a and by directories.b") and error["line"] == 2


def test_check_tells_what_is_replaced_and_unknown(command: Command) -> None:
    command.config.write_text('stage = "off"\nexempt_users = ["root", "nosuchuser"]\n')
    path = drop_in(command, "a.toml", '\nstage = "env"\nmin_uid = 5\n')
    command.off.touch()
    found = command.json("config", "check")
    assert found["overrides"] == [{"key": "stage", "file": str(path), "line": 2,
                                   "replaces_file": str(command.config), "replaces_line": 1}]
    assert "nosuchuser" in found["unknown"][0] and found["switched_off"]
    assert f"{path}:2 replaces {command.config}:1" in " ".join(command("config", "check").stdout.split())
    assert command("config", "check", "--strict").exit_code == 1


def test_show(command: Command) -> None:
    command.config.write_text('min_uid = 1000\nexempt_users = [\n "root",\n "adm"]\n')
    path = drop_in(command, "a.toml", '[directories.cache]\nvariables = ["XDG_CACHE_HOME"]\n')
    found = {each["key"]: each for each in command.json("config", "show")["settings"]}
    assert list(found) == [key.name for key in KEYS if not key.inner] + [
        "directories.tmp.variables", "directories.cache.variables",
        *(f'mounts."/tmp".{key}' for key in ("noexec", "pass", "links")), "shims.enabled", "shims.variables"]
    assert found["stage"] == {
        "key": "stage", "type": "word", "value": "env", "default": "env", "allowed": '"bind", "shim", "env" or "off"',
        "description": KEYS[0].description, "origin": None, "entries": []}
    assert (found["min_uid"]["value"], found["min_uid"]["default"]) == (1000, 0)
    assert found["min_uid"]["origin"] == {"file": str(command.config), "line": 1}
    assert found["exempt_users"]["entries"] == [{"value": "root", "file": str(command.config), "line": 3},
                                                {"value": "adm", "file": str(command.config), "line": 4}]
    assert found["directories.cache.variables"]["origin"]["file"] == str(path)
    assert found["directories.cache.variables"]["default"] is None
    shown = command("config", "show").stdout
    assert f"min_uid                      1000  {command.config}:1" in shown and "fresh_for" in shown
    assert "3600  the default" in shown


def test_show_one(command: Command) -> None:
    command.config.write_text('exempt_users = ["root"]\n[directories.cache]\nvariables = []\n')
    for asked, keys in (("stage", ["stage"]), ("directories.tmp", ["directories.tmp.variables"]),
                        ("directories.cache.variables", ["directories.cache.variables"]),
                        ("directories", ["directories.tmp.variables", "directories.cache.variables"])):
        assert [each["key"] for each in command.json("config", "show", asked)["settings"]] == keys
    command.config.write_text(command.config.read_text() + '[mounts."/var/tmp"]\nnoexec = true\n[mounts."/tmp".links]\n'
                              'a = "/run/a"\n[shared.web]\nusers = ["alice", "bob"]\n')
    for asked, keys in (('mounts."/tmp".noexec', ['mounts."/tmp".noexec']), ("shared.web.users", ["shared.web.users"]),
                        ('mounts."/var/tmp"', [f'mounts."/var/tmp".{key}' for key in ("instance", "noexec")])):
        assert [each["key"] for each in command.json("config", "show", asked)["settings"]] == keys
    found = {each["key"]: each for each in command.json("config", "show")["settings"]}
    assert (found['mounts."/var/tmp".noexec']["value"], found['mounts."/var/tmp".noexec']["default"]) == (True, None)
    assert found['mounts."/var/tmp".noexec']["origin"] == {"file": str(command.config), "line": 5}
    assert (found['mounts."/tmp".noexec']["value"], found['mounts."/tmp".noexec']["default"]) == (False, False)
    assert found['mounts."/tmp".links']["value"] == {"a": "/run/a"}
    assert found["shared.web.users"]["value"] == ["alice", "bob"]
    shown = command("-v", "config", "show", "exempt_users").stdout
    assert shown.count(f"{command.config}:1") == 2 and "Accounts that get nothing" in shown
    assert max(map(len, command("-v", "config", "show").stdout.splitlines())) <= WIDTH
    for asked, message in (("stages", "did you mean stage?"), ("", "known are: stage"),
                           ("directories.x", "there are: tmp, cache"),
                           ("shared.x", "there are: web"), ('mounts."/x"', 'there are: "/tmp", "/var/tmp"')):
        result = command("config", "show", asked)
        assert result.exit_code == 2 and message in result.stderr


def test_show_of_a_broken_configuration(command: Command) -> None:
    command.config.write_text("x = 1")
    result = command("config", "show")
    assert (result.exit_code, result.stdout) == (3, "") and f"{command.config}:1: unknown key" in result.stderr


def test_import_prints_toml(command: Command, conf: Path) -> None:
    result = command("config", "import", str(conf))
    assert result.exit_code == 0 and "done another way" in result.stderr
    assert command("-q", "config", "import", str(conf)).stderr == ""
    command.config.write_text(result.stdout)
    assert load(str(command.config), owner=os.getuid()).exempt_users == ["root", USER]
    conf.write_text(NAMESPACE + "$HOME /x/ user\n")
    result = command("config", "import", str(conf))
    assert result.exit_code == 1 and f"not translated: {conf}:2: $HOME stays shared" in result.stderr
    found = command.json("config", "import", str(conf), status=1)
    assert found["format"] == "pam_namespace" and found["not_translated"][0]["where"] == f"{conf}:2"
    assert found["path"] is None and not found["written"] and found["text"] == result.stdout


def test_import_says_that_a_folder_beside_is_not_read(command: Command, conf: Path) -> None:
    folder = conf.parent / "namespace.d"
    folder.mkdir()
    assert "was not read" not in command("config", "import", str(conf)).stderr
    (folder / "a.conf").write_text("/tmp /i/ user root\n")
    assert f"{folder} was not read" in command("config", "import", str(conf)).stderr
    found = command.json("config", "import", str(conf.parent))
    assert len(found["files"]) == 2 and "was not read" not in command("config", "import", str(conf.parent)).stderr


def test_import_writes_a_drop_in(command: Command, conf: Path) -> None:
    command.config.write_text('exempt_users = ["adm"]\n')
    late = drop_in(command, "z.toml", 'stage = "off"\n')
    shown = command("config", "import", str(conf), "--write", "--dry-run")
    path = late.with_name("imported.toml")
    assert shown.exit_code == 0 and f"+++ {path}\n" in shown.stdout and not path.exists()
    umask = os.umask(0o077)
    try:
        found = command.json("config", "import", str(conf), "--write")
    finally:
        os.umask(umask)
    assert found["written"] and found["path"] == str(path) and stat.S_IMODE(path.stat().st_mode) == 0o644
    assert found["replaces"] == [{"key": "exempt_users", "where": f"{command.config}:1"}]
    assert found["hidden"] == [{"key": "stage", "where": f"{late}:1"}]
    assert [each.name for each in late.parent.iterdir() if each.name.startswith(".")] == []
    before = path.stat()
    again = command.json("config", "import", str(conf), "--write")
    assert not again["written"] and path.stat() == before
    assert load(str(command.config), owner=os.getuid()).exempt_users == ["root", USER]
    assert command("config", "import", str(conf), "--write", "00-first").exit_code == 0
    assert late.with_name("00-first.toml").exists()


def test_import_replaces_only_by_force(command: Command, conf: Path) -> None:
    path = drop_in(command, "imported.toml", "min_uid = 5  # mine")
    result = command("config", "import", str(conf), "--write")
    assert result.exit_code == 1 and "is there already; give another name, or replace it with --force" in result.stderr
    assert path.read_text() == "min_uid = 5  # mine"
    shown = command("config", "import", str(conf), "--write", "--force", "--dry-run")
    assert "-min_uid = 5  # mine" in shown.stdout and path.read_text() == "min_uid = 5  # mine"
    path.write_text("broken")  # by force that is no reason not to replace it
    assert command("config", "import", str(conf), "--write", "--force").exit_code == 0
    assert "exempt_users" in path.read_text()


@pytest.mark.parametrize(("words", "message"), [
    (["--force"], "--force and --dry-run need --write"), (["--dry-run"], "need --write"),
    (["--write", "../x"], "letters, digits"), (["--write", ".x"], "letters, digits"), (["--write", ""], "letters"),
    (["--format", "fstab"], "'fstab'"),
])
def test_import_usage(command: Command, conf: Path, words: list[str], message: str) -> None:
    result = command("config", "import", str(conf), *words)
    assert result.exit_code == 2 and message in result.stderr and result.stdout == ""


def test_import_of_what_is_none(command: Command, conf: Path, tmp_path: Path) -> None:
    conf.write_text("# nothing\n")
    result = command("config", "import", str(conf))
    assert result.exit_code == 0 and "nothing in it to translate" in result.stderr
    assert command("config", "import", str(conf), "--write").exit_code == 1
    assert command("config", "import", str(tmp_path / "none")).exit_code == 3
    os.mkfifo(tmp_path / "fifo.conf")
    assert "no regular file" in command("config", "import", str(tmp_path / "fifo.conf")).stderr
    assert not command.config.with_suffix(".d").exists()


def test_options_that_stand_too_late(command: Command) -> None:
    assert "pam-mktemp --json config show ..." in command("config", "show", "--json").stderr
    assert command("config").exit_code in (0, 2)
    assert "No such command 'chek'" in command("config", "chek").stderr
