"""What a SARIF file must keep: the standard's schema, and what code scanning says that it refuses or ignores."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from jsonschema import Draft4Validator

SCHEMA = Path(__file__).parent / "schemas" / "sarif-2.1.0.json"


def checked(text: str) -> dict[str, Any]:
    """The run of a file that is valid and acceptable."""
    log: dict[str, Any] = json.loads(text)
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    assert [error.message for error in Draft4Validator(schema).iter_errors(log)] == []
    assert len(text.encode()) < 10_000_000
    assert len(log["runs"]) == 1
    run: dict[str, Any] = log["runs"][0]
    rules = run["tool"]["driver"]["rules"]
    assert run["automationDetails"]["id"].count("/") == 2
    assert len({rule["id"] for rule in rules}) == len(rules)
    for rule in rules:
        assert len(rule["name"]) <= 255
        for words in (rule["shortDescription"], rule["fullDescription"], rule["help"]):
            assert 0 < len(words["text"]) <= 1024
        assert len(rule["properties"]["tags"]) <= 20
        assert "security-severity" not in rule["properties"]
    assert len(run["results"]) <= 25_000
    seen = set()
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["message"]["text"].strip()
        assert len(result["locations"]) == 1
        for location in (*result["locations"], *result.get("relatedLocations", ())):
            _check(location["physicalLocation"])
        seen.add((result["ruleId"], result["partialFingerprints"]["primaryLocationLineHash"]))
    assert len(seen) == len(run["results"])
    return run


def _check(place: dict[str, Any]) -> None:
    uri = place["artifactLocation"]["uri"]
    parts = urlsplit(uri)
    assert (parts.scheme, parts.netloc, parts.query, parts.fragment) == ("", "", "", ""), uri
    assert not uri.startswith("/")
    assert ".." not in unquote(uri).split("/")
    assert place["artifactLocation"]["uriBaseId"] == "%SRCROOT%"
    region = place["region"]
    assert region["startLine"] == region["endLine"] >= 1
    assert region.get("endColumn", 1) >= region["startColumn"] == 1
