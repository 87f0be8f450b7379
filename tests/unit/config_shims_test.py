"""The table [shims], and what its variables become in a session."""
from __future__ import annotations

from pathlib import Path

import pytest

from pam_mktemp_py import paths, percent
from pam_mktemp_py.config import cache
from pam_mktemp_py.config.load import compiled
from pam_mktemp_py.config.model import Config
from pam_mktemp_py.errors import ConfigError
from pam_mktemp_py.linux.accounts import Account
from pam_mktemp_py.sessions import shims

ALICE = Account("alice", 1000, 1000, "alice", "/home/alice")
FOLDER = f"{paths.SHIMS}/bin"
KNOWN = [("TMPDIR", "/tmp/.private/alice/tmp")]


def taken(*texts: str) -> Config:
    return compiled("f", [(f"f{number}", text.encode()) for number, text in enumerate(texts)])


@pytest.mark.parametrize(("text", "line", "what", "hint"), [
    ("shims = 3", 1, "shims is 3", "[shims]"), ("[shims]\nenable = []", 2, "unknown key 'enable'", "'enabled'"),
    ("[shims]\nenabled = 3", 2, "shims.enabled is 3", "list"),
    ('[shims]\nenabled = [\n"a",\n3]', 4, "holds 3", "quotes"),
    *((f'[shims]\nenabled = [\n"{name}"]', 3, "can be no entry", "shims list")
      for name in ("", "A", "a/b", "-a", ".a", "a" * 41, "é")),
    ('[shims]\nenabled = ["a", "a"]', 2, "a is there twice", "remove"),
    ("[shims]\nenabled = [" + ",".join(f'"a{n}"' for n in range(257)) + "]", 2, "257 entries", "remove"),
    ("[shims]\nvariables = 3", 2, "shims.variables is 3", "table"),
    *((f'[shims.variables]\n"{name}" = "x"', 2, "can be no environment variable", "letters")
      for name in ("", "1A", "A=B", "A-B", "A" * 65)),
    *((f'[shims.variables]\n{name} = "x"', 2, "variable of our own", "other")
      for name in ("PATH", "PAM_MKTEMP_SHIMS", "PAM_MKTEMP_SHIM")),
    ("[shims.variables]\nA = 3", 2, "A is 3", "quotes"),
    *((f'[shims.variables]\nA = "{text}"', 2, "A is not 1 to 256 bytes", "correct")
      for text in ("", "a\\nb", "a\\u0000b", "x" * 257, "é" * 129)),
    ('[shims.variables]\nA = "$"', 2, "has a $ without", "correct"),
    ('[shims.variables]\nA = "$TMP"', 2, "names $TMP", "correct"),
    ('[shims]\nenabled = ["a"]\n[shims.variables]\n' + "".join(f'A{n} = "x"\n' for n in range(27)), 3,
     "33 variables in all", "disable"),
])
def test_a_wrong_one_is_refused_with_its_line(text: str, line: int, what: str, hint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        taken(text)
    assert caught.value.line == line and what in caught.value.what and hint in caught.value.hint


def test_as_many_as_a_plan_can_hold() -> None:
    tables = '[shims.variables]\n' + "".join(f'A{n} = "x"\n' for n in range(26))
    config = taken(f'[shims]\nenabled = ["a"]\n{tables}TMP = "x"\n')
    known = [(name, "/x") for name in config.directories[0][1]]
    assert len(known + shims.environment(config, ALICE, known, login=True)) == 32


def test_never_more_than_a_plan_can_hold() -> None:
    many = ", ".join(f'A{number} = "{"ä" * 125}"' for number in range(26))  # each of them is fine, and 3 bytes for one
    found = shims.environment(taken(f'[shims]\nenabled = ["a"]\nvariables = {{{many}}}'), ALICE, KNOWN, login=True)
    assert 4 <= len(found) < 12 and [name for name, _ in found[-2:]] == ["PAM_MKTEMP_SHIMS", "PATH"]
    assert sum(len(f"setenv {name} {percent.encoded(value)}\n") for name, value in found) < 6000


def test_a_later_file_replaces(tmp_path: Path) -> None:
    config = taken('[shims]\nenabled = ["tmux"]\nvariables = {A = "1"}\n', '[shims]\nenabled = []\n')
    assert config.shims == {"enabled": [], "variables": {"A": "1"}}
    assert config.origins["shims.enabled"] == ("f1", 2) and config.origins["shims.variables"] == ("f0", 3)
    kept = str(tmp_path / "cache")
    assert cache.store(config, kept)
    found = cache._kept("f", kept, tmp_path.stat().st_uid)
    assert found is not None and found.shims == config.shims


def test_values_and_their_absence(tmp_path: Path) -> None:
    config = taken('[shims.variables]\nA = "$TMPDIR/$UID"\nB = "$HOME/.$USER$$"\n'
                   'C = "$XDG_RUNTIME_DIR/c"\nTMPDIR = "x"\n')

    def made(account: Account = ALICE, known: list[tuple[str, str]] = KNOWN) -> dict[str, str]:
        found = shims.environment(config, account, known, login=True, runtime=str(tmp_path))
        assert len(dict(found)) == len(found)
        return dict(found)

    assert made() == {"A": "/tmp/.private/alice/tmp/1000", "B": "/home/alice/.alice$"}  # what is set already counts
    assert made(known=[]) == {"B": "/home/alice/.alice$", "TMPDIR": "x"}
    (tmp_path / "1000").mkdir()
    assert made()["C"] == f"{tmp_path}/1000/c"
    assert "B" not in made(Account("alice", 1000, 1000, "alice", "/" + "h" * 1024)) and "A" in made()
    assert "B" not in made(Account("alice", 1000, 1000, "alice"))


@pytest.mark.parametrize(("text", "wanted"), [
    (None, "/usr/local/bin:/usr/bin:/bin"), ("", "/usr/local/bin:/usr/bin:/bin"),
    ("#ENV_PATH PATH=/no\nENV_SUPATH\tPATH=/sbin\nENV_PATH\tPATH=/a:/b \n", "/a:/b"),
    ("ENV_PATH /a\nENV_PATH \"/b\"\n", "/b"), ("ENV_PATH\n", "/usr/local/bin:/usr/bin:/bin"),
    ("ENV_PATH bin\nENV_PATH PATH=\nENV_PATH /" + "x" * 1000, "/usr/local/bin:/usr/bin:/bin"),
])
def test_path_of_a_login(tmp_path: Path, text: str | None, wanted: str) -> None:
    defs = tmp_path / "login.defs"
    if text is not None:
        defs.write_text(text)
    config = taken('[shims]\nenabled = ["a"]\n')
    assert shims.environment(config, ALICE, KNOWN, login=True, login_defs=str(defs)) == [
        ("PAM_MKTEMP_SHIMS", FOLDER), ("PATH", f"{FOLDER}:{wanted}")]
    assert shims.environment(config, ALICE, KNOWN, login=False, login_defs=str(defs)) == [("PAM_MKTEMP_SHIMS", FOLDER)]
    assert shims.environment(taken(""), ALICE, KNOWN, login=True) == []
