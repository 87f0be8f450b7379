"""The end of a session in all its odd ways, and a thousand of them in one process."""
from __future__ import annotations

from pathlib import Path

import pytest

from pam_mktemp_py.sessions import records
from tests.privileged.pam_host import VARIABLES, Host

PRIVATE = dict.fromkeys(VARIABLES, '/tmp/.private/alice/tmp')
OPEN = ('start wit alice', 'open')

pytestmark = pytest.mark.usefixtures('alice')


def left() -> int:
    """The number of records, stale or not."""
    return len(records.records())


def test_without_an_open(any_host: Host) -> None:
    done = any_host('start wit alice', 'state', 'close', 'state', 'end').fine()
    assert done.results('close') == [0]
    assert done.states[0].descriptors() == done.states[1].descriptors()


def test_twice(any_host: Host) -> None:
    done = any_host('state', *OPEN, 'close', 'close', 'end', 'state').fine()
    assert done.results('close') == [0, 0]
    assert done.states[0].descriptors() == done.states[1].descriptors()
    assert left() == 0


def test_open_twice(any_host: Host) -> None:
    """The second takes the place of the first."""
    done = any_host('state', *OPEN, 'open', 'state', 'env', 'close', 'end', 'state').fine()
    assert done.results() == [0, 0] and done.env == PRIVATE
    before, opened, after = (len(state.descriptors()) for state in done.states)
    assert opened - before <= 2 and after == before
    assert left() == 0


def test_again_after_close(any_host: Host) -> None:
    done = any_host(*OPEN, 'close', 'open', 'env', 'close', 'end').fine()
    assert done.results() == [0, 0] and done.env == PRIVATE
    assert left() == 0


def test_end_without_close(any_host: Host) -> None:
    """As in the child that becomes the user's shell: descriptors go, the record stays its parent's to remove."""
    done = any_host('state', *OPEN, 'end', 'state').fine()
    assert done.states[0].descriptors() == done.states[1].descriptors()
    assert [record.alive for record in records.records()] == [False]


def test_a_forked_child_ends_it_silently(any_host: Host) -> None:
    """pam_end(PAM_DATA_SILENT) in a child must leave the session to its parent."""
    done = any_host(*OPEN, 'fork end silent', 'state', 'hold', 'close', 'end')
    assert len(done.pids) == 2 and done.code == 0
    kept = [target for _, _, target in done.states[0].descriptors().values() if 'pam-mktemp/sessions' in target]
    assert len(kept) == 1
    assert left() == 0


def test_a_forked_child_leaves_the_record(any_host: Host) -> None:
    with any_host.held(*OPEN, 'fork end silent'):
        assert [record.alive for record in records.records()] == [True]


def test_a_forked_child_closes(any_host: Host) -> None:
    """Some hosts close in a child; the parent's own close afterwards is harmless."""
    done = any_host(*OPEN, 'fork close', 'close', 'end')
    assert len(done.pids) == 2 and done.code == 0
    assert done.results('close') == [0, 0]
    assert left() == 0


def test_the_host_reused_the_descriptors(any_host: Host) -> None:
    """What has the number now is the host's: it must not be closed."""
    done = any_host(*OPEN, 'reuse', 'state', 'close', 'end', 'state').fine()
    assert done.states[0].descriptors() == done.states[1].descriptors()
    assert any(target == '/dev/null' for _, _, target in done.states[1].descriptors().values())
    assert left() == 0


def test_a_host_that_closed_all(any_host: Host) -> None:
    done = any_host(*OPEN, *(f'shut {number}' for number in range(3, 20)), 'close', 'end', 'state').fine()
    assert done.results('close') == [0] and left() == 0


def test_a_host_that_dropped_root(any_host: Host) -> None:
    """It cannot remove the record: that is stale then, and the next planner sweeps it."""
    done = any_host(*OPEN, 'gids 2101 2101', 'ids 2101 2101', 'close', 'end').fine()
    assert done.results('close') == [0]
    assert [record.alive for record in records.records()] == [False]


def test_two_sessions_of_one_account(any_host: Host) -> None:
    second = ('use 1', 'start wit alice', 'open')
    done = any_host('state', *OPEN, *second, 'state', 'close', 'end', 'use 0', 'close', 'end', 'state').fine()
    names = {target for _, _, target in done.states[1].descriptors().values() if 'pam-mktemp/sessions' in target}
    assert len(names) == 2
    assert done.states[0].descriptors() == done.states[2].descriptors()
    assert left() == 0


def test_the_first_of_two_stays(any_host: Host) -> None:
    with any_host.held('use 1', *OPEN, 'use 0', *OPEN, 'use 1', 'close', 'use 0'):
        assert [record.alive for record in records.records()] == [True]


def test_a_chroot_in_between(host: Host) -> None:
    """The record cannot be reached then, and nothing else may be removed instead."""
    root = Path('/var/tmp/root')
    decoy = root / 'run/pam-mktemp/sessions'
    decoy.mkdir(parents=True, exist_ok=True)  # no sanitizer here: it wants /proc in the end
    done = host(*OPEN, 'chroot /var/tmp/root', 'close', 'end').fine()
    assert done.results('close') == [0]
    assert left() <= 1


def test_a_thousand_sessions(host: Host) -> None:
    host.session()
    done = host('start wit alice', 'open', 'close', 'end', 'loop 50', 'state', 'loop 1000', 'state').fine()
    before, after = done.states
    assert before.descriptors() == after.descriptors()
    assert after.rss() - before.rss() <= 100
    assert left() == 0


def test_a_hundred_failures(host: Host) -> None:
    """Also where nothing is well."""
    Path('/run/pam-mktemp/plans/alice:wit').mkdir(parents=True)
    done = host('start wit alice', 'open', 'close', 'end', 'loop 50', 'state', 'loop 500', 'state').fine()
    before, after = done.states
    assert before.descriptors() == after.descriptors()
    assert after.rss() - before.rss() <= 100
    assert left() == 0


@pytest.mark.parametrize('what', ['first', 'steady'])
def test_little_memory_is_used(host: Host, what: str) -> None:
    """Less than 150 KiB beside pam_permit in a program that has looked the account up, as each has that logs in."""
    host.write_service('permit', ['session required pam_permit.so'])
    if what == 'steady':
        host.session()
    grown = {}
    for service in ('permit', 'wit'):
        measured = []
        for _ in range(3):  # the kernel maps what lies around a page too, as far as it happens to be in memory
            done = host('account alice', f'start {service} alice', 'state', 'open', 'state').fine()
            measured.append(done.states[1].rss() - done.states[0].rss())
        grown[service] = min(measured)
    assert grown['wit'] - grown['permit'] < 150


def test_no_leak_that_asan_sees(any_host: Host) -> None:
    """Sanitized: each way through the module, looked at when the host ends."""
    plan = Path('/run/pam-mktemp/plans/alice:wit')
    any_host('start wit alice', 'open', 'close', 'end', 'loop 3').fine()
    plan.write_text('broken')
    any_host('start wit alice', 'open', 'close', 'end', 'use 1', 'start wit alice', 'open', 'end').fine()
    plan.unlink()
    plan.mkdir()
    any_host('start wit alice', 'open', 'close', 'end', 'loop 3').fine()
