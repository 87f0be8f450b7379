"""What stands before and after a path in shell, Perl, PHP, Ruby and properties, and what that makes of it."""
from __future__ import annotations

import re

from pam_mktemp_py.scan import kinds
from pam_mktemp_py.scan.model import TMP_NAMES

BEFORE, AFTER = 2048, 256  # characters of the line that the rules are given

_TMP = "(?:" + "|".join(sorted(TMP_NAMES)) + ")"
# ${TMPDIR:-/tmp}   $ENV{TMPDIR} || "/tmp"   ENV.fetch("TMPDIR", "/tmp")   getenv('TMP') ?: '/tmp'   X ? $TMP : "/tmp"
_OTHERWISE = r"""(?::[-=]|-|\|\||//|\?\?|\?:|,|:|\bor\b)\s*["']?$"""
FALLBACK = re.compile(rf"\b{_TMP}\b[^;\n]{{0,80}}{_OTHERWISE}" + rf"""|\$\{{{_TMP}=["']?$""")
OVERRIDES = re.compile(r"""(?:^|[\s;])TMPDIR=["']?$""")
DEFAULT = re.compile(r"""\$\{\w{1,64}:?[-=]["']?$"""
                     r"""|(?:getenv|ENV\.fetch)\s*\(?\s*["']\w{1,64}["']\s*\)?\s*(?:,|\?:|\|\|)\s*["']$"""
                     r"""|\$?ENV[{\[]["']?\w{1,64}["']?[}\]]\s*(?:\|\||//|\?\?)\s*["']$""")
COMPARED = re.compile(r"""(?:==|!=|=~|!~|\b(?:eq|ne)\b|\[\s[^]]{0,80}\s="""
                      r"""|(?:starts?_?with\??|str_starts_with|strpos|strncmp)\s*\(?[^)]{0,80})\s*["']?$|\^["']?$""")
_MAKING = r"\b(?:mkdir|touch|mkfifo|mknod|install|ln|cp|mv)\b(?:\s+[^\s;|&<>]{1,80}){0,4}\s+"
_FUNCTION = (r"\b(?:file_put_contents|File\.write|IO\.write|mkdir|Dir\.mkdir|FileUtils\.\w{1,9}|touch|symlink|mkfifo)"
             r"\s*\(?\s*")
WRITTEN = {
    kinds.SHELL: re.compile(rf"""(?:(?<![-=<>])>{{1,2}}\|?\s*|\btee\s+(?:-\w+\s+)*|\bof=|{_MAKING})["']?$"""),
    kinds.PERL: re.compile(rf"""(?:["'\s]\+?(?<![-=<>])>{{1,2}}\s*|["']\+?>{{1,2}}(?::[\w()-]+)?["']\s*,\s*["']"""
                           rf"""|{_FUNCTION}["'])$"""),
    kinds.RUBY: re.compile(rf"""(?:\s(?<![-=<>])>{{1,2}}\s*|{_FUNCTION}["'])$"""),
    kinds.PHP: re.compile(rf"""(?:\s(?<![-=<>])>{{1,2}}\s+|{_FUNCTION}["'])$"""),
    kinds.PYTHON: re.compile(rf"""(?:\s(?<![-=<>])>{{1,2}}\s*|{_FUNCTION}["'])$"""),
}
OPENED = re.compile(r"""[^"'\n]*["']\s*,\s*["'](?:[wax]|r\+)""")  # open("/tmp/x", "w")
PATH = re.compile(r"""[^\s"'`;|&<>(),]*""")
PID = re.compile(r"\$\$|\$\{\$\}|\$PID\b|\$BASHPID\b|getmypid|posix_getpid|getpid|Process\.pid")
RANDOM = re.compile("X{3}|RANDOM")
PATTERN = re.compile(r"\s*(?:\S{1,80}\|)?\S{0,80}\)")  # of case: /tmp/*)
PROPERTY = re.compile(r"\s*[^#!=:\s][^=:\s]{0,200}\s*[=:\s]\s*(?:file:(?://)?)?$")

# Blocks that are no code; each ends, if with nothing else, with the text, so that looking for it is linear.
BLOCKS = {
    kinds.PERL: re.compile(r"^=[a-zA-Z].*?(?:^=cut\b|\Z)|^__(?:END|DATA)__$.*", re.M | re.S),
    kinds.RUBY: re.compile(r"^=begin\b.*?(?:^=end\b|\Z)|^__END__$.*", re.M | re.S),
    kinds.PHP: re.compile(r"(?:(?<=\s)|^)/\*.*?(?:\*/|\Z)", re.M | re.S),
}
_TOKEN = re.compile(r"""\\.|["'`#]|//""", re.S)


def state(before: str, kind: str) -> str:
    """The quote in which the line is after `before`, "" for none, or # in a comment.

    By the line alone: an apostrophe in a here-document must not make strings of all that follows it.
    """
    quote = ""
    for token in _TOKEN.finditer(before):
        mark = token.group()
        if quote:
            plain = kind == kinds.SHELL and quote == "'"  # a backslash means nothing there
            if mark == quote or (plain and mark == "\\'"):
                quote = ""
        elif mark in ("#", "//"):
            at = token.start()
            if (mark == "#" or kind == kinds.PHP) and (at == 0 or before[at - 1] in " \t;{}()"):
                return "#"
        elif mark[0] != "\\":
            quote = mark
    return quote
