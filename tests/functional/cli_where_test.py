"""pam-mktemp where, as far as it can be asked without root."""
from __future__ import annotations

import os
import pwd
from pathlib import Path

import pytest

from tests.functional.commands import BASE, USER, Command


@pytest.mark.parametrize("asked", [USER, str(pwd.getpwnam(USER).pw_uid), f"{BASE}/.private/{USER}",
                                   f"{BASE}/.private/{USER}/tmp/deep/file", f"{BASE}/../usr/.private/{USER}"])
def test_account(command: Command, asked: str) -> None:
    found = command.json("where", asked)
    assert (found["user"], found["private"]) == (USER, True)
    assert found["kind"] == ("path" if "/" in asked else "user")
    assert found["directory"]["path"] == f"{BASE}/.private/{USER}"
    assert found["directory"]["name_reason"] == "the uid's first name"


def test_root(command: Command) -> None:
    assert command.json("where", "0")["directory"]["name"] == "root"


def test_all_directories_of_the_configuration(command: Command) -> None:
    command.config.write_text('[directories.cache]\nvariables = ["XDG_CACHE_HOME"]')
    assert f"{BASE}/.private/{USER}/cache" in command("where", USER).stdout


def test_broken_configuration_is_noted(command: Command) -> None:
    command.config.write_text("x = 1")
    result = command("where", USER)
    assert result.exit_code == 0 and f"{command.config}:1: unknown key 'x'" in result.stderr
    assert command("-q", "where", USER).stderr == ""


def test_path_elsewhere(command: Command, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch(0o640)
    found = command.json("where", str(file))
    assert (found["private"], found["owner"]["uid"], found["owner"]["mode"]) == (False, os.getuid(), "0640")
    assert "not private" in found["what"]
    (tmp_path / "link").symlink_to("/etc/passwd")
    text = command("where", str(tmp_path / "link")).stdout
    assert "links to" in text and f"uid {os.getuid()}" in text  # the link is its maker's, not root's
    command.base = str(tmp_path)
    assert "which everybody shares" in command.json("where", str(file))["what"]


def test_relative_path(command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("thing").touch()
    assert command.json("where", "./thing")["path"] == str(tmp_path / "thing")
    result = command("where", "thing")
    assert result.exit_code == 1 and "for the file of that name write ./thing" in result.stderr


def test_not_there(command: Command, tmp_path: Path) -> None:
    found = command.json("where", str(tmp_path / "no\x1b[31m"), status=1)
    assert found["owner"] is None
    assert "\x1b" not in command("where", str(tmp_path / "no\x1b[31m")).stdout


@pytest.mark.parametrize("asked", ["nosuchuser", "4294967294", "99999999999999999999", "a\x1b[31m\nb", "é\u202e"])
def test_unknown(command: Command, asked: str) -> None:
    for name in ("where", "plan"):
        result = command(name, asked)
        assert (result.exit_code, result.stdout) == (1, "")
        assert result.stderr.startswith("pam-mktemp: ") and result.stderr.count("\n") == 1
        assert not {"\x1b", "\u202e"} & set(result.stderr)
        assert "getent passwd" in result.stderr
