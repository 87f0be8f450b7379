"""The configuration: every wrong one is refused with file, line, what and what to do."""
from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st

from pam_mktemp_py.config import depends, files, model, schema
from pam_mktemp_py.config.load import load, parse
from pam_mktemp_py.config.model import Config
from pam_mktemp_py.errors import ConfigError

ME = os.getuid()
CONTRIB = Path(__file__).parents[2] / "contrib" / "pam_mktemp.toml"


class Files:
    """A main file and its drop-ins in a directory of the test's own."""

    def __init__(self, folder: Path) -> None:
        self.main = folder / "pam_mktemp.toml"
        self.folder = folder / "pam_mktemp.d"

    def write(self, text: str | bytes, drop_in: str = "", mode: int = 0o644) -> Path:
        path = self.folder / drop_in if drop_in else self.main
        path.parent.mkdir(mode=0o755, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        path.chmod(mode)
        return path

    def load(self) -> Config:
        return load(str(self.main), owner=ME)

    def refused(self) -> ConfigError:
        with pytest.raises(ConfigError) as caught:
            self.load()
        assert caught.value.hint and caught.value.id == "config-invalid"
        return caught.value


@pytest.fixture
def conf(tmp_path: Path) -> Files:
    return Files(tmp_path)


def test_missing_files_mean_the_defaults(conf: Files) -> None:
    config = conf.load()
    assert config.settings() == Config("").settings()
    assert config.depends == [(str(conf.main), None), (str(conf.folder), None)]
    assert not config.recent and config.warnings == []
    assert "default" in config.origin("stage")


def test_the_shipped_file_equals_the_defaults_and_names_every_key(conf: Files) -> None:
    text = CONTRIB.read_text()
    conf.write(text)
    assert conf.load().settings() == Config("").settings()
    lines = [line[1:] if line[:1] == "#" and line[1:2] not in ("", " ") else line for line in text.splitlines()]
    conf.write("\n".join(lines))
    config = conf.load()
    assert config.settings() == Config("").settings()
    shown = set(model.SETTINGS) - {"shared"}  # there is none by default
    assert {key.partition(".")[0] for key in config.origins if "[" not in key} == shown
    assert set(parse("f", "\n".join(lines).encode())[0]) == shown
    conf.write(text.replace("# [", "[").replace("# variables", "variables").replace("# noexec", "noexec")
               .replace("# instance", "instance").replace("# group", "group").replace("# users", "users"))
    config = conf.load()
    assert list(config.mounts) == ["/tmp", "/var/tmp", "/dev/shm", "/scratch"] and list(config.shared) == ["web"]


def test_drop_ins_override_scalars_and_replace_lists_in_the_order_of_names(conf: Files) -> None:
    conf.write('stage = "off"\nservices = ["a", "b"]\nexempt_users = ["root"]\n'
               '[directories.tmp]\nvariables = ["TMP"]\n')
    conf.write("\nmin_uid = 5\nservices = [\n'd',\n'c']\n", "20-b.toml")
    conf.write('min_uid = 6\nstage = "env"\n[directories.cache]\nvariables = ["XDG_CACHE_HOME"]\n', "10-a.toml")
    conf.write("min_uid = broken", ".10-a.toml")
    conf.write("min_uid = broken", "10-a.toml.dpkg-old")
    config = conf.load()
    assert (config.stage, config.min_uid, config.services, config.exempt_users) == ("env", 5, ["d", "c"], ["root"])
    assert config.directories == [("tmp", ["TMP"]), ("cache", ["XDG_CACHE_HOME"])]
    b, a = str(conf.folder / "20-b.toml"), str(conf.folder / "10-a.toml")
    assert config.origins["min_uid"] == (b, 2) and config.origins["services[d]"] == (b, 4)
    assert config.origins["stage"] == (a, 2) and config.origins["directories.tmp.variables"] == (str(conf.main), 5)
    assert "services[a]" not in config.origins
    assert [path for path, found in config.depends if found] == [str(conf.main), str(conf.folder), a, b]


WRONG = [
    ("x = 1", 1, "'x'", ""), ("\nexempt_user = []", 2, "exempt_user", "'exempt_users'"),
    ('stage = "full"', 1, "'full'", '"bind" or "shim" or "env" or "off"'),
    ('stage = "evn"', 1, "'evn'", "did you mean 'env'"),
    ("stage = true", 1, "true", '"env"'), ('failure = "close"', 1, "'close'", "'closed'"),
    ("failure = []", 1, "list", ""),
    ('min_uid = "1000"', 1, "'1000'", "0 to 4294967294"), ("min_uid = -1", 1, "-1", ""),
    ("min_uid = true", 1, "true", ""),
    ("min_uid = 4294967295", 1, "4294967295", ""), ("min_uid = 1.0", 1, "1.0", ""),
    ("min_uid = 1979-05-27", 1, "date", ""),
    ("fresh_for = 1", 1, "1", "2 to 86400"), ("fresh_for = 86401", 1, "86401", "seconds"),
    ('exempt_users = "bob"', 1, "'bob'", "list"), ('exempt_users = [\n"a",\n3]', 3, "3", "quotes"),
    ('exempt_users = ["a",\n""]', 2, "''", ""), ('exempt_groups = [" a"]', 1, "' a'", ""),
    ('exempt_users = ["a\\nb"]', 1, "no name", ""), ('exempt_groups = [["a"]]', 1, "list", ""),
    ('services = ["ss*"]', 1, "'ss*'", '"*"'), ('\n\nexempt_services = {a = 1}', 3, "table", "list"),
    ("directories = 3", 1, "3", "[directories.tmp]"), ("directories.tmp = 3", 1, "3", "[directories.tmp]"),
    ("[directories.Tmp]", 1, "'Tmp'", "a-z"), ('[directories."a/b"]', 1, "a/b", ""), ('[directories.""]', 1, "''", ""),
    ("[directories.abcdefghijklmnopq]", 1, "abcdefghijklmnopq", "16"), ("\n[directories.c]", 2, "no variables", ""),
    ("[directories.tmp]\nvariable = []", 2, "'variable'", "'variables'"),
    ('[directories.tmp]\nvariables = [\n"A",\n"B=C"]', 4, "'B=C'", "letters"),
    ('directories.tmp.variables = ["1A"]', 1, "'1A'", ""), ('directories.tmp.variables = [""]', 1, "''", ""),
    ('directories.tmp.variables = ["A", "A"]', 1, "twice", ""), ("directories.tmp.variables = 1", 1, "1", "list"),
    ('[directories.c]\nvariables = ["TMP"]', 2, "TMP", "one of them"),
    ("".join(f'[directories.d{n}]\nvariables = ["V{n}"]\n' for n in range(8)), 16, "9 directories", "remove"),
    ("directories.tmp.variables = [" + ",".join(f'"V{n}"' for n in range(33)) + "]", 1, "33 variables", "remove"),
    ("stage = ", 1, "TOML", "toml.io"), ("a\n", 1, "TOML", ""),
    ("min_uid = 1\n\nmin_uid = [\n\n]\n", 3, "second time", ""),
    ("[directories]\n[directories]\n", 2, "TOML", ""), ("\nservices = ['a'\n\n", 2, "TOML", ""),
    ("\nmin_uid = " + "9" * 5000, 2, "digits", ""), (b"\nstage = '\xff'", 2, "0xff", "UTF-8"),
    (b"stage = 'env'\r\nmin_uid = 1\r\n", 1, "carriage return", "sed"), (b"\nstage = 'e'\r", 2, "carriage", "sed"),
    (b"\xef\xbb\xbfstage = 'env'", 1, "byte order mark", "sed"), (b"stage = 'env'\n\0", 2, "TOML", ""),
    ("x = " + "[" * 30000, 0, "deep", ""), (b"# " + b"x" * files.LARGEST, 0, "larger than 65536", "groups"),
]


@pytest.mark.parametrize("text,line,what,hint", WRONG, ids=[repr(case[0][:40]) for case in WRONG])
def test_a_wrong_file_is_refused_with_its_line(conf: Files, text: str | bytes, line: int, what: str,
                                               hint: str) -> None:
    for drop_in in ("", "x.toml"):
        path = conf.write(text, drop_in)
        error = conf.refused()
        assert (error.file, error.line) == (str(path), line), str(error)
        assert what in error.what and hint in error.hint, str(error)
        assert str(error).startswith(f"{path}:{line}: " if line else f"{path}: ")
        path.unlink()


@pytest.mark.parametrize("place", ["main", "drop-in", "folder"])
@pytest.mark.parametrize("kind,words", [("symlink", "a symbolic link"), ("fifo", "a FIFO"), ("other", "is a"),
                                        ("writable", "mode 07"), ("socket", "a socket"), ("owner", "belongs to uid")])
def test_only_a_real_file_of_root_is_read(conf: Files, place: str, kind: str, words: str) -> None:
    conf.write("", "a.toml")
    path = {"main": conf.main, "drop-in": conf.folder / "a.toml", "folder": conf.folder}[place]
    if kind in ("symlink", "fifo", "socket", "other"):
        if place != "main":
            path.rename(path.parent / "old")
        if kind == "symlink":
            path.symlink_to(path.parent / "old")
        elif kind == "fifo":
            os.mkfifo(path)
        elif kind == "socket":
            os.mknod(path, 0o140644)
        else:
            path.write_text("") if place == "folder" else path.mkdir()
    else:
        if place == "main":
            conf.write("")
        path.chmod(0o772 if kind == "writable" else 0o755)
        if kind == "writable":
            path.chmod(0o775 if place == "main" else 0o757)
    with pytest.raises(ConfigError) as caught:
        load(str(conf.main), owner=ME + 1 if kind == "owner" else ME)
    # Of another owner the folder is met before the drop-in in it.
    assert caught.value.file == str(conf.folder if (kind, place) == ("owner", "drop-in") else path) or kind == "owner"
    assert words in caught.value.what and caught.value.hint


def test_too_many_drop_ins(conf: Files) -> None:
    for number in range(files.MOST_DROP_INS):
        conf.write("min_uid = %d" % number, f"{number:02}.toml")
    assert conf.load().min_uid == files.MOST_DROP_INS - 1
    conf.write("", "x.toml")
    assert "31 drop-ins" in conf.refused().what


def test_unknown_names_are_reported_with_their_line_and_skipped(conf: Files) -> None:
    conf.write('exempt_users = ["root",\n"no-such-user"]\nexempt_groups = [\n"root",\n"no-such-group",\n"nobody!"]\n')
    config = conf.load()
    assert config.exempt_gids == {0: "root"}
    assert [w.partition(": ")[0] for w in config.warnings] == [f"{conf.main}:{n}" for n in (2, 5, 6)]
    assert "no-such-user" in config.warnings[0] and "skipped" in config.warnings[0]


def test_recent(conf: Files) -> None:
    path = conf.write("")
    ctime = path.stat().st_ctime_ns
    for age, recent in ((1.9, True), (2.1, False), (-60, True)):
        assert load(str(path), owner=ME, clock=lambda: ctime + int(age * 1e9)).recent is recent
    found: depends.Signature = (1, 1, 1, 5 * 10**9, 1)
    assert depends.recent([("/x", None), ("/y", found)], 6 * 10**9)  # mtime alone
    assert not depends.recent([("/x", None), ("/y", found)], 8 * 10**9)


def test_a_file_that_changes_while_it_is_read_is_read_again(conf: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    path = conf.write("min_uid = 1\n")
    read, changes = os.read, iter(["min_uid = 2\n", "min_uid = 3\n"])

    def reading(fd: int, size: int) -> bytes:
        data = read(fd, size)
        change = next(changes, None) if data else None
        if change:
            path.write_text(change + "#" * len(change))
        return data

    monkeypatch.setattr(os, "read", reading)
    assert conf.load().min_uid == 3
    counter = iter(range(1000))
    changes = iter(lambda: f"min_uid = 1{'0' * (next(counter) % 5)}\n", "")
    assert "changes while" in conf.refused().what


def test_no_time_is_spent_on_a_fifo(conf: Files) -> None:
    os.mkfifo(conf.main)
    start = time.monotonic()
    conf.refused()
    assert time.monotonic() - start < 1


@settings(max_examples=150, deadline=None)
@given(st.recursive(st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), st.dates()),
                    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=4), inner))),
       st.sampled_from(model.SETTINGS))
def test_no_value_gets_past_the_schema_but_a_right_one(value: object, key: str) -> None:
    """Whatever is refused is refused by ConfigError; what is taken is of the default's type."""
    config = Config("f")
    lines: dict[tuple[str | int, ...], int] = {}
    fill(lines, (key,), value)
    try:
        schema.apply(config, {key: value}, schema.File("f", lines))
        schema.finish(config)
    except ConfigError as error:
        assert error.line == 1
    else:
        assert type(getattr(config, key)) is type(getattr(Config("f"), key))


def fill(lines: dict[tuple[str | int, ...], int], path: tuple[str | int, ...], value: object) -> None:
    lines[path] = 1
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, item in inner:
        fill(lines, (*path, name), item)
