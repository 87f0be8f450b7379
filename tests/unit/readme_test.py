"""README.md tells the truth where a test can say so."""

from __future__ import annotations

import re
from pathlib import Path

TOP = Path(__file__).parents[2]
SAID = re.compile(r"""(?x)
    \b say \( (?: [^"',()]+, \s* )* ["'] ([a-z]+(?:-[a-z]+)+) ["']    # log.say("id", and say(session, LOG_ERR, "id",
    | \b _id \s* = \s* ["'] ([a-z-]+) ["']
    | \b (?: Error | __init__) \( \s* ["'] ([a-z]+(?:-[a-z]+)+) ["']
    | \? \s* ["'] ([a-z]+-[a-z]+) ["'] \s* : \s* ["'] ([a-z]+-[a-z]+) ["']      # C's deny ? "id" : "id"
    | \b else \s+ ["'] ([a-z]+-[a-z]+) ["'] $
""")


def test_every_message_id_is_listed() -> None:
    files = [*TOP.glob("pam_mktemp_py/**/*.py"), *TOP.glob("shims/**/*.c")]
    said = {name for path in files for line in path.read_text().splitlines()
            for names in SAID.findall(line) for name in names if name}
    assert {"failed-open", "planner-failed", "config-invalid", "moved-aside"} <= said
    text = (TOP / "README.md").read_text().split("## Log messages")[1].split("\n## ")[0]
    assert set(re.findall(r"^\| `([a-z-]+)` \|", text, re.M)) == said


def test_set_up_comes_first() -> None:
    lines = (TOP / "README.md").read_text().splitlines()
    assert [line.split("#")[0].strip() for line in lines[4:6]] == ["sudo make demo", "sudo make test"]
