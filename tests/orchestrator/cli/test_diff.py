"""`diff`: two sessions side by side, for people, for programs and for a gate."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
from msgspec import structs

from orchestrator.cli import diff
from tests.orchestrator.cli.conftest import LAG, Recorded
from tools.errors import UsageError
from tools.findings.model import Severity
from tools.report import schemas
from tools.workspace import Workspace


@pytest.fixture
def two(tmp_path: Path) -> tuple[Path, Path]:
    folders = []
    for number, titles in enumerate(
        (["orders falls behind"], ["orders falls behind", "\x1b[31mcarts falls behind"])
    ):
        recorded = Recorded(Workspace(tmp_path / f"ws{number}"))
        recorded.begin(f"2025061{number}_150640")
        for title in titles:
            recorded.record(LAG, title, stream="orders", severity=Severity.HIGH)
        folders.append(recorded.workspace.root)
    return folders[0], folders[1]


def test_a_new_finding_is_listed_and_is_news(two: tuple[Path, Path], tmp_path: Path) -> None:
    found = diff.compared(str(two[0]), str(two[1]), tmp_path / "ws", tmp_path / ".state" / "o.db")
    text = diff.table(found)
    assert "1 new, 1 persisting, 0 updated, 0 resolved, 0 not observed" in text
    assert "new          RSA-002  HIGH" in text
    assert "\x1b" not in text
    assert "RSA-001" not in text
    assert "RSA-001" in diff.table(found, everything=True)
    assert [diff.has_news(found, diff.level(name)) for name in ("critical", "high", "new:low", "never")] == [
        False,
        True,
        True,
        False,
    ]


def test_json_is_as_its_schema_says(two: tuple[Path, Path], tmp_path: Path) -> None:
    found = diff.compared(str(two[0]), str(two[1]), tmp_path / "ws", tmp_path / ".state" / "o.db")
    data = json.loads(diff.as_json(found))
    jsonschema.validate(data, schemas.export()["comparison.schema.json"])
    assert data["counts"]["new"] == 1


def test_what_another_record_calls_an_id_acts_on_no_terminal(two: tuple[Path, Path], tmp_path: Path) -> None:
    found = diff.compared(str(two[0]), str(two[1]), tmp_path / "ws", tmp_path / ".state" / "o.db")
    hostile = "\x1b]0;owned\x07\x1b[2J\nfake"
    rows = [
        structs.replace(row, finding_id=hostile, level=hostile, category=hostile) for row in found.findings
    ]
    text = diff.table(structs.replace(found, findings=tuple(rows)), everything=True)
    assert "\x1b" not in text
    assert not any(line.startswith("fake") for line in text.splitlines())


def test_names_that_no_file_has_and_files_that_no_one_can_read_are_refused(tmp_path: Path) -> None:
    nested = tmp_path / "nested.json"
    nested.write_text("[" * 200_000, encoding="utf-8")
    for name in ("A" * 300, str(nested)):
        with pytest.raises(UsageError):
            diff.compared(name, name, tmp_path / "ws", tmp_path / ".state" / "o.db")


def test_a_severity_that_is_none_is_refused() -> None:
    with pytest.raises(UsageError, match="no severity 'terrible'"):
        diff.level("terrible")
