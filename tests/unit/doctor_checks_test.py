"""How checks are run, and that every finding is explained."""
from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from pam_mktemp_py.doctor import checks, session
from pam_mktemp_py.doctor.catalogue import FINDINGS
from pam_mktemp_py.doctor.finding import PROBLEM, Finding, Patient
from pam_mktemp_py.linux.accounts import Account

FOLDER = Path(checks.__file__).parent
PATIENT = Patient(Account("alice", 1, 1, "alice"), "su")
ONE = Finding("one", "what", "where", "why", "do")


def good(patient: Patient) -> Iterator[Finding]:
    """It is good.

    Or not.
    """
    assert patient is PATIENT
    yield ONE


def breaks(patient: Patient) -> Iterator[Finding]:
    yield ONE
    raise OSError(5, "broken\x1b[31m")


def test_a_check_that_breaks_is_a_finding_and_ends_no_other() -> None:
    first, second, third = checks.run(PATIENT, [good, breaks, good])
    assert first.findings == third.findings == [ONE]
    assert (first.name, first.about) == ("doctor_checks_test", "It is good")
    kept, failed = second.findings
    assert kept == ONE and (failed.id, failed.kind) == ("check-failed", PROBLEM)
    assert "OSError" in failed.what and failed.where.startswith(__file__)


def test_every_check_is_run_once_and_says_what_it_looks_at() -> None:
    files = {path.stem for path in FOLDER.glob("*.py") if "\ndef check(" in path.read_text()}
    names = [check.__module__.rpartition(".")[2] for check in checks.ALL]
    assert len(names) == len(set(names)) and set(names) <= files
    for name in files - set(names):  # a part of another
        assert any(re.search(rf"\b{name}\.check\(", (FOLDER / f"{other}.py").read_text()) for other in names), name
    assert all(check.__doc__ for check in checks.ALL)


def test_every_finding_is_in_the_catalogue() -> None:
    text = "".join(path.read_text() for path in FOLDER.glob("*.py") if path.name != "catalogue.py")
    composed = tuple(re.findall(r'Finding\(\s*f"\{[^}]*\}(-[a-z-]+)"', text))
    assert {id for id in FINDINGS if f'"{id}"' not in text and not id.endswith(composed)} == set()
    said = set(re.findall(r'Finding\(\s*"([a-z-]+)"', text))
    assert said and said <= set(FINDINGS)


def test_advice() -> None:
    assert session.advice("/usr: belongs to uid 7, not to root; chown root /usr", "a", "b")[1] == (
        ("chown", "root", "/usr"),)
    assert session.advice("/no/such: is writable by others and not sticky", "a", "b")[1] == ()
    assert "df -i" in session.advice("/tmp/.private: No space left on device; see", "a", "b")[0]
    assert session.advice("nobody knows", "a", "b") == (session.LOG, ())
    assert session.advice("nobody knows", "", "b") == (session.LOG, ())  # no failure can be remembered for it
