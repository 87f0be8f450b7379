"""The catalogue's remedy in the answer of pam-mktemp detect, and a catalogue that cannot be read."""
from __future__ import annotations

from collections.abc import Callable

from tests.functional.cli_detect_test import TRACES, script, shared, traceable
from tests.functional.commands import Command

__all__ = ["script", "shared", "traceable"]


def test_the_remedy_is_named(command: Command) -> None:
    words = ["detect", "--trace", str(TRACES / "tmux.strace.xz"), "--tmpdir", "/tmp/.private/u1", "--wrapper"]
    drop_in = command.config.with_suffix(".d") / "50-shims.toml"
    for enabled in (False, True):
        found = [each for each in command.json(*words, status=1)["findings"] if each["class"] == "user-ipc"]
        assert len(found) == 3
        for finding in found:
            remedy = finding["remedy"]
            assert remedy.pop("proved")["date"] and remedy == {
                "entry": "tmux", "kind": "environment", "group": "tmux", "enabled": enabled,
                "command": "pam-mktemp shims enable tmux"}
        drop_in.parent.mkdir(exist_ok=True)
        drop_in.write_text('[shims]\nenabled = ["tmux", "lua"]\n')
    assert command("detect", *words[1:]).stdout.count("enabled, but not in force") == 3


def test_a_broken_catalogue_is_no_hindrance(command: Command, script: Callable[[str], str], shared: str) -> None:
    site = command.config.with_suffix(".d") / "shims"
    site.mkdir(parents=True)
    (site / "tmux.toml").write_text("[")
    (site.parent / "50-shims.toml").write_text("[")
    document = command.json("detect", "--", script(f"echo >{shared}"), status=1)
    assert document["findings"][0]["remedy"] is None
    said = command("detect", "--", script(f"echo >{shared}"))
    assert "tmux.toml:1: is not valid TOML" in said.stdout + said.stderr and said.exit_code == 1
    assert "tmux.toml" not in command("detect", "--", script("true")).stdout, "nothing is found, nothing is asked"
