"""The compiled configuration: used only if it is root's own and nothing changed, and cheap to use."""
from __future__ import annotations

import marshal
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pam_mktemp_py.config import cache
from pam_mktemp_py.config.model import SETTINGS, Config
from pam_mktemp_py.errors import ConfigError

ME = os.getuid()
ROOT = Path(__file__).parents[2]


def later() -> int:
    """A clock by which the files just written are old."""
    return time.time_ns() + 10**10


class Place:
    def __init__(self, folder: Path) -> None:
        self.main = folder / "pam_mktemp.toml"
        self.drop_ins = folder / "pam_mktemp.d"
        self.cache = folder / "config.cache"
        self.write(self.main, 'min_uid = 7\nexempt_users = ["root", "no-such-user"]\n'
                              'exempt_groups = ["root", "no-such-group"]\n')

    @staticmethod
    def write(path: Path, text: str) -> None:
        path.write_text(text)
        path.chmod(0o644)

    def get(self) -> Config:
        return cache.cached(str(self.main), str(self.cache), owner=ME, clock=later)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_what_is_kept_equals_what_was_read(place: Place) -> None:
    first, second = place.get(), place.get()
    assert (first.parsed, second.parsed) == (True, False)
    assert first.settings() == second.settings() and first.min_uid == 7
    assert (first.origins, first.depends, first.exempt_gids) == (second.origins, second.depends, {0: "root"})
    assert second.exempt_gids == {0: "root"} and second.path == first.path
    assert len(first.warnings) == 2  # each unknown name once for a change of the files;
    assert len(second.warnings) == 1  # a group is looked up each time, since decisions need its id
    assert os.stat(place.cache).st_mode & 0o7777 == 0o600
    assert os.listdir(place.cache.parent).count("config.cache") == len(os.listdir(place.cache.parent)) - 1


def edit(place: Place) -> None:
    place.write(place.main, "min_uid = 8")


def edit_with_the_mtime_restored(place: Place) -> None:
    before = place.main.stat()
    place.write(place.main, place.main.read_text().replace("7", "8"))
    os.utime(place.main, ns=(before.st_atime_ns, before.st_mtime_ns))


def replace(place: Place) -> None:
    place.write(place.main.parent / "new", "min_uid = 8")
    (place.main.parent / "new").rename(place.main)


def add_the_folder_and_a_drop_in(place: Place) -> None:
    place.drop_ins.mkdir(mode=0o755)
    place.write(place.drop_ins / "a.toml", "min_uid = 8")


@pytest.mark.parametrize("change", [edit, edit_with_the_mtime_restored, replace, add_the_folder_and_a_drop_in])
def test_every_change_is_noticed(place: Place, change: object) -> None:
    place.get()
    time.sleep(0.02)  # a tick of the file system's clock; within one, `recent` guards
    assert callable(change)
    change(place)
    assert (place.get().min_uid, place.get().min_uid) == (8, 8)


def test_a_drop_in_added_edited_and_removed(place: Place) -> None:
    place.drop_ins.mkdir(mode=0o755)
    drop_in = place.drop_ins / "a.toml"
    for text, wanted in ((None, 7), ("min_uid = 1", 1), ("min_uid = 22", 22), ("", 7), (None, 7)):
        time.sleep(0.02)
        if text is not None:
            place.write(drop_in, text)
        elif drop_in.exists():
            drop_in.unlink()
        assert (place.get().min_uid, place.get().parsed) == (wanted, False)


def test_permissions_that_went_wrong_are_noticed(place: Place) -> None:
    place.get()
    time.sleep(0.02)
    place.main.chmod(0o666)
    with pytest.raises(ConfigError):
        place.get()


def test_a_young_configuration_is_not_kept(place: Place) -> None:
    config = cache.cached(str(place.main), str(place.cache), owner=ME)
    assert config.recent and not place.cache.exists()
    place.get()
    kept = cache.cached(str(place.main), str(place.cache), owner=ME)
    assert kept.recent and not kept.parsed


def test_another_configuration_has_not_this_cache(place: Place) -> None:
    place.get()
    assert cache.cached(str(place.main) + "x.toml", str(place.cache), owner=ME, clock=later).min_uid == 0


def forged(place: Place) -> bytes:
    config = place.get()
    config.exempt_users = ["forged"]
    kept = ([getattr(config, key) for key in SETTINGS], config.path, config.origins, config.depends)
    return cache._HEADER + marshal.dumps(kept)


@pytest.mark.parametrize("mode", [0o644, 0o660, 0o400, 0o602, 0o4600])
def test_a_cache_that_others_could_have_written_is_not_read(place: Place, mode: int) -> None:
    data = forged(place)
    place.cache.write_bytes(data)
    place.cache.chmod(0o600)
    assert place.get().exempt_users == ["forged"]  # the forgery is good: only the checks below stop it
    place.cache.chmod(mode)
    assert place.get().parsed
    assert not place.get().parsed  # replaced by ours


def test_a_link_a_fifo_and_another_owner_are_not_read(place: Place) -> None:
    data = forged(place)
    other = place.cache.parent / "other"
    other.write_bytes(data)
    other.chmod(0o600)
    place.cache.unlink()
    place.cache.symlink_to(other)
    assert place.get().parsed
    assert not place.cache.is_symlink() and other.read_bytes() == data  # renamed over, not written through
    place.cache.unlink()
    os.mkfifo(place.cache, 0o600)
    assert place.get().parsed
    assert cache._kept(str(place.main), str(place.cache), ME) is not None
    assert cache._kept(str(place.main), str(place.cache), ME + 1) is None


def test_a_damaged_cache_is_parsed_over(place: Place) -> None:
    place.get()
    good = place.cache.read_bytes()
    damaged = [good[:n] for n in range(0, len(good), 7)]
    damaged += [b"", good.replace(b"%08x" % sys.hexversion, b"%08x" % (sys.hexversion + 1)), b"x" + good,
                cache._HEADER + marshal.dumps(5), cache._HEADER + marshal.dumps((1, 2)), cache._HEADER + b"\xff" * 50]
    for data in damaged:
        place.cache.write_bytes(data)
        place.cache.chmod(0o600)
        config = place.get()
        assert config.parsed and config.min_uid == 7


def test_failing_to_write_it_is_no_error(place: Place) -> None:
    config = place.get()
    before = place.cache.read_bytes()
    assert not cache.store(config, str(place.cache.parent / "none" / "config.cache"))
    place.cache.unlink()
    place.cache.mkdir()
    (place.cache / "x").mkdir()
    assert not cache.store(config, str(place.cache))
    assert not Path(f"{place.cache}.{os.getpid()}").exists()
    (place.cache / "x").rmdir()
    place.cache.rmdir()
    Path(f"{place.cache}.{os.getpid()}").write_bytes(b"left by a killed writer")
    assert cache.store(config, str(place.cache))
    assert place.cache.read_bytes() == before


def test_a_full_file_system_leaves_the_old_cache(place: Place) -> None:
    """RLIMIT_FSIZE of 0, as a caller may have it, makes each write fail."""
    place.get()
    before = place.cache.read_bytes()
    code = (f"import resource, sys; sys.path.insert(0, {str(ROOT)!r})\n"
            "from pam_mktemp_py.config import cache; from pam_mktemp_py.config.model import Config\n"
            "resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))\n"
            f"sys.exit(cache.store(Config('x'), {str(place.cache)!r}))")
    assert subprocess.run([sys.executable, "-B", "-c", code]).returncode == 0
    assert place.cache.read_bytes() == before
    assert [name for name in os.listdir(place.cache.parent) if name.startswith("config.cache")] == ["config.cache"]


CHEAP = {"marshal", "os", "sys", "stat", "time", "posix", "posixpath", "errno", "pwd", "grp", "syslog", "__future__",
         "os.path", "_stat", "_collections_abc", "genericpath", "abc", "_abc"}


def test_a_cache_hit_imports_next_to_nothing(place: Place) -> None:
    """The first run parses, and leaves its cache to the second: each version of Python has its own."""
    place.write(place.main, "min_uid = 7")
    code = (f"import sys; before = set(sys.modules); sys.path.insert(0, {str(ROOT)!r})\n"
            "from pam_mktemp_py.config.cache import cached\n"
            "from pam_mktemp_py.policy.decide import decide\n"
            "from pam_mktemp_py.linux import accounts, boot, process\n"
            "from pam_mktemp_py import errors, log\n"
            f"config = cached({str(place.main)!r}, {str(place.cache)!r}, owner={ME},\n"
            f"                clock=lambda: {later()})\n"
            "decide(config, accounts.lookup('root'), 'su', [])\n"
            "print(config.parsed, config.min_uid, *sorted(set(sys.modules) - before))")
    for parsed in ("True", "False"):
        done = subprocess.run(["/usr/bin/python3", "-I", "-S", "-B", "-c", code], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        answer = done.stdout.split()
        assert answer[:2] == [parsed, "7"]
    modules = set(answer[2:])
    assert {name for name in modules if not name.startswith("pam_mktemp_py")} <= CHEAP
    assert not {"pam_mktemp_py.config.load", "pam_mktemp_py.config.schema", "pam_mktemp_py.config.names"} & modules
