"""Drives tests/programs/pam_host.c, the witness that shows what the module does to its host."""
from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
BUILT = Path('/var/tmp/pam-host')
SANITIZE = ('-fsanitize=address,undefined', '-fno-sanitize-recover=all', '-fno-omit-frame-pointer')
# Leaks are looked for when the host ends. The helper never ends that way, and a killed host neither.
ASAN_OPTIONS = 'detect_leaks=1:abort_on_error=0:exitcode=98:handle_segv=1'
VARIABLES = ('TMPDIR', 'TMP', 'TEMP', 'TEMPDIR')
LIBRARY = Path('/usr/lib/pam-mktemp')
PYTHON = Path('/usr/bin/python3')
ESCAPED = Path('/var/tmp/escaped')  # written by pam_host_state.h


def compiled(sanitized: bool) -> tuple[Path, str]:
    """The witness, and the module that it is to load: the installed one, or both with ASan and UBSan."""
    BUILT.mkdir(exist_ok=True)
    host, module = BUILT / f'host-{sanitized}', BUILT / 'pam_mktemp_py.so'
    flags = ['gcc', '-std=gnu11', '-g', '-O1', *(SANITIZE if sanitized else ())]
    if not host.exists():
        source = ROOT / 'tests/programs/pam_host.c'
        subprocess.run([*flags, '-o', host, source, '-lpam', '-pthread'], check=True)
    if sanitized and not module.exists():
        sources = [*ROOT.glob('shims/plan/*.c'), *ROOT.glob('shims/pam/*.c')]
        subprocess.run([*flags, '-shared', '-fPIC', '-fvisibility=hidden', f'-I{ROOT}/shims', '-o', module,
                        *sources, '-lpam'], check=True)
    return host, str(module) if sanitized else 'pam_mktemp_py.so'


class State(dict[str, str]):
    """What one `state` command reported, KEY: VALUE."""

    def descriptors(self) -> dict[int, tuple[int, bool, str]]:
        """number: (flags, close-on-exec, target)"""
        found = {}
        for key, value in self.items():
            if key.startswith('fd') and key[2:].isdigit():
                flags, cloexec, target = value.split(',', 2)
                found[int(key[2:])] = int(flags, 8), cloexec == '1', target
        return found

    def rest(self) -> dict[str, str]:
        """All but what a session may change: descriptors of 3 and above, and memory."""
        return {key: value for key, value in self.items()
                if key != 'Rss' and not (key.startswith('fd') and int(key[2:]) > 2)}

    def rss(self) -> int:
        """Resident memory in KiB."""
        return int(self['Rss'].split()[0])


class Report:
    """All lines that were printed, by whatever process."""

    def __init__(self, text: str, code: int, errors: str) -> None:
        self.text, self.code, self.errors = text, code, errors
        self.lines = [line.split(' ', 2) + [''] for line in text.splitlines()]
        self.pids = {line[0] for line in self.lines}
        self.states: list[State] = []
        self.environments: list[dict[str, str]] = []
        for _pid, word, rest, *_ in self.lines:
            if word == 'begin':
                self.states.append(State())
            elif word == 'state':
                key, _, value = rest.partition(' ')
                self.states[-1][key] = value
            elif word == 'environment':
                self.environments.append({})
            elif word == 'env':
                key, _, value = rest.partition('=')
                self.environments[-1][key] = value

    def results(self, word: str = 'open') -> list[int]:
        """What the call returned, each time."""
        return [int(line[2]) for line in self.lines if line[1] == word]

    @property
    def env(self) -> dict[str, str]:
        """The last environment shown."""
        return self.environments[-1]

    def fine(self) -> Report:
        """The host came to its end, once, and no second process ever printed."""
        assert self.code == 0, f'{self.code}\n{self.text}{self.errors}'
        assert len(self.pids) == 1, self.text
        assert not ESCAPED.exists(), 'a child of the module returned into the host'
        assert [line[1] for line in self.lines].count('done') == 1
        return self


class Host:
    """host('start wit alice', 'open', 'env') runs a witness to its end."""

    def __init__(self, sanitized: bool, write_service: Callable[..., Path]) -> None:
        ESCAPED.unlink(missing_ok=True)
        self.sanitized = sanitized
        self.program, self.module = compiled(sanitized)
        self.write_service = write_service
        self.service()

    def service(self, arguments: str = '', name: str = 'wit') -> None:
        """The PAM service: our module alone, `required`, and pam_permit for the rest."""
        self.write_service(name, [f'session required {self.module} {arguments}'])

    def options(self, env: dict[str, str] | None) -> dict[str, Any]:
        extra = {'ASAN_OPTIONS': ASAN_OPTIONS, 'UBSAN_OPTIONS': 'print_stacktrace=1'} if self.sanitized else {}
        return {'env': {'PATH': '/usr/bin:/bin:/usr/sbin', **extra, **(env or {})}, 'cwd': '/', 'text': True}

    def __call__(self, *commands: str, env: dict[str, str] | None = None, before: tuple[str, ...] = (),
                 timeout: float = 60, **options: Any) -> Report:
        done = subprocess.run(
            [*before, self.program, *commands], stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout,
            **(self.options(env) | options), check=False, errors='backslashreplace',
        )
        return Report(done.stdout, done.returncode, done.stderr)

    @contextlib.contextmanager
    def held(self, *commands: str) -> Iterator[subprocess.Popen[str]]:
        """A witness that has run the commands and now holds; go on with a line, or it is killed in the end."""
        process = subprocess.Popen([self.program, *commands, 'env', 'hold', 'close', 'end'], stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, **self.options(None))
        assert process.stdout
        try:
            while ' environment' not in process.stdout.readline():
                assert process.poll() is None
            yield process
        finally:
            process.kill()
            process.communicate()

    def session(self, user: str = 'alice', service: str = 'wit') -> Report:
        """One whole session, its environment shown while it is open."""
        return self(f'start {service} {user}', 'open', 'env', 'close', 'end').fine()


@contextlib.contextmanager
def planner(script: str | None) -> Iterator[None]:
    """Another planner: __main__.py holds the script; None: there is no folder at all."""
    own = BUILT / 'planner'
    own.mkdir(parents=True, exist_ok=True)
    if script is None:
        LIBRARY.rename('/usr/lib/pam-mktemp.away')
    else:
        (own / '__main__.py').write_text(script)
        subprocess.run(['mount', '--bind', own, LIBRARY], check=True)
    try:
        yield
    finally:
        if script is None:
            Path('/usr/lib/pam-mktemp.away').rename(LIBRARY)
        else:
            subprocess.run(['umount', '-l', LIBRARY], check=True)


@contextlib.contextmanager
def no_python(instead: str | None = None, mode: int = 0o755) -> Iterator[None]:
    """No /usr/bin/python3, or another file in its place."""
    away = PYTHON.with_name('python3.away')
    PYTHON.rename(away)
    if instead is not None:
        PYTHON.write_text(instead)
        PYTHON.chmod(mode)
    try:
        yield
    finally:
        away.replace(PYTHON)


def forget_failures() -> None:
    """As if 30 s had passed."""
    for memo in Path('/run/pam-mktemp/failures').glob('*'):
        memo.unlink()


def processes(of: str) -> list[int]:
    """The pids whose command line holds the text."""
    found = []
    for pid in filter(str.isdigit, os.listdir('/proc')):
        with contextlib.suppress(OSError):
            if of in Path(f'/proc/{pid}/cmdline').read_text():
                found.append(int(pid))
    return found
