"""What the attacks share: a service with our module, an account, and a look around afterwards."""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.adversarial import aftermath, host

STACK = ["auth required pam_permit.so", "account required pam_permit.so"]
TOO_YOUNG = 2.1  # seconds: until then a plan is not fresh for longer


def _configuration(text: str) -> Path:
    """A configuration file with this text, old enough to be trusted; made once, so that few tests have to wait."""
    path = Path(f"/etc/security/adversary-{zlib.crc32(text.encode()):x}.toml")
    if not path.exists():
        path.write_text(text)
    time.sleep(max(0, path.stat().st_ctime + TOO_YOUNG - time.time()))
    return path


@pytest.fixture
def site(fresh_state, pam_service, account) -> Iterator[Callable[..., Path]]:
    """site(closed=True, text="...") sets policy and configuration; alice and mallory exist. Looks around at the end."""
    account("alice", uid=1500)
    account("mallory", uid=1501)
    host.program()

    def policy(closed: bool = False, text: str = "") -> Path:
        failure = "closed" if closed else "open"
        path = _configuration(f'failure = "{failure}"\n{text}')
        module = f"session required pam_mktemp_py.so fail={failure} config={path}"
        pam_service(host.SERVICE, [*STACK, module])
        return path

    pam_service(host.SERVICE, [*STACK, "session required pam_mktemp_py.so"])
    before = aftermath.processes()
    yield policy
    assert not (left := aftermath.problems(before)), "\n".join(left)
