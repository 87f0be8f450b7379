"""pam_namespace's configuration (namespace.conf(5)) in ours. Pure.

A line names a directory that each account gets an instance of: `polydir instance_prefix method[:flags]
[~]users`. Here that is stage bind, which always gives /tmp before others. The module tells accounts apart by
uid; so does the first name of a uid in our exempt_users.
"""
from __future__ import annotations

import shlex

from pam_mktemp_py.config import mounts, namespace_lines
from pam_mktemp_py.config.importing import Canonical, Source, Translation
from pam_mktemp_py.config.model import PASS
from pam_mktemp_py.config.namespace_lines import Line
from pam_mktemp_py.config.schema import possible_name

FORMAT = "pam_namespace"
_MOST = (mounts.MOST_MOUNTS - 2 - len(PASS)) // 2
_METHODS = {
    "user": "", "level": "SELinux levels are not part of a directory's choice here",
    "context": "SELinux contexts are not part of a directory's choice here",
    "tmpfs": "the directory lies on a file system that is there, not on a tmpfs of the session's own",
    "tmpdir": "the directory stays when the session ends",
}
_METHOD_DO = {
    "level": "all levels of an account share one directory: keep pam_namespace for accounts with several",
    "context": "all contexts of an account share one directory: keep pam_namespace for accounts with several",
    "tmpfs": "mount a tmpfs there if it must not reach the disk",
    "tmpdir": "have the files removed in another way, when a shell ends or the machine starts",
}


def translate(files: list[tuple[str, str]], canonical: Canonical) -> Translation:
    """What `files`, (name, text) in the order in which pam_namespace reads them, become."""
    made = Translation(FORMAT, [name for name, _ in files])
    lines = [line for name, text in files for line in namespace_lines.read(made, name, text)]
    _tmp(made, [line for line in lines if line.path == "/tmp"], canonical)
    for line in lines:
        if line.path != "/tmp":
            _other(made, line, canonical)
    return made


def _other(made: Translation, line: Line, canonical: Canonical) -> None:
    """A line for another directory: everybody has an instance of it who has one of /tmp."""
    why = mounts.unfit(line.path)
    if "$" in line.path:
        why = "is another directory for each account"
    elif not why and made.stage is None:
        why = "cannot be an account's own while /tmp is not"
    elif not why and any(f"{line.path}/".startswith(f"{one}/") or one.startswith(f"{line.path}/")
                         for one in made.mounts if one != line.path):
        why = "lies in another of these directories, or holds one"
    elif not why and line.path not in made.mounts and len(made.mounts) == _MOST:
        why = f"is one too many: {_MOST} can be had beside /tmp"
    if why:
        made.lose(line.source, f"{line.path} stays shared: it {why}", "keep pam_namespace's line for it")
        return
    _remark(made, line)
    users = set(_known(made, line, canonical))
    if line.only or users != set(made.exempt):
        made.lose(line.source, f"{line.path} was another list of accounts' than /tmp: here who has an instance of /tmp "
                  f"has one of {line.path}", "put up with it, or leave it shared")
    made.mounts.setdefault(line.path, line.source)


def _tmp(made: Translation, lines: list[Line], canonical: Canonical) -> None:
    """The lines for /tmp together: an account has a private one if any of them gives it one."""
    lists: list[dict[str, Source]] = []
    included: set[str] = set()
    for line in lines:
        _remark(made, line)
        names = _known(made, line, canonical)
        if line.only:
            included |= set(names)
        else:
            lists.append(dict.fromkeys(names, line.source))
            made.stage = made.stage or line.source
    if not lists:
        for line in lines:
            made.lose(line.source, f"only {', '.join(line.users) or 'nobody'} had a private /tmp (~), and there is no "
                      "list of the accounts that alone get a directory", "put all others into a group and name it in "
                      "exempt_groups; as it stands the stage decides for everybody")
        return
    made.word = "bind"
    for name, source in lists[0].items():
        if name not in included and all(name in other for other in lists):
            made.exempt[name] = source
        else:
            made.note(source, f"{name} is not exempt: another line for /tmp gives it a private one")
    made.note(lines[0].source, "the private /tmp is there after a login alone, and root's logins see the host's; "
              "other services, such as sudo, keep what their caller sees",
              "take pam_namespace's lines out of /etc/pam.d when this is in use: both would mount")


def _known(made: Translation, line: Line, canonical: Canonical) -> list[str]:
    """The users of a line by the first name of their uid."""
    names = []
    for user in line.users:
        name = canonical(user)
        if name is None or not possible_name(name):
            made.lose(line.source, f"there is no account '{user}', so it is left out (pam_namespace skips it as well)",
                      f"check its spelling: getent passwd {shlex.quote(user)}" if user else
                      "remove the comma too many")
            continue
        if name != user:
            made.note(line.source, f"{user} is written as {name}, the first name of its uid: both are exempt")
        names.append(name)
    return names


def _remark(made: Translation, line: Line) -> None:
    if _METHODS[line.method]:
        made.lose(line.source, f"method {line.method}: {_METHODS[line.method]}", _METHOD_DO[line.method])
    if line.method != "tmpfs":
        made.note(line.source, f"instances were made at {line.prefix}...; here they are in {line.path}/.private/USER",
                  "move what shall be kept")
    for flag in line.flags:
        name, _, value = flag.partition("=")
        if name == "iscript":
            made.lose(line.source, f"the script {value or '?'} is not run: no script is, when a directory is made",
                      "let a login do it: pam_exec, or a file in /etc/profile.d")
        elif name == "create":
            made.note(line.source, f"create is not needed: a {line.path} that is not there is left out")
        elif name == "mntopts":
            made.lose(line.source, f"the mount options '{value}' are not set: instances lie on a file system that is "
                      "there; nosuid and nodev are always set",
                      f"set noexec under [mounts.\"{line.path}\"], and a size with quotas")
        elif name == "shared":
            made.lose(line.source, "shared: every account gets a directory of its own", "share a folder elsewhere")
        elif name != "noinit":
            made.lose(line.source, f"'{flag}' is no flag that pam_namespace knows", "remove it there, too")
