"""A hostile caller of `su`: its limits, umask, ids, environment and folder, none of which may count."""
from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.privileged.pam_host import VARIABLES, Host, forget_failures, planner
from tests.sandbox.accounts import run_as

FOLDERS = {'/tmp/.private': 0o40711, '/tmp/.private/bob': 0o40710, '/tmp/.private/bob/tmp': 0o41777,
           '/run/pam-mktemp': 0o40711, '/run/pam-mktemp/plans': 0o40700, '/run/pam-mktemp/sessions': 0o40700}
PRIVATE = dict.fromkeys(VARIABLES, '/tmp/.private/bob/tmp')
ENV = 'exec env -0'
CONFIG = Path('/etc/security/pam_mktemp.toml')


@pytest.fixture
def bob(account: Callable[..., Any]) -> Any:
    """With a uid of this file's alone: the kernel counts RLIMIT_NPROC by uid, over all sandboxes together."""
    return account('bob', uid=2702)


@pytest.fixture
def su(host: Host, alice: Any, bob: Any, pam_service: Callable[..., Path]) -> Callable[..., tuple[int, dict[str, str]]]:
    """su('prlimit', ..., env=, cwd=) runs `su bob -c env` behind that, as alice: (status, its environment)."""
    service(pam_service)

    def run(*before: str, **options: Any) -> tuple[int, dict[str, str]]:
        done = run_as(alice, [*before, 'su', 'bob', '-c', ENV], **{'timeout': 40, **options})
        pairs = [line.partition('=') for line in done.stdout.split('\0')]
        assert done.returncode >= 0, done.stderr
        return done.returncode, {name: value for name, _, value in pairs}

    return run


def service(write: Callable[..., Path], arguments: str = '') -> None:
    """su without a password, and our module."""
    write('su', ['auth required pam_permit.so', 'account required pam_permit.so',
                 f'session required pam_mktemp_py.so {arguments}'])


def private(env: dict[str, str]) -> bool:
    return {name: env.get(name) for name in VARIABLES} == PRIVATE


def bare(env: dict[str, str]) -> bool:
    return not {name for name in VARIABLES if '.private' in env.get(name, '')}


def folders_are_right() -> None:
    for path, mode in FOLDERS.items():
        about = os.lstat(path)
        assert (about.st_uid, about.st_gid, oct(about.st_mode)) == (0, 0, oct(mode)), path


@pytest.mark.parametrize('wrapper', [
    [], ['nice', '-n', '19'], ['chrt', '--idle', '0'], ['chrt', '--batch', '0'], ['ionice', '-c3'],
    ['sh', '-c', 'umask 0777; exec "$@"', 'sh'], ['sh', '-c', 'umask 0; exec "$@"', 'sh'],
    ['taskset', '1'], ['setpriv', '--pdeathsig', 'KILL'], ['env', '--ignore-signal=CHLD'],
    ['env', '--block-signal=CHLD'], ['env', '--ignore-signal=XFSZ'], ['prlimit', '--fsize=0:'], ['prlimit', '--cpu=1:'],
    ['prlimit', '--nproc=0:'], ['prlimit', '--nofile=16:'], ['prlimit', '--nofile=6:500'],
    ['prlimit', '--stack=100000:'], ['prlimit', '--core=0:0'],
    ['prlimit', '--data=2000000:'], ['prlimit', '--as=14000000:'], ['prlimit', '--memlock=0:0', '--sigpending=0:0'],
], ids=' '.join)
def test_what_the_planner_can_undo(su: Any, wrapper: list[str]) -> None:
    """A soft limit is raised to the hard one: the login is like any other, the first and the next."""
    for _ in range(2):
        code, env = su(*wrapper)
        assert code == 0 and private(env)
    folders_are_right()


def test_a_foreign_group(su: Any, alice: Any, host: Host) -> None:
    """pam_mktemp's and pam_tmpdir's folders took the caller's group."""
    assert alice.pw_gid != 0
    assert private(su()[1])
    folders_are_right()


def test_a_folder_that_is_gone(su: Any) -> None:
    code, env = su('sh', '-c', 'mkdir /tmp/x; cd /tmp/x; rmdir /tmp/x; exec "$@"', 'sh')
    assert code == 0 and private(env)


# Chosen so that su still works, while the interpreter is killed, aborts, cannot start, or fails later on.
HARD = ['--fsize=0:0', '--nofile=5:5', '--nofile=8:8', '--as=6000000:6000000', '--as=9000000:9000000',
        '--as=11000000:11000000', '--as=12000000:12000000', '--as=14000000:14000000', '--data=600000:600000',
        '--data=2000000:2000000', '--cpu=1:1', '--nproc=0:0', '--stack=65536:65536']


@pytest.mark.parametrize('limit', HARD)
def test_hard_limits_end_in_the_policy(su: Any, limit: str, pam_service: Callable[..., Path]) -> None:
    """Without CAP_SYS_RESOURCE nobody can raise them; su itself is neither killed nor hung by us."""
    plain = ['auth required pam_permit.so', 'account required pam_permit.so', 'session required pam_permit.so']
    pam_service('su', plain)
    works_at_all = su('prlimit', limit)[0] == 0
    service(pam_service)
    code, env = su('prlimit', limit)
    assert (code == 0) == works_at_all
    assert code or private(env) or bare(env)
    forget_failures()
    service(pam_service, 'fail=closed')
    CONFIG.write_text('failure = "closed"\n')
    code, env = su('prlimit', limit)
    assert (code == 0 and private(env)) or (code != 0 and not env.get('TMPDIR'))


@pytest.mark.parametrize('limit', HARD)
def test_and_concern_nobody_else(su: Any, limit: str, host: Host, account: Callable[..., Any]) -> None:
    """What fails for a caller with such limits must not be remembered against the others for 30 s."""
    account('carol', uid=2103)
    su('prlimit', limit)
    host.service('fail=closed')
    done = host.session('carol')
    assert done.results() == [0]
    assert done.env == dict.fromkeys(VARIABLES, '/tmp/.private/carol/tmp')


@pytest.mark.parametrize('limit', ['--fsize=0:0', '--nofile=12:12', '--as=25000000:25000000'])
def test_nor_what_waits_in_the_queue(su: Any, limit: str, host: Host, account: Callable[..., Any]) -> None:
    """A planner that is limited by its caller serves none but its own login."""
    account('carol', uid=2103)
    queue = Path('/run/pam-mktemp/queue')
    queue.mkdir(parents=True)
    queue.joinpath('carol:wit').symlink_to('/etc/security/pam_mktemp.toml')
    su('prlimit', limit)
    assert not os.path.lexists('/run/pam-mktemp/failures/carol:wit')
    host.service('fail=closed')
    assert host.session('carol').env == dict.fromkeys(VARIABLES, '/tmp/.private/carol/tmp')


@pytest.fixture
def evil(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of modules and a library that leave a trace when anybody loads them."""
    folder = Path('/home/evil')
    folder.mkdir(exist_ok=True)
    trace = 'open("/home/evil/loaded-%s" % __name__, "w")\n'
    names = ('os', 'sys', 'site', 'sitecustomize', 'usercustomize', 'encodings', 'marshal', 'time', 'pwd', 'stat',
             'errno', 'pam_mktemp_py', 'posixpath', 'codecs', '__main__', 'runpy', 'zipimport', 'linecache')
    for name in names:
        (folder / f'{name}.py').write_text(trace)
    library = 'int x; __attribute__((constructor)) void f(void) { extern int creat(const char*, unsigned); ' \
              'creat("/home/evil/loaded-library", 0600); }'
    subprocess.run(['gcc', '-x', 'c', '-shared', '-fPIC', '-o', folder / 'evil.so', '-'], input=library, text=True,
                   check=True)
    folder.chmod(0o777)
    return folder


def test_its_environment_and_folder(su: Any, evil: Path) -> None:
    names = ('PYTHONPATH', 'PYTHONHOME', 'PYTHONUSERBASE', 'PYTHONPLATLIBDIR', 'PYTHONPYCACHEPREFIX', 'HOME', 'PATH',
             'LD_LIBRARY_PATH', 'NLSPATH', 'LOCPATH', 'GCONV_PATH', 'HOSTALIASES', 'RES_OPTIONS')
    hostile = dict.fromkeys(names, str(evil)) | {
        'PYTHONSTARTUP': f'{evil}/os.py', 'PYTHONINSPECT': '1', 'PYTHONWARNINGS': 'error', 'PYTHONBREAKPOINT': 'os',
        'LD_PRELOAD': f'{evil}/evil.so', 'LD_AUDIT': f'{evil}/evil.so', 'TMPDIR': '/evil', 'TMP': '/evil',
        'TEMP': '/evil', 'TEMPDIR': '/evil', 'PYTHONVERBOSE': '1', 'PYTHONDUMPREFS': '1', 'IFS': '/', 'LC_ALL': 'xx_YY',
        'PYTHONEXECUTABLE': '/bin/false', 'PYTHONIOENCODING': 'rot13', 'PYTHONUTF8': 'x', 'PYTHONMALLOC': 'x',
    }
    del hostile['PATH']
    code, env = su(env=hostile, cwd=str(evil))
    (evil / 'loaded-library').unlink(missing_ok=True)  # bob's shell may load it
    assert code == 0 and private(env)
    assert sorted(path.name for path in evil.glob('loaded-*')) == []


def test_what_python_loads_by_itself_is_not_loaded(host: Host, evil: Path, alice: Any) -> None:
    """pam_python ran every .pth file and sitecustomize of the system as root in the host."""
    trace = 'import os; open("/home/evil/loaded-%s" % os.getpid(), "w")\n'
    folders = [Path(f'/usr/{where}/python3{version}/dist-packages') for where in ('lib', 'local/lib')
               for version in ('', f'.{sys.version_info.minor}')]
    files = [folder / name for folder in folders for name in ('evil.pth', 'sitecustomize.py', 'pam_mktemp_py.py')]
    present = {folder: folder.exists() for folder in folders}
    try:
        for file in files:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(trace)
        subprocess.run(['/usr/bin/python3', '-c', ''], check=True)
        assert list(evil.glob('loaded-*')), 'an ordinary interpreter loads them'
        for path in evil.glob('loaded-*'):
            path.unlink()
        assert host.session().env == dict.fromkeys(VARIABLES, '/tmp/.private/alice/tmp')
        assert list(evil.glob('loaded-*')) == []
    finally:
        for file in files:
            file.unlink()
        for folder in (folder for folder, before in present.items() if not before):
            folder.rmdir()


def test_the_planner_sees_none_of_it(su: Any, evil: Path) -> None:
    """What it is started with, told by itself."""
    script = 'import os; open("/run/seen", "w").write(repr((sorted(os.environ), os.getcwd(), os.umask(0), ' \
             'os.getresuid(), os.getresgid(), os.getgroups(), sorted(os.listdir("/proc/self/fd")), ' \
             'os.sched_getscheduler(0), os.getpriority(0, 0), len(os.sched_getaffinity(0)))))'
    with planner(script):
        su('taskset', '1', 'nice', '-n', '19', 'chrt', '--idle', '0', 'sh', '-c', 'umask 077; exec "$@"', 'sh',
           env={'LD_PRELOAD': f'{evil}/evil.so', 'EVIL': 'x'}, cwd=str(evil))
    environment, cwd, umask, uids, gids, groups, fds, policy, niceness, processors = eval(Path('/run/seen').read_text())
    assert environment == ['LC_ALL', 'PAM_MKTEMP_FORMAT', 'PATH']
    assert policy == os.SCHED_OTHER and niceness <= 0 and processors == os.cpu_count()
    assert (umask, uids, gids, groups) == (0, (0, 0, 0), (0, 0, 0), []) and cwd in ('/', '/run/pam-mktemp')
    assert fds == ['0', '1', '2', '3', '4', '5']  # 3 is the slot, 4 and 5 are the script's own
