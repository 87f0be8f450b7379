"""The line that runs our module: its control, whether it stands once, and whether the stack gets to it."""
from __future__ import annotations

import os
from collections.abc import Iterator

from pam_mktemp_py.doctor import tools
from pam_mktemp_py.doctor.finding import Finding, Patient
from pam_mktemp_py.pamstack import lines, stack
from pam_mktemp_py.pamstack.lines import MODULE
from pam_mktemp_py.pamstack.stack import Entry

CONTROL = "[success=ok ignore=ignore module_unknown=ignore default=bad]"
_WORDS = {  # pam.d(5): what the old controls stand for
    "required": {"success": "ok", "new_authtok_reqd": "ok", "ignore": "ignore", "default": "bad"},
    "requisite": {"success": "ok", "new_authtok_reqd": "ok", "ignore": "ignore", "default": "die"},
    "sufficient": {"success": "done", "new_authtok_reqd": "done", "default": "ignore"},
    "optional": {"success": "ok", "new_authtok_reqd": "ok", "default": "ignore"},
}


def check(patient: Patient) -> Iterator[Finding]:
    """All of it for every service that runs our module; a line that many services include is reported once."""
    said = set()
    for service, entries in patient.stacks.items():
        for finding in (*_controls(entries), *_twice(service, patient), *_ends(entries)):
            if (finding.id, finding.where) not in said:
                said.add((finding.id, finding.where))
                yield finding


def actions(control: str) -> dict[str, str]:
    """What libpam does with each result of a module: value -> action."""
    if control.startswith("["):
        pairs = (word.partition("=") for word in control.strip("[]").lower().split())
        return {value: action for value, _, action in pairs}
    return _WORDS.get(control.lower(), {"default": "bad"})


def _controls(entries: list[Entry]) -> Iterator[Finding]:
    for entry in entries:
        if not entry.line.ours:
            continue
        does = actions(entry.line.control)
        usual = does.get("default", "ignore")
        mended = tools.edit(entry.file, f"{entry.line.first}s/{tools.literal(entry.line.control)}/{CONTROL}/")
        commands = (mended,) if entry.line.first == entry.line.last else ()
        do = f"make it {CONTROL}"
        if does.get("module_unknown", usual) not in ("ignore", "ok"):
            yield Finding("control-locks-out", f"the control of our line is {entry.line.control}", entry.where,
                          "if the module were missing nobody could log in", do, commands)
        if does.get("session_err", usual) not in ("bad", "die"):
            yield Finding("control-ignores-refusal", f"the control of our line is {entry.line.control}", entry.where,
                          'under failure = "closed" a session that is refused begins all the same', do, commands)


def _twice(service: str, patient: Patient) -> Iterator[Finding]:
    ours = [entry for entry in patient.stacks[service] if entry.line.ours]
    if len(ours) < 2:
        return
    # Not the one of a file that others only include; and the same one for every service that reads the file.
    of_services = [entry for entry in ours if os.path.basename(entry.file) in patient.stacks]
    needless = (of_services or ours)[-1]
    same = all(entry.where == ours[0].where for entry in ours)
    yield Finding("line-twice", f"service {service} runs our module {len(ours)} times", needless.where,
                  "every session does the work twice and has two records",
                  f"include {needless.file} once only" if same else "take this line out",
                  () if same else (tools.comment_out(needless.file, needless.line.first, needless.line.last, MODULE),))


def _ends(entries: list[Entry]) -> Iterator[Finding]:
    """Lines before ours after which the rest of the stack, with ours, is left out."""
    at = next((index for index, entry in enumerate(entries) if entry.line.ours), 0)
    ours = entries[at] if entries else None
    nested = {path for path in {entry.file for entry in entries}
              if any(line.control == "substack" for line in lines.parse(stack.read(path)))}
    for index, entry in enumerate(entries[:at]):
        if ours is None or entry.line.trouble:
            continue
        does = actions(entry.line.control).get("success", actions(entry.line.control).get("default", ""))
        # What stands in a substack ends or jumps within it, and counts as one: not told apart here.
        if nested and entry.file != ours.file:
            continue
        if does == "done":
            yield Finding("stack-ends-before", f"{entry.module} ends the stack when it succeeds", entry.where,
                          f"our module at {ours.where} then does not run",
                          "make it optional, or done into ok: the rest of the stack then runs too",
                          (tools.edit(entry.file, f"{entry.line.first},{entry.line.last}"
                                      "s/sufficient/optional/;s/=done/=ok/g"),))
        elif does.isdigit() and index + int(does) >= at and not nested:
            yield _jump(entry, ours)


def _jump(entry: Entry, ours: Entry) -> Finding:
    first, last = entry.line.first, ours.line.last
    text = (tools.read(ours.file)[last - 1:last] or [""])[0].strip()
    # pam-auth-update would not know its own file again.
    movable = entry.file == ours.file and ours.line.first == last and "/common-" not in ours.file and "\\" not in text
    return Finding("stack-jumps-over", f"{entry.module} jumps over our line when it succeeds", entry.where,
                   f"our module at {ours.where} then does not run", "let our line stand before it",
                   (tools.edit(ours.file, f"{first}i {text}", f"{last}{{/{MODULE}/d}}"),) if movable else ())
