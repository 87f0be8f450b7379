"""What kind of file one is: by its first bytes, else by its name."""
from __future__ import annotations

import re

HEAD = 256  # bytes that are looked at
ELF, PYTHON, SHELL, PERL, PHP, RUBY, PROPERTIES = "elf", "python", "shell", "perl", "php", "ruby", "properties"
KINDS = (ELF, PYTHON, SHELL, PERL, PHP, RUBY, PROPERTIES)
_ENDS = {
    "py": PYTHON, "pyw": PYTHON, "sh": SHELL, "bash": SHELL, "ksh": SHELL, "zsh": SHELL, "pl": PERL, "pm": PERL,
    "php": PHP, "phtml": PHP, "rb": RUBY, "rake": RUBY, "gemspec": RUBY, "properties": PROPERTIES,
}
_NAMES = dict.fromkeys((".profile", ".bashrc", ".bash_profile", ".bash_login", ".bash_logout", ".kshrc", ".mkshrc",
                        ".zshrc", ".zshenv", ".zprofile", ".zlogin", ".zlogout", ".xsession", ".xinitrc"), SHELL)
_INTERPRETERS = {
    b"python": PYTHON, b"pypy": PYTHON, b"perl": PERL, b"php": PHP, b"ruby": RUBY, b"jruby": RUBY,
    **dict.fromkeys((b"sh", b"bash", b"rbash", b"dash", b"ash", b"ksh", b"mksh", b"lksh", b"zsh"), SHELL),
}


def kind(path: str, head: bytes) -> str:
    """One of KINDS, or "" for none of them; `head` are the first HEAD bytes of the file `path`."""
    if head.startswith(b"\x7fELF"):
        return ELF
    if head.startswith(b"#!"):
        return _INTERPRETERS.get(_interpreter(head[2:].split(b"\n", 1)[0].split()), "")
    name = path.rpartition("/")[2]
    return _NAMES.get(name) or _ENDS.get(name.rpartition(".")[2].lower(), "")


def _interpreter(words: list[bytes]) -> bytes:
    """The name of the program in a #! line without its version; env(1)'s own arguments are passed over."""
    words = [word.rpartition(b"/")[2] for word in words]
    if words and words[0] == b"env":
        words = [word for word in words[1:] if not word.startswith(b"-") and b"=" not in word]
    return re.sub(rb"[\d.-].*$", b"", words[0]) if words else b""
