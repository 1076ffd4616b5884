"""Claims from beside the session pass the same gate as those of its own model, or are refused and told why."""

from __future__ import annotations

import multiprocessing
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from msgspec import structs

from agents.hand_in import BYTES_MAX, RECORD_BYTES_MAX, Place, hand_in, schema
from tests.agents.investigation.answers import explanation, own
from tests.agents.recorded import LINE, Recorded
from tests.fakes.clock import ManualClock
from tools.errors import FunctionRefused
from tools.findings import readings
from tools.findings.journal import read_data
from tools.findings.model import AgentId, Origin, Severity
from tools.findings.turn import turn
from tools.report.sections import language_model
from tools.sources import handed_in, session_facts
from tools.sources.session_facts import PhaseRun, SessionFacts

CLIENT = "tests 1.0"
FACTS = SessionFacts(
    session_id="20260101_000000", version="1", mode="attach", project_root="/p", redis=None, started_ms=0, deadline_ms=1
)  # fmt: skip
SECRET = "ghp_" + "Zq3xV7" * 6


@pytest.fixture
def recorded(tmp_path: Path) -> Recorded:
    made = Recorded(tmp_path)
    session_facts.write(made.workspace, FACTS)
    return made


def place(recorded: Recorded) -> Place:
    return Place(recorded.workspace, recorded.project, ManualClock())


def handed(recorded: Recorded, agent: str = "LOG_WATCHER", **claims: Any) -> dict[str, Any]:
    return dict(hand_in(place(recorded), {"agent": agent, **claims}, CLIENT))


def test_what_can_be_proven_is_written_like_the_words_of_the_sessions_model(recorded: Recorded) -> None:
    told = handed(recorded, explanations=[explanation()], findings=[own(category="ANOMALY")])
    assert told["readings"] == 1
    assert told["rejected"] == 0
    (reading,) = readings.read(recorded.workspace, AgentId.LOG_WATCHER)
    assert (reading.finding_ids, reading.model, reading.prompt_version) == (("LW-001",), CLIENT, "mcp")
    (finding,) = [one for one in recorded.findings if one.finding_id in told["findingIds"]]
    assert finding.origin is Origin.MODEL
    assert finding.evidence == LINE


def test_a_claim_without_evidence_is_refused_and_the_others_stand(recorded: Recorded) -> None:
    invented = own(quotes=[{"source": "logs/orders.log", "text": "ERROR the disk is on fire"}])
    told = handed(
        recorded, findings=[invented, own(category="ANOMALY")], explanations=[explanation("LW-999")]
    )
    assert len(told["findingIds"]) == 1
    assert told["rejected"] == 2
    assert any("does not hold this quote" in reason for reason in told["reasons"])
    assert any("there is no finding 'LW-999'" in reason for reason in told["reasons"])


def test_a_finding_about_what_nothing_knows_is_refused_by_name(recorded: Recorded) -> None:
    told = handed(recorded, findings=[own(service="ordres"), own(stream="orders", files=["gone.py"])])
    assert told["findingIds"] == []
    assert told["reasons"] == [
        "own finding 'Orders are lost when stock is slow': nothing knows a service 'ordres'; there is 'orders'",
        "own finding 'Orders are lost when stock is slow': nothing knows a file 'gone.py'",
    ]


def test_a_severity_is_medium_at_most(recorded: Recorded) -> None:
    told = handed(recorded, findings=[own(severity="CRITICAL")])
    assert told["lowered"] == 1
    (finding,) = [one for one in recorded.findings if one.origin is Origin.MODEL]
    assert getattr(finding, "severity", None) is Severity.MEDIUM


def test_the_same_finding_again_is_counted_on(recorded: Recorded) -> None:
    first, second = (
        handed(recorded, findings=[own()]),
        handed(recorded, findings=[own(title="In other words")]),
    )
    assert (len(first["findingIds"]), first["repeated"]) == (1, 0)
    assert (second["findingIds"], second["repeated"]) == ([], 1)
    (finding,) = [one for one in recorded.findings if one.origin is Origin.MODEL]
    assert finding.occurrences == 2


def test_what_does_not_apply_may_be_left_out(recorded: Recorded) -> None:
    short = {
        "title": "Orders are lost",
        "category": "BUG",
        "severity": "LOW",
        "hypothesis": "No retry.",
        "recommendation": "Retry.",
        "quotes": [{"source": "logs/orders.log", "text": LINE}],
        "confidence": 0.5,
    }
    jsonschema.validate({"agent": "LOG_WATCHER", "findings": [short]}, dict(schema()))
    assert len(handed(recorded, findings=[short])["findingIds"]) == 1


def test_the_scout_must_say_what_an_enhancement_takes(recorded: Recorded) -> None:
    given = own(category="RELIABILITY")
    given.pop("effort")
    told = handed(recorded, "ENHANCEMENT_SCOUT", findings=[given])
    assert told["reasons"] == ["findings[0].effort: Field required"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        pytest.param({}, "'agent' is one of LOG_WATCHER", id="nobody"),
        pytest.param({"agent": "ME", "same": [{}]}, "'agent' is one of LOG_WATCHER", id="somebody else"),
        pytest.param({"agent": "LOG_WATCHER"}, "Nothing was handed in", id="nothing"),
        pytest.param({"agent": "LOG_WATCHER", "shell": "x"}, "no argument 'shell'", id="more"),
        pytest.param({"agent": "LOG_WATCHER", "same": ["x" * BYTES_MAX]}, "256 KB", id="too much"),
    ],
)
def test_arguments_that_are_none_are_refused(
    recorded: Recorded, arguments: dict[str, Any], words: str
) -> None:
    with pytest.raises(FunctionRefused, match=words):
        hand_in(place(recorded), arguments, CLIENT)
    assert not recorded.workspace.handed_in.exists()


def test_an_agent_in_a_circle_fills_no_disk(recorded: Recorded) -> None:
    recorded.workspace.handed_in.parent.mkdir(parents=True, exist_ok=True)
    with recorded.workspace.handed_in.open("wb") as file:
        file.truncate(RECORD_BYTES_MAX + 1)
    with pytest.raises(FunctionRefused, match="takes no more"):
        handed(recorded, explanations=[explanation()])
    assert list(readings.read(recorded.workspace, AgentId.LOG_WATCHER)) == []


@pytest.mark.parametrize("given", [[None], [3], ["x"], [{}], [{"finding_ids": 3}], "x", {"a": 1}, 7])
def test_items_of_another_shape_cost_themselves_only(recorded: Recorded, given: Any) -> None:
    told = handed(recorded, same=given, explanations=[explanation()])
    assert told["readings"] == 1
    assert told["rejected"] == 1


def test_nothing_is_taken_once_the_report_is_begun(recorded: Recorded) -> None:
    handed_in.close(recorded.workspace)
    with pytest.raises(FunctionRefused, match="takes no findings any more"):
        handed(recorded, explanations=[explanation()])
    recorded.workspace.findings_closed.unlink()
    begun = PhaseRun(name="synthesize", started_ms=1)
    session_facts.write(recorded.workspace, structs.replace(FACTS, phases=(begun,)))
    with pytest.raises(FunctionRefused, match="takes no findings any more"):
        handed(recorded, explanations=[explanation()])
    assert list(readings.read(recorded.workspace, AgentId.LOG_WATCHER)) == []


def test_each_call_is_recorded_masked_and_told(recorded: Recorded) -> None:
    handed(recorded, findings=[own(hypothesis=f"The token {SECRET} is old.")])
    for path in recorded.workspace.root.rglob("*"):
        assert not path.is_file() or SECRET not in path.read_text(encoding="utf-8", errors="replace")
    (event,) = read_data(recorded.workspace.events)
    assert (event["type"], event["client"], event["rejected"]) == ("handed-in", CLIENT, 0)
    use = handed_in.use(recorded.workspace)
    assert use is not None
    assert (use.clients, use.calls, use.own_findings) == ((CLIENT,), 1, 1)
    told = language_model.told(structs.replace(FACTS, handed_in=use))
    assert told == (
        "off: rules only; beside the session tests 1.0 handed in 0 readings of findings and 1 finding of its own; "
        "0 claims refused"
    )


def test_a_turn_that_does_not_end_is_an_error_after_its_bound(recorded: Recorded) -> None:
    with turn(recorded.workspace), pytest.raises(TimeoutError), turn(recorded.workspace, wait_s=0.05):
        raise AssertionError("two turns at once")


def test_one_that_stands_still_in_its_turn_does_not_keep_findings_open(recorded: Recorded) -> None:
    with turn(recorded.workspace):
        handed_in.close(recorded.workspace, wait_s=0.05)
    assert not handed_in.is_open(recorded.workspace)


def _hand_in_many(folder: Path, project: Path, name: str) -> None:
    from tools.workspace import Workspace

    where = Place(Workspace(folder), project, ManualClock())
    for number in range(10):
        files = [f"orders.py:{number}{len(name)}"]  # each another place
        claims = [own(category="ANOMALY", files=files, related_findings=[])]
        hand_in(where, {"agent": "LOG_WATCHER", "findings": claims}, name)


def test_processes_that_hand_in_at_once_share_no_id(recorded: Recorded) -> None:
    context = multiprocessing.get_context("spawn")
    workers = [
        context.Process(
            target=_hand_in_many, args=(recorded.workspace.root, recorded.project, name), daemon=True
        )
        for name in ("one", "other")
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
        assert worker.exitcode == 0
    own_ones = [one for one in recorded.findings if one.origin is Origin.MODEL]
    assert len(own_ones) == 20
    assert {one.finding_id for one in own_ones} == {f"LW-{number}" for number in range(90_001, 90_021)}
