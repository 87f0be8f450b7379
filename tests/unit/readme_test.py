"""README.md tells the truth where a test can say so."""

from __future__ import annotations

import re
from pathlib import Path

from pam_mktemp_py.messages import MESSAGES

TOP = Path(__file__).parents[2]
README = (TOP / "README.md").read_text()


def test_set_up_comes_first() -> None:
    assert [line.split("#")[0].strip() for line in README.splitlines()[4:6]] == ["sudo make demo", "sudo make test"]


def test_the_table_of_messages_is_that_of_the_program() -> None:
    table = README.split("## Log messages")[1].split("\n## ")[0]
    rows = re.findall(r"^\| `([a-z-]+)` \| (.*) \|$", table, re.M)
    assert rows == [(name, message.meaning) for name, message in sorted(MESSAGES.items())]


def test_the_files_that_it_names_are_there() -> None:
    named = re.findall(r"(?<![\w/.])((?:contrib|tests|shims|pam_mktemp_py|benchmarks)/[\w./-]*\w)", README)
    assert named and [name for name in named if not (TOP / name).exists()] == []
    for link in re.findall(r"\]\(([^)#]+)", README):
        assert "://" in link or (TOP / link).exists(), link
