"""A hundred sessions that open and close at once: no wrong view, no lost file, nothing left."""

from __future__ import annotations

import random
import subprocess

import pytest

from tests.adversarial import binding, host

USERS = ("alice", "mallory", "crowd0", "crowd1", "crowd2", "crowd3")
SESSIONS, LIVES = 100, (0.0, 0.05, 0.2, 0.5)


def _open(user: str, number: str, seconds: float) -> subprocess.Popen[str]:
    return subprocess.Popen([host.program(), "-f", number, str(seconds), host.SERVICE, user], text=True, cwd="/",
                            stdout=subprocess.PIPE)


def _overlap(one: dict[str, str], other: dict[str, str]) -> bool:
    """Whether both were open at some time, and each had been recorded when it was found."""
    return max(float(one["from"]), float(other["from"])) < min(float(one["to"]), float(other["to"]))


def _wrong(one: dict[str, str], hosts: str) -> list[str]:
    wrong = []
    if one["open"] != "0" or one["ns"] == hosts or one["tmp"] != binding.number(binding.own(one["user"])):
        wrong.append(f"a wrong view: {one}")
    if one["found"] != "1":
        wrong.append(f"a lost file: {one}")
    if one["back"] != hosts:
        wrong.append(f"not back: {one}")
    return wrong


def _round(rng: random.Random, hosts: str) -> list[str]:
    binding.no_planner()
    started = [_open(rng.choice(USERS), str(number), rng.choice(LIVES)) for number in range(SESSIONS)]
    lines = [one.communicate(timeout=60)[0] for one in started]
    sessions = [dict(field.partition("=")[::2] for field in line.strip().split("\t")) for line in lines]
    wrong = [problem for one in sessions for problem in _wrong(one, hosts)]
    for i, one in enumerate(sessions):
        for other in sessions[i + 1:]:
            same = one["user"] == other["user"]
            if _overlap(one, other) and (one["ns"] == other["ns"]) != same:
                wrong.append(f"{'two views of one account' if same else 'one view of two'}: {one} {other}")
    return wrong


def _rounds(site, account, rounds: int, seed: int) -> None:
    for number, user in enumerate(USERS[2:]):
        account(user, uid=1510 + number)
    site(closed=True)
    for user in USERS:
        binding.bind(user)
    before, lines = binding.mount_namespaces(), binding.mounts()
    rng = random.Random(seed)
    for number in range(rounds):
        wrong = _round(rng, binding.namespace()) + binding.stale(before, lines)
        assert not wrong, f"round {number}, seed {seed}\n" + "\n".join(wrong[:20])


def test_a_hundred_sessions(site, account) -> None:
    _rounds(site, account, 10, 1)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(2, 12))
def test_many_rounds(site, account, seed: int) -> None:
    _rounds(site, account, 20, seed)
