"""The tables [mounts."DIR"] and [shared.NAME]: every wrong one is refused with its line, every right one counts."""
from __future__ import annotations

import re

import pytest
from hypothesis import given, strategies as st

from pam_mktemp_py import paths
from pam_mktemp_py.config import cache, mounts
from pam_mktemp_py.config.load import compiled
from pam_mktemp_py.config.model import LINKS, PASS, Config
from pam_mktemp_py.errors import ConfigError
from pam_mktemp_py.namespace import view


def taken(*texts: str) -> Config:
    return compiled("f", [(f"f{number}", text.encode()) for number, text in enumerate(texts)])


WRONG = [
    ("mounts = 3", 1, "mounts is 3", "table"), ("mounts = []", 1, "a list", "table"),
    ('\nmounts."/a" = 3', 2, 'mounts."/a" is 3', "table"), ("[mounts.x]", 1, "'x' is no absolute path", "/var/tmp"),
    *((f'[mounts."{path}"]', 1, what, "") for path, what in (
        ("/", "no absolute path"), ("/a/", "'/' at its end"), ("/a//b", "'//'"), ("/a/../b", "'..'"), ("/./a", "'.'"),
        ("/" + "a" * 80, "80 bytes"), ("/a\\nb", "no absolute"), ("/tmp/x", "lies in /tmp"), ("/etc", "account's own"),
        ("/usr", "account's own"), ("/dev", "account's own"), ("/proc/self", "account's own"), ("/run", "own"),
        ("/run/pam-mktemp/x", "own"), ("/var/lib/pam-mktemp", "own"), ("/var", "own"), ("/home", "own"))),
    ('[mounts."/a"]\nnoexec = 1', 2, "noexec is 1", "true or false"),
    ('[mounts."/a"]\nnoexecs = true', 2, "unknown key 'noexecs'", "'noexec'"),
    ('[mounts."/a"]\npass = []', 2, "unknown key 'pass' in mounts.\"/a\"", "noexec, instance"),
    ('[mounts."/tmp"]\ninstance = "/x"', 2, "unknown key 'instance'", "noexec, pass, links"),
    ('[mounts."/a"]\ninstance = 3', 2, "instance is 3", "quotes"),
    ('[mounts."/a"]\ninstance = "x"', 2, "'x'", "absolute"),
    ('[mounts."/a"]\ninstance = "/proc/x"', 2, "nothing can be kept", "another"),
    ('[mounts."/tmp"]\npass = "x"', 2, "pass is 'x'", "list"),
    ('[mounts."/tmp"]\npass = [\n"a",\n"b/c"]', 4, "'b/c'", ""),
    ('[mounts."/tmp"]\npass = [".."]', 2, "'..' can be no entry", ""),
    ('[mounts."/tmp"]\npass = ["a", "a"]', 2, "twice", ""),
    ('[mounts."/tmp"]\npass = [".private"]', 2, "name of our own", ""),
    ('[mounts."/tmp"]\npass = ["shared-x"]', 2, "name of our own", ""),
    ('[mounts."/tmp"]\npass = [3]', 2, "3", "quotes"),
    ('[mounts."/tmp".links]\n".README-private-tmp" = "/x"', 2, "name of our own", ""),
    ('[mounts."/tmp".links]\n"a" = "x"', 2, "a is 'x'", "absolute"),
    ('[mounts."/tmp".links]\n"a" = 3', 2, "a is 3", ""),
    ('[mounts."/tmp".links]\n"a" = "/tmp/a"', 2, "is not there inside", "/run"),
    ('[mounts."/tmp"]\nlinks = []', 2, "links is a list", "table"),
    ('[mounts."/tmp".links]\n"a/b" = "/x"', 2, "'a/b'", ""),
    ("[mounts.\"/tmp\".links]\n" + "".join(f'"{n}" = "/x"\n' for n in range(17)), 1, "17 links", "remove"),
    ('[mounts."/a"]\n[mounts."/a/b"]', 2, "/a/b lies in /a", "one of them"),
    ("".join(f'[mounts."/{c}"]\n' for c in "abcdefgh"), 8, "20 mounts", "remove"),
    ("[mounts.\"/tmp\"]\npass = [" + ",".join(f'"{n}"' for n in range(17)) + "]", 2, "19 mounts", "remove"),
    ('[mounts."/var/tmp"]\ninstance = "/tmp"\n[directories.var-tmp]\nvariables = ["X"]',
     1, "directories.var-tmp", "another"),
    ("shared = 3", 1, "shared is 3", "table"), ("[shared.Web]", 1, "'Web'", "a-z"),
    ("shared.web = 3", 1, "shared.web is 3", ""),
    ("[shared.web]", 1, "is for nobody", "for whom"), ("[shared.web]\nusers = []", 1, "is for nobody", ""),
    ("[shared.web]\ngroup = 3", 2, "group is 3", "quotes"), ('[shared.web]\ngroup = " a"', 2, "' a'", "correct"),
    ('[shared.web]\nusers = "a"', 2, "users is 'a'", "list"), ('[shared.web]\nusers = [\n"a",\n""]', 4, "''", ""),
    ('[shared.web]\ngroups = ["a"]', 2, "'groups'", "'group'"), ('[shared."a/b"]', 1, "'a/b'", ""),
    ('login_services = ["*"]', 1, "sudo and su", "name each"),
    ('[directories.svc-a]\nvariables = ["X"]', 1, "for services", ""),
]


@pytest.mark.parametrize(("text", "line", "what", "hint"), WRONG, ids=[repr(case[0][:40]) for case in WRONG])
def test_wrong(text: str, line: int, what: str, hint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        taken(text)
    error = caught.value
    assert (error.file, error.line) == ("f0", line) and error.hint, str(error)
    assert what in error.what and hint in error.hint, str(error)


def test_right() -> None:
    config = taken('stage = "bind"\n[mounts."/var/tmp"]\nnoexec = true\n[mounts."/dev/shm"]\n'
                   '[mounts."/s"]\ninstance = "/d"\n')
    assert config.mounts == {
        "/tmp": {"instance": "/tmp", "noexec": False, "pass": list(PASS), "links": LINKS},
        "/var/tmp": {"instance": "/var/tmp", "noexec": True, "pass": [], "links": {}},
        "/dev/shm": {"instance": "/dev/shm", "noexec": False, "pass": [], "links": {}},
        "/s": {"instance": "/d", "noexec": False, "pass": [], "links": {}}}
    assert config.origins['mounts."/var/tmp".noexec'] == ("f0", 3) and config.origins['mounts."/dev/shm"'] == ("f0", 4)


def test_later_files_replace_key_by_key_and_whole_tables_of_links() -> None:
    config = taken('[mounts."/var/tmp"]\nnoexec = true\n[mounts."/tmp".links]\n"a" = "/a"\n[shared.web]\ngroup = "w"\n',
                   '[mounts."/var/tmp"]\ninstance = "/d"\n'
                   '[mounts."/tmp".links]\n"b" = "/b"\n[shared.web]\nusers = ["u"]\n')
    assert config.mounts["/var/tmp"] == {"instance": "/d", "noexec": True, "pass": [], "links": {}}
    assert config.mounts["/tmp"]["links"] == {"b": "/b"}
    assert config.shared == {"web": {"group": "w", "users": ["u"]}}
    assert Config("f").mounts["/tmp"]["links"] == LINKS  # the defaults are nobody's to change


def test_kept_in_the_cache(tmp_path) -> None:  # type: ignore[no-untyped-def]
    import os
    path = tmp_path / "c.toml"
    path.write_text('[mounts."/var/tmp"]\nnoexec = true\n[shared.web]\nusers = ["u"]\n')
    os.utime(path, (1, 1))
    first = cache.cached(str(path), str(tmp_path / "cache"), owner=os.getuid(), clock=lambda: 2 ** 62)
    second = cache.cached(str(path), str(tmp_path / "cache"), owner=os.getuid(), clock=lambda: 2 ** 62)
    assert first.parsed and not second.parsed
    assert (second.mounts, second.shared) == (first.mounts, first.shared)


@pytest.mark.parametrize(("directory", "leaf"), [
    ("/tmp", "tmp"), ("/var/tmp", "var-tmp"), ("/dev/shm", "dev-shm"), ("/scratch", "scratch"), ("/a_1/b", "a_1-b")])
def test_leaf(directory: str, leaf: str) -> None:
    assert paths.leaf_of(directory) == leaf


def test_leaves_of_all_directories_differ() -> None:
    alike = ["/a/b", "/a-b", "/a.b", "/A/b", "/svc/b", "/s/b", "/a/b/c/d/e/f/g/h/i",
             "/a/b/c/d/e/f/g/h/j", "/svcb", "/é"]
    leaves = [paths.leaf_of(one) for one in alike] + [paths.leaf_of(one, "b", own) for one in alike for own in (False,)]
    leaves.append(paths.leaf_of("/x", "b"))
    assert len({*leaves}) == len(leaves)
    assert all(re.fullmatch("[a-z0-9_-]{1,16}", leaf) for leaf in leaves)


@given(st.text(min_size=1).map(lambda text: "/" + text))
def test_every_leaf_can_be_one(directory: str) -> None:
    if not mounts.unfit(directory):
        assert re.fullmatch("[a-z0-9_-]{1,16}", paths.leaf_of(directory))
        assert not paths.leaf_of(directory).startswith("svc-")


def test_name_of_a_view() -> None:
    one = [("/tmp/.private/a/tmp", 46, 6, "/tmp", 6), ("/tmp/.private", 46, 2, "/tmp/.private", 6)]
    names = {view.name(1000, one), view.name(1001, one), view.name(1000, one[:1]), view.name(1000, one[::-1])}
    for index in range(5):
        for change in ("1", 1):
            line = list(one[0])
            if isinstance(line[index], type(change)):
                line[index] += change
                names.add(view.name(1000, [tuple(line), one[1]]))  # type: ignore[list-item]
    assert len(names) == 9
    assert all(re.fullmatch(r"100[01]\.[0-9a-f]{16}", name) for name in names)
    assert view.name(1000, one) == view.name(1000, list(one))


def test_words() -> None:
    assert view.words(6) == "nosuid,nodev" and view.words(15) == "ro,nosuid,nodev,noexec" and view.words(0) == ""
