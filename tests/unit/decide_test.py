"""Who gets what, why, and whether failing may lock him out."""
from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from pam_mktemp_py.config.model import Config
from pam_mktemp_py.errors import DirectoryError
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


LOGIN, COMMAND = "sshd", "sudo"


@pytest.mark.parametrize(("settings", "account", "service", "stage", "view"), [
    ({"stage": "bind"}, ALICE, LOGIN, "bind", "bind"), ({"stage": "bind"}, ALICE, COMMAND, "shim", "keep"),
    ({"stage": "shim"}, ALICE, LOGIN, "shim", "host"), ({"stage": "shim"}, ALICE, COMMAND, "shim", "keep"),
    ({"stage": "shim"}, ROOT, LOGIN, "env", "host"), ({"stage": "shim"}, ROOT, COMMAND, "env", "keep"),
    ({"stage": "shim", "exempt_users": ["alice"]}, ALICE, LOGIN, "off", "host"),
    ({"stage": "env"}, ALICE, LOGIN, "env", "host"), ({"stage": "env"}, ALICE, COMMAND, "env", "keep"),
    ({"stage": "off"}, ALICE, LOGIN, "off", "host"), ({"stage": "off"}, ALICE, COMMAND, "off", "keep"),
    ({"stage": "bind"}, ROOT, LOGIN, "env", "host"), ({"stage": "bind"}, ROOT, COMMAND, "env", "keep"),
    ({"stage": "bind", "exempt_users": ["alice"]}, ALICE, LOGIN, "off", "host"),
    ({"stage": "bind", "exempt_users": ["alice"]}, ALICE, COMMAND, "off", "keep"),
    ({"stage": "bind", "exempt_services": [LOGIN]}, ALICE, LOGIN, "off", "host"),
    ({"stage": "bind", "login_services": ["mine"]}, ALICE, "mine", "bind", "bind"),
    ({"stage": "bind", "login_services": ["mine"]}, ALICE, LOGIN, "shim", "keep"),
    *(({"stage": stage, "exempt_users": ["alice", "root"]}, account, service, "bind", "bind")
      for stage in ("off", "env", "shim", "bind") for account in (ALICE, ROOT) for service in ("run", "run/web")),
])
def test_which_tmp_is_seen(settings: dict[str, object], account: Account, service: str, stage: str, view: str) -> None:
    """Only a login changes it; a command started by sudo must be looked for where its caller looked."""
    decision = decide(config(**settings), account, service, [])
    assert (decision.stage, decision.view) == (stage, view), decision.reason
    assert bool(decision.directories) == (stage != "off")
    assert (decision.view == "bind") == (decision.stage == "bind")
    path = "path" if service in (settings.get("login_services") or [LOGIN]) else "variables"
    assert decision.shims == (path if stage in ("shim", "bind") and not service.startswith("run") else "")


@pytest.mark.parametrize(("account", "service", "words"), [
    (ALICE, COMMAND, f"sudo is not in login_services ({F}:2)"), (ROOT, LOGIN, "root's logins see the host's /tmp"),
    (ALICE, "run", "asked for by pam-mktemp run"),
])
def test_why_it_is_not_the_own(account: Account, service: str, words: str) -> None:
    assert words in decide(config(stage="bind", login_services=[LOGIN]), account, service, []).reason


def test_services_by_default() -> None:
    """The greeter of a display manager is nobody's login, and su and sudo of a command never change the view."""
    for service in ("login", "sshd", "su-l", "sudo-i", "runuser-l", "cron", "crond", "atd", "systemd-user"):
        assert decide(config(stage="bind"), ALICE, service, []).view == "bind", service
    for service in ("su", "sudo", "runuser", "polkit-1", "gdm-launch-environment", "passwd", "common-session"):
        assert decide(config(stage="bind"), ALICE, service, []).view == "keep", service


def test_directories_of_a_service() -> None:
    made = config()
    made.directories = [("tmp", ["TMPDIR"]), ("cache", ["XDG_CACHE_HOME"])]
    assert decide(made, ALICE, "run/a-b_1", []).directories == [
        ("svc-a-b_1", ["TMPDIR"]), ("cache", ["XDG_CACHE_HOME"])]
    assert decide(made, ALICE, "run", []).directories == made.directories
    assert decide(made, ROOT, "run", []).failure == "open"
    for bad in ("run/", "run/A", "run/a/b", "run/..", "run/abcdefghijklm", "run/a.b", "run/a b"):
        with pytest.raises(DirectoryError, match="1 to 12"):
            decide(made, ALICE, bad, [])
    assert decide(made, ALICE, "runuser", []).stage == decide(made, ALICE, "run-x", []).stage == "env"


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
