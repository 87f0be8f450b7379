"""Which class a finding is of: the first rule that fits, from what absolves a program to what blames it."""
from __future__ import annotations

from pam_mktemp_py.detect import model
from pam_mktemp_py.detect.facts import Facts
from pam_mktemp_py.detect.model import Known

_SEMAPHORE = "/dev/shm/sem."  # sem_open(3) of every program: a name is there to be met at


def classify(facts: Facts, row: Known | None) -> str:
    """One of model.CLASSES; `row` is what is known of it."""
    if facts.excuse == model.ALREADY_PRIVATE:
        return model.ALREADY_PRIVATE
    if facts.abstract or not facts.active:
        return model.LOOK_ONLY
    if facts.excuse == model.USER_REQUESTED:
        return model.USER_REQUESTED if facts.changed else model.LOOK_ONLY
    if row is not None and row.kind == model.SHARED_IPC:
        return model.SHARED_IPC
    if facts.secure:
        return model.SECURE_EXEC
    if facts.unusable:
        return model.UNUSABLE
    if _only_anonymous(facts):
        return model.ANONYMOUS
    return _blamed(facts, row)


def _blamed(facts: Facts, row: Known | None) -> str:
    kind = row.kind if row is not None else ""
    if kind in (model.SHARED_IPC, model.USER_IPC, model.KNOB):
        return kind
    if facts.stripped:
        return model.SECURE_EXEC
    if not kind and (facts.bound or facts.connected or facts.path.startswith(_SEMAPHORE)):
        return model.USER_IPC
    return model.HARDCODED


def _only_anonymous(facts: Facts) -> bool:
    return bool(facts.anonymous) and not (facts.made or facts.unsafe or facts.nofollow or facts.directories
                                          or facts.bound or facts.connected or facts.followed or facts.hindered
                                          or facts.altered or facts.removed or facts.executed or facts.searched)
