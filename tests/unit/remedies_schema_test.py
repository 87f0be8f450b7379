"""The catalogue's schema: what an entry may say, and that each mistake is refused with file, line and reason."""
from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from pam_mktemp_py.errors import ConfigError
from pam_mktemp_py.remedies import entry as model, schema
from pam_mktemp_py.remedies.entry import Check, Entry, Evidence, Recognise, Remedy

GOOD = """\
summary = "a program"
group = "meets"
class = "user-ipc"
does = "Makes /tmp/x."
breaks = "nothing"

[recognise]
names = ["prog", "prog-2"]
paths = ["/usr/bin/*"]
interpreter = "python3"
versions = ">=1.9, <4"
version = ["prog", "-V"]
touches = {'^/tmp/x$' = "user-ipc", "y" = "knob"}
anyone = true

[remedy]
kind = "launcher"
set = {X_DIR = "$TMPDIR/x", Y = ""}
unset = ["TMPDIR"]
arguments = ["-a", "$$ $HOME"]
required = true
reason = "so"

[evidence]
documented = "prog(1)"
observed = "here"

[check]
packages = ["prog"]
commands = [
    ["prog", "$TMPDIR"],
    ["prog"],
]
output = "^x"
touches = "^/tmp/x$"
both = true
"""
# What is put in the place of what; the line; what the message says. An empty first one: the text is put at the end.
MISTAKES = [
    ('summary = "a program"\n', "", 0, "the entry has no summary"),
    ('"a program"', "7", 1, "summary is 7"),
    ('"a program"', '" a"', 1, "summary is ' a'"),
    ('"a program"', '""', 1, "summary is ''"),
    ('"a program"', '"a\\nb"', 1, "one line"),
    ('"a program"', '"' + "a" * 601 + '"', 1, "1 to 600"),
    ('"meets"', '"A"', 2, "can be no name of a group"),
    ("user-ipc", "user-ip", 3, "did you mean 'user-ipc'?"),
    ("user-ipc", "look-only", 3, "class is 'look-only'"),
    ("breaks =", "brakes =", 5, "unknown key 'brakes'; did you mean 'breaks'?"),
    ("[recognise]", "[recognize]", 7, "unknown key 'recognize'"),
    ('names = ["prog", "prog-2"]', "", 7, "[recognise] has no names"),
    ('["prog", "prog-2"]', '"prog"', 8, "names is 'prog'"),
    ('["prog", "prog-2"]', "[]", 8, "names is empty"),
    ('"prog-2"]', "\n3]", 9, "names holds 3"),
    ('"prog-2"', '"/usr/bin/prog"', 8, "can be no name of a program"),
    ('"prog-2"', '"../x"', 8, "can be no name of a program"),
    ('"prog-2"', '"prog"', 8, "names has prog twice"),
    ("/usr/bin/*", "bin/*", 9, "no absolute path"),
    ("interpreter =", "interpeter =", 10, "unknown key 'interpeter' in [recognise]"),
    (">=1.9, <4", ">=1.9 <4", 11, "is no comparison"),
    (">=1.9, <4", "~1", 11, "is no comparison"),
    ('version = ["prog", "-V"]', "", 11, "without a command that prints the version"),
    ("'^/tmp/x$' =", "'[a' =", 13, "'[a' is no regular expression"),
    ('"knob"', '"nob"', 13, "did you mean 'knob'?"),
    ('"knob"', "3", 13, "the class is 3"),
    ("""{'^/tmp/x$' = "user-ipc", "y" = "knob"}""", "{}", 13, "touches is empty"),
    ("""{'^/tmp/x$' = "user-ipc", "y" = "knob"}""", '["x"]', 13, "touches is a list"),
    ("""touches = {'^/tmp/x$' = "user-ipc", "y" = "knob"}""", "", 14, "anyone without touches"),
    ("anyone = true", "anyone = 1", 14, "anyone is 1"),
    ('"launcher"', '"launch"', 17, "did you mean 'launcher'?"),
    ('"launcher"', '"environment"', 19, "unset does nothing for the remedy environment"),
    ('"launcher"', '"share"', 18, "set does nothing for the remedy share"),
    ('{X_DIR = "$TMPDIR/x", Y = ""}', "{}", 18, "set is empty"),
    ('{X_DIR = "$TMPDIR/x", Y = ""}', '"X"', 18, "set is 'X'"),
    ("X_DIR", '"X-DIR"', 18, "can be no environment variable"),
    ("X_DIR = ", "X_DIR = 1, Z = ", 18, "X_DIR is 1"),
    ("$TMPDIR/x", "$TEMP/x", 18, "X_DIR names $TEMP; known are $TMPDIR"),
    ("$TMPDIR/x", "${TMPDIR}", 18, "X_DIR has a $ without one of the names"),
    ("$TMPDIR/x", "a\\u0000", 18, "holds a NUL byte"), ("$TMPDIR/x", "a\\n", 18, "holds a line feed"),
    ('"$$ $HOME"]', '\n"a\\n"]', 21, "holds a line feed"),
    ('["TMPDIR"]', '["A=B"]', 19, "can be no environment variable"),
    ('"$$ $HOME"]', '\n"$PWD"]', 21, "names $PWD"),
    ("required = true", 'required = "yes"', 21, "required is 'yes'"),
    ("reason =", "file = \"/etc/x\"\nreason =", 22, "file does nothing for the remedy launcher"),
    ('documented = "prog(1)"\nobserved = "here"', "", 24, "neither documented nor observed"),
    ('"prog(1)"', '["prog(1)"]', 25, "documented is a list"),
    ('["prog"]\ncommands', '["P!"]\ncommands', 29, "can be no name of a package"),
    ('    ["prog"],\n', '    "prog",\n', 32, "a command is no list of strings"),
    ('    ["prog"],\n', "    [],\n", 32, "a command is no list of strings"),
    ('["prog", "$TMPDIR"]', '["$x"]', 31, "names $x"),
    ('"^x"', '"("', 34, "no regular expression"),
    ('"^/tmp/x$"', '"[a"', 35, "no regular expression"),
    ("both = true", "both = 1", 36, "both is 1"),
    ("", "x = 1\n", 37, "unknown key 'x' in [check]"),
    ("", "[more]\n", 37, "unknown key 'more'"),
    ("[evidence]", "[evidence", 24, "is not valid TOML"),
    ("", "both = false\n", 37, "second time"),
]


def read(text: str) -> Entry:
    return schema.read("prog", "/x/prog.toml", text.encode())


def test_all_of_it() -> None:
    assert read(GOOD) == Entry(
        "prog", "/x/prog.toml", False, "a program", "meets", "user-ipc", "Makes /tmp/x.", "nothing",
        Recognise(("prog", "prog-2"), ("/usr/bin/*",), "python3", ">=1.9, <4", ("prog", "-V"),
                  {"^/tmp/x$": "user-ipc", "y": "knob"}, True),
        Remedy("launcher", {"X_DIR": "$TMPDIR/x", "Y": ""}, ("TMPDIR",), ("-a", "$$ $HOME"), True, reason="so"),
        Evidence("prog(1)", "here"), Check(("prog",), (("prog", "$TMPDIR"), ("prog",)), "^x", "^/tmp/x$", True))


@pytest.mark.parametrize(("old", "new", "line", "says"), MISTAKES)
def test_mistakes(old: str, new: str, line: int, says: str) -> None:
    assert old in GOOD
    wrong = GOOD.replace(old, new, 1) if old else GOOD + new
    with pytest.raises(ConfigError) as refused:
        read(wrong)
    assert says in str(refused.value)
    assert (refused.value.file, refused.value.line) == ("/x/prog.toml", line)
    assert refused.value.hint


@pytest.mark.parametrize("key", ["does", "class", "recognise", "remedy", "evidence"])
def test_what_must_be_there(key: str) -> None:
    lines = GOOD.splitlines(keepends=True)
    if f"[{key}]\n" in lines:
        start = lines.index(f"[{key}]\n")
        end = lines.index("\n", start) if "\n" in lines[start:] else len(lines)
    else:
        start = next(number for number, line in enumerate(lines) if line.startswith(f"{key} ="))
        end = start + 1
    with pytest.raises(ConfigError, match=f"the entry has no {key}; add it"):
        read("".join(lines[:start] + lines[end:]))


@pytest.mark.parametrize(("remedy", "says"), [
    ('kind = "environment"', "has no set"), ('kind = "launcher"', "changes nothing"),
    ('kind = "launcher"\nrequired = true', "changes nothing"), ('kind = "share"', "has no reason"),
    ('kind = "none"', "has no reason"), ('kind = "configuration"\nfile = "/etc/x"', "has no change"),
    ('kind = "configuration"\nchange = "x"', "has no file"),
    ('kind = "configuration"\nfile = "x"\nchange = "x"', "begin it with / or ~/"),
    ('set = {X = "1"}', "has no kind"),
    ('kind = "bind"', ""), ('kind = "bind"\nset = {X = "1"}', ""),
    ('kind = "configuration"\nfile = "~/.x"\nchange = "x"', ""),
])
def test_what_each_remedy_needs(remedy: str, says: str) -> None:
    before, rest = GOOD.split("[remedy]\n")
    text = f"{before}[remedy]\n{remedy}\n\n[evidence]{rest.split('[evidence]')[1]}"
    if not says:
        assert read(text).remedy.kind in remedy
        return
    with pytest.raises(ConfigError) as refused:
        read(text)
    assert says in str(refused.value) and 16 <= refused.value.line <= 19


def test_the_least_that_must_be_there() -> None:
    found = read('summary = "s"\nclass = "knob"\ndoes = "d"\n[recognise]\nnames = ["prog"]\n'
                 '[remedy]\nkind = "bind"\n[evidence]\nobserved = "o"\n')
    assert (found.group, found.check, found.remedy) == ("prog", None, Remedy("bind"))


@pytest.mark.parametrize("name", ["", "A", "-a", "a/b", "..", "a" * 41, "a b", "a\n"])
def test_names_that_no_entry_can_have(name: str) -> None:
    with pytest.raises(ConfigError, match="can be no name of an entry"):
        schema.read(name, "/x", GOOD.encode())


@given(st.integers(0, len(GOOD) - 1), st.text(max_size=4))
def test_whatever_is_written_is_an_entry_or_refused(at: int, text: str) -> None:
    try:
        found = read(GOOD[:at] + text + GOOD[at + len(text):])
    except ConfigError as error:
        assert error.file == "/x/prog.toml" and error.what
    except UnicodeEncodeError:  # a lone surrogate, which no file holds
        return
    else:
        assert found.remedy.kind in model.KINDS and found.recognise.names
