"""The tables of the manual: configuration keys, messages of the log, findings of doctor, classes of detect's."""
from __future__ import annotations

from roff import Marker, bold, escaped, item, line

from pam_mktemp_py.config.keys import KEYS
from pam_mktemp_py.detect.model import CLASSES
from pam_mktemp_py.doctor.catalogue import FINDINGS
from pam_mktemp_py.messages import MESSAGES

OURS = frozenset({"USER", "NAME"})


def messages(marker: Marker) -> list[str]:
    """Every id with what it means and what to do."""
    out: list[str] = []
    for name, message in sorted(MESSAGES.items()):
        meaning = message.meaning[0].upper() + message.meaning[1:] + "."
        out += item(bold(name), marker.sentences(f"{meaning} {message.do}", OURS))
    return out


def findings(marker: Marker) -> list[str]:
    """Every finding with what it means."""
    out: list[str] = []
    for name, meaning in sorted(FINDINGS.items()):
        out += item(bold(name), marker.sentences(meaning))
    return out


def classes(marker: Marker) -> list[str]:
    """Every class of detect's findings."""
    return [line for name, meaning in sorted(CLASSES.items()) for line in item(bold(name), marker.sentences(meaning))]


def keys(marker: Marker) -> list[str]:
    """Every key of the configuration: what it means, what may stand there, its default and an example."""
    out: list[str] = []
    for key in KEYS:
        first, *more = key.description.split("\n\n")
        body = marker.sentences(first, OURS)
        for paragraph in [*more, f"Type: {key.type}. Allowed: {key.allowed}."]:
            body += [".IP", *marker.sentences(paragraph, OURS)]
        body += [".br", "Default: " + bold(key.default), ".IP", ".nf",
                 *(line(escaped(one, True)) for one in key.example.split("\n")), ".fi"]
        out += item(bold(key.name), body)
    return out
