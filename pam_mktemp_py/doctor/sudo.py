"""Whether sudo hands one account's TMPDIR to another: env_reset, env_keep, secure_path (sudoers(5))."""
from __future__ import annotations

import fnmatch
import json
import os
from collections.abc import Iterator
from typing import Any

from pam_mktemp_py.doctor import shims, tools
from pam_mktemp_py.doctor.finding import NOTE, Finding, Patient

SUDOERS = "/etc/sudoers"
SECURE_PATH = "Defaults secure_path=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
MENDED = "/etc/sudoers.d/zz-pam-mktemp-"


def check(patient: Patient) -> Iterator[Finding]:
    """What the Defaults come to, as sudo's own cvtsudoers reads them; nothing without sudo, or without root."""
    if not patient.root or not os.path.exists(SUDOERS):
        return
    text = tools.output("cvtsudoers", "-f", "json", SUDOERS)
    try:
        defaults = json.loads(text).get("Defaults", [])
    except ValueError:
        yield Finding("sudo-unread", "sudo's configuration cannot be read with cvtsudoers", SUDOERS,
                      "what sudo does with TMPDIR is not known", "see what is wrong with: visudo --check", (), NOTE)
        return
    for binding, options in effective(defaults).items():
        yield from _findings(binding, options, patient)
    if defaults and not effective(defaults).get("", {}).get("secure_path"):
        yield Finding("sudo-no-secure-path", "sudo has no secure_path", SUDOERS,
                      "programs that root runs with sudo are searched for in the caller's PATH",
                      f"set it with visudo: {SECURE_PATH}", _written("secure-path", SECURE_PATH), NOTE)
    yield from _without_shims(str(effective(defaults).get("", {}).get("secure_path") or ""), patient)


def _without_shims(secure_path: str, patient: Patient) -> Iterator[Finding]:
    """What sudo runs as another account: root's own sessions have no shims in any case."""
    name = shims.hidden_in(secure_path.split(os.pathsep), patient) if secure_path else ""
    if name:
        yield Finding("shims-not-in-sudo", f"sudo's secure_path has no shims: {name} is run without its remedy",
                      SUDOERS, "root has no shims; another account has them in its logins",
                      f"for another account use its login: sudo -i -u {patient.account.name} {name}", (), NOTE)


def effective(defaults: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """What holds at last, by binding as sudoers writes it ('' for all, ':alice', '>bob', ...)."""
    found: dict[str, dict[str, Any]] = {}
    for entry in defaults:
        options = found.setdefault(_binding(entry.get("Binding", [])), {})
        for option in entry["Options"]:
            operation = option.get("operation", "")
            for name in option.keys() - {"operation"}:
                options[name] = _changed(options.get(name), operation, option[name])
    return found


def _changed(before: Any, operation: str, value: Any) -> Any:
    if operation == "list_add":
        return [*(before or []), *value]
    if operation == "list_remove":
        return [item for item in before or [] if item not in value]
    return value


def _binding(items: list[dict[str, str]]) -> str:
    """As in `Defaults:alice`. cvtsudoers does not tell the caller from the target: `Defaults>alice` is the same."""
    signs = {"username": ":", "usergroup": ":%", "hostname": "@", "command": "!"}
    if not items:
        return ""
    kind = next(iter(items[0]))
    return signs.get(kind, "?") + ",".join(str(next(iter(item.values()))) for item in items)


def _findings(binding: str, options: dict[str, Any], patient: Patient) -> Iterator[Finding]:
    names = tools.variables(patient)
    mine = binding in ("", f":{patient.account.name}")
    if options.get("env_reset") is False:
        yield _kept("sudo-no-env-reset", f"Defaults{binding} !env_reset: sudo keeps the caller's variables",
                    ["env_reset"], binding, mine)
    kept = [item for item in options.get("env_keep") or []
            if any(fnmatch.fnmatchcase(name, item.partition("=")[0]) for name in names)]
    if kept:
        yield _kept("sudo-keeps", f"Defaults{binding} env_keep has {' '.join(kept)}",
                    [f"env_keep -= {item}" for item in kept], binding, mine)


def _kept(id: str, what: str, settings: list[str], binding: str, mine: bool) -> Finding:
    bindings = dict.fromkeys([binding, binding.replace(":", ">", 1)])  # see _binding()
    lines = [f"Defaults{each} {setting}" for each in bindings for setting in settings]
    # Of a user's own variables libc itself drops TMPDIR in setuid programs; the others stay, so they disagree.
    return Finding(id, what, SUDOERS,
                   "what runs as the other account gets the caller's variables, which it cannot use; if it is root, "
                   "its files lie in the caller's directory",
                   f"take it out with visudo, or have a later file say: {', '.join(lines)}",
                   _written(id.removeprefix("sudo-"), *lines) if mine and '"' not in "".join(lines) else ())


def _written(name: str, *lines: str) -> tuple[tools.Command, ...]:
    """Into the last file that sudo reads; visudo then says whether all is well."""
    path = MENDED + name
    return tools.create(path, *lines), ("chmod", "0440", path), ("visudo", "--check", "--quiet")
