"""A process that looks at files: what a hostile one can do to it ends with it.

It is forked, not started: an interpreter of its own would cost more than a tenth of a scan of /usr/bin. It takes
lines of JSON and answers with lines of JSON, not pickles, since whoever takes over a worker shall not have its parent.
"""
from __future__ import annotations

import gc
import json
import os
import resource
import signal
import struct
import warnings
from collections import Counter
from mmap import mmap

from pam_mktemp_py.scan.look import look
from pam_mktemp_py.scan.model import Limits, Looked
from pam_mktemp_py.scan.regular import Task
from pam_mktemp_py.scan.watched import Watched

COUNTER = struct.Struct("I")


def work(tasks: int, answers: int, counter: mmap, watched: Watched, limits: Limits) -> None:
    """Take batches from the descriptor `tasks` until it is closed; the number of the file in hand is in `counter`."""
    _settle(tasks, answers, limits)
    with os.fdopen(tasks, "rb") as file:
        for line in file:
            looked, kinds = [], Counter[str]()
            for number, fields in enumerate(json.loads(line)):
                COUNTER.pack_into(counter, 0, number)
                signal.alarm(int(limits.seconds) + 2)  # if the parent is no longer there to end this
                found = _survived(Task(*fields), watched, limits)
                kinds[found.kind] += 1
                if found.places or found.failed or found.cut:
                    looked.append((number, found))
            del kinds[""]
            signal.alarm(0)
            send(answers, (kinds, looked))


def send(fd: int, what: object) -> None:
    """One line of JSON. OSError."""
    data = json.dumps(what, separators=(",", ":")).encode() + b"\n"
    while data:
        data = data[os.write(fd, data):]


def _survived(task: Task, watched: Watched, limits: Limits) -> Looked:
    try:
        return look(task, watched, limits)
    except MemoryError:
        return Looked(failed=f"it takes more than {limits.memory >> 20} MB of memory to read")
    except RecursionError:
        return Looked(failed="it is nested too deep")
    except Exception as error:  # one file of a hundred thousand, made for this maybe, must not end the scan
        return Looked(failed=f"its reader failed: {type(error).__name__}: {error}")


def _settle(tasks: int, answers: int, limits: Limits) -> None:
    """Nothing of the parent's is kept: a pipe's end that stays open would keep another worker from ending."""
    low, high = sorted((tasks, answers))
    os.closerange(3, low)
    os.closerange(low + 1, high)
    os.closerange(high + 1, os.sysconf("SC_OPEN_MAX"))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends us
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(0)
    warnings.simplefilter("ignore")  # those of a file that is parsed are nobody's
    gc.set_threshold(100_000)  # what is made here is seldom circular, and looking for it costs
    gc.freeze()  # else each collection writes to, and so copies, every page of the parent's objects
    with open("/proc/self/statm", "rb") as file:
        used = int(file.read().split()[0]) * resource.getpagesize()
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    most = used + limits.memory
    resource.setrlimit(resource.RLIMIT_AS, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
