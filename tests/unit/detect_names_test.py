"""Names without what varies: what another user can guess is told from what they cannot."""

from __future__ import annotations

import os
import random
import string
import tempfile

import pytest
from hypothesis import given, strategies

from pam_mktemp_py.detect.model import FIXED, RANDOM
from pam_mktemp_py.detect.names import EXCLUSIVE, FRESH, PYTHON, Identity, how, normalised
from pam_mktemp_py.detect.random_text import looks_random

WHO = Identity(near={19, 4711}, pids={18, 19, 20, 23, 4711, 5000}, uids={1000, 0}, users={"u1"}, now=1732546999)
LETTERS = string.ascii_letters + string.digits


@pytest.mark.parametrize(("path", "normal", "name"), [
    ("/tmp/hpcupsfax.out", "/tmp/hpcupsfax.out", FIXED),
    ("/tmp/ssh-T21XVD2kAQ8y/agent.19", "/tmp/ssh-<random>/agent.<pid>", RANDOM),
    ("/tmp/lua_bZoFUk", "/tmp/lua_<random>", RANDOM),
    ("/tmp/crontab.r95PZs/crontab", "/tmp/crontab.<random>/crontab", RANDOM),
    ("/tmp/hsperfdata_u1/23", "/tmp/hsperfdata_<user>/<pid>", "pid"),
    ("/tmp/.attach_pid23", "/tmp/.attach_pid<pid>", "pid"),
    ("/tmp/foo-4711.log", "/tmp/foo-<pid>.log", "pid"),
    ("/tmp/foo-5000.log", "/tmp/foo-<pid>.log", "pid"),
    ("/tmp/foo-23.log", "/tmp/foo-23.log", FIXED),
    ("/tmp/foo47111", "/tmp/foo47111", FIXED),
    ("/tmp/tmux-1000/default", "/tmp/tmux-<uid>/default", "uid"),
    ("/tmp/tmux-0/default", "/tmp/tmux-<uid>/default", "uid"),
    ("/tmp/report0", "/tmp/report0", FIXED),
    ("/tmp/u1.cache", "/tmp/<user>.cache", "user"),
    ("/tmp/u12.cache", "/tmp/u12.cache", FIXED),
    ("/tmp/.X97-lock", "/tmp/.X<display>-lock", "display"),
    ("/tmp/.tX97-lock", "/tmp/.tX<display>-lock", "display"),
    ("/tmp/.X11-unix/X97", "/tmp/.X11-unix/X<display>", "display"),
    ("/tmp/server-97.xkm", "/tmp/server-<display>.xkm", "display"),
    ("/tmp/foo.1732546800", "/tmp/foo.<time>", "time"),
    ("/tmp/foo.1732546800123", "/tmp/foo.<time>", "time"),
    ("/tmp/hello12345678901234567890.tmp", "/tmp/hello<random>.tmp", RANDOM),
    ("/tmp/a-0b1c2d3e-0000-4fff-8000-0123456789ab", "/tmp/a-<random>", RANDOM),
    ("/tmp/tmpk3v_x0qz", "/tmp/tmp<random>", RANDOM),
    ("/tmp/dbus-k8aGLb2pQz", "/tmp/dbus-<random>", RANDOM),
    ("/tmp/GmplUCSX", "/tmp/<random>", RANDOM),
    ("/tmp/.s.PGSQL.6543", "/tmp/.s.PGSQL.6543", FIXED),
    ("/tmp/config.XXXXXX", "/tmp/config.XXXXXX", FIXED),
    ("/tmp/myTempFile", "/tmp/myTempFile", FIXED),
    ("/tmp/TemporaryItems", "/tmp/TemporaryItems", FIXED),
    ("/tmp/snap-private-tmp", "/tmp/snap-private-tmp", FIXED),
    ("/tmp/report2024final", "/tmp/report2024final", FIXED),
])
def test_names(path: str, normal: str, name: str) -> None:
    assert normalised(path, "/tmp", WHO) == (normal, name)
    assert normalised(normal, "/tmp", WHO) == (normal, name)  # once more changes nothing


@pytest.mark.parametrize(("path", "normal"), [
    ("/tmp/witness.Nrosuv", "/tmp/witness.<random>"), ("/tmp/sortAbcdef", "/tmp/sort<random>"),
    ("/tmp/ccab1dE9.o", "/tmp/cc<random>.o"), ("/tmp/app.socket", "/tmp/app.socket"),
])
def test_what_is_closed_to_others_is_mkstemps(path: str, normal: str) -> None:
    assert normalised(path, "/tmp", WHO, FRESH)[0] == normal


def test_pythons_probe_of_a_directory() -> None:
    assert normalised("/tmp/_xyszonk", "/tmp", WHO, PYTHON) == ("/tmp/<random>", RANDOM)
    assert normalised("/tmp/backups_", "/tmp", WHO, EXCLUSIVE) == ("/tmp/backups_", FIXED)


@pytest.mark.parametrize(("length", "least"), [(6, 0.96), (8, 0.95), (10, 0.94), (12, 0.96)])
def test_what_mkstemp_makes_is_random(length: int, least: float) -> None:
    """A share that is told in one run; --runs 2 tells the rest (tests/unit/detect_runs_test.py)."""
    dice = random.Random(length)
    names = ["".join(dice.choices(LETTERS, k=length)) for _ in range(3000)]
    assert sum(looks_random(name, exclusive=True) for name in names) / len(names) > least


def test_what_python_makes_is_random() -> None:
    folder = tempfile.mkdtemp()
    try:
        path = f"/tmp/{os.path.basename(folder)}"
        assert normalised(path, "/tmp", Identity(set(), set(), set(), set()), EXCLUSIVE) == ("/tmp/tmp<random>", RANDOM)
    finally:
        os.rmdir(folder)


@pytest.mark.parametrize("word", ["strategy", "hibernate", "postgresql", "firefox", "libreoffice", "systemd",
                                  "screenshots", "settings2", "backup12", "coverage"])
def test_words_are_not_random(word: str) -> None:
    assert not looks_random(word) and not looks_random(word, exclusive=True)


@given(strategies.text(alphabet=strategies.characters(blacklist_characters="\0"), max_size=60))
def test_any_name_keeps_its_folder(rest: str) -> None:
    normal, name = normalised(f"/tmp/{rest}", "/tmp", WHO, EXCLUSIVE)
    assert normal.startswith("/tmp/") and normal.count("/") == rest.count("/") + 2
    assert name == how(normal[len("/tmp"):])
