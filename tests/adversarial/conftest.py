"""What the attacks share: a service with our module, an account, and a look around afterwards."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.adversarial import aftermath, host

CONFIG = Path("/etc/security/pam_mktemp.toml")
STACK = ["auth required pam_permit.so", "account required pam_permit.so"]


@pytest.fixture
def site(fresh_state, pam_service, account) -> Iterator[Callable[..., None]]:
    """site(closed=True) sets the policy, old enough to be trusted; alice and mallory exist. Looks around at the end."""
    account("alice", uid=1500)
    account("mallory", uid=1501)
    host.program()
    CONFIG.parent.mkdir(exist_ok=True)

    def policy(closed: bool = False, text: str = "") -> None:
        failure = "closed" if closed else "open"
        pam_service(host.SERVICE, [*STACK, f"session required pam_mktemp_py.so fail={failure}"])
        CONFIG.write_text(f'failure = "{failure}"\n{text}')
        time.sleep(2.1)  # a plan is fresh for 2 s only while its configuration is younger than that

    pam_service(host.SERVICE, [*STACK, "session required pam_mktemp_py.so"])
    before = aftermath.processes()
    yield policy
    assert not (left := aftermath.problems(before)), "\n".join(left)
