"""What lines of start files do to PATH."""
from __future__ import annotations

import os
import time

import pytest

from pam_mktemp_py.doctor.path_lines import Change, Reader, of_line

HOME = {"HOME": "/home/u"}
CONDA = """# >>> conda initialize >>>
# !! Contents within this block are managed by 'conda init' !!
__conda_setup="$('/home/u/miniconda3/bin/conda' 'shell.bash' 'hook' 2> /dev/null)"
if [ $? -eq 0 ]; then
    eval "$__conda_setup"
else
    if [ -f "/home/u/miniconda3/etc/profile.d/conda.sh" ]; then
        . "/home/u/miniconda3/etc/profile.d/conda.sh"
    else
        export PATH="/home/u/miniconda3/bin:$PATH"
    fi
fi
unset __conda_setup
# <<< conda initialize <<<
"""
PYENV = """export PYENV_ROOT="$HOME/.pyenv"
[[ -d $PYENV_ROOT/bin ]] && export PATH="$PYENV_ROOT/bin:$PATH"
eval "$(pyenv init - bash)"
"""
CARGO_ENV = """#!/bin/sh
# rustup shell setup
# affix colons on either side of $PATH to simplify matching
case ":${PATH}:" in
    *:"$HOME/.cargo/bin":*)
        ;;
    *)
        # Prepending path in case a system-installed rustc needs to be overridden
        export PATH="$HOME/.cargo/bin:$PATH"
        ;;
esac
"""
PNPM = """# pnpm
export PNPM_HOME="/home/u/.local/share/pnpm"
case ":$PATH:" in
  *":$PNPM_HOME:"*) ;;
  *) export PATH="$PNPM_HOME:$PATH" ;;
esac
# pnpm end
"""
SKEL = """if [ -n "$BASH_VERSION" ]; then
    # include .bashrc if it exists
    if [ -f "$HOME/.bashrc" ]; then
\t. "$HOME/.bashrc"
    fi
fi

# set PATH so it includes user's private bin if it exists
if [ -d "$HOME/bin" ] ; then
    PATH="$HOME/bin:$PATH"
fi
"""
ZSHENV = """if [[ -z "$PATH" || "$PATH" == "/bin:/usr/bin" ]]
then
\texport PATH="/usr/local/bin:/usr/bin:/bin:/usr/games"
fi
"""


def read(text: str, others: dict[str, str] | None = None, **options: frozenset[str]) -> list[Change]:
    files = {"/f": text} | (others or {})
    reader = Reader(lambda path: files.get(path, "").split("\n"), dict(HOME), **options)
    reader.file("/f")
    return reader.found


def folders(text: str, others: dict[str, str] | None = None) -> list[str]:
    return [folder for change in read(text, others) for folder in change.folders]


@pytest.mark.parametrize(("line", "found"), [
    ('export PATH="$HOME/bin:$PATH"', ["/home/u/bin"]),
    ("PATH=~/bin:/opt/x/:${PATH}", ["/home/u/bin", "/opt/x"]),
    ("PATH=$HOME/bin:$PATH; export PATH", ["/home/u/bin"]),
    ("[ -d ~/bin ] && PATH=~/bin:$PATH", ["/home/u/bin"]),
    ("if true; then export A=1 PATH=/a:$PATH; fi", ["/a"]),
    ("PATH=\"${HOME}/bin${PATH:+:${PATH}}\"", ["/home/u/bin"]),
    ("PATH=/a${PATH:+\":${PATH}\"}", ["/a"]),
    ("export PATH=${XDG:-/x}/bin:$PATH", ["/x/bin"]),
    ("path=(~/bin /a $path)", ["/home/u/bin", "/a"]),
    ("typeset -U path=(/a $path)", ["/a"]),
    ("set path = (/a $path)", ["/a"]),
    ("setenv PATH /a:${PATH}", ["/a"]),
    ("set -gx PATH /a /b $PATH", ["/a", "/b"]),
    ("fish_add_path ~/bin", ["/home/u/bin"]),
    ("fish_add_path -g -m /a", ["/a"]),
])
def test_put_before(line: str, found: list[str]) -> None:
    change = of_line(line, HOME)
    assert change and not change.anew and not change.unclear and list(change.folders) == found


@pytest.mark.parametrize("line", [
    "PATH=$PATH:/a", 'export PATH="${PATH}:$HOME/bin"', "PATH=/a make", 'PATH="/a:$PATH" make install',
    "MYPATH=/a:$PATH", "MANPATH=/a:$MANPATH", "export PATH", "echo PATH=/a:$PATH", "fish_add_path -a /a",
    "set -gx PATH $PATH /a", "path+=(/a)", "path=($path /a)", "cd $PATH",
])
def test_nothing(line: str) -> None:
    assert of_line(line, HOME) is None


@pytest.mark.parametrize(("line", "found"), [
    ("PATH=/usr/bin:/bin", ["/usr/bin", "/bin"]),
    ("export PATH='/usr/bin:/bin'", ["/usr/bin", "/bin"]),
    ("set path = (/usr/bin /bin)", ["/usr/bin", "/bin"]),
])
def test_anew(line: str, found: list[str]) -> None:
    change = of_line(line, HOME)
    assert change and change.anew and list(change.folders) == found


@pytest.mark.parametrize("line", ['PATH="$(go env GOPATH)/bin:$PATH"', "PATH=$GOPATH/bin:$PATH", "PATH=`x`:$PATH"])
def test_unclear(line: str) -> None:
    change = of_line(line, HOME)
    assert change and change.unclear and not change.folders and not change.anew


def test_what_programs_write_there() -> None:
    assert set(folders(CONDA)) == {"/home/u/miniconda3/bin"}
    assert folders(PYENV) == ["/home/u/.pyenv/bin", "/home/u/.pyenv/shims"]
    assert folders('. "$HOME/.cargo/env"\n', {"/home/u/.cargo/env": CARGO_ENV}) == ["/home/u/.cargo/bin"]
    assert folders(PNPM) == ["/home/u/.local/share/pnpm"]
    assert folders(SKEL) == ["/home/u/bin"]
    assert folders('eval "$(/home/linuxbrew/.linuxbrew/bin/brew shellenv)"\n') == ["/home/linuxbrew/.linuxbrew/bin"]
    assert folders('eval "$(/opt/conda/bin/conda shell.zsh hook)"\n') == ["/opt/conda/bin"]
    assert read(ZSHENV) == []


def test_values_that_double_with_each_line() -> None:
    """Thirty such lines in a user's file would take all memory of the root who asks."""
    reader = Reader(lambda path: ["A=/aaaaaaaa"] + ["A=$A$A", "B=$A:$A", "PATH=$B:$A:$PATH"] * 18, dict(HOME))
    reader.file("/f")
    assert max(map(len, reader.values.values())) <= 1000
    assert max(len(folder) for change in reader.found for folder in change.folders) <= 1000
    assert reader.found[0].folders[0] == "/aaaaaaaa/aaaaaaaa" and reader.found[-1].unclear


def test_more_lines_than_anybody_writes() -> None:
    """Each has hundreds of folders to be looked into: a user must not be able to keep root's doctor busy."""
    text = "PATH=/a:$PATH\n" * 2000
    assert len(read(text)) == 50
    assert folders(f"{text}PATH=$PAM_MKTEMP_SHIMS:$PATH\nPATH=/b:$PATH\n") == ["/b"]


def test_nvm(tmp_path: object) -> None:
    text = (f'export NVM_DIR="{tmp_path}"\n'
            '[ -s "$NVM_DIR/nvm.sh" ] && \\. "$NVM_DIR/nvm.sh"  # This loads nvm\n')
    folder = f"{tmp_path}/versions/node/v22.1.0/bin"
    os.makedirs(folder)
    assert folders(text) == [folder]


def test_files_that_are_read() -> None:
    others = {"/a": "PATH=/x:$PATH\n. /b\n", "/b": "PATH=/y:$PATH\n. /a\nPATH=$(z):$PATH\n"}
    assert [(each.file, each.line, each.folders) for each in read("source /a\n. '/b'\n. /f\n", others)] == [
        ("/a", 1, ("/x",)), ("/b", 1, ("/y",))]
    assert read(". /a\n", others, apart=frozenset({"/a"})) == []
    assert read(". $SOMEWHERE/a\n. a\n", others) == []


@pytest.mark.parametrize("line", [". /etc/profile.d/pam-mktemp-shims.sh", "PATH=$PAM_MKTEMP_SHIMS:$PATH"])
def test_put_first_again(line: str) -> None:
    assert read(f"PATH=/a:$PATH\n{line}\n") == []
    assert folders(f"PATH=/a:$PATH\n{line}\nPATH=/b:$PATH\n") == ["/b"]
    assert folders(f"PATH=/a:$PATH\n# {line}\n") == ["/a"]


@pytest.mark.parametrize("line", [
    "PATH=" + "$(a)" * 240, "PATH=" + "$($(" * 240, "PATH=" + "\"" * 900, "PATH=" + "'a" * 480, "set " + "-x " * 300,
    "export " + "a=b " * 240, "A=" * 480, "PATH=" * 190, "path=(" + "~ " * 450, ". " * 480, "x" * (1 << 20),
    "PATH=" + "a" * 980 + "!\"", "PATH=" + "a\"b\"" * 240 + "\"", "(" * 990, "pyenv " * 160, "PATH=${" * 140,
    "PATH=" + "${PATH:+" * 120, "/" * 500 + " conda", "\"" + "/a" * 480 + " shell.", "export -x " * 98,
])
def test_lines_that_would_keep_a_bad_expression_busy(line: str) -> None:
    before = time.process_time()
    read("\n".join([line] * 20))
    assert time.process_time() - before < 2
