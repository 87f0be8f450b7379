"""Services that open no PAM session, started as README and contrib/services tell."""
from __future__ import annotations

import ftplib
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.privileged.run import fastcgi
from tests.privileged.run.start import LAUNCH, RUN, SHOW, good, number, own, start
from tests.sandbox.accounts import CLEAN, kill_all_of

TOP = Path(__file__).parents[3]
EXAMPLES = TOP / "contrib/services"
FPM = "/usr/sbin/php-fpm8.2"
NAME = "/tmp/fixed-name"  # as many programs have it
pytestmark = pytest.mark.usefixtures("fresh_state")


def until(true: Callable[[], object], what: str) -> None:
    """Wait for it."""
    end = time.monotonic() + 20
    while not true():
        assert time.monotonic() < end, what
        time.sleep(0.02)


@contextmanager
def written(path: Path, text: str, mode: int = 0o644) -> Iterator[Path]:
    """A file for as long as it is needed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
    yield path
    path.unlink()


def test_an_init_script(alice: Any) -> None:
    """Two services of the same user and the user do not meet, and stop stops what start started."""
    daemon = f"#!/bin/sh\necho $0 $$ > {NAME}\nexec sleep 1000\n"
    with ExitStack() as stack:
        scripts = []
        for name in ("worker", "mailer"):
            stack.enter_context(written(Path("/usr/local/bin", name), daemon, 0o755))
            text = (EXAMPLES / "worker.init").read_text().replace("worker", name)
            scripts.append(str(stack.enter_context(written(Path("/etc/init.d", name), text, 0o755))))
        for _ in range(2):  # the second time there is a plan
            for script in scripts:
                good(script, "start")
            good(*LAUNCH, "-u", "alice", "sh", "-c", f"echo alice > {NAME}")
            until(lambda: all((own("alice", f"svc-{name}") / "fixed-name").exists() for name in ("worker", "mailer")),
                  "the daemons did not come up")
            for name in ("worker", "mailer"):
                program, pid = (own("alice", f"svc-{name}") / "fixed-name").read_text().split()
                assert program == f"/usr/local/bin/{name}"
                assert Path(f"/run/{name}-alice.pid").read_text().strip() == pid
                assert Path(f"/proc/{pid}").stat().st_uid == 2101
                assert os.readlink(f"/proc/{pid}/ns/user") == os.readlink("/proc/self/ns/user")
            assert (own("alice") / "fixed-name").read_text() == "alice\n"
            for script in scripts:
                good(script, "status")
                good(script, "stop")
                assert start(script, "status").returncode != 0
            for name in ("worker", "mailer"):
                (own("alice", f"svc-{name}") / "fixed-name").unlink()
        assert not Path(NAME).exists()


def test_runuser(alice: Any) -> None:
    """Instead of runuser as root; and behind it, where the user namespace is the price."""
    good(*RUN, "-u", "alice", "-s", "job", "--", "true")
    for words in ((*LAUNCH, "-u", "alice", "-s", "job"), ("runuser", "-u", "alice", "--", *LAUNCH, "-s", "job")):
        assert good(*words, "--", "sh", "-c", f"id -un; {SHOW}; echo $TMPDIR") == (
            f"alice\n{number(own('alice', 'svc-job'))}{own('alice', 'svc-job')}\n")


PAGE = f"""<?php
file_put_contents("{NAME}", posix_getpwuid(posix_geteuid())["name"] . "\\n", FILE_APPEND);
$made = tmpfile();
echo json_encode([
    "temp" => sys_get_temp_dir(), "made" => stream_get_meta_data($made)["uri"], "named" => tempnam("", "x"),
    "upload" => $_FILES["file"]["tmp_name"], "child" => trim(shell_exec('echo $TMPDIR')),
    "session" => session_start() ? session_save_path() : "", "shared" => file("{NAME}"),
]);
"""
UPLOAD = b'--b\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\ndata\r\n--b--\r\n'


def asked(socket: str) -> Any:
    """What the page says about where temporary files go."""
    import json
    answer = fastcgi.request(socket, "/srv/page.php", UPLOAD, "multipart/form-data; boundary=b")
    return json.loads(answer)


@pytest.fixture
def page() -> Iterator[None]:
    """A page that every pool can show."""
    with written(Path("/srv/page.php"), PAGE):
        yield


def test_php_fpm_of_each_user(alice: Any, bob: Any, page: None) -> None:
    with ExitStack() as stack:
        for uid in (2101, 2102):
            stack.callback(kill_all_of, uid)
        found = {}
        for user in ("alice", "bob"):
            text = (EXAMPLES / "php-fpm-user.conf").read_text().replace("USER", user)
            config = stack.enter_context(written(Path(f"/etc/php/8.2/fpm/{user}.conf"), text))
            good("install", "-d", "-o", user, "-g", "www-data", "-m", "0710", f"/run/php-{user}")
            done = start(*LAUNCH, "-u", user, "-s", "php", "--", FPM, "--fpm-config", str(config))
            assert done.returncode == 0, done.stderr
            until(lambda: os.path.exists(f"/run/php-{user}/fpm.sock"), "php-fpm did not come up")
            found[user] = asked(f"/run/php-{user}/fpm.sock")
        for user, said in found.items():
            place = str(own(user, "svc-php"))
            assert (said["temp"], said["shared"]) == ("/tmp", [f"{user}\n"])
            for key in ("made", "named", "upload"):
                assert said[key].startswith(("/tmp/", place)), said
            assert os.path.exists(said["named"].replace("/tmp", place, 1))
        web = start("stat", "/run/php-alice/fpm.sock", user=None)
        assert web.returncode == 0
        access = "import socket; socket.socket(socket.AF_UNIX).connect('/run/php-alice/fpm.sock')"
        assert subprocess.run(["setpriv", "--reuid=www-data", "--regid=www-data", "--clear-groups", "python3", "-c",
                               access], env=CLEAN).returncode == 0
        assert start("python3", "-c", access, user=bob).returncode != 0
    assert not Path(NAME).exists()


def test_php_fpm_that_all_share(alice: Any, bob: Any, page: None) -> None:
    """What honours the settings of the pool is apart; hard-coded names still meet: that is what one master costs."""
    pools = []
    for user in ("alice", "bob"):
        good(*RUN, "-u", user, "--", "true")
        pools.append((EXAMPLES / "php-fpm-pool.conf").read_text().replace("USER", user))
    head = "[global]\npid = /run/php/test.pid\nerror_log = /var/log/php-test.log\n"
    Path("/run/php").mkdir(exist_ok=True)
    with written(Path("/srv/fpm.conf"), head + "\n".join(pools)) as config:
        with subprocess.Popen([FPM, "--nodaemonize", "--fpm-config", config], env=CLEAN,
                              stderr=subprocess.PIPE) as master:
            try:
                until(lambda: os.path.exists("/run/php/bob.sock"), "php-fpm did not come up")
                for user in ("alice", "bob"):
                    said = asked(f"/run/php/{user}.sock")
                    place = str(own(user))
                    assert {said["temp"], said["child"], said["session"]} == {place}
                    assert all(said[key].startswith(place + "/") for key in ("made", "named", "upload")), said
                    assert said["shared"][0] == "alice\n", "the same /tmp"
            finally:
                master.terminate()


def test_suexec(alice: Any) -> None:
    """Apache's own suexec, called as Apache does: by its user, in the document root, with a wrapper of the user's."""
    good(*RUN, "-u", "alice", "-s", "cgi", "--", "true")
    root = Path("/var/www/alice")
    root.mkdir(parents=True)
    Path("/var/log/apache2").mkdir(exist_ok=True)  # of the package apache2, not of suexec's
    try:
        (root / "page.php").write_text(f"<?php echo sys_get_temp_dir(), ' ', fileinode('/tmp'); touch('{NAME}');")
        wrapper = root / "wrapper"
        text = (EXAMPLES / "cgi-wrapper").read_text()
        assert text.count(" /usr/bin/php-cgi ") == 1, "php itself would run what a request sends"
        wrapper.write_text(text.replace("/usr/bin/php-cgi", "/usr/bin/php"))  # the one that is installed here
        wrapper.chmod(0o755)
        for path in (root, root / "page.php", wrapper):
            os.chown(path, 2101, 2101)
        for _ in range(2):
            done = subprocess.run(["setpriv", "--reuid=www-data", "--regid=www-data", "--clear-groups",
                                   "/usr/lib/apache2/suexec", "alice", "alice", "wrapper", "page.php"], cwd=root,
                                  env=CLEAN, capture_output=True, text=True)
            place = own("alice", "svc-cgi")
            assert done.stdout.endswith(f"{place} {place.stat().st_ino}"), done.stdout + done.stderr
        assert (place / "fixed-name").stat().st_uid == 2101 and not Path(NAME).exists()
        assert (place / ".run-plan").exists(), "the second start was without Python"
    finally:
        subprocess.run(["rm", "-r", root], check=True)


def test_ftp_server(alice: Any, bob: Any, pam_service: Callable[..., Path]) -> None:
    """vsftpd's login, at stage bind: what is put into /tmp is in the account's own."""
    subprocess.run(["chpasswd"], input="alice:secret\nbob:secret\n", text=True, check=True)
    usual = Path("/etc/pam.d/vsftpd").read_text().splitlines()
    pam_service("vsftpd", [*usual, "session required pam_mktemp_py.so"])
    config = ("listen=YES\nlisten_port=2121\nlocal_enable=YES\nwrite_enable=YES\nsession_support=YES\n"
              "anonymous_enable=NO\npam_service_name=vsftpd\nsecure_chroot_dir=/var/run/vsftpd/empty\n")
    Path("/var/run/vsftpd/empty").mkdir(parents=True, exist_ok=True)
    with written(Path("/etc/security/pam_mktemp.d/bind.toml"), 'stage = "bind"\n'), \
            written(Path("/srv/vsftpd.conf"), config) as file, \
            subprocess.Popen(["vsftpd", file], env=CLEAN) as server:
        try:
            for user in ("alice", "bob"):
                ftp = ftplib.FTP()
                until(lambda: connected(ftp), "vsftpd did not come up")
                ftp.login(user, "secret")
                ftp.cwd("/tmp")
                with open("/etc/hostname", "rb") as data:
                    ftp.storbinary("STOR fixed-name", data)
                assert "fixed-name" in ftp.nlst()
                assert (own(user) / "fixed-name").exists()
                ftp.quit()
            assert not Path(NAME).exists()
        finally:
            server.terminate()
    until(lambda: " /tmp/.X11-unix " not in everywhere(), "a mount is left")


def connected(ftp: ftplib.FTP) -> bool:
    """Whether the server answers now."""
    try:
        ftp.connect("localhost", 2121, timeout=20)
    except ConnectionRefusedError:
        return False
    return True


def everywhere() -> str:
    """What any process has mounted."""
    text = ""
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            text += Path(f"/proc/{pid}/mountinfo").read_text()
        except OSError:
            continue
    return text
