"""Scripts for the completion of shells: click's own, for the command's name.

They ask the installed command itself for what can stand at the cursor, so they need not know any command,
option or account. Two faults of click 8.1.3, Debian 12's, are mended here.
"""
from __future__ import annotations

import click
from click.shell_completion import BashComplete, FishComplete, ShellComplete, ZshComplete

FILES: dict[str, type[ShellComplete]] = {
    "pam-mktemp.bash": BashComplete, "_pam-mktemp": ZshComplete, "pam-mktemp.fish": FishComplete}
# A file that zsh loads at the first Tab has to complete then, too, not only say who will.
ZSH_END = """if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
    {function} "$@"
else
    compdef {function} {name}
fi
"""


def scripts(group: click.Group, name: str) -> dict[str, str]:
    """File name -> script. source() is not used: it runs bash to ask for its version."""
    variable = f"_{name}_COMPLETE".replace("-", "_").upper()
    out = {}
    for file, kind in FILES.items():
        made = kind(group, {}, name, variable)
        out[file] = (made.source_template % made.source_vars()).strip() + "\n"
    zsh, fish = "_" + name, name + ".fish"
    if "loadautofunc" not in out[zsh]:
        body, found, _rest = out[zsh].rpartition("compdef ")
        if not found:
            raise ValueError("click's script for zsh is not as it was")
        function = ZshComplete(group, {}, name, variable).func_name
        out[zsh] = body + ZSH_END.format(function=function, name=name)
    # Else it cuts what a command does at the first comma.
    out[fish] = out[fish].replace('(string split "," $completion)', '(string split --max 1 "," $completion)')
    return out
