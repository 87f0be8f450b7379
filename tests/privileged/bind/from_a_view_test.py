"""Logins from within a view: who leaves it, and what of theirs is not left in there."""
from __future__ import annotations

import re
import shutil
import subprocess

import pytest

from pam_mktemp_py.namespace import sweep
from tests.adversarial import binding
from tests.privileged.bind.view_test import DENIED, RIGHT, SEQUENCE, bound, closed, outside, spaces  # noqa: F401
from tests.privileged.pam_host import Host


def test_a_view_without_records_can_be_left(bound: Host) -> None:  # noqa: F811
    """What a tmux lives in after its login, which nothing but the mark tells from a user's own."""
    binding.host.forget_failures()
    bound.session('root')
    binding.leaving_plan('root', 'wit')
    binding.no_planner()
    with bound.held('start wit alice', 'open') as session:
        enter = ('nsenter', f'--mount=/proc/{session.pid}/ns/mnt')
        with subprocess.Popen([*enter, 'sh', '-c', 'echo ready; read x'], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE) as tmux:
            assert tmux.stdout and tmux.stdout.readline() == b'ready\n'
            there = binding.namespace(tmux.pid)
            session.kill()
            session.wait()
            sweep.views(str(binding.VIEWS))
            folder, = (path for path in binding.VIEWS.iterdir() if path.name != there)
            shutil.rmtree(folder)
            report = bound(*('start wit root', *SEQUENCE[1:]), before=('nsenter', f'--mount=/proc/{tmux.pid}/ns/mnt'))
            tmux.kill()
    assert spaces(report) == [there, binding.namespace(), there]


@pytest.mark.parametrize('policy', ['open', 'closed'])
def test_what_fails_in_anothers_view_is_not_left_there(bound: Host, policy: str) -> None:  # noqa: F811
    """It would have alice's /tmp, and bob's TMPDIR: half of each. What has threads cannot leave, and says so."""
    if policy == 'closed':
        closed(bound)
    path = binding.plan_of('bob', 'wit')
    path.write_text(re.sub(r'(mount /tmp/.X11-unix \d+) \d+', r'\1 1', path.read_text()))
    with bound.held('start wit alice', 'open') as session:
        enter = {'before': ('nsenter', f'--mount=/proc/{session.pid}/ns/mnt')}
        there = binding.namespace(session.pid)
        assert there != binding.namespace()
        report = bound('start wit bob', *SEQUENCE[1:], **enter)
        if policy == 'closed':
            return outside(report, DENIED)
        assert spaces(report) == [there, binding.namespace(), there]
        threads = bound('start wit bob', 'state', 'thread open', 'state', 'close', 'state', 'end', **enter)
        assert set(spaces(threads)) == {there} and threads.results() == [RIGHT]
