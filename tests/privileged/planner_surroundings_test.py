"""What the planner is born into, whatever its caller was: nothing may slow, stop, limit or redirect it."""
from __future__ import annotations

import contextlib
import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.adversarial import host
from tests.sandbox import state
from tests.sandbox.accounts import CLEAN

MAIN = Path('/usr/lib/pam-mktemp/__main__.py')
SEEN = Path('/run/seen')
LOOK = '''
import json, os, resource, signal
def text(path):
    with open(path) as file:
        return file.read().strip()
limits = {name: resource.getrlimit(getattr(resource, name))[0] for name in ("RLIMIT_FSIZE", "RLIMIT_AS", "RLIMIT_CPU")}
mask = os.umask(0)
with open("/run/seen", "w") as file:
    json.dump({"ids": [*os.getresuid(), *os.getresgid()], "groups": os.getgroups(), "nice": os.nice(0), "umask": mask,
        "policy": os.sched_getscheduler(0), "processors": len(os.sched_getaffinity(0)), "cwd": os.getcwd(),
        "slack": text("/proc/self/timerslack_ns"), "oom": text("/proc/self/oom_score_adj"), "limits": limits,
        "cgroup": text("/proc/self/cgroup"), "environment": dict(os.environ), "session": os.getsid(0),
        "blocked": sorted(signal.pthread_sigmask(signal.SIG_BLOCK, [])),
        "ignored": [n for n in range(1, 32) if signal.getsignal(n) == signal.SIG_IGN],
        "files": {n: os.readlink(f"/proc/self/fd/{n}") for n in os.listdir("/proc/self/fd")
                  if os.path.lexists(f"/proc/self/fd/{n}")}}, file)
'''
CALLER = '''
import ctypes, os, resource, signal, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
resource.setrlimit(resource.RLIMIT_CPU, (100, resource.RLIM_INFINITY))
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
signal.signal(signal.SIGTERM, signal.SIG_IGN)
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM, signal.SIGALRM])
os.nice(19)
os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
ctypes.CDLL(None).prctl(29, 20_000_000_000)
with open("/proc/self/oom_score_adj", "w") as file:
    file.write("1000")
os.umask(0o777)
os.chdir("/run/cwd")
for descriptor in (0, 1, 2):
    os.close(descriptor)
os.setgroups([2102])
os.setresgid(2102, 2102, 2102)
os.setresuid(2102, 2102, 2102)
os.execve("/usr/bin/su", ["su", "alice", "-c", "true"], {"PATH": "/run/cwd", "PYTHONPATH": "/run/cwd", "HOME": "/x"})
'''


@pytest.fixture
def seen(fresh_state: None, account: Callable[..., Any], pam_service: Callable[..., Path]) -> Iterator[dict[str, Any]]:
    """What a planner saw that was started by the su of a caller who has changed all that a caller can."""
    account('alice', uid=2101)
    account('bob', uid=2102)
    pam_service('su', ['auth required pam_permit.so', 'account required pam_permit.so',
                       'session required pam_mktemp_py.so fail=closed'])
    os.makedirs('/run/cwd', exist_ok=True)
    with looking(['/usr/bin/python3', '-c', CALLER]) as found:
        yield found


@contextlib.contextmanager
def looking(command: list[str | Path]) -> Iterator[dict[str, Any]]:
    """The same, of a command in what may be a user's cgroup."""
    SEEN.unlink(missing_ok=True)
    before = MAIN.read_text()
    MAIN.write_text(LOOK + before)
    os.makedirs('/sys/fs/cgroup', exist_ok=True)
    state.run('mount', '-t', 'cgroup2', 'cgroup2', '/sys/fs/cgroup')
    group = Path('/sys/fs/cgroup/of-a-user')
    group.mkdir()
    try:
        join = ['sh', '-c', f'echo $$ > {group}/cgroup.procs; exec "$@"', 'sh']
        subprocess.run([*join, *command], env=CLEAN, timeout=30)
        yield json.loads(SEEN.read_text())
    finally:
        group.rmdir()
        state.run('umount', '/sys/fs/cgroup')
        MAIN.write_text(before)


def test_the_service_manager_of_a_user_is_in_his_cgroup(
    fresh_state: None, account: Callable[..., Any], pam_service: Callable[..., Path],
) -> None:
    """Delegated to him: he could move what runs as root there into a part of it that he has frozen, with its slot."""
    account('alice', uid=2101)
    # To leave it takes time: others are in no user's.
    for service, group in (('systemd-user', '/'), ('cron', '/of-a-user')):
        pam_service(service, ['session required pam_mktemp_py.so'])
        with looking([host.program(), service, 'alice']) as found:
            assert found['cgroup'].splitlines()[-1] == f'0::{group}'


def test_nothing_of_the_caller_is_left(seen: dict[str, Any]) -> None:
    assert seen['ids'] == [0] * 6 and seen['groups'] == []
    assert seen['nice'] == -20 and seen['policy'] == os.SCHED_OTHER
    assert seen['processors'] == os.cpu_count()
    assert (seen['umask'], seen['cwd'], seen['slack'], seen['oom']) == (0, '/', '50000', '0')
    assert set(seen['limits'].values()) == {-1}
    assert seen['cgroup'].splitlines()[-1] == '0::/'  # of its own: a user may freeze his
    assert seen['environment'] == {
        'PATH': '/usr/sbin:/usr/bin:/sbin:/bin', 'LC_ALL': 'C.UTF-8', 'PAM_MKTEMP_FORMAT': '3'}
    assert seen['blocked'] == [] and 15 not in seen['ignored']
    files = {number: target for number, target in seen['files'].items() if target != str(SEEN)}
    assert [files[n] for n in ('0', '1', '2')] == ['/dev/null'] * 3
    others = [target for number, target in files.items() if int(number) > 2]
    assert len(others) == 1 and others[0].startswith('/run/pam-mktemp/slots/')  # it keeps its slot, and nothing else
    assert seen['session'] > 1
    assert Path('/run/pam-mktemp/plans/alice:su').exists()
