"""The table of log messages holds every id that can be logged, and no other."""

from __future__ import annotations

import re
from pathlib import Path

from pam_mktemp_py.messages import MESSAGES

TOP = Path(__file__).parents[2]
SAID = re.compile(r"""(?xm)
    \b say \( \s* (?: [^"',()]+, \s* )* ["'] ([a-z]+(?:-[a-z]+)*) ["']    # log.say("id", or say(session, LOG_ERR, "id",
    | \b _id \s* = \s* ["'] ([a-z-]+) ["']
    | \b (?: Error | Refused | __init__) \( \s* ["'] ([a-z]+(?:-[a-z]+)+) ["']
    | \? \s* ["'] ([a-z]+(?:-[a-z]+)+) ["'] \s* : \s* ["'] ([a-z]+(?:-[a-z]+)+) ["']  # C's deny ? "id" : "id"
    | \b else \s+ ["'] ([a-z]+-[a-z]+) ["'] $
""")

# Errors that only commands raise: shown to who typed the command, never logged.
SHOWN = {"import-refused", "install-refused", "no-process", "not-root", "probe-failed", "shims-refused",
         "stack-failed", "stack-refused", "trace-failed", "trace-refused"}


def said() -> set[str]:
    """Every id that the source gives to a message or an error."""
    files = [*TOP.glob("pam_mktemp_py/**/*.py"), *TOP.glob("shims/**/*.c")]
    return {name for path in files for names in SAID.findall(path.read_text()) for name in names if name}


def test_every_message_id_is_listed() -> None:
    assert {"failed-open", "planner-failed", "config-invalid", "moved-aside"} <= said()
    assert not SHOWN & set(MESSAGES)
    assert set(MESSAGES) | SHOWN == said()


def test_messages_are_sentences() -> None:
    for name, message in MESSAGES.items():
        assert message.meaning[0].islower() or message.meaning[0] == "/", name
        assert not message.meaning.endswith(".") and message.do.endswith("."), name
        assert "|" not in message.meaning and len(message.meaning) < 100, name
