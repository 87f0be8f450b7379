"""One line, printable ASCII, bounded: whatever a user calls himself."""
from __future__ import annotations

from hypothesis import example, given, strategies as st

from pam_mktemp_py import errors, log, paths

ANY_TEXT = st.text(st.characters())  # surrogates included: os.fsdecode() makes them


@given(ANY_TEXT, ANY_TEXT)
@example("id", "\x1b[2J\n\r\0\u2028")
def test_line_is_printable_ascii_and_bounded(id: str, text: str) -> None:
    line = log.line(id[:20], text)
    assert all(" " <= c <= "~" for c in line)
    assert len(line) <= log.LONGEST


def test_escapes_can_be_told_from_the_text_itself() -> None:
    assert log.escaped("a\nb") == "a\\x0ab"
    assert log.escaped("a\\x0ab") == "a\\\\x0ab"
    assert log.escaped("\udcff€\U0001f600") == "\\xff\\u20ac\\U0001f600"


@given(st.integers(0, 2000), st.sampled_from("a\n€\\"))
def test_a_long_line_is_cut_between_escapes(count: int, c: str) -> None:
    line = log.line("x", c * count)
    whole = "[x] " + log.escaped(c) * count
    if len(whole) <= log.LONGEST:
        assert line == whole
    else:
        assert line.endswith("...")
        assert (len(line) - len("[x] ...")) % len(log.escaped(c)) == 0
        assert len(line) > log.LONGEST - 10 - len(log.escaped(c))


def test_say_without_a_syslog_daemon_is_no_error() -> None:
    log.say("test", "a line of the unit tests\0")


def test_errors_name_place_reason_and_hint() -> None:
    error = errors.ConfigError("/f", 3, "is wrong", "do this")
    assert (str(error), error.id) == ("/f:3: is wrong; do this", "config-invalid")
    assert str(errors.ConfigError("/f", 0, "is wrong")) == "/f: is wrong"
    assert errors.InUse("/d", "is in use").id == "directory-in-use"
    assert isinstance(errors.InUse("/d", "is in use"), errors.DirectoryError)
    assert errors.DirectoryError("/d", "w").id == "directory-refused"
    assert str(errors.AccountError("bob", "is unknown")) == "bob: is unknown"


def test_drop_in_folder_is_beside_the_file() -> None:
    assert paths.drop_in_folder(paths.CONFIG) == paths.CONFIG_DIR
    assert paths.drop_in_folder("/x/conf") == "/x/conf.d"
