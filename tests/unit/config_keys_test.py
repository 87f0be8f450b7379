"""The table of keys says what the schema does, what the model holds and what the shipped file shows."""
from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from pam_mktemp_py.config import keys, model, mounts, schema
from pam_mktemp_py.config.keys import DIRECTORY, KEYS, Key
from pam_mktemp_py.config.load import parse
from pam_mktemp_py.config.model import Config
from pam_mktemp_py.errors import ConfigError

SHIPPED = Path(__file__).parents[2] / "contrib" / "pam_mktemp.toml"
NAMES = [key.name for key in KEYS]


def taken(text: str) -> Config:
    """The configuration that TOML makes. ConfigError."""
    config = Config("f")
    data, lines = parse("f", text.encode())
    schema.apply(config, data, schema.File("f", lines))
    schema.finish(config)
    return config


def value(key: Key, config: Config) -> Any:
    """What counts without a file, or what the one further table of an example or a test says."""
    if key.name == DIRECTORY:
        return dict(config.directories)["tmp"]
    if not key.inner or key.setting == "shims":
        setting = getattr(config, key.setting)
        return setting[key.inner] if key.inner else setting
    tables = getattr(config, key.setting)
    wanted = [name for name in tables if name != "/tmp"] or ["/tmp"]
    if wanted[0] not in tables:
        return key.initial
    return key.initial if wanted == ["/tmp"] and key.inner == "instance" else tables[wanted[0]][key.inner]


def test_every_key_is_there_once_and_no_other() -> None:
    assert sorted({key.setting for key in KEYS}) == sorted(schema._CHECKS) == sorted(model.SETTINGS)
    inner = {key.inner for key in KEYS if key.setting == "mounts"}
    assert inner == set(Config("f").mounts["/tmp"]) == set(mounts._CHECKS)
    assert len(set(NAMES)) == len(NAMES)


@pytest.mark.parametrize("key", KEYS, ids=NAMES)
def test_default(key: Key) -> None:
    assert value(key, Config("f")) == key.initial
    assert tomllib.loads(f"key = {key.default}") == {"key": key.initial}


@pytest.mark.parametrize("key", KEYS, ids=NAMES)
def test_example_is_valid_and_no_default(key: Key) -> None:
    config = taken(key.example)
    changed = dict(config.directories).keys() - {"tmp"} if key.name == DIRECTORY else value(key, config) != key.initial
    assert changed or (key.values and value(key, config) in key.values)


@pytest.mark.parametrize("key", [key for key in KEYS if key.type == "word"], ids=lambda key: key.name)
def test_words(key: Key) -> None:
    for word in key.values:
        assert value(key, taken(f'{key.name} = "{word}"')) == word and f'"{word}"' in key.allowed
        assert f'"{word}"' in key.description
    with pytest.raises(ConfigError):
        taken(f'{key.name} = "{key.values[0]}x"')


@pytest.mark.parametrize("key", [key for key in KEYS if key.type == "number"], ids=lambda key: key.name)
def test_numbers(key: Key) -> None:
    for number in (key.low, key.high):
        assert value(key, taken(f"{key.name} = {number}")) == number and str(number) in key.allowed
    for number in (key.low - 1, key.high + 1):
        with pytest.raises(ConfigError):
            taken(f"{key.name} = {number}")


@pytest.mark.parametrize("key", [key for key in KEYS if key.type == "list of names"], ids=lambda key: key.name)
def test_names(key: Key) -> None:
    name = key.name.replace("directories.NAME", "directories.tmp").replace("NAME", "web")
    assert value(key, taken(f'{name} = ["a", "b"]')) == ["a", "b"]
    with pytest.raises(ConfigError):
        taken(f"{name} = 3")


def test_the_shipped_file_shows_every_key_with_its_default() -> None:
    """The lines that begin with '#' and a key or a table."""
    lines = [line[1:] for line in SHIPPED.read_text().splitlines() if line[:1] == "#" and line[1:2] not in ("", " ")]
    shown = tomllib.loads("\n".join(lines))
    tmp = {key.inner: key.initial for key in KEYS if key.setting == "mounts" and key.inner != "instance"}
    assert {key.setting: shown[key.setting] for key in KEYS if not key.inner} | {
        "directories": {"tmp": {"variables": keys.find(DIRECTORY).initial}},  # type: ignore[union-attr]
        "mounts": {"/tmp": tmp}, "shims": {"enabled": [], "variables": {}}} == shown


def test_descriptions_are_sentences() -> None:
    for key in KEYS:
        for text in key.description.split("\n\n"):
            assert text[0].isupper() or text[0] == '"'
            assert text.endswith(".") and "\n" not in text


def test_find() -> None:
    assert keys.find("stage") is KEYS[0]
    for name in ("directories.tmp.variables", "directories.cache.variables", DIRECTORY):
        found = keys.find(name)
        assert found and found.setting == "directories"
    for name, inner in (('mounts."/tmp".pass', "pass"), ('mounts."/var/tmp".noexec', "noexec"),
                        ("shared.a.users", "users"), ('mounts."/a.b".instance', "instance"), ('mounts."/x".pass', "")):
        found = keys.find(name)
        assert (found.inner if found else "") == inner
    assert keys.find("directories.tmp") is None and keys.find("stages") is None and keys.find("") is None
