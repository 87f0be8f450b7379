"""Doctor on the shims: what is not in place, and what comes before them in PATH."""
from __future__ import annotations

import os
import pwd
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pam_mktemp_py import paths
from tests.privileged.doctor.doctor import LINE, PLAIN, USER, assert_cured, find, follow, ids, run
from tests.privileged.logins.session import configure, login
from tests.privileged.setup.pam_files import done
from tests.sandbox.state import run as command

Machine = Callable[..., Path]
Put = Callable[..., Path]
FOLDER = Path(paths.SHIMS)
BIN, PLANS = FOLDER / "bin", FOLDER / "plans"
LAUNCHER = Path("/usr/lib/pam-mktemp-shim")
PIECE = Path("/etc/profile.d/pam-mktemp-shims.sh")
HOME = Path("/home", USER)
OURS = {"shims-stale", "shims-exposed", "shims-without-effect", "launcher-missing", "launcher-setuid",
        "launcher-exposed", "shims-profile", "shims-behind", "own-shims-behind", "shims-path-set",
        "own-shims-path-set", "shims-not-in-cron", "shim-upgraded"}
CONDA = """# >>> conda initialize >>>
# !! Contents within this block are managed by 'conda init' !!
__conda_setup="$('{0}/bin/conda' 'shell.bash' 'hook' 2> /dev/null)"
if [ $? -eq 0 ]; then
    eval "$__conda_setup"
else
    if [ -f "{0}/etc/profile.d/conda.sh" ]; then
        . "{0}/etc/profile.d/conda.sh"
    else
        export PATH="{0}/bin:$PATH"
    fi
fi
unset __conda_setup
# <<< conda initialize <<<
"""
CARGO = """#!/bin/sh
# rustup shell setup
case ":${PATH}:" in
    *:"$HOME/.cargo/bin":*)
        ;;
    *)
        export PATH="$HOME/.cargo/bin:$PATH"
        ;;
esac
"""


@pytest.fixture(autouse=True)
def shimmed(machine: Machine) -> Iterator[Machine]:
    """Stage shim, with lua and tmux enabled by the real command."""
    configure('stage = "shim"\n')
    done("shims", "enable", "lua", "tmux")
    kept = {path: (path.read_bytes(), path.stat().st_mode) for path in (PIECE, LAUNCHER)}
    before = set(HOME.iterdir())
    profile = {path: path.read_bytes() for path in before if path.is_file()}
    yield machine
    for path, (data, mode) in kept.items():
        path.unlink(missing_ok=True)
        path.write_bytes(data)
        path.chmod(mode & 0o7777)
    for path in PIECE.parent.glob("*.moved-away"):
        path.unlink()
    for path in set(HOME.iterdir()) - before:
        command("rm", "-rf", path)
    for path, data in profile.items():
        path.write_bytes(data)
    command("rm", "-rf", FOLDER, *FOLDER.parent.glob("shims.*"), Path(paths.CONFIG_DIR, "50-shims.toml"))


def program(path: Path) -> None:
    """One of that name, that an account has put there itself."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\necho mine\n")
    path.chmod(0o755)


def own(name: str, text: str) -> Path:
    """A file of the account's."""
    path = HOME / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    for each in (path, path.parent):
        os.chown(each, pwd.getpwnam(USER).pw_uid, -1)
    return path


def found_by(*words: str) -> str:
    """Where a real login finds lua."""
    return login([*words, "-c", "command -v lua"]).stdout.strip()


def test_all_is_well() -> None:
    document = run()
    assert not ids(document) & OURS and "shims" in {each["name"] for each in document["checked"]}
    assert found_by("su", "-", USER) == str(BIN / "lua")


@pytest.mark.parametrize("spoil", [
    lambda: (BIN / "lua").unlink(),
    lambda: (PLANS / "lua").write_text("pam-mktemp-shim 2\nend\n"),
    lambda: (BIN.rename(FOLDER / "b"), BIN.symlink_to("b")),
    lambda: Path(paths.CONFIG_DIR, "50-shims.toml").write_text('[shims]\nenabled = ["lua", "tmux"]\n'),
], ids=["link", "plan", "a-link-for-the-folder", "variable"])
def test_not_in_place(spoil: Callable[[], Any]) -> None:
    spoil()
    assert_cured("shims-stale")


def test_not_roots_alone() -> None:
    BIN.chmod(0o777)
    assert_cured("shims-exposed")
    assert not ids(run()) & OURS


def test_an_entry_that_is_none() -> None:
    Path(paths.CONFIG_DIR, "50-shims.toml").write_text(
        '[shims]\nenabled = ["lua", "nosuch"]\nvariables = {}\n')
    finding = assert_cured("shims-without-effect")
    assert "nosuch" in finding["what"] and finding["where"].endswith("50-shims.toml:2")


@pytest.mark.parametrize(("spoil", "id"), [
    (lambda: LAUNCHER.unlink(), "launcher-missing"),
    (lambda: LAUNCHER.chmod(0o4755), "launcher-setuid"),
    (lambda: os.chown(LAUNCHER, 2101, -1), "launcher-exposed"),
])
def test_the_launcher(spoil: Callable[[], Any], id: str) -> None:
    spoil()
    assert_cured(id)


@pytest.mark.parametrize("spoil", [
    lambda: PIECE.unlink(), lambda: PIECE.write_text("# PATH=$PAM_MKTEMP_SHIMS:$PATH\n")])
def test_the_file_of_profile_d(spoil: Callable[[], Any]) -> None:
    spoil()
    assert found_by("su", "-", USER) == "/usr/bin/lua"
    assert_cured("shims-profile")
    assert found_by("su", "-", USER) == str(BIN / "lua")


def test_profile_that_reads_no_other(put: Put) -> None:
    put("/etc/profile", "PATH=/usr/bin:/bin\nexport PATH\n")
    assert found_by("su", "-", USER) == "/usr/bin/lua"
    assert_cured("shims-profile")
    assert found_by("su", "-", USER) == str(BIN / "lua")


@pytest.mark.parametrize(("text", "place"), [
    ('. "$HOME/.cargo/env"\n', ".cargo/bin"), (CONDA.format(HOME / "miniconda3"), "miniconda3/bin"),
    ("export PATH=/usr/bin:/bin\n", ""),
], ids=["cargo", "conda", "anew"])
def test_the_accounts_start_files(text: str, place: str) -> None:
    """A real login runs another program, until the advice was followed."""
    own(".cargo/env", CARGO)
    path = own(".profile", text)
    if place:
        assert not ids(run()) & OURS  # it holds none of the programs
        program(HOME / place / "lua")
    assert found_by("su", "-", USER) == (str(HOME / place / "lua") if place else "/usr/bin/lua")
    finding = assert_cured("own-shims-behind", kind="note")
    where = HOME / ".cargo/env" if "cargo" in text else path
    assert finding["where"].startswith(f"{where}:") and (str(HOME / place) in finding["what"] or not place)
    assert found_by("su", "-", USER) == str(BIN / "lua") and path.stat().st_uid == 2101


def test_what_the_text_does_not_tell() -> None:
    own(".bashrc", 'PATH="$(go env GOPATH)/bin:$PATH"\n')
    assert "cannot be told" in assert_cured("own-shims-behind", kind="note")["what"]


def test_what_a_start_file_may_read(tmp_path: Path) -> None:
    """Nothing of what the account itself could not read is told, and nothing keeps doctor waiting."""
    program(HOME / "bin/lua")
    secret = Path("/root/secret")
    secret.write_text("PATH=$HOME/bin:$PATH\n")
    secret.chmod(0o600)
    os.mkfifo(HOME / "fifo")
    (HOME / "link").symlink_to(secret)
    own(".profile", f". {secret}\n. {HOME}/fifo\n. {HOME}/link\n. /dev/zero\n. {HOME}/.profile\n. ~/nosuch\n")
    try:
        assert not ids(run()) & (OURS | {"check-failed"})
        os.chown(secret, 2101, -1)
        assert find(run(), "own-shims-behind")["where"] == f"{secret}:1"
    finally:
        secret.unlink()


def test_the_systems_start_files(put: Put) -> None:
    files = {"/etc/profile.d/zz-conda.sh": "PATH=/opt/conda/bin:$PATH\n",
             "/etc/bash.bashrc": "# all\nexport PATH=/opt/conda/bin:$PATH\n",
             "/etc/zsh/zshenv": "path=(/opt/conda/bin $path)\n",
             "/etc/fish/conf.d/conda.fish": "fish_add_path /opt/conda/bin\n",
             "/etc/csh.login": "set path = (/opt/conda/bin $path)\n",
             "/etc/profile": Path("/etc/profile").read_text() + "PATH=/opt/conda/bin:$PATH\n"}
    put("/etc/profile.d/conda.sh", "PATH=/opt/conda/bin:$PATH\n")  # before our own, which makes it good
    for file, text in files.items():
        put(file, text)
    assert not ids(run()) & OURS
    program(Path("/opt/conda/bin/lua"))
    try:
        assert found_by("su", "-", USER) == "/opt/conda/bin/lua"
        findings = [each for each in run()["findings"] if each["id"] == "shims-behind"]
        assert {each["where"] for each in findings} == {f"{file}:{text.count(chr(10))}" for file, text in files.items()}
        for finding in findings:
            follow(finding)
        assert not ids(run()) & OURS and found_by("su", "-", USER) == str(BIN / "lua")
    finally:
        command("rm", "-r", "/opt/conda")


def test_pam_env_after_ours(shimmed: Machine, put: Put) -> None:
    files = {"/etc/environment": 'PATH="/usr/local/bin:/usr/bin:/bin"\n',
             "/etc/security/pam_env.conf": "PATH DEFAULT=/usr/bin:/bin\n"}
    for file, text in files.items():
        put(file, text)
    shimmed("su", [*PLAIN, "session required pam_env.so", LINE])
    assert not ids(run()) & OURS  # ours comes after it
    shimmed("su", [*PLAIN, LINE, "session required pam_env.so"])
    findings = [each for each in run()["findings"] if each["id"] == "shims-path-set"]
    assert {each["where"] for each in findings} == {f"{file}:1" for file in files}
    assert all("pam_env in service su" in each["what"] for each in findings)
    for finding in findings:
        follow(finding)
    assert not ids(run()) & OURS


def test_the_accounts_own_environment(shimmed: Machine) -> None:
    program(HOME / "bin/lua")
    own(".pam_environment", "PATH DEFAULT=@{HOME}/bin:${PATH}\n")
    shimmed("su", [*PLAIN, LINE, "session required pam_env.so user_readenv=1"])
    assert_cured("own-shims-path-set", kind="note")


def test_cron(put: Put) -> None:
    file, own_file = "/etc/cron.d/lua", f"/var/spool/cron/crontabs/{USER}"
    put(own_file, "PATH=/usr/bin\n")
    put(file, "PATH=/usr/bin:/bin\n5 4 * * * root lua x\n")
    assert not ids(run()) & OURS  # no job of the account's
    path = put(file, f"# more\nPATH=/usr/bin:/bin\n5 4 * * * {USER} lua x\n")
    assert assert_cured("shims-not-in-cron", kind="note")["where"] == f"{file}:2"
    assert path.read_text().splitlines()[1] == f"PATH={BIN}:/usr/bin:/bin"
    put(own_file, "PATH=/usr/bin\n@daily lua x\n")
    assert assert_cured("shims-not-in-cron", kind="note")["where"] == f"{own_file}:1"


def test_sudo(put: Put) -> None:
    put("/etc/sudoers", "Defaults secure_path=/usr/sbin:/usr/bin\nroot ALL=(ALL:ALL) ALL\n", 0o440)
    assert "lua" in find(run(), "shims-not-in-sudo")["what"]
    put("/etc/sudoers", "Defaults secure_path=/nosuch\nroot ALL=(ALL:ALL) ALL\n", 0o440)
    assert "shims-not-in-sudo" not in ids(run())


def test_another_version_than_was_proved() -> None:
    state = FOLDER / "proved.toml"
    state.write_text('[lua]\nversion = "1.1"\ndate = "2020-01-01"\nsystem = "a"\n')
    state.chmod(0o644)
    finding = assert_cured("shim-upgraded", kind="note")
    assert finding["commands"] == [["pam-mktemp", "shims", "verify", "lua"]] and "1.1" in finding["what"]


def test_a_variable_that_is_set_again(shimmed: Machine, put: Put) -> None:
    """Of a remedy that is a variable of the session."""
    put("/etc/environment", "TMUX_TMPDIR=/tmp\n")
    own(".bashrc", "export TMUX_TMPDIR=/tmp\n")
    shimmed("su", [*PLAIN, LINE, "session required pam_env.so"])
    assert "TMUX_TMPDIR" in assert_cured("environment-sets")["what"]
    assert "TMUX_TMPDIR" in assert_cured("own-shell-sets", kind="note")["what"]


def test_who_has_no_shims_needs_no_path() -> None:
    program(HOME / "bin/lua")
    own(".profile", 'PATH="$HOME/bin:$PATH"\n')
    assert "own-shims-behind" in ids(run())
    for config in 'stage = "env"\n', f'stage = "shim"\nexempt_users = ["{USER}"]\n':
        configure(config)
        assert not ids(run()) & {"own-shims-behind", "shims-not-in-sudo"}
