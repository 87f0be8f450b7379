"""Who gets what, why, and whether failing may lock him out."""
from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from pam_mktemp_py.config.model import Config
from pam_mktemp_py.linux.accounts import Account
from pam_mktemp_py.policy.decide import decide

F = "/etc/security/pam_mktemp.toml"
ALICE = Account("alice", 1000, 1000, "alice")
ROOT = Account("root", 0, 0, "root")


def config(**settings: object) -> Config:
    made = Config(F)
    for line, (key, value) in enumerate(settings.items(), 1):
        setattr(made, key, value)
        made.origins[key] = (F, line)
        for name in value if isinstance(value, list) else ():
            made.origins[f"{key}[{name}]"] = (F, line)
    made.exempt_gids = {50: "staff"} if made.exempt_groups else {}
    return made


EVERY = {"exempt_users": ["alice"], "exempt_groups": ["staff"], "min_uid": 2000, "exempt_services": ["su"],
         "services": ["sshd"], "stage": "off"}
NEUTRAL = {"exempt_users": [], "exempt_groups": [], "min_uid": 0, "exempt_services": [], "services": ["*"],
           "stage": "env"}


def test_the_order_of_reasons() -> None:
    """With everything set, each reason wins over those after it."""
    settings = dict(EVERY)
    for line, key in enumerate(EVERY, 1):
        decision = decide(config(**settings), ALICE, "su", [1000, 50])
        assert decision.stage == "off" and decision.directories == []
        assert key in decision.reason and decision.reason.endswith(f"({F}:{line})")
        settings[key] = NEUTRAL[key]
    decision = decide(config(**settings), ALICE, "su", [1000, 50])
    assert decision.stage == "env" and decision.reason == f'stage is "env" ({F}:6)'
    assert decision.directories == [("tmp", ["TMPDIR", "TMP", "TEMP", "TEMPDIR"])]


def test_defaults_say_so() -> None:
    decision = decide(Config(F), ALICE, "su", [])
    assert (decision.stage, decision.failure) == ("env", "open")
    assert "default" in decision.reason and F in decision.reason


@pytest.mark.parametrize("account,exempt", [
    (Account("alice", 1000, 1000, "alice"), True),
    (Account("ALICE@realm", 1000, 1000, "alice"), True),  # the directory service's name for the same account
    (Account("alice", 1000, 1000, "ada"), True),
    (Account("bob", 1000, 1000, "bob"), False),  # alice's uid, recycled
    (Account("bob", 1000, 1000, ""), False), (Account("", 1000, 1000, ""), False),
])
def test_exempt_by_name_never_by_uid(account: Account, exempt: bool) -> None:
    assert (decide(config(exempt_users=["alice"]), account, "su", []).stage == "off") is exempt


def test_min_uid_is_not_for_root() -> None:
    assert decide(config(min_uid=1000), ROOT, "su", []).stage == "env"
    assert decide(config(min_uid=1000), ALICE, "su", []).stage == "env"
    assert decide(config(min_uid=1001), ALICE, "su", []).stage == "off"


@pytest.mark.parametrize("services,exempt,stage", [
    (["*"], [], "env"), (["su"], [], "env"), (["sshd"], [], "off"), ([], [], "off"), (["su", "*"], ["su"], "off"),
    (["*"], ["*"], "off"), (["su"], ["*"], "off"), (["*"], ["sudo"], "env"), (["su-l"], [], "off")])
def test_services(services: list[str], exempt: list[str], stage: str) -> None:
    assert decide(config(services=services, exempt_services=exempt), ALICE, "su", []).stage == stage


def test_an_unknown_group_exempts_nobody_and_not_everybody() -> None:
    made = config(exempt_groups=["no-such-group"])
    made.exempt_gids = {}
    assert decide(made, ALICE, "su", [1000, 50]).stage == "env"


@given(st.sampled_from([ALICE, ROOT, Account("bob", 33, 33, "bob")]), st.sampled_from(["open", "closed"]),
       st.fixed_dictionaries({key: st.sampled_from([EVERY[key], NEUTRAL[key]]) for key in EVERY}),
       st.sampled_from(["su", "sshd"]), st.sampled_from([[], [50], [7, 50]]))
def test_root_and_exempt_accounts_always_fail_open(account: Account, failure: str, settings: dict[str, object],
                                                   service: str, gids: list[int]) -> None:
    made = config(**settings)
    made.failure = failure
    decision = decide(made, account, service, gids)
    exempt = account.name in made.exempt_users or (50 in gids and bool(made.exempt_groups))
    if account.uid == 0 or exempt:
        assert decision.failure == "open"
    elif decision.stage == "env":
        assert decision.failure == failure
    assert decision.reason and F in decision.reason
    assert (decision.stage == "env") == bool(decision.directories)
