"""Journals that grow are read on, and among so many lines as a look had."""

from __future__ import annotations

import pytest

from tests.findings.test_recorder import AGENT, Desk, desk, symptom
from tools.errors import JournalCorrupt
from tools.findings.measured import MeasuredLines
from tools.findings.model import Finding

__all__ = ["desk"]


def seen(found: list[Finding]) -> list[tuple[str, int]]:
    return [(finding.finding_id, finding.occurrences) for finding in found]


def test_a_journal_is_read_on_as_it_grows(desk: Desk) -> None:
    lines = MeasuredLines(desk.workspace.findings(AGENT))
    assert (lines.newest(), lines.count) == ([], 0)
    desk.recorder.record(symptom("boom"), 1_000)
    assert (seen(lines.newest()), lines.count) == ([("LW-001", 1)], 1)
    desk.recorder.record(symptom("boom"), 2_000)
    desk.recorder.record(symptom("bang"), 2_000)
    desk.recorder.flush()
    whole = [("LW-001", 2), ("LW-002", 1)]
    assert (seen(lines.newest()), lines.count) == (whole, 3)
    assert seen(lines.newest(1)) == [("LW-001", 1)]
    assert seen(lines.newest(2)) == [("LW-001", 1), ("LW-002", 1)]
    assert seen(lines.newest(9)) == whole


def test_a_damaged_line_is_said_and_what_stands_before_it_counts(desk: Desk) -> None:
    desk.recorder.record(symptom("boom"), 1_000)
    path = desk.workspace.findings(AGENT)
    with path.open("ab") as file:
        file.write(b"{}\n")
    lines = MeasuredLines(path)
    assert seen(lines.newest(1)) == [("LW-001", 1)]
    with pytest.raises(JournalCorrupt, match="not a finding"):
        lines.newest()
