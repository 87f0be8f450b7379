"""Which lines of scripts would clean the private directories, and how sudo's Defaults add up."""
from __future__ import annotations

import pytest

from pam_mktemp_py.doctor import removal, sudo, units


@pytest.mark.parametrize("line, program", [
    ("find /tmp -mtime +7 -delete", "find"),
    ("0 3 * * * root /usr/bin/find /tmp /var/tmp -type f -atime +3 -exec rm -f {} +", "find"),
    ("find -L /tmp/ -mtime +7 -print0 | xargs -0 rm -f", "find"),
    ("cd / && rm -rf /tmp/.[a-z]*", "rm"),
    ("rm -rf /tmp", "rm"),
    ("rm -rf /tmp/.private/*", "rm"),
    ("tmpwatch -umc 240 /tmp", "tmpwatch"),
    ('/usr/sbin/tmpwatch "$flags" -x /tmp/.X11-unix 10d /tmp', "tmpwatch"),
    ("tmpreaper 7d /tmp/.", "tmpreaper"),
    ("stmpclean -m 7d /tmp", "stmpclean"),
])
def test_touching(line: str, program: str) -> None:
    assert removal.touching(line) == program


@pytest.mark.parametrize("line", [
    "find /tmp -mtime +7 -ls",
    "find /tmp/build -mtime +7 -delete",
    "find /var/tmp -delete",
    "find /tmp -not -path '/tmp/.private*' -delete",
    "rm -rf /tmp/*",
    "rm -f /tmp/.X*-lock",
    "rm -f /tmp/foo.lock",
    "tmpwatch -x /tmp/.private 10d /tmp",
    "tmpwatch 30d /var/tmp",
    "tmpreaper --protect /tmp/.private 7d /tmp",
    "echo confirm /tmp",
])
def test_not_touching(line: str) -> None:
    assert removal.touching(line) == ""


def test_joined_lines() -> None:
    lines = ["# a \\", "tmpwatch \\", "  -x /a \\", "  /tmp", "", "b"]
    assert list(removal.joined(lines)) == [(2, 4, "tmpwatch    -x /a    /tmp"), (6, 6, "b")]


def test_defaults_of_sudo_add_up() -> None:
    keep = {"operation": "list_add", "env_keep": ["TMPDIR", "A"]}
    drop = {"operation": "list_remove", "env_keep": ["TMPDIR"]}
    alice = {"Binding": [{"username": "alice"}], "Options": [{"env_reset": False}]}
    assert sudo.effective([{"Options": [keep, {"env_reset": True}]}, {"Options": [drop]}, alice]) == {
        "": {"env_keep": ["A"], "env_reset": True}, ":alice": {"env_reset": False}}
    assert sudo.effective([{"Options": [keep]}, {"Options": [{"operation": "list_assign", "env_keep": ["B"]}]}])[
        ""]["env_keep"] == ["B"]


@pytest.mark.parametrize("text, private", [
    ("[Service]\nPrivateTmp=yes\n", True),
    ("PrivateTmp = true\n", True),
    ("PrivateTmp=yes\n# zz.conf\nPrivateTmp=no\n", False),
    ("#PrivateTmp=yes\n", False),
    ("", False),
])
def test_private_tmp(text: str, private: bool) -> None:
    assert units.private_tmp(text) is private
