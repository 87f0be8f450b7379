"""Launch plans: what the encoder writes the twin reads, and what no plan can say is refused."""
from __future__ import annotations

import pytest
from hypothesis import given, settings, strategies as st

from pam_mktemp_py import expand
from pam_mktemp_py.errors import Refused
from pam_mktemp_py.remedies import catalogue, launch_plan
from pam_mktemp_py.remedies.entry import BIND, LAUNCHER, Entry, Evidence, Recognise, Remedy
from tests import launch_twin

variable = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,63}", fullmatch=True)
piece = st.sampled_from([*(f"${name}" for name in expand.NAMES), "$$", "=", "a b", "-", "?*", "+", "!", "end", "", "\t",
                         "é", "\udcff", "\r", "'", '"', "\\", "`id`", "$$(id)", "$${HOME}", "~", "|&;<>(){}#[a]"])
value = st.lists(piece, max_size=4).map("/".join)
remedy = st.builds(
    Remedy, st.sampled_from([LAUNCHER, BIND]), set=st.dictionaries(variable, value, max_size=3),
    unset=st.lists(variable, max_size=3).map(tuple), arguments=st.lists(value, max_size=3).map(tuple),
    required=st.booleans())


def an_entry(made: Remedy, name: str = "prog", paths: tuple[str, ...] = ()) -> Entry:
    recognise = Recognise(("prog",), paths)
    return Entry(name, f"{name}.toml", True, "s", name, "knob", "d", "", recognise, made, Evidence("x"))


def section(made: Remedy, pattern: str) -> launch_twin.Section:
    def value(text: str) -> str:
        return expand.expand(text, launch_twin.VALUES)

    return launch_twin.Section(pattern.replace(" ", "?"), [*made.unset, *made.set],
                               {name: value(text) for name, text in made.set.items()},
                               [value(text) for text in made.arguments], made.kind == BIND, made.required)


@settings(max_examples=100, deadline=None)
@given(remedy, remedy, st.lists(st.sampled_from(["/opt/*", "/usr/bin/prog", "/a b/[!x]*"]), unique=True, max_size=3))
def test_the_twin_reads_what_is_written(one: Remedy, other: Remedy, paths: list[str]) -> None:
    """An entry with paths comes first, whatever its name."""
    entries = [an_entry(one, "a"), *([an_entry(other, "b", tuple(paths))] if paths else [])]
    read = launch_twin.parse(launch_plan.encode("prog", entries))
    assert read == [*(section(other, path) for path in paths), section(one, "*")]


@pytest.mark.parametrize(("remedy", "says"), [
    (Remedy("launcher", arguments=("a\nb",)), "line feed"), (Remedy("launcher", set={"A": "x\n"}), "line feed"),
    (Remedy("launcher", set={"A": "\0"}), "NUL"), (Remedy("launcher", arguments=("$TMP",)), "names $TMP"),
    (Remedy("launcher", unset=("A" * 65,)), "at most 64"), (Remedy("launcher", set={"A=B": "x"}), "can be no variable"),
    (Remedy("launcher", set={"": "x"}), "can be no variable"),
    (Remedy("environment", set={"A": "x"}), "needs no launch"),
    (Remedy("launcher", arguments=("x" * 100,) * 170), "more than 16384"),
])
def test_what_no_plan_can_say(remedy: Remedy, says: str) -> None:
    with pytest.raises(Refused, match=says.replace("$", r"\$")) as caught:
        launch_plan.encode("prog", [an_entry(remedy)])
    assert caught.value.hint and caught.value.id == "shims-refused"


@pytest.mark.parametrize("program", ["", "a/b", "..", "a b", "a\n", "-a", "x" * 65, "é"])
def test_a_name_that_no_shim_can_have(program: str) -> None:
    with pytest.raises(Refused, match="no name of a shim"):
        launch_plan.encode(program, [an_entry(Remedy("bind"))])


def test_a_pattern_with_a_line_feed_would_be_another_line() -> None:
    with pytest.raises(Refused, match="line feed"):
        launch_plan.encode("prog", [an_entry(Remedy("bind"), paths=("/a\n!",))])


def test_every_entry_of_the_catalogue_that_needs_one_has_one() -> None:
    found = [entry for entry in catalogue.load().entries.values() if entry.remedy.kind in (LAUNCHER, BIND)]
    assert len(found) > 10
    for entry in found:
        for name in entry.recognise.names:
            read = launch_twin.parse(launch_plan.encode(name, [entry]))
            assert read == [section(entry.remedy, path) for path in entry.recognise.paths or ("*",)]
    java = [entry for entry in found if "java" in entry.recognise.names]
    patterns = [each.pattern for each in launch_twin.parse(launch_plan.encode("java", java))]
    assert len(patterns) > 2 and patterns.index("*") == len(patterns) - 1


@pytest.mark.parametrize("name", ["USER", "HOME", "XDG_RUNTIME_DIR"])
def test_an_empty_value_is_none(name: str) -> None:
    """As in sessions: else a required remedy would be in force with a path of nobody's."""
    data = launch_plan.encode("prog", [an_entry(Remedy("launcher", set={"A": f"${name}/x"}))])
    for values in (launch_twin.VALUES | {name: ""}, {}):
        with pytest.raises(launch_twin.Refused, match="no value"):
            launch_twin.parse(data, values)
    assert launch_twin.parse(data, {name: "/a  b*"})[0].set == {"A": "/a  b*/x"}
