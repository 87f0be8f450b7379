"""What the person who typed the command asked for: paths among its own words, never those a program made up."""
from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence

from pam_mktemp_py.detect.model import Context
from pam_mktemp_py.strace.events import Event, Process

_ENDS = r"\s'\"`;|&<>()=,:"
_END = rf"[^{_ENDS}]*"
_LEAST = 3  # letters that a name must share with a word to come from it
_CUT = "..."  # how strace ends a word that it did not write out


def _fills(path: str, template: str) -> bool:
    """Whether `path` is what mktemp(1) makes of a template that was named, /tmp/x.XXXXXX."""
    pieces = [re.escape(piece) for piece in re.split(r"X{3,}", template)]
    return re.fullmatch("[A-Za-z0-9_]+".join(pieces), path) is not None


def _upwards(path: str) -> Iterator[str]:
    """A path and all above it."""
    while path:
        yield path
        path = path.rpartition("/")[0]


class Requested:
    """Whether a path was asked for, judged by the typed words and by those of the program that used it."""

    def __init__(self, context: Context) -> None:
        tops = "|".join(re.escape(top) for top in sorted(context.shared, key=len, reverse=True))
        self._path = re.compile(rf"(?<![\w.~/-])(?:{tops})(?=[/{_ENDS}]|$){_END}")
        self._context = context
        self._typed = self._paths(context.typed)
        self._root: Process | None = None
        self._cache: dict[tuple[str, ...], frozenset[str]] = {}

    def _paths(self, words: Iterable[str]) -> frozenset[str]:
        whole = [word for word in words if not word.endswith(_CUT)]
        return frozenset(os.path.normpath(path) for word in whole for path in self._path.findall(word))

    def begin(self, process: Process) -> None:
        """`process` did something: the first of the trace is the typed command, if the context does not name it."""
        if self._root is not None:
            return
        root = process
        while root.parent is not None:
            root = root.parent
        self._root = root
        if not self._context.typed:
            self._typed = self._paths(root.argv)

    def __call__(self, event: Event, path: str, top: str) -> bool:
        """Whether `path`, which the event uses, was asked for."""
        self.begin(event.process)
        process = event.process
        if self._wrapped(process) and (self._is_wrapper(process) or self._relative(event, path, top)):
            return True
        return self._stands_there(event, path, top) or self._named(event.process, path)

    @staticmethod
    def _relative(event: Event, path: str, top: str) -> bool:
        """A relative name that begins like one of the program's words."""
        name = os.path.basename(path)
        starts = [os.path.commonprefix([name, os.path.basename(word)]) for word in event.process.argv[1:]]
        return f'"{top}' not in event.text and any(len(start) >= _LEAST for start in starts)

    def _is_wrapper(self, process: Process) -> bool:
        """Still: a wrapper that ends in exec is what it started from then on."""
        return process is self._root and not process.images

    def _wrapped(self, process: Process) -> bool:
        return self._context.wrapper and self._root in (process, process.parent)

    def _named(self, process: Process, path: str) -> bool:
        # The words of a child are its parent's, and those of what a script execs are the script's: only what was
        # typed counts. Nor is what `sh -c 'ls /tmp; exec tool'` execs asked for by the words of ls.
        if not (self._typed or self._context.wrapper):
            return False
        own = self._own(process.argv)
        if process is self._root and not process.images:
            own = self._typed  # strace may have cut its own words
        elif not self._wrapped(process):
            own = own & self._typed
        return any(each in own for each in _upwards(path)) or any(_fills(path, each) for each in own if "XXX" in each)

    def _own(self, argv: Sequence[str]) -> frozenset[str]:
        key = tuple(argv)
        found = self._cache.get(key)
        if found is None:
            if len(self._cache) > 1000:
                self._cache.clear()
            found = self._cache[key] = self._paths(key)
        return found

    def _stands_there(self, event: Event, path: str, top: str) -> bool:
        """The command was started in a folder below a shared directory: what it makes there is what was wanted."""
        cwd = self._context.cwd
        if not cwd or not (cwd == top or cwd.startswith(top + "/")):
            return False
        if cwd == top:
            return f'"{top}' not in event.text  # by a relative name
        return path == cwd or path.startswith(cwd + "/")
