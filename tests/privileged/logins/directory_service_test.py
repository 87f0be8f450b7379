"""Accounts of a directory service: found in any case, changed there, and not to be had while it is down."""
from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.privileged.logins.session import CONFIG, PROGRAMS, all_four, open_records, su, variables
from tests.sandbox.syslog import Syslog

BOOK = Path('/run/nss-book')
SWITCH = Path('/etc/nsswitch.conf')
CAROL = 'carol:*:7001:7001::/nowhere:/bin/sh\n'
PLAN = Path('/run/pam-mktemp/plans/carol:su')


@pytest.fixture(scope='module')
def service() -> Iterator[None]:
    """passwd: files, then a service whose book the test writes."""
    folder = Path(subprocess.check_output(['gcc', '-print-file-name=libc.so.6'], text=True).strip()).resolve().parent
    library = folder / 'libnss_book.so.2'
    subprocess.run(['gcc', '-shared', '-fPIC', '-o', library, PROGRAMS / 'nss_book.c'], check=True)
    before = SWITCH.read_text()
    SWITCH.write_text(''.join('passwd: files book\n' if line.startswith('passwd:') else line
                              for line in before.splitlines(True)))
    yield
    SWITCH.write_text(before)
    BOOK.unlink(missing_ok=True)
    library.unlink()


@pytest.fixture
def carol(machine: None, service: None) -> None:
    """An account that only the service knows; she has no home."""
    BOOK.write_text(CAROL)


def test_she_has_a_directory_like_everybody(carol: None) -> None:
    for _ in range(2):  # the second time with the plan of the first
        assert variables(su('carol').stdout) == all_four('carol')
    assert 'lookup ' not in PLAN.read_text()  # /etc/passwd cannot vouch for her
    assert open_records() == []


def test_a_name_in_another_case_is_the_same_account(carol: None) -> None:
    assert variables(su('carol').stdout) == all_four('carol')
    assert variables(su('CAROL').stdout) == all_four('carol')
    assert variables(su('Carol').stdout) == all_four('carol')


def test_another_uid_is_another_account(carol: None, syslog: Syslog) -> None:
    assert variables(su('carol', 'touch $TMPDIR/secret; env').stdout) == all_four('carol')
    BOOK.write_text(CAROL.replace('7001', '7002'))
    found = su('carol', 'env; ls $TMPDIR')
    assert variables(found.stdout) == all_four('carol') and 'secret' not in found.stdout
    syslog.wait_for(r'\[moved-aside\] /tmp/\.private/carol')


def test_an_uid_that_is_given_out_again(carol: None) -> None:
    assert variables(su('carol', 'touch $TMPDIR/secret; env').stdout) == all_four('carol')
    BOOK.write_text(CAROL.replace('carol', 'dave'))
    assert variables(su('dave').stdout) == all_four('dave')
    assert not Path('/tmp/.private/carol').exists()


def test_a_local_account_hides_the_service(carol: None) -> None:
    BOOK.write_text(CAROL + 'alice:*:7003:7003::/nowhere:/bin/sh\n')
    time.sleep(2.1)  # what changed less than 2 s ago vouches for nobody
    assert variables(su('alice').stdout) == all_four('alice')
    assert 'lookup /etc/passwd ' in Path('/run/pam-mktemp/plans/alice:su').read_text()


def test_while_it_is_down_others_log_in(carol: None) -> None:
    assert variables(su('carol').stdout) == all_four('carol')
    BOOK.unlink()
    gone = su('carol')
    assert gone.returncode != 0 and variables(gone.stdout) == {}  # su itself does not know her
    assert variables(su('alice').stdout) == all_four('alice')
    BOOK.write_text(CAROL)
    assert variables(su('carol').stdout) == all_four('carol')


def test_an_exempt_name_that_nobody_can_look_up_is_no_outage(carol: None) -> None:
    """The names of a list are looked up for a warning only: after everybody has his plan, and nobody is blamed."""
    CONFIG.write_text('exempt_users = ["hangs"]\n')
    time.sleep(2.1)  # younger, it is read by every planner, and each of them asks
    assert variables(su('alice').stdout) == all_four('alice')  # it waits for its planner's 5 s, but has its plan
    start = time.monotonic()
    assert variables(su('bob').stdout) == all_four('bob')
    assert time.monotonic() - start < 4
    assert not Path('/run/pam-mktemp/failures/@planner').is_symlink()


def test_what_stands_before_files_is_asked_each_time(carol: None) -> None:
    text = SWITCH.read_text()
    SWITCH.write_text(text.replace('passwd: files book', 'passwd: book files'))
    try:
        assert variables(su('alice').stdout) == all_four('alice')
        assert 'lookup ' not in Path('/run/pam-mktemp/plans/alice:su').read_text()
    finally:
        SWITCH.write_text(text)
