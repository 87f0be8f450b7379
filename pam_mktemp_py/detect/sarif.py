"""A verdict as SARIF 2.1.0 (OASIS, Static Analysis Results Interchange Format), for tools that collect findings.

One rule per class of finding, one result per finding that is the program's fault; CWE as a taxonomy.
"""
from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from typing import Any
from urllib.parse import quote_from_bytes

from pam_mktemp_py.detect import model
from pam_mktemp_py.detect.danger import CWE
from pam_mktemp_py.detect.model import Finding, Verdict

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_LEVELS = {"critical": "error", "high": "error", "medium": "warning", "low": "note", "none": "none"}
_SEVERITY = {"critical": "9.0", "high": "7.5", "medium": "5.0", "low": "2.5", "none": "0.0"}
_RULES = [kind for kind in model.CLASSES if kind not in model.TOLD]


def sarif(verdict: Verdict, version: str, command: str, complete: bool,
          remedy: Callable[[Finding], dict[str, Any] | None] = lambda _: None) -> dict[str, Any]:
    """The document, to be written by json. `complete`: the whole log was understood; `remedy`: what is known of one."""
    told = [each for each in verdict.findings if each.kind in _RULES]
    rules = [kind for kind in _RULES if any(each.kind == kind for each in told)]
    numbers = sorted({int(cwe.partition("-")[2]) for each in told for cwe in each.cwe})
    run: dict[str, Any] = {
        "tool": {"driver": {
            "name": "pam-mktemp", "version": version, "rules": [_rule(kind, told) for kind in rules],
            "supportedTaxonomies": [{"name": "CWE", "index": 0}] if numbers else []}},
        "invocations": [{"executionSuccessful": complete, "commandLine": _plain(command)}],
        "columnKind": "unicodeCodePoints",
        "results": [_result(each, rules.index(each.kind), numbers, remedy(each)) for each in told],
    }
    if numbers:
        run["taxonomies"] = [{
            "name": "CWE", "organization": "MITRE", "shortDescription": {"text": "Common Weakness Enumeration"},
            "informationUri": "https://cwe.mitre.org/",
            "taxa": [{"id": str(number), "shortDescription": {"text": CWE[number]}} for number in numbers]}]
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def _rule(kind: str, told: list[Finding]) -> dict[str, Any]:
    worst = next(danger for danger in model.DANGERS if any(
        each.kind == kind and each.danger == danger for each in told))
    return {"id": kind, "name": "".join(word.capitalize() for word in kind.split("-")),
            "shortDescription": {"text": model.CLASSES[kind]},
            "properties": {"tags": ["security", "temporary-files"], "security-severity": _SEVERITY[worst]}}


def _result(finding: Finding, rule: int, numbers: list[int], remedy: dict[str, Any] | None) -> dict[str, Any]:
    text = f"{_plain(finding.program)} uses {_plain(finding.path)}: {_plain(finding.why)}. Next: {finding.advice}."
    mark = hashlib.sha256("\0".join((finding.program, finding.path, finding.kind)).encode("utf-8", "surrogateescape"))
    result: dict[str, Any] = {
        "ruleId": finding.kind, "ruleIndex": rule, "level": _LEVELS[finding.danger], "message": {"text": text},
        "locations": [{
            "physicalLocation": {"artifactLocation": {"uri": uri(finding.program)}},
            "logicalLocations": [{"name": _plain(finding.path), "kind": "resource"}]}],
        "partialFingerprints": {"programAndPath/v1": mark.hexdigest()},
        "properties": {"danger": finding.danger, "cwe": list(finding.cwe), "calls": finding.calls,
                       "chain": [_plain(each) for each in finding.chain],
                       "evidence": [f"{each.line}: {_plain(each.call)}" for each in finding.evidence]},
    }
    if remedy is not None:
        result["properties"]["remedy"] = remedy
    if finding.cwe:
        result["taxa"] = [{"id": cwe.partition("-")[2], "index": numbers.index(int(cwe.partition("-")[2])),
                           "toolComponent": {"name": "CWE", "index": 0}} for cwe in finding.cwe]
    return result


def uri(path: str) -> str:
    """A path as a file: URI (RFC 8089), whatever its bytes are; a name that is no path as a relative reference."""
    quoted = quote_from_bytes(os.fsencode(path), safe="/-._~")
    return "file://" + quoted if path.startswith("/") else quoted


def _plain(text: str) -> str:
    """Text without the bytes that are no UTF-8: JSON for others than Python has no word for them."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
