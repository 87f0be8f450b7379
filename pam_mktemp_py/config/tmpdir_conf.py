"""pam_tmpdir's configuration (/etc/security/tmpdir.conf, pam_tmpdir(8)) in ours. Pure.

It has one setting, tmpdir=FOLDER: each account has FOLDER/UID, named by four variables.
"""
from __future__ import annotations

from pam_mktemp_py.config.importing import Source, Translation

FORMAT = "pam_tmpdir"
DEFAULT = "/tmp/user"


def translate(name: str, text: str) -> Translation:
    """What the file becomes. Without any line too, the module gives a directory to everybody."""
    made = Translation(FORMAT, [name], stage=Source(name, 0), variables=Source(name, 0))
    folder = None
    for number, line in enumerate(text.split("\n"), 1):
        source = Source(name, number, line.strip())
        if not source.text or source.text.startswith("#"):
            continue
        key, equals, value = source.text.partition("=")
        if key.strip() != "tmpdir" or not equals:
            made.lose(source, "is not understood: pam_tmpdir knows tmpdir=FOLDER alone", "remove it")
            continue
        if number % 2 == 0:
            made.note(source, "pam_tmpdir 0.09 skips every second line, this one too", "see where its directories are")
        if folder is not None:
            made.lose(source, "tmpdir is set for the second time", "remove one of them")
            continue
        folder = value.strip()
        made.stage = made.variables = source
        _folder(made, source, folder)
    if folder is None:
        made.note(Source(name, 0), f"the directories were {DEFAULT}/UID; here they are /tmp/.private/USER/tmp",
                  "move what shall be kept")
    return made


def _folder(made: Translation, source: Source, folder: str) -> None:
    moved = f"the directories were {folder}/UID; here they are /tmp/.private/USER/tmp"
    if folder == "/tmp" or folder.startswith("/tmp/"):
        made.note(source, moved, "move what shall be kept")
    else:
        made.lose(source, f"{moved}: their place cannot be chosen",
                  "if /tmp is too small or must not be used, mount another file system there")
