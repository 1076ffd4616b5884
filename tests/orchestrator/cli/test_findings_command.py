"""Listing findings: filters, formats, and text that no spreadsheet or terminal acts on."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path

import pytest

from orchestrator.cli.findings import Filter, Format, one, read, render
from orchestrator.cli.summary import lines
from orchestrator.session import rules
from tests.orchestrator.cli.conftest import IDEA, LAG, Recorded
from tests.report.sarif_rules import checked
from tests.synthesis.made import stream_finding
from tools.clock import SystemClock
from tools.errors import JournalCorrupt, UsageError
from tools.findings.model import AgentId, EvidenceKind, Finding, Severity
from tools.findings.rule import Quote
from tools.workspace import Workspace


@pytest.fixture
def found(recorded: Recorded) -> list[Finding]:
    recorded.begin()
    recorded.record(IDEA, "print in service code")
    recorded.record(LAG, "audit falls behind", stream="audit", severity=Severity.LOW)
    recorded.record(LAG, "orders falls behind", stream="orders")
    return read(recorded.workspace.root)


def test_the_worst_come_first(found: list[Finding]) -> None:
    assert [finding.finding_id for finding in found] == ["RSA-002", "ES-001", "RSA-001"]


@pytest.mark.parametrize(
    ("wanted", "ids"),
    [
        pytest.param(Filter(), ["RSA-002", "ES-001", "RSA-001"], id="everything"),
        pytest.param(Filter(severity="critical"), ["RSA-002"], id="at or above critical"),
        pytest.param(Filter(severity="high"), ["RSA-002", "ES-001"], id="P1 ranks as high"),
        pytest.param(Filter(agent="stream-analyst"), ["RSA-002", "RSA-001"], id="agent by slug"),
        pytest.param(Filter(agent="ENHANCEMENT_SCOUT"), ["ES-001"], id="agent by id"),
        pytest.param(Filter(category="consumer_lag"), ["RSA-002", "RSA-001"], id="category in any case"),
        pytest.param(Filter(stream="ord*"), ["RSA-002"], id="stream by glob"),
        pytest.param(Filter(rule="code.*"), ["ES-001"], id="rule by glob"),
        pytest.param(Filter(service="orders"), [], id="no such service"),
        pytest.param(Filter(severity="low", stream="audit"), ["RSA-001"], id="both"),
    ],
)
def test_filters_keep_what_matches_all_of_them(found: list[Finding], wanted: Filter, ids: list[str]) -> None:
    assert [finding.finding_id for finding in found if wanted.keeps(finding)] == ids


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        pytest.param(
            {"severity": "dire"}, "no severity 'dire'. Use one of critical, high, medium", id="severity"
        ),
        pytest.param({"agent": "foo"}, "no agent 'foo'. Use one of log-watcher, stream-analyst", id="agent"),
        pytest.param(
            {"category": "NOPE"}, "no category 'NOPE'. Use one of ANOMALY, ARCHITECTURE", id="category"
        ),
    ],
)
def test_a_word_that_no_finding_can_have_is_refused_with_the_allowed_ones(
    wanted: dict[str, str], told: str
) -> None:
    with pytest.raises(UsageError, match=re.escape(told)):
        Filter(**wanted)


def test_a_finding_of_a_family_is_found_by_its_members_and_lists_them() -> None:
    names = [f"jobs:{at}" for at in range(25)]
    finding = stream_finding(1, "CONSUMER_LAG", "jobs:{}", members=names, more_members=3)
    kept = [Filter(stream=name).keeps(finding) for name in ("jobs:24", "jobs:{}", "jobs:25")]
    assert kept == [True, True, False]
    assert f"  members         {', '.join(names[:20])} and 8 more\n" in one([finding], "RSA-001")


def test_the_table_holds_a_line_for_each(found: list[Finding]) -> None:
    table = render(found, Format.TABLE).splitlines()
    assert table[0].split(maxsplit=4) == [
        "RSA-002",
        "CRITICAL",
        "CONSUMER_LAG",
        "orders",
        "orders falls behind",
    ]
    assert len(table) == 3
    assert render([], Format.TABLE) == "no findings\n"


def test_json_is_what_the_journal_holds(found: list[Finding]) -> None:
    data = json.loads(render(found, Format.JSON))
    assert data[0]["findingId"] == "RSA-002"
    assert data[0]["evidenceRefs"]


@pytest.mark.parametrize("title", ["=cmd()", "+1", "-1", "@x", "  =x", "\t=x", "\uff1dx", "\uff20x"])
def test_a_spreadsheet_takes_no_cell_for_a_formula(recorded: Recorded, title: str) -> None:
    recorded.begin()
    recorded.record(LAG, title, stream="s")
    rows = list(csv.DictReader(io.StringIO(render(read(recorded.workspace.root), Format.CSV))))
    assert rows[0]["title"].startswith("'")
    assert rows[0]["recommendation"] == "Add consumers."


def test_hostile_titles_stay_one_harmless_line(recorded: Recorded) -> None:
    recorded.begin()
    recorded.record(LAG, "a\x1b[2J\nb\u202e", stream="s\x1b]0;x\x07")
    findings = read(recorded.workspace.root)
    for text in (render(findings, Format.TABLE), render(findings, Format.CSV), one(findings, "rsa-001")):
        assert not {"\x1b", "\u202e", "\x07"} & set(text)
    assert len(render(findings, Format.TABLE).splitlines()) == 1
    assert "\x1b" not in render(findings, Format.JSON)


def test_one_finding_is_shown_whole(found: list[Finding]) -> None:
    text = one(found, "rsa-002")
    for piece in (
        "RSA-002  CRITICAL",
        "stream.consumer-lag",
        "reply for orders falls behind",
        "Add consumers.",
        "seen            once, at ",
    ):
        assert piece in text
    with pytest.raises(UsageError, match="There is no finding 'XX-1'"):
        one(found, "XX-1")


def test_a_folder_without_a_session_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds no session"):
        read(tmp_path)


def test_a_journal_of_something_else_is_named(recorded: Recorded) -> None:
    recorded.begin()
    recorded.workspace.findings(AgentId.LOG_WATCHER).write_text('{"a": 1}\n', encoding="utf-8")
    with pytest.raises(JournalCorrupt, match=r"log-watcher\.jsonl"):
        read(recorded.workspace.root)


def test_the_summary_says_health_counts_the_worst_report_and_exit_code(found: list[Finding]) -> None:
    text = list(
        lines(
            health="CRITICAL",
            findings=found,
            gaps=2,
            report=Path("/x/REPORT_1.md"),
            workspace=Path("/x"),
            exit_code=1,
            fail_on="high",
        )
    )
    assert text == [
        "",
        "health     CRITICAL",
        "findings   1 CRITICAL, 0 HIGH, 0 MEDIUM, 1 LOW, 0 INFO",
        "           1 enhancement",
        "not seen   2 things; section 7 of the report names each",
        "worst      CRITICAL    RSA-002  orders falls behind",
        "           P1_HIGH     ES-001   print in service code",
        "           LOW         RSA-001  audit falls behind",
        "report     /x/REPORT_1.md",
        "as a page  /x/report.html",
        "exit code  1: findings at or above high",
    ]


def test_the_last_lines_of_what_did_not_get_ready_are_shown_harmless(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "session")
    workspace.create()
    printed = Quote(
        EvidenceKind.LOG, "logs/orders.log", "\n".join([*(f"line {n}" for n in range(20)), "\x1b[2Jlast"])
    )
    symptom = rules.not_ready("orders", "no ready signal in 30 s", printed)
    findings = rules.record(workspace, SystemClock(), AgentId.LOG_WATCHER, [symptom])
    text = list(
        lines(
            health="CRITICAL",
            findings=findings,
            gaps=0,
            report=None,
            workspace=workspace.root,
            exit_code=3,
            fail_on="high",
        )
    )
    start = text.index("last lines of orders") + 1
    assert text[start : start + 10] == [
        *(f"           | line {n}" for n in range(11, 20)),
        "           | last",
    ]


@pytest.mark.parametrize(("code", "what"), [(130, "ended by Ctrl-C (SIGINT)"), (143, "ended by SIGTERM")])
def test_a_session_cut_short_is_said_to_have_a_report_only_where_it_has_one(code: int, what: str) -> None:
    def told(report: Path | None) -> list[str]:
        found = lines(
            health="x",
            findings=[],
            gaps=0,
            report=report,
            workspace=Path("/a b"),
            exit_code=code,
            fail_on="high",
        )
        return [line for line in found if line.startswith(("report", "as a page", "exit code"))]

    assert told(Path("/a b/R.md")) == [
        "report     /a b/R.md",
        "as a page  /a b/report.html",
        f"exit code  {code}: {what}; the report is written",
    ]
    assert told(None) == [
        "report     none was written; `streamgauge report --workspace '/a b'` makes it from what was recorded",
        f"exit code  {code}: {what}; no report was written",
    ]


def test_sarif_is_valid_and_holds_what_lies_in_files(found: list[Finding], recorded: Recorded) -> None:
    run = checked(render(found, Format.SARIF, recorded.workspace))
    assert run["results"] == []  # neither a stream nor this idea names a file
    assert run["automationDetails"]["id"] == "streamgauge/attach/20250615_150640"
    assert checked(render(found, Format.SARIF))["automationDetails"]["id"] == "streamgauge/unknown/unknown"
