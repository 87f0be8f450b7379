"""A mount namespace that looks like a view of ours and has the number of one that ended."""
from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator

from tests.adversarial import binding
from tests.privileged.bind.view_test import ALICE, SEQUENCE, bound, spaces  # noqa: F401  fixture
from tests.privileged.pam_host import Host


@contextlib.contextmanager
def lookalike(bound: Host) -> Iterator[int]:  # noqa: F811
    """A copy of alice's view with other mounts, recorded as the view was that had its number before: what her setuid
    bwrap can make. A process in it."""
    with bound.held('start wit alice', 'open') as session:
        mark = os.readlink(binding.VIEWS / binding.namespace(session.pid))
        script = 'mount -t tmpfs forged /opt; echo ready; read x'
        with subprocess.Popen(['nsenter', f'--mount=/proc/{session.pid}/ns/mnt', 'unshare', '-m', 'sh', '-c', script],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE) as his:
            assert his.stdout and his.stdout.readline() == b'ready\n'
            session.kill()
            session.wait()
            (binding.VIEWS / binding.namespace(his.pid)).symlink_to(mark)
            (binding.VIEWS / f'{ALICE}.{binding.DIGEST}' / str(his.pid)).symlink_to(binding.namespace(his.pid))
            yield his.pid
            his.kill()


def test_one_that_got_the_number_of_a_view_is_not_joined(bound: Host) -> None:  # noqa: F811
    with lookalike(bound) as pid:
        inside = spaces(bound(*SEQUENCE).fine())[1]
        assert inside not in (binding.namespace(pid), binding.namespace())


def test_one_that_got_the_number_of_a_view_is_not_left(bound: Host) -> None:  # noqa: F811
    with lookalike(bound) as pid:
        report = bound(*('start wit bob', *SEQUENCE[1:]), before=('nsenter', f'--mount=/proc/{pid}/ns/mnt'))
        assert set(spaces(report)) == {binding.namespace(pid)}


def test_a_live_one_is_not_forgotten_for_want_of_descriptors(bound: Host) -> None:  # noqa: F811
    """The caller of su sets how many there are. The next login would be in another view than the one that is open."""
    with bound.held('start wit alice', 'open') as session:
        for limit in range(5, 13):
            bound('start wit alice', 'open', 'end', before=('prlimit', f'--nofile={limit}'))
            assert (binding.VIEWS / f'{ALICE}.{binding.DIGEST}' / str(session.pid)).is_symlink(), limit
