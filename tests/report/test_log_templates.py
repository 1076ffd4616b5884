"""Templates of log lines in the report, each with an example; what is expected stands apart, with its reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.detectors.logs.test_expected import entry, seen
from tests.detectors.logs.test_rules import stats, view
from tests.report.made_session import SESSION_ID, make
from tests.sources.logs.lines import AT_MS
from tests.synthesis.made import log_finding
from tools.detectors.contract import LogView
from tools.detectors.logs import DETECTORS
from tools.findings.model import AgentId
from tools.findings.recorder import Recorder, read_attempt
from tools.report.context import prepare
from tools.report.model import Report
from tools.report.sections import log_templates
from tools.report.write import write_report
from tools.synthesis.session_data import SessionData


def report_of(folder: Path, *views: LogView) -> tuple[Report, str]:
    """The report of a session in which these were seen, and section 7 of it."""
    made = make(folder)
    attempt = read_attempt(made.workspace.agent_dir(AgentId.LOG_WATCHER) / "attempt")
    recorder = Recorder(made.workspace, AgentId.LOG_WATCHER, attempt or 0, lambda rule, reason: None)
    for looked_at in views:
        for detector in DETECTORS:
            for symptom in detector.detect(looked_at):
                recorder.record(symptom, AT_MS)
    recorder.flush()
    recorder.close()
    report = write_report(made.workspace, made.project, made.clock)
    text = made.workspace.report(SESSION_ID).read_text(encoding="utf-8")
    return report, text.partition("\n## 7.")[2].partition("\n## 8.")[0]


def test_several_rules_about_one_template_are_one_row_with_an_example(tmp_path: Path) -> None:
    report, section = report_of(tmp_path, seen())
    [row] = [row for row in report.log_templates if row.template == "stock of <*> is low"]
    assert (row.service, row.lines, row.expected, row.example) == (
        "orders",
        9,
        None,
        "ERROR stock of 7 is low",
    )
    assert len(row.finding_ids) == 2
    assert "### What the logs said" in section
    assert "`stock of <*> is low`" in section
    assert "`ERROR stock of 7 is low`" in section


@pytest.mark.parametrize(
    ("occurrences", "pattern", "lines", "how_often"),
    [
        pytest.param(1, "one-off", 1, "one-off", id="one line"),
        pytest.param(480, "484 × in 81 s, first 1Z, last 2Z", 484, "in 81 s, first 1Z, last 2Z", id="a rule about some of them"),
        pytest.param(9, "4 × at 15:00:00Z", 9, "at 15:00:00Z", id="counted by several attempts"),
        pytest.param(3, "3 ×", 3, "more than once", id="lines without times"),
    ],
)  # fmt: skip
def test_a_row_has_one_count(occurrences: int, pattern: str, lines: int, how_often: str) -> None:
    found = log_finding(1, "BUG", template="it failed", occurrences=occurrences, pattern=pattern)
    (row,) = log_templates.build(prepare(SessionData(session_id="s", findings=(found,)), 0))
    assert (row.lines, row.pattern) == (lines, how_often)


def test_what_is_expected_is_counted_with_its_reason(tmp_path: Path) -> None:
    report, section = report_of(tmp_path, seen(entry()), seen(entry()))
    [row] = [row for row in report.log_templates if row.expected is not None]
    assert (row.lines, row.expected) == (9, "the feed comes at night")
    assert "9 lines: the feed comes at night" in section.partition("### Expected lines")[2]
    assert not [
        row for row in report.log_templates if row.expected is None and row.template == "stock of <*> is low"
    ]


def test_what_lines_say_changes_no_table(tmp_path: Path) -> None:
    hostile = "ERROR a | b `x` </td><script> \u202e [l](http://e.example)"
    _, section = report_of(tmp_path, view(stats("error", hostile, template=hostile)))
    [row] = [text for text in section.split("\n") if "<script>" in text]
    assert row.startswith("| ")
    assert row.replace("\\|", "").count("|") == 7
    assert "\u202e" not in section
