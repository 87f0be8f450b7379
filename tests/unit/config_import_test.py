"""What pam_namespace's and pam_tmpdir's configurations become: each line accounted for, the result always loads."""
from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import example, given, settings, strategies as st

from pam_mktemp_py.config import importing, model, namespace_conf, others, tmpdir_conf, toml_text
from pam_mktemp_py.config.importing import Translation
from pam_mktemp_py.config.load import compiled, parse
from pam_mktemp_py.config.model import Config
from pam_mktemp_py.errors import Refused

KNOWN = {"root": "root", "toor": "root", "adm": "adm", "alice": "alice", "bob": "bob", "é": "é", "bad ": "bad "}
NAME = "/etc/security/namespace.conf"
MANUAL = """\
      # The following three lines will polyinstantiate /tmp,
      #
      /tmp     /tmp-inst/               level      root,adm
      /var/tmp /var/tmp/tmp-inst/   \tlevel      root,adm
      $HOME    $HOME/$USER.inst/inst- context
"""  # namespace.conf(5)
DEBIAN = Path("/etc/security/namespace.conf")


def translate(*texts: str) -> Translation:
    names = [NAME, "/etc/security/namespace.d/a.conf", "/etc/security/namespace.d/b.conf"]
    return namespace_conf.translate(list(zip(names, texts)), KNOWN.get)


def loaded(made: Translation) -> Config:
    """What our own reader makes of the result, which it must take."""
    return compiled("f", [("f", importing.to_toml(made, model.TMP_VARIABLES).encode())])


def told(made: Translation) -> str:
    return "\n".join(str(remark) for remark in made.told(lost=True))


@pytest.mark.parametrize(("lines", "exempt"), [
    (["/tmp /i/ user"], []),
    (["/tmp /i/ user root,adm"], ["root", "adm"]),
    (["/tmp/ /i/ user root,adm"], ["root", "adm"]),
    (["  \t/tmp\t/i/\tuser\troot # adm"], ["root"]),
    (['"/tmp" "/i n/" "user" "root"'], ["root"]),
    (["/t\\mp /i/ us\\er r\\oot"], ["root"]),
    (["/tmp /i/ user root\r"], ["root"]),
    (["/tmp /i/ user:create=0700,root,root:noinit root"], ["root"]),
    (["/tmp /i/ user toor"], ["root"]),  # by uid there, by the uid's first name here
    (["/tmp /i/ user é"], ["é"]),
    (["/tmp /i/ user root,adm,alice", "/tmp /j/ user adm,alice,bob"], ["adm", "alice"]),  # one of two is enough
    (["/tmp /i/ user root,adm,alice", "/tmp /j/ user ~alice"], ["root", "adm"]),
])
def test_tmp(lines: list[str], exempt: list[str]) -> None:
    made = translate("\n".join(lines))
    config = loaded(made)
    assert (config.stage, config.exempt_users) == ("bind", exempt)
    assert told(made) == ""
    assert made.stage and made.stage.where == f"{NAME}:1"
    assert f"# {NAME}:1: " in importing.to_toml(made, model.TMP_VARIABLES)


@pytest.mark.parametrize(("line", "what"), [
    ("/var/tmp /i/ user", "/var/tmp stays shared: it cannot be an account's own while /tmp is not"),
    ("/etc /i/ user", "/etc stays shared: it cannot be an account's own"),
    ("/tmp/x /i/ user", "/tmp/x stays shared"),
    ("$HOME $HOME/$USER.inst/ user", "$HOME stays shared"),
    ("/home/$USER /i/ user", "/home/$USER stays shared"),
    ("/tmp /i/ level", "method level: SELinux"),
    ("/tmp /i/ context:shared", "shared: every account gets"),
    ("/tmp tmpfs tmpfs:mntopts=size=1M,noexec", "'size=1M,noexec' are not set"),
    ("/tmp /i/ tmpdir", "the directory stays when the session ends"),
    ("/tmp /i/ user:iscript=x.sh", "the script x.sh is not run"),
    ("/tmp /i/ user:quota=1", "'quota=1' is no flag"),
    ("/tmp /i/ user ~alice,bob", "only alice, bob had a private /tmp (~)"),
    ("/tmp /i/ user ~", "only nobody had a private /tmp (~)"),
    ("/tmp /i/ user root,nosuch", "there is no account 'nosuch'"),
    ("/tmp /i/ user root,", "there is no account ''"),
    ('/tmp /i/ user "bad "', "there is no account 'bad '"),
    ("/tmp /i/ user root, adm", "ignores what follows the fourth word"),
    ("/tmp /i/ user \\", "there is no account '\\'"),  # no line is continued
    ("/tmp /i/", "has 2 of at least 3 words"),
    ("/tmp /i/ users", "'users' is no method"),
    ("/tmp /i/ \"\"", "'' is no method"),
    ("/tmp i/ user", "'i/' is no absolute path"),
    ("tmp /i/ user", "'tmp' is no absolute path"),
    ("/tmp/../tmp /i/ user", "is no absolute path without '..'"),
    ("/tmp /i/ user\0", "NUL"),
])
def test_what_cannot_be_translated_is_told_with_its_line(line: str, what: str) -> None:
    made = translate(f"# one\n\n{line}\n")
    assert f"{NAME}:3: " in told(made) and what in told(made), told(made)
    assert all(remark.do for remark in made.told(lost=True))
    loaded(made)


def test_a_list_of_those_who_have_it_decides_nothing_here() -> None:
    made = translate("/tmp /i/ user ~alice")
    assert made.empty and loaded(made).settings() == Config("f").settings()


def test_the_files_of_namespace_d_are_named() -> None:
    made = translate("", "/tmp /i/ user root", "\n/var/tmp /i/ user")
    assert made.exempt["root"].where == "/etc/security/namespace.d/a.conf:1"
    assert told(made).startswith("/etc/security/namespace.d/b.conf:2: /var/tmp")


@pytest.mark.parametrize(("lines", "directories", "lost"), [
    (["/tmp /i/ user root", "/var/tmp /j/ user root", "/dev/shm/ /k/ user toor"], ["/var/tmp", "/dev/shm"], ""),
    (["/var/tmp /j/ user root", "/tmp /i/ user root"], ["/var/tmp"], ""),
    (["/tmp /i/ user root", "/var/tmp /j/ user"], ["/var/tmp"], ":2: /var/tmp was another list of accounts'"),
    (["/tmp /i/ user root", "/var/tmp /j/ user ~root"], ["/var/tmp"], ":2: /var/tmp was another list of accounts'"),
    (["/tmp /i/ user", "/var/tmp tmpfs tmpfs:mntopts=noexec"], ["/var/tmp"], "the mount options 'noexec' are not set"),
    (["/tmp /i/ user", "/a /j/ user", "/a/b /k/ user"], ["/a"], ":3: /a/b stays shared: it lies in another"),
    (["/tmp /i/ user", "/a/b /j/ user", "/a /k/ user"], ["/a/b"], ":3: /a stays shared: it lies in another"),
    (["/tmp /i/ user", *(f"/{c} /j/ user" for c in "abcdefghi")], [f"/{c}" for c in "abcdefg"],
     ":9: /h stays shared: it is one too many: 7"),
    (["/tmp /i/ user", "/a /j/ user root", "/a /k/ user"], ["/a"], ":2: /a was another list"),
])
def test_other_directories(lines: list[str], directories: list[str], lost: str) -> None:
    made = translate("\n".join(lines))
    config = loaded(made)
    assert sorted(config.mounts) == sorted(["/tmp", *directories])
    assert lost in told(made) and bool(lost) == bool(told(made))


def test_debians_own_file() -> None:
    """As it is all is a comment; with the examples uncommented /tmp and its exempt accounts come over."""
    text = DEBIAN.read_text()
    assert translate(text).empty and not translate(text).remarks
    made = translate(re.sub(r"(?m)^#(?=[/$])", "", text))
    assert loaded(made).exempt_users == ["root", "adm"]
    assert [remark.what.split()[0] for remark in made.told(lost=True)] == ["method", "method", "$HOME"]
    assert list(made.mounts) == ["/var/tmp"]


def test_the_manuals_examples() -> None:
    made = translate(MANUAL)
    assert loaded(made).exempt_users == ["root", "adm"] and len(made.told(lost=True)) == 3


@pytest.mark.parametrize(("text", "where", "lost"), [
    ("", "t", ""), ("# tmpdir=/x\n", "t", ""), ("tmpdir=/tmp/user\n", "t:1", ""),
    ("\n\ntmpdir = /tmp/u\r\n", "t:3", ""),
    ("tmpdir=/scratch\n", "t:1", "t:1: the directories were /scratch/UID; here they are /tmp/.private/USER/tmp: their"),
    ("tmpdir=/tmp/a\n\ntmpdir=/tmp/b\n", "t:1", "t:3: tmpdir is set for the second time"),
    ("base=/x\n", "t", "t:1: is not understood"), ("tmpdir\n", "t", "t:1: is not understood"),
])
def test_tmpdir(text: str, where: str, lost: str) -> None:
    made = tmpdir_conf.translate("t", text)
    config = loaded(made)
    assert (config.stage, config.directories) == ("env", [("tmp", list(model.TMP_VARIABLES))])
    assert made.stage and made.stage.where == where
    assert told(made).startswith(lost) and bool(told(made)) == bool(lost)


LINES = st.lists(st.one_of(
    st.text(), st.text(alphabet="/tmp$HOMEUSR \\\"'#~,:=\t\r\0é\ud800\x85"),
    st.tuples(st.sampled_from(["/tmp", "/var/tmp", "$HOME"]), st.sampled_from(["/i/", "tmpfs"]),
              st.sampled_from(["user", "level:shared", "tmpfs:mntopts=x", "tmpdir:iscript=\u202e", "user:create"]),
              st.lists(st.sampled_from([*KNOWN, "x", "~root", "~", '"', "\ud800"])).map(",".join)).map(" ".join)))


@settings(max_examples=100, deadline=None)
@given(LINES, LINES)
def test_nothing_but_valid_toml_ever_comes_out(one: list[str], two: list[str]) -> None:
    made = translate("\n".join(one), "\n".join(two))
    config = loaded(made)
    assert set(config.exempt_users) <= set(KNOWN.values()) and config.stage == (made.word if made.stage else "env")
    assert made.empty == (made.stage is None)
    loaded(tmpdir_conf.translate("t\n\ud800", "\n".join(one)))


@settings(max_examples=100, deadline=None)
@example('"\\\t\n\r\x7f')
@given(st.recursive(st.text() | st.integers(0, 2**62), lambda inner: st.lists(inner, max_size=3)))
def test_values_come_back_from_toml(value: object) -> None:
    try:
        text = toml_text.value(value)
    except TypeError:
        assert re.search("[\ud800-\udfff]", str(value)) or "\\ud" in repr(value)
        return
    assert parse("f", f"key = {text}  {toml_text.comment(str(value))}\n".encode())[0] == {"key": value}


def test_reading(tmp_path: Path) -> None:
    conf, folder = tmp_path / "namespace.conf", tmp_path / "namespace.d"
    folder.mkdir()
    with pytest.raises(Refused, match="holds no"):
        others.read(str(folder))
    for name in ("b.conf", "a.conf", "c.txt", ".d.conf"):
        (folder / name).write_bytes(name.encode() + b"\xff")
    drop_ins = [(str(folder / name), name + "\udcff") for name in ("a.conf", "b.conf")]
    assert others.read(str(folder)) == drop_ins
    conf.write_text("main")
    assert others.read(str(tmp_path)) == [(str(conf), "main"), *drop_ins]
    conf.chmod(0o666)
    with pytest.raises(Refused, match="another account could have written it"):
        others.read(str(conf), conf.stat().st_uid)
    conf.write_text(" " * (others.LARGEST + 1))
    with pytest.raises(Refused, match="is larger"):
        others.read(str(conf))
    with pytest.raises(Refused, match="no regular file"):
        others.read("/dev/null")


@pytest.mark.parametrize(("name", "text", "found"), [
    ("namespace.conf", "", "namespace"), ("tmpdir.conf", "", "tmpdir"), ("x", " tmpdir = /x", "tmpdir"),
    ("x", "/tmp /i/ user", "namespace"), ("/etc/security/namespace.d/x.conf", "tmpdir=", "namespace"),
    ("x", "#a b c", ""),
])
def test_format(name: str, text: str, found: str) -> None:
    if found:
        assert others.format_of([(name, text)]) == found
    else:
        with pytest.raises(Refused, match="--format"):
            others.format_of([(name, text)])


def test_names_are_shown_as_they_are_and_commands_can_be_typed() -> None:
    """The names may be anybody's: a command that is copied into root's shell runs getent and nothing else."""
    [lost] = translate("/tmp /i/ user root,x;id").told(lost=True)
    assert lost.what.startswith("there is no account 'x;id', ") and lost.do.endswith(": getent passwd 'x;id'")
    [lost] = translate("/tmp /i/ user root,\\\\\x1b").told(lost=True)
    assert "'\\\x1b'" in lost.what  # escaped once, where it is shown: not here
