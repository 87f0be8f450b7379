"""The failure policy is edited, and no plan has been made with the new one yet."""
from __future__ import annotations

import pytest

from tests.privileged.logins.failure_policy_test import LOGINS, assert_denied, assert_goes_on, spoil
from tests.privileged.logins.session import all_four, configure, su, variables

pytestmark = pytest.mark.usefixtures("machine")


@pytest.mark.parametrize("before, after", [("open", "closed"), ("closed", "open")])
def test_a_new_policy_wins_over_an_old_plan(before: str, after: str) -> None:
    """The planner read the configuration as it is now, before it failed: the plan is of yesterday."""
    configure(f'failure = "{before}"\n')
    assert variables(su("alice").stdout) == all_four("alice")
    configure(f'failure = "{after}"\n')
    spoil()
    for _ in range(2):
        (assert_goes_on if after == "open" else assert_denied)(LOGINS[0])
