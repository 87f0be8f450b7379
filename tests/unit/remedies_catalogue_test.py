"""The catalogue: what is shipped is valid and whole, and a site's own entries override it."""
from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from pam_mktemp_py import expand
from pam_mktemp_py.detect.model import ALREADY_PRIVATE, CLASSES, LOOK_ONLY
from pam_mktemp_py.errors import ConfigError
from pam_mktemp_py.pamstack import pieces, places
from pam_mktemp_py.remedies import catalogue, entry as model, installed
from pam_mktemp_py.remedies.catalogue import Catalogue
from pam_mktemp_py.remedies.proved import HOST, SHIPPED

TOP = Path(__file__).parents[2]
# The programs that were found to use /tmp under TMPDIR, and the entry of each. Two are obsolete: programs that call
# tmpnam(3), which POSIX withdraws and no package of Debian's that was looked at calls, and ESounD.
FOUND = {
    "tmux": "tmux", "ssh-agent, setgid": "ssh-agent", "sshd, forwarded agents": "sshd", "sshd, ExposeAuthInfo": "sshd",
    "sshd, GSSAPI": "sshd", "libkrb5": "krb5", "X server": "xorg", "X lock": "xorg", "xkbcomp": "xkbcomp", "ICE": "ice",
    "dbus-daemon": "dbus-daemon", "PostgreSQL": "postgresql", "MySQL": "mysql", "MongoDB": "mongodb",
    "Java, temporary files": "java", "HotSpot, performance data": "java", "HotSpot, attaching": "jdk-attach",
    "OpenJ9": "openj9", ".NET": "dotnet", "ML.NET": "mlnet", "Ray": "ray", "TensorBoard": "tensorboard",
    "CUDA MPS": "cuda-mps", "Codex": "codex", "VS Code": "vscode", "Dev Containers": "vscode-devcontainers",
    "Wine": "wine", "winetricks": "winetricks", "Chrome": "chrome", "Open MPI": "openmpi", "tmpfile(3)": "ed",
    "ed": "ed", "make -O": "make", "Lua": "lua", "Maxima": "maxima", "Octave": "octave", "crontab -e": "crontab",
    "sg, newgrp": "newgrp", "apt's gpgv": "apt", "iperf3": "iperf3", "dropbear": "dropbear",
    "screen": "screen-upstream",
    "Emacs": "emacs", "gpg-agent": "gpg-agent", "PulseAudio": "pulseaudio", "SQLite": "sqlite3", "PHP": "php",
    "PHP sessions": "php-sessions", "WordPress": "wordpress", "vim": "vim", "Hadoop": "hadoop", "Spark": "spark",
    "Kafka": "kafka", "vgdb": "vgdb", "ssh ControlPath": "ssh",
}
ENTRY = 'summary = "{0}"\nclass = "knob"\ndoes = "d"\n[recognise]\nnames = ["{1}"]\n[remedy]\nkind = "bind"\n' \
        '[evidence]\nobserved = "o"\n'


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    nothing = str(tmp_path_factory.mktemp("nothing"))
    return catalogue.load(site=f"{nothing}/site", state=nothing, owner=os.getuid())


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path, Path]:
    """A catalogue with one entry, and places for a site's own and for what was proved."""
    for name in ("shipped", "site", "state"):
        (tmp_path / name).mkdir(mode=0o755)
    (tmp_path / "shipped/one.toml").write_text(ENTRY.format("ours", "one"))
    (tmp_path / "shipped" / SHIPPED).write_text("[one]\nversion = '1.0'\ndate = '2026-01-01'\nsystem = 's'\n")
    return tmp_path / "shipped", tmp_path / "site", tmp_path / "state"


def load(folders: tuple[Path, Path, Path]) -> Catalogue:
    shipped, site, state = map(str, folders)
    return catalogue.load(shipped, site, state, owner=os.getuid())


def test_all_that_is_shipped_can_be_used(shipped: Catalogue) -> None:
    assert [str(error) for error in shipped.errors] == []
    assert len(shipped.entries) >= 50
    names = {each.removesuffix(".toml") for each in os.listdir(TOP / pieces.CATALOGUE)}
    assert names - {SHIPPED} == set(shipped.entries)
    assert set(shipped.proofs) <= set(shipped.entries) and len(shipped.proofs) >= 25
    assert {name for name in shipped.proofs if shipped.entries[name].check is None} == set()


def test_every_program_that_was_found_has_an_entry(shipped: Catalogue) -> None:
    assert len(FOUND) == 55 and set(FOUND.values()) <= set(shipped.entries)


def test_classes_are_those_of_the_detector() -> None:
    assert set(model.CLASSES) == set(CLASSES) - {LOOK_ONLY, ALREADY_PRIVATE}


def test_groups_are_of_several_or_called_like_their_entry(shipped: Catalogue) -> None:
    members: dict[str, list[str]] = {}
    for entry in shipped.entries.values():
        members.setdefault(entry.group, []).append(entry.name)
    assert [group for group, names in members.items() if len(names) == 1 and names != [group]] == []
    attach = shipped.entries["jdk-attach"].check
    assert attach and re.search(attach.touches, "/tmp/.java_pid17"), "attached to another, not only listed itself"
    assert {"ssh-agent", "ssh-add"} == set(members["ssh-agent"]) and {"java", "jdk-attach"} <= set(members["java"])


def test_nothing_that_prints_is_set_for_a_whole_session(shipped: Catalogue) -> None:
    """JAVA_TOOL_OPTIONS and its like print a line for each start."""
    for entry in shipped.entries.values():
        if entry.remedy.kind == model.ENVIRONMENT:
            assert not {name for name in entry.remedy.set if name.startswith(("JAVA", "JDK", "_JAVA", "LD_"))}


def test_what_depends_on_the_account_says_so(shipped: Catalogue) -> None:
    """No remedy puts the files of all accounts in one place in /tmp; eix leaves them where they are."""
    for entry in shipped.entries.values():
        for value in [*entry.remedy.set.values(), *entry.remedy.arguments]:
            assert "/tmp" not in value or entry.name == "eix" or expand.used(value)


def test_where_it_lies(shipped: Catalogue) -> None:
    assert catalogue.folder() == str(TOP / pieces.CATALOGUE)
    assert catalogue.FOLDER == pieces.CATALOGUE
    names = pieces.catalogue(str(TOP))
    assert f"{pieces.CATALOGUE}/tmux.toml" in names and len(names) >= len(shipped.entries)


def test_programs_are_found_by_name_and_path(shipped: Catalogue) -> None:
    assert [each.name for each in shipped.find("tmux")] == ["tmux"]
    assert [each.name for each in shipped.find("/usr/bin/lua5.4")] == ["lua"]
    assert [each.name for each in shipped.find("xorg")] == ["xorg"]
    assert [each.name for each in shipped.find("/opt/my-openj9/bin/java")] == ["java", "openj9"]
    assert [each.name for each in shipped.find("/usr/bin/java")] == ["java"]
    assert [each.name for each in shipped.find("iperf3-tmpdir")] == ["iperf3-tmpdir"]
    assert shipped.find("nosuch") == shipped.find("/usr/bin/") == shipped.find("") == []


def test_a_site_overrides_by_name(folders: tuple[Path, Path, Path]) -> None:
    assert load(folders).proofs["one"].version == "1.0"
    (folders[1] / "one.toml").write_text(ENTRY.format("theirs", "one"))
    (folders[1] / "two.toml").write_text(ENTRY.format("more", "two"))
    found = load(folders)
    assert not found.errors and sorted(found.entries) == ["one", "two"]
    assert (found.entries["one"].summary, found.entries["one"].site) == ("theirs", True)
    assert found.proofs == {}, "what was proved of another remedy"


def test_what_was_proved_here_counts_before_what_is_shipped(folders: tuple[Path, Path, Path]) -> None:
    path = Path(str(folders[2]) + HOST)
    path.parent.mkdir()
    path.write_text("[one]\nversion = '2.0'\ndate = '2026-02-02'\nsystem = 't'\n")
    assert (load(folders).proofs["one"].version, load(folders).proofs["one"].here) == ("2.0", True)
    path.chmod(0o666)
    found = load(folders)
    assert found.proofs["one"].version == "1.0" and "can be written by others" in str(found.errors[0])


@pytest.mark.parametrize(("text", "says"), [
    (ENTRY.format("x", "one") + "x = 1\n", "one.toml:10: unknown key 'x'"), ("[", "not valid TOML"), ("", "has no"),
])
def test_a_site_file_with_a_mistake_leaves_its_name_out(folders: tuple[Path, Path, Path], text: str, says: str) -> None:
    """The shipped entry is what the administrator did not want."""
    (folders[1] / "one.toml").write_text(text)
    found = load(folders)
    assert found.entries == {} and says in str(found.errors[0])


def test_site_files_must_be_roots_alone(folders: tuple[Path, Path, Path]) -> None:
    path = folders[1] / "two.toml"
    path.write_text(ENTRY.format("x", "two"))
    path.chmod(0o664)
    assert [error.file for error in load(folders).errors] == [str(path)] and sorted(load(folders).entries) == ["one"]
    path.unlink()
    path.symlink_to(folders[0] / "one.toml")
    assert "symbolic link" in str(load(folders).errors[0])
    path.unlink()
    folders[1].chmod(0o777)
    assert [error.file for error in load(folders).errors] == [str(folders[1])]
    shipped, site, state = map(str, folders)
    folders[1].chmod(0o755)
    assert "not to" in str(catalogue.load(shipped, site, state, owner=os.getuid() + 1).errors[0])


def test_no_two_entries_mean_the_same_program(folders: tuple[Path, Path, Path]) -> None:
    path = folders[1] / "two.toml"
    path.write_text(ENTRY.format("x", "one"))
    [error] = load(folders).errors
    assert (error.file, error.what) == (str(path), f"means one, as {folders[0]}/one.toml does")
    path.write_text(ENTRY.format("x", 'one"]\ninterpreter = "php"\nversion = ["one'))
    assert load(folders).errors, "neither the launcher nor the detector looks at what runs a script"
    path.write_text(ENTRY.format("x", 'one"]\npaths = ["/opt/*'))
    assert load(folders).errors == []


def test_a_mistake_in_what_is_shipped_hides_nothing_else(folders: tuple[Path, Path, Path]) -> None:
    (folders[0] / "a.toml").write_text("x")
    found = load(folders)
    assert sorted(found.entries) == ["one"] and found.errors[0].file.endswith("/a.toml")
    with pytest.raises(ConfigError, match="make install"):
        catalogue.load(str(folders[0] / "nosuch"))


def test_what_is_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folders: tuple[Path, Path, Path]) -> None:
    bin = tmp_path / "bin"
    bin.mkdir()
    program = bin / "one"
    program.write_text("#!/bin/sh\necho one, version $VERSION${1:-0}.5 $HOME\n")
    monkeypatch.setenv("PATH", f"relative:{bin}:/usr/bin:/bin")
    (folders[0] / "one.toml").write_text(ENTRY.format("x", 'one"]\nversions = ">=3.5, <4"\nversion = ["one", "3'))
    entry = load(folders).entries["one"]
    assert installed.find(entry) == "" and installed.look(entry) == installed.Here("", "", False)
    program.chmod(0o755)
    assert installed.look(entry) == installed.Here(str(program), "3.5", True)
    program.write_text("#!/bin/sh\necho one 4.1\n")
    assert installed.look(entry) == installed.Here(str(program), "4.1", False)
    program.write_text("#!/bin/sh\nexec sleep 60\n")
    monkeypatch.setattr(installed, "SECONDS", 0.2)
    assert installed.look_at_all([entry]) == {"one": installed.Here(str(program), "", False)}


@pytest.mark.parametrize(("line", "means"), [
    ("#!/usr/bin/php", True), ("#! /opt/php8.2 -q", True), ("#!/usr/bin/env php8", True),
    ("#!/usr/bin/env -S A=b php", True),
    ("#!/bin/sh", False), ("#!/usr/bin/env", False), ("#!", False), ("php", False), ("\x7fELF", False), ("", False),
])
def test_what_a_script_is_run_by(line: str, means: bool, tmp_path: Path, folders: tuple[Path, Path, Path]) -> None:
    program = tmp_path / "one"
    program.write_text(f"{line}\necho\n")
    program.chmod(0o755)
    (folders[0] / "one.toml").write_text(ENTRY.format("x", 'one"]\ninterpreter = "php8.1"\nversion = ["one'))
    entry = load(folders).entries["one"]
    assert installed.find(entry, str(tmp_path)) == (str(program) if means else "")
    assert installed.names(entry, str(tmp_path)) == (["one"] if means else [])


def test_root_runs_nothing_of_anothers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                       folders: tuple[Path, Path, Path]) -> None:
    """PATH is that of a user's session after su: neither what is asked, nor what it runs itself, is the user's."""
    his, ours, ran = tmp_path / "his", tmp_path / "ours", tmp_path / "ran"
    for folder in (his, ours):
        folder.mkdir()
    for path in (his / "helper", his / "one", ours / "one"):
        path.write_text(f"#!/bin/sh\necho {path} >> {ran}\n[ ${{0##*/}} = helper ] || helper\necho 3.5\n")
        path.chmod(0o755)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(places, "fault", lambda path, there: "his" if path.startswith(str(his)) else None)
    monkeypatch.setenv("PATH", f"{his}:{ours}:/usr/bin:/bin")
    (folders[0] / "one.toml").write_text(ENTRY.format("x", 'one"]\nversion = ["one'))
    entry = load(folders).entries["one"]
    assert installed.look(entry) == installed.Here(f"{his}/one", "", True) and not ran.exists()
    (his / "one").unlink()
    assert installed.look(entry) == installed.Here(f"{ours}/one", "3.5", True)
    assert ran.read_text() == f"{ours}/one\n"
    (folders[0] / "one.toml").write_text(ENTRY.format("x", f'one"]\npaths = ["{his}/helper"]\nversion = ["one'))
    assert installed.look(load(folders).entries["one"]).version == "", "named by its path"
