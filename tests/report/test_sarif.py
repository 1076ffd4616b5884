"""`report.sarif`: valid, acceptable to code scanning, and never more than what was found."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.report.made_session import Made, make
from tests.report.sarif_rules import checked
from tests.sources.code.trees import write
from tools.findings.model import (
    AgentId,
    ConfigCategory,
    Effort,
    EvidenceKind,
    Finding,
    Impact,
    Locator,
    Priority,
    ScoutCategory,
    Severity,
)
from tools.findings.recorder import Recorder
from tools.findings.rule import Quote, Rule, Symptom
from tools.report import sarif
from tools.report.source_places import Place, Places
from tools.report.write import write_report
from tools.sources.change import ChangeBase
from tools.sources.session_facts import SessionFacts
from tools.workspace import Workspace

HOSTILE = ' </td> | [l](http://e.example) {0} ``` \u202e\x1b[31m "] --> end'
MISSING = Rule(
    id="config.missing-env-var",
    agent=AgentId.CONFIG_AUDITOR,
    category=ConfigCategory.MISSING_ENV_VAR,
    condition="read",
    severity=Severity.HIGH,
)
NO_CAP = Rule(
    id="code.xadd-no-maxlen",
    agent=AgentId.ENHANCEMENT_SCOUT,
    category=ScoutCategory.STREAM_ANTI_PATTERN,
    condition="xadd",
    priority=Priority.P1_HIGH,
    effort=Effort.HOURS_2_4,
    impact=Impact.LOW,
)
FACTS = SessionFacts(
    session_id="s", version="0.1.0", mode="static", project_root="/p", redis=None, started_ms=0, deadline_ms=1
)


class Desk:
    """Findings through the real recorder, about files below `project`."""

    def __init__(self, folder: Path) -> None:
        self.workspace, self.project = Workspace(folder / "ws"), folder / "project"
        self.project.mkdir()
        self.workspace.create()
        self.rejected: list[str] = []
        self.recorders: dict[AgentId, Recorder] = {}

    def record(self, rule: Rule, name: str, *places: str, **more: Any) -> None:
        quotes = []
        for text in places or ("",):
            place = Place.parse(text)
            kind = EvidenceKind.FILE if text else EvidenceKind.REDIS
            quotes.append(Quote(kind, place.path or "x", f"line of {name}", Locator(line=place.line)))
        symptom = Symptom(
            rule=rule,
            title=name,
            entity=(name,),
            evidence=tuple(quotes),
            recommendation="Set it.",
            files=places,
            expected="a",
            actual="b",
        )
        if rule.agent not in self.recorders:
            (self.workspace.agent_dir(rule.agent) / "attempt").write_text("1", encoding="ascii")
            told = self.rejected
            self.recorders[rule.agent] = Recorder(
                self.workspace, rule.agent, 1, lambda _, why: told.append(why)
            )
        assert self.recorders[rule.agent].record(replace(symptom, **more), 0) is not None, self.rejected

    def findings(self) -> list[Finding]:
        return [finding for recorder in self.recorders.values() for finding in recorder.findings]

    def run(self, facts: SessionFacts | None = FACTS) -> dict[str, Any]:
        log = sarif.build(self.findings(), sarif.About("20250615_150640", self.project, facts))
        return checked(msgspec.json.encode(log).decode())


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    yield made
    for recorder in made.recorders.values():
        recorder.close()


@pytest.fixture
def made(tmp_path: Path) -> Made:
    return make(tmp_path, HOSTILE)


def place_of(result: dict[str, Any]) -> tuple[str, int]:
    place = result["locations"][0]["physicalLocation"]
    return place["artifactLocation"]["uri"], place["region"]["startLine"]


def test_every_report_has_a_valid_file_beside_it(made: Made) -> None:
    write_report(made.workspace, made.project, made.clock)
    run = checked(made.workspace.path(sarif.FILE).read_text(encoding="utf-8"))
    ids = {result["properties"]["findingId"] for result in run["results"]}
    assert ids
    assert all(name.startswith(("CA-", "ES-")) for name in ids)
    assert run["automationDetails"]["id"] == "streamgauge/attach/20250615_150640"


def test_what_lies_in_no_file_is_counted_and_not_invented(desk: Desk) -> None:
    desk.record(MISSING, "rogue stream")
    desk.record(MISSING, "REDIS_URL", "a.py:3")
    run = desk.run()
    assert [place_of(result) for result in run["results"]] == [("a.py", 3)]
    notes = [note["message"]["text"] for note in run["invocations"][0]["toolExecutionNotifications"]]
    assert notes == ["1 finding lies in no file, though about code or configuration; the report has all."]


def test_the_line_is_whole_and_other_places_are_related(desk: Desk) -> None:
    write(desk.project, {"a.py": "one\nzwei \U0001f600\n", "b.env": "X=1\n"})
    desk.record(MISSING, "X", "a.py:2", "b.env:1", "a.py:900")
    (result,) = desk.run()["results"]
    region = result["locations"][0]["physicalLocation"]["region"]
    assert region == {"startLine": 2, "startColumn": 1, "endLine": 2, "endColumn": 8}
    related = [place["physicalLocation"] for place in result["relatedLocations"]]
    assert [(place["artifactLocation"]["uri"], place["region"]["startLine"]) for place in related] == [
        ("b.env", 1),
        ("a.py", 900),
    ]
    assert "endColumn" not in related[1]["region"]


def test_paths_start_at_the_repository_not_at_the_project(desk: Desk) -> None:
    (desk.project.parent / ".git").mkdir()
    desk.record(MISSING, "X", "a.py:1")
    assert place_of(desk.run()["results"][0]) == ("project/a.py", 1)


@pytest.mark.parametrize(
    ("path", "uri"),
    [
        pytest.param("a b.py", "a%20b.py", id="space"),
        pytest.param("http:/x/y.py", "http%3A/x/y.py", id="a scheme"),
        pytest.param("q?x#y.py", "q%3Fx%23y.py", id="query and fragment"),
        pytest.param("ü%41.py", "%C3%BC%2541.py", id="percent"),
    ],
)
def test_a_name_leads_nowhere_else(desk: Desk, path: str, uri: str) -> None:
    desk.record(MISSING, "X", f"{path}:1")
    assert place_of(desk.run()["results"][0]) == (uri, 1)


def test_a_symbolic_link_is_shown_where_the_file_is(desk: Desk) -> None:
    write(desk.project, {"real/a.py": "x\n"})
    (desk.project / "link").symlink_to("real")
    (desk.project / "out").symlink_to("/etc")
    desk.record(MISSING, "X", "link/a.py:1")
    desk.record(MISSING, "Y", "out/passwd:1")
    first, second = desk.run()["results"]
    assert place_of(first) == ("real/a.py", 1)
    assert place_of(second) == ("out/passwd", 1)
    assert "endColumn" not in second["locations"][0]["physicalLocation"]["region"]


@pytest.mark.parametrize(
    ("rule", "level", "expected"),
    [
        pytest.param(MISSING, Severity.CRITICAL, "error", id="critical"),
        pytest.param(MISSING, Severity.HIGH, "error", id="high"),
        pytest.param(MISSING, Severity.MEDIUM, "warning", id="medium"),
        pytest.param(MISSING, Severity.LOW, "note", id="low"),
        pytest.param(MISSING, Severity.INFO, "note", id="info"),
        pytest.param(NO_CAP, Priority.P0_CRITICAL, "warning", id="P0"),
        pytest.param(NO_CAP, Priority.P1_HIGH, "warning", id="P1"),
        pytest.param(NO_CAP, Priority.P2_MEDIUM, "note", id="P2"),
        pytest.param(NO_CAP, Priority.P3_LOW, "note", id="P3"),
    ],
)
def test_levels(desk: Desk, rule: Rule, level: Any, expected: str) -> None:
    key = "severity" if isinstance(level, Severity) else "priority"
    desk.record(rule, "X", "a.py:1", **{key: level})
    (result,) = desk.run()["results"]
    assert (result["level"], result["properties"]["severity"]) == (expected, level.value)


def test_hostile_words_stay_words(desk: Desk) -> None:
    desk.record(MISSING, "X" + HOSTILE, "a.py:1", recommendation="Do" + HOSTILE)
    (result,) = desk.run()["results"]
    text, markdown = result["message"]["text"], result["message"]["markdown"]
    assert "](" not in text.replace("{{", "")
    assert "{{0}}" in text
    assert "{{0}}" in markdown
    assert "\\u202e" in text
    assert not any(char in text + markdown for char in "\u202e\x1b")
    assert "<" not in markdown.split("```")[0]
    assert "http://" not in markdown.split("```")[0]


def test_two_findings_on_one_line_stay_two_and_the_same_one_keeps_its_print(desk: Desk) -> None:
    desk.record(MISSING, "X", "a.py:1")
    desk.record(MISSING, "Y", "a.py:1")
    first, second = desk.run()["results"]
    assert first["partialFingerprints"] != second["partialFingerprints"]
    known = {finding.fingerprint.removeprefix("v1:") for finding in desk.findings()}
    assert {
        first["partialFingerprints"]["streamgauge/v1"],
        second["partialFingerprints"]["streamgauge/v1"],
    } == known


def test_rules_do_not_depend_on_what_was_found(desk: Desk) -> None:
    before = desk.run()["tool"]["driver"]["rules"]
    desk.record(NO_CAP, "X", "a.py:1")
    assert desk.run()["tool"]["driver"]["rules"] == before
    desk.record(replace(NO_CAP, id="code.of-tomorrow"), "X", "a.py:1")
    assert desk.run()["tool"]["driver"]["rules"][-1]["id"] == "code.of-tomorrow"


def test_beyond_the_limit_the_mildest_are_left_out_and_counted(desk: Desk) -> None:
    desk.record(MISSING, "X", "a.py:1")
    (finding,) = desk.findings()
    many = [
        finding.model_copy(update={"fingerprint": f"v1:{number:020x}"})
        for number in range(sarif.RESULTS_MAX + 7)
    ]
    log = sarif.build(many, sarif.About("s", desk.project))
    assert len(log.runs[0].results) == sarif.RESULTS_MAX
    (note,) = log.runs[0].invocations[0].tool_execution_notifications
    assert note.message.text.startswith("More than 25000 results: the mildest 7 are left out")


def test_a_session_about_a_change_says_so(desk: Desk) -> None:
    desk.record(MISSING, "X", "a.py:1")
    base = ChangeBase(asked="main{", commit="a" * 40, how="merge-base")
    run = desk.run(msgspec.structs.replace(FACTS, change=base))
    assert run["results"][0]["baselineState"] == "new"
    assert run["automationDetails"]["id"].startswith("streamgauge/change/")
    (note,) = run["invocations"][0]["toolExecutionNotifications"]
    assert note["message"]["text"].startswith(
        "Partial view: only what changed since main{{ (commit aaaaaaaaaaaa)"
    )


@pytest.mark.parametrize(
    ("text", "place"),
    [
        pytest.param("a.py:3", Place("a.py", 3), id="line"),
        pytest.param("a.py", Place("a.py"), id="none"),
        pytest.param("a:b.py", Place("a:b.py"), id="colon in a name"),
        pytest.param("a:b:3", Place("a:b", 3), id="both"),
        pytest.param("a.py:0", Place("a.py:0"), id="no line"),
        pytest.param(":3", Place(":3"), id="no path"),
        pytest.param("known:7", Place("known:7"), id="known as a path"),
    ],
)
def test_places_are_read(text: str, place: Place) -> None:
    assert Place.parse(text, {"known:7"}) == place


def test_a_root_that_is_gone_costs_only_the_columns(tmp_path: Path) -> None:
    region = Places.of(tmp_path / "gone").region(Place("a.py", 4))
    assert (region.start_line, region.end_column) == (4, None)
