"""Launch plans as they are written, read by the real launcher: what a value says is what the program gets."""
from __future__ import annotations

import random
from typing import Any

from pam_mktemp_py import expand
from pam_mktemp_py.remedies import launch_plan
from pam_mktemp_py.remedies.entry import BIND, LAUNCHER, Entry, Evidence, Recognise, Remedy
from tests.privileged.run.start import number
from tests.privileged.shims import launched
from tests.privileged.shims.launched import PLANS, TMPDIR, plan, seen, status

shims = launched.shims
VALUES = {"TMPDIR": TMPDIR, "UID": "2101", "USER": "alice", "HOME": "/home/a $x `id` \"q\" 'r' \\ *",
          "XDG_RUNTIME_DIR": "~"}
PIECES = ["$TMPDIR", "$UID", "$USER", "$HOME", "$XDG_RUNTIME_DIR", "$$", "'", '"', "\\", " ", "\t", "*", "?", "[a]",
          "~", "~root", "`id`", "$$(id)", "$$((1))", "|", ";", "&", "<", ">", "{a,b}", "#", "!", "é", "\x7f", "=", "+",
          "-", "x", "/", "%", ""]


def some_texts(seed: int) -> list[str]:
    """Each piece, and pieces put together in ways that mean something."""
    chance = random.Random(seed)
    return [text for text in [*PIECES, *("".join(chance.choices(PIECES, k=6)) for _ in range(150))]
            if not expand.fault(text)]


def entry(remedy: Remedy, *paths: str) -> Entry:
    return Entry("x", "x.toml", True, "x", "x", "hardcoded", "x", "", Recognise(("python3",), paths), remedy,
                 Evidence("x"))


def write(*entries: Entry) -> None:
    plan("python3")
    (PLANS / "python3").write_bytes(launch_plan.encode("python3", entries))


def test_every_value_arrives(shims: Any) -> None:
    texts = some_texts(6)
    for part in (texts[at:at + 40] for at in range(0, len(texts), 40)):
        write(entry(Remedy(LAUNCHER, {f"V{at}": text for at, text in enumerate(part)}, ("TEMP",))))
        found = seen(user=shims, env=VALUES | {"TEMP": "x"})
        wanted = {f"V{at}": expand.expand(text, VALUES) for at, text in enumerate(part)}
        assert {name: found["environment"].get(name) for name in wanted} == wanted
        assert "TEMP" not in found["environment"]


def test_every_argument_arrives(shims: Any) -> None:
    texts = some_texts(7)
    code = "import json, sys; print(json.dumps({'words': sys.argv[1:]}))"
    write(entry(Remedy(LAUNCHER, arguments=("-c", code, *texts))))
    assert seen(user=shims, env=VALUES)["words"][:len(texts)] == [expand.expand(text, VALUES) for text in texts]


def test_sections_and_flags(shims: Any) -> None:
    """Entries with paths come before the one without; a pattern with a space is none of two."""
    mine = Remedy(BIND, {"A": "mine"}, required=True)
    write(entry(Remedy(LAUNCHER, {"A": "any"})), entry(mine, "/opt/my python/*", "/usr/bin/*"))
    found = seen(user=shims)
    assert found["environment"]["A"] == "mine" and f"{found['tmp']}\n" == number(TMPDIR)
    write(entry(Remedy(LAUNCHER, {"A": "any"})), entry(Remedy(BIND, {"A": "mine"}), "/opt/my python/*"))
    assert seen(user=shims)["environment"]["A"] == "any"


def test_spoilt_plans(shims: Any) -> None:
    """Whatever stands in a plan, the program runs, with or without a remedy, or is refused: nothing else happens."""
    chance = random.Random(8)
    whole = launch_plan.encode("true", [
        entry(Remedy(LAUNCHER, {"A": "$TMPDIR/$$x"}, ("B",), ("-c", "'$UID'"), True), "/opt/*"),
        entry(Remedy(LAUNCHER))])
    pieces = [b"", b"\0", b" ", b"\n", b"b", b"!", b"$(id)", b"`", b'"', b"'", b"\xff", b"=", b"+", b"-", b"*", b"[",
              b"${A", b"x" * 300]
    plan("true")
    for _ in range(400):
        data = bytearray(whole)
        for _ in range(chance.randint(1, 4)):
            at = chance.randrange(18, len(data) - 5)
            data[at:at + chance.randint(0, 3)] = chance.choice(pieces)
        (PLANS / "true").write_bytes(data)
        assert status("true", user=shims)[0] in (0, 125), bytes(data)
