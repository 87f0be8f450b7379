"""The fixtures of detect's tests: the witness, and that no folder and no process of a trace is left."""
from __future__ import annotations

from tests.privileged.detect import conftest

can_trace = conftest.can_trace
nothing_is_left = conftest.nothing_is_left
witness = conftest.witness
