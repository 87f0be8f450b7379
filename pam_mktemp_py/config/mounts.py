"""What may stand in the tables [mounts."DIR"] and [shared.NAME]."""
from __future__ import annotations

from pam_mktemp_py.config.given import File, nearest, shown, strings
from pam_mktemp_py.errors import ConfigError
from pam_mktemp_py.paths import leaf_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pam_mktemp_py.config.model import Config
    from pam_mktemp_py.config.toml_lines import Path

TMP = "/tmp"
LONGEST_NAME = 64  # of an entry of /tmp: what is moved away for it gets a longer one
LONGEST_SHARED = 32
LONGEST_PATH = 80  # percent-encoded it is the name of a folder
# A plan holds 24 mounts; what this leaves is for the hand-over directories of one account.
MOST_MOUNTS = 18
MOST_LINKS = 16
# What no account can do without, or what our own state lies in.
_NEEDED = frozenset(("bin", "boot", "dev", "etc", "home", "lib", "lib32", "lib64", "libx32", "proc", "root", "run",
                     "sbin", "sys", "usr", "var", "var/lib", "var/lib/pam-mktemp", "var/run"))
_NEEDED_WITH_ALL = ("proc/", "run/pam-mktemp/", "sys/", "var/lib/pam-mktemp/")
_LOWER = frozenset("abcdefghijklmnopqrstuvwxyz0123456789_-")
_ENTRY = _LOWER | frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ.+:@")
# Names of our own, or which a program would take for a switch.
_RESERVED = (".private", ".README-private-tmp", ".pam-mktemp", "shared-", "-")


def mounts(config: Config, file: File, key: str, value: object) -> None:
    """Check all [mounts."DIR"] of one file and put them over `config`. ConfigError."""
    if not isinstance(value, dict):
        raise file.refuse((key,), f"{key} is {shown(value)}", 'give a table: [mounts."/var/tmp"]')
    for directory, table in value.items():
        path: Path = (key, directory)
        wrong = unfit(directory)
        if wrong:
            raise file.refuse(path, f"{shown(directory)} {wrong}", 'name a directory such as "/var/tmp"')
        if not isinstance(table, dict):
            raise file.refuse(path, f'mounts."{directory}" is {shown(table)}', f'give a table: [mounts."{directory}"]')
        known = ["noexec", "pass", "links"] if directory == TMP else ["noexec", "instance"]
        made = config.mounts.setdefault(directory, {"instance": directory, "noexec": False, "pass": [], "links": {}})
        config.origins.setdefault(f'mounts."{directory}"', (file.name, file.lines[path]))
        for inner, given in table.items():
            if inner not in known:
                raise file.refuse((*path, inner), f'unknown key {inner!r} in mounts."{directory}"',
                                  nearest(inner, known))
            checked = _CHECKS[inner](file, (*path, inner), given)
            made[inner] = checked  # type: ignore[literal-required]
            config.origins[f'mounts."{directory}".{inner}'] = (file.name, file.lines[(*path, inner)])


def shared(config: Config, file: File, key: str, value: object) -> None:
    """Check all [shared.NAME] of one file and put them over `config`. ConfigError."""
    if not isinstance(value, dict):
        raise file.refuse((key,), f"{key} is {shown(value)}", "give a table: [shared.web]")
    for name, table in value.items():
        path: Path = (key, name)
        if not 0 < len(name) <= LONGEST_SHARED or not _LOWER.issuperset(name):
            raise file.refuse(path, f"{shown(name)} can be no hand-over directory",
                              f"use 1 to {LONGEST_SHARED} of a-z, 0-9, _ and -")
        if not isinstance(table, dict):
            raise file.refuse(path, f"shared.{name} is {shown(table)}", f"give a table: [shared.{name}]")
        made = config.shared.setdefault(name, {"group": "", "users": []})
        config.origins.setdefault(f"shared.{name}", (file.name, file.lines[path]))
        for inner, given in table.items():
            if inner == "group":
                made["group"] = _named(file, (*path, inner), f"shared.{name}.group", given)
            elif inner == "users":
                made["users"] = [_named(file, (*path, inner, index), f"shared.{name}.users", each) for index, each
                                 in enumerate(strings(file, (*path, inner), f"shared.{name}.users", given))]
            else:
                raise file.refuse((*path, inner), f"unknown key {inner!r} in shared.{name}",
                                  nearest(inner, ["group", "users"]))
            config.origins[f"shared.{name}.{inner}"] = (file.name, file.lines[(*path, inner)])


def finish(config: Config) -> None:
    """What only all files together can break: directories in each other, too many of them, nobody to share with."""
    others = [directory for directory in config.mounts if directory != TMP]
    for one in others:
        for other in others:
            if one.startswith(other + "/"):
                raise _of(config, f'mounts."{one}"', f"{one} lies in {other}, which is an instance itself",
                          "leave one of them")
    number = 2 + len(config.mounts[TMP]["pass"]) + 2 * len(others)
    if number > MOST_MOUNTS:
        at = f'mounts."{others[-1]}"' if others else 'mounts."/tmp".pass'
        raise _of(config, at, f"{number} mounts for an account, two for each directory and one for each of pass; at "
                  f"most {MOST_MOUNTS} can be had", "remove some")
    leaves: dict[tuple[str, str], str] = {("/tmp", name): f"directories.{name}" for name, _ in config.directories}
    for directory in others:
        key = config.mounts[directory]["instance"], leaf_of(directory)
        if key in leaves:
            raise _of(config, f'mounts."{directory}"', f"its instances would be those of {leaves[key]}",
                      "give it another instance")
        leaves[key] = f'mounts."{directory}"'
    for name, who in config.shared.items():
        if not who["group"] and not who["users"]:
            raise _of(config, f"shared.{name}", f"shared.{name} is for nobody", 'say for whom: group = "web"')


def _of(config: Config, key: str, what: str, hint: str) -> ConfigError:
    file, line = config.origins[key]
    return ConfigError(file, line, what, hint)


def unfit(directory: str) -> str:
    """Why accounts cannot have an instance of this directory, or ''."""
    if not _plain(directory):
        return "is no absolute path of at most 80 bytes without '.', '..', '//' or '/' at its end"
    inner = directory[1:]
    if inner.startswith("tmp/"):
        return "lies in /tmp, which is private already"
    return "cannot be an account's own" if inner in _NEEDED or inner.startswith(_NEEDED_WITH_ALL) else ""


def _plain(path: str) -> bool:
    return (path.startswith("/") and len(path.encode("utf-8", "replace")) <= LONGEST_PATH and path.isprintable()
            and not {"", ".", ".."} & {*path[1:].split("/")})


def _noexec(file: File, path: Path, value: object) -> bool:
    if not isinstance(value, bool):
        raise file.refuse(path, f"noexec is {shown(value)}", "give true or false")
    return value


def _instance(file: File, path: Path, value: object) -> str:
    if not isinstance(value, str):
        raise file.refuse(path, f"instance is {shown(value)}", 'give a path in quotes: "/data"')
    if not _plain(value):
        raise file.refuse(path, f"instance is {shown(value)}", "give an absolute path without '.', '..' or '//'")
    if value[1:].split("/")[0] in ("proc", "sys"):
        raise file.refuse(path, f"instance is {shown(value)}, where nothing can be kept", "name another directory")
    return value


def _pass(file: File, path: Path, value: object) -> list[str]:
    names = strings(file, path, "pass", value)
    for index, name in enumerate(names):
        _entry(file, (*path, index), name)
        if name in names[:index]:
            raise file.refuse((*path, index), f"{name} is there twice", "remove one")
    return names


def _links(file: File, path: Path, value: object) -> dict[str, str]:
    if not isinstance(value, dict):
        raise file.refuse(path, f"links is {shown(value)}", 'give a table: "mysql.sock" = "/run/mysqld/mysqld.sock"')
    if len(value) > MOST_LINKS:
        raise file.refuse(path, f"{len(value)} links; at most {MOST_LINKS} can be had", "remove some")
    for name, target in value.items():
        _entry(file, (*path, name), name)
        if not isinstance(target, str) or not _plain(target):
            raise file.refuse((*path, name), f"{name} is {shown(target)}", "give the absolute path of the socket")
        if target.startswith("/tmp/"):
            raise file.refuse((*path, name), f"{shown(target)} is not there inside: /tmp is the account's own",
                              "let the server keep its socket in /run")
    return dict(value)


def _entry(file: File, path: Path, name: str) -> None:
    if not 0 < len(name) <= LONGEST_NAME or not _ENTRY.issuperset(name) or name in (".", ".."):
        raise file.refuse(path, f"{shown(name)} can be no entry of /tmp here",
                          f"use 1 to {LONGEST_NAME} letters, digits and ._-+:@")
    if name.startswith(_RESERVED):
        raise file.refuse(path, f"{name} is a name of our own", "remove it")


def _named(file: File, path: Path, key: str, value: object) -> str:
    if not isinstance(value, str):
        raise file.refuse(path, f"{key} is {shown(value)}", "give a name in quotes")
    if not (value.isprintable() and 0 < len(value) <= 256 and value == value.strip()):
        raise file.refuse(path, f"{key} holds {shown(value)}, which can be no name", "correct it")
    return value


_CHECKS = {"noexec": _noexec, "instance": _instance, "pass": _pass, "links": _links}
