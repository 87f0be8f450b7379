"""The command's part of the manual, from click's tree: the texts are those of --help."""
from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Iterator

import click
from roff import Marker, bold, escaped, italic, item

NAME = "pam-mktemp"
BESIDE = re.compile(r"The keys of --json(?: with( --dry-run))?,? beside those that report.py names")


def tree(command: click.Command, path: str = "") -> Iterator[tuple[str, click.Command]]:
    """Every command below `command` with its words: ("config check", ...)."""
    if not isinstance(command, click.Group):
        return
    context = click.Context(command)
    for name in command.list_commands(context):
        inner = command.get_command(context, name)
        if inner is not None and not inner.hidden:
            words = f"{path} {name}".strip()
            yield words, inner
            yield from tree(inner, words)


def metavar(parameter: click.Parameter) -> str:
    """What stands for the value."""
    if parameter.metavar:
        text = parameter.metavar.removesuffix("...")  # the synopsis has its own, and brackets of what may be left out
        return text.strip("[]") if isinstance(parameter, click.Argument) else text
    if isinstance(parameter.type, click.Choice):
        return "|".join(map(str, parameter.type.choices))
    return (parameter.name or "").upper() if isinstance(parameter, click.Argument) else parameter.type.name.upper()


def placeholders(command: click.Command) -> frozenset[str]:
    """The words of its texts that stand for something."""
    found = [metavar(parameter) for parameter in command.params]
    return frozenset(word for one in found for word in re.findall(r"[A-Z][A-Z0-9_]*", one))


def value(parameter: click.Parameter) -> str:
    """The placeholder as roff: capitals are italic, words to choose from bold."""
    return "".join(italic(part) if part.isupper() else bold(part) if part.isalpha() else escaped(part, True)
                   for part in re.split(r"([^A-Za-z]+)", metavar(parameter)) if part)


def takes_value(option: click.Option) -> bool:
    """Whether something follows it."""
    return not option.is_flag and not option.count


def synopsis(words: str, command: click.Command) -> str:
    """One line: the command with its options and arguments."""
    parts = [bold(f"{NAME} {words}".strip())]
    for parameter in command.params:
        dots = r"\&..." if parameter.multiple or parameter.nargs == -1 else ""
        if isinstance(parameter, click.Option):
            if parameter.hidden:
                continue
            name = bold(max(parameter.opts, key=len))
            word = name + (r"\ " + value(parameter) if takes_value(parameter) else "")
            parts.append(word + dots if parameter.required else f"[{word}]{dots}")
        else:
            word = value(parameter)
            parts.append((word if parameter.required else f"[{word}]") + dots)
    if isinstance(command, click.Group):
        parts.append(italic("COMMAND") + r"\&...")
    return " ".join(parts)


def options(command: click.Command, marker: Marker, help: bool = False) -> list[str]:
    """Its options, each with its help; `help`: with --help, which every command has."""
    out: list[str] = []
    context = click.Context(command, **command.context_settings)
    parameters = command.get_params(context) if help else command.params
    for parameter in parameters:
        if not isinstance(parameter, click.Option) or parameter.hidden:
            continue
        names = ", ".join(bold(name) for name in sorted([*parameter.opts, *parameter.secondary_opts], key=len))
        if takes_value(parameter):
            names += " " + value(parameter)
        text = (parameter.help or "").strip().replace("Show this message", "Show a summary of the command")
        if parameter.show_default and takes_value(parameter) and parameter.default not in (None, ()):
            text = f"{text.rstrip()} The default is {parameter.default}."
        out += item(names, marker.sentences(text, placeholders(command)))
    return out


def keys_of_json(command: click.Command) -> str:
    """What the file of a command says at its top about the keys of --json."""
    text = inspect.getdoc(importlib.import_module(str(getattr(command.callback, "__module__")))) or ""
    blocks = text.split("\n\n")
    first = next((number for number, block in enumerate(blocks) if "--json" in block), len(blocks))
    return BESIDE.sub(r"With --json\1, beside the keys that all commands have", "\n\n".join(blocks[first:]), 1)


def section(words: str, command: click.Command, marker: Marker, keys: str) -> list[str]:
    """All about one command; `keys` is what is said about its JSON."""
    out = [f".SS {escaped(words, True)}" if " " not in words else f'.SS "{escaped(words, True)}"']
    out += [".PP", ".nh", ".ad l", synopsis(words, command), ".ad", ".hy"]
    text = inspect.cleandoc(command.help or "").partition("\f")[0]
    out += marker.paragraphs(text, placeholders(command))
    out += options(command, marker)
    return out + (marker.paragraphs(keys) if keys else [])


def sections(group: click.Group, marker: Marker) -> list[str]:
    """All commands; the keys of JSON, which a file says once, stand under the first command of that file."""
    out, told = [], set()
    for words, command in tree(group):
        keys = keys_of_json(command)
        out += section(words, command, marker, keys if keys not in told else "")
        told.add(keys)
    return out
