"""What was over by the end of the window is told by what was seen at the end, and only by that."""

from __future__ import annotations

from typing import Any

import pytest

from tests.synthesis.made import START_MS, code_finding, config_finding, log_finding, stream_finding
from tools.clock import iso
from tools.findings.model import Finding
from tools.report.context import prepare
from tools.sources.records import Poll, ServerState
from tools.sources.session_facts import SessionFacts
from tools.synthesis import ended
from tools.synthesis.log_survey import LogSurvey, ServiceLog
from tools.synthesis.session_data import SessionData

END_S = 600


def session(
    *findings: Finding, line_s: float = 599, events: tuple[dict[str, object], ...] = ()
) -> SessionData:
    """Ten minutes, polled to the end; billing logged last at `line_s`."""
    log = ServiceLog(
        service="billing", lines=9, json_lines=0, correlated_lines=0, keys=(), events=(), sources=(),
        last_arrived_ms=START_MS + round(line_s * 1000),
    )  # fmt: skip
    facts = SessionFacts(
        session_id="s", version="0", mode="attach", project_root="/srv/shop", redis=None, started_ms=START_MS,
        deadline_ms=START_MS + END_S * 1000, ended_ms=START_MS + END_S * 1000,
    )  # fmt: skip
    final = Poll(
        number=40,
        at_ms=START_MS + END_S * 1000,
        server=ServerState(flavour="valkey", version="9"),
        streams=(),
    )
    return SessionData(
        "s", facts=facts, findings=findings, baseline=final, logs=LogSurvey(services=(log,)), events=events
    )


def over(*findings: Finding, **given: Any) -> dict[str, int]:
    """What was over, and at which second it was seen last."""
    data = session(*findings, **given)
    return {name: round((at - START_MS) / 1000) for name, at in ended.ended(data, findings).items()}


def error(category: str = "BUG", last_s: float = 100, occurrences: int = 5, **fields: Any) -> Finding:
    return log_finding(1, category, seen_s=60, last_s=last_s, occurrences=occurrences, **fields)


BACK = {"type": "service-restarted", "service": "billing", "at": iso(START_MS + 101_000)}
STARTS = log_finding(
    2, "CRASH", rule_id="log.restart-loop", severity="CRITICAL", seen_s=61, last_s=101, occurrences=5
)


@pytest.mark.parametrize(
    ("findings", "given", "told"),
    [
        pytest.param((error(),), {}, {"LW-001": 100}, id="lines that came again and again have stopped"),
        pytest.param((error(last_s=590),), {}, {}, id="they came to the end"),
        pytest.param((error(last_s=400, occurrences=3),), {}, {}, id="they come so seldom that their absence says nothing"),
        pytest.param((error(occurrences=2),), {}, {}, id="it came twice"),
        pytest.param((error(),), {"line_s": 300}, {}, id="the service says nothing more at all"),
        pytest.param((error("TIMEOUT"), log_finding(2, "RETRY_STORM", seen_s=60, last_s=120, occurrences=5)), {}, {"LW-001": 100, "LW-002": 120}, id="time-outs and repeats"),
        pytest.param((error("SECURITY"),), {}, {}, id="a secret that was printed stays printed"),
        pytest.param((error("ANOMALY", rule_id="log.silence"),), {}, {}, id="a silence"),
        pytest.param((error("CRASH"),), {}, {}, id="what ended a process that nobody saw start again"),
        pytest.param((error("CRASH"),), {"events": (BACK,)}, {"LW-001": 100}, id="its process came back"),
        pytest.param((error("CRASH"), STARTS), {}, {"LW-001": 100, "LW-002": 101}, id="its log shows that it started again"),
        pytest.param((error("CRASH", last_s=110), STARTS), {}, {"LW-002": 101}, id="it started again before the last end"),
        pytest.param((stream_finding(1, "CONSUMER_LAG", last_s=300),), {}, {"RSA-001": 300}, id="a lag that the last poll does not show"),
        pytest.param((stream_finding(1, "CONSUMER_LAG"),), {}, {}, id="a lag to the end"),
        pytest.param((stream_finding(1, "DELIVERY_FAILURE", rule_id="stream.dead-letter", last_s=560, occurrences=4),), {}, {}, id="dead letters come one by one"),
        pytest.param((stream_finding(1, "DELIVERY_FAILURE", rule_id="stream.dead-letter", last_s=60, occurrences=9),), {}, {"RSA-001": 60}, id="and have come no more for long"),
        pytest.param((config_finding(1, "GROUP_NAME_MISMATCH"),), {}, {}, id="a setting"),
        pytest.param((config_finding(1, "GROUP_NAME_MISMATCH", ended_at=iso(START_MS + 50_000)),), {}, {"CA-001": 50}, id="a setting that was mended"),
        pytest.param((code_finding(1, "code.xreadgroup-no-ack", "orders"),), {}, {}, id="code"),
    ],
)  # fmt: skip
def test_it_is_seen_to_be_over(
    findings: tuple[Finding, ...], given: dict[str, Any], told: dict[str, int]
) -> None:
    assert over(*findings, **given) == told


LAG = stream_finding(1, "CONSUMER_LAG", consumer_group="billing", severity="CRITICAL", last_s=300)
STUCK = stream_finding(2, "STUCK_MESSAGE", consumer_group="billing", last_s=200)
GOES_ON = stream_finding(3, "CONSUMER_LAG", "invoices", consumer_group="mailers", severity="CRITICAL")
WITH_IT = stream_finding(4, "STUCK_MESSAGE", "invoices", consumer_group="mailers")


def test_a_trouble_is_over_with_the_last_of_its_symptoms() -> None:
    made = prepare(session(LAG, STUCK), 0)
    assert made.over == {"RSA-001": START_MS + 300_000}
    still = stream_finding(2, "STUCK_MESSAGE", consumer_group="billing")
    assert prepare(session(LAG, still), 0).over == {}


GROWS = stream_finding(5, "STREAM_GROWING", consumer_group="billing", seen_s=30)


def test_a_stream_that_grows_on_is_no_symptom_once_its_group_keeps_up() -> None:
    assert prepare(session(LAG, GROWS), 0).over == {"RSA-001": START_MS + 300_000}
    still = stream_finding(1, "CONSUMER_LAG", consumer_group="billing", severity="CRITICAL")
    assert prepare(session(still, GROWS), 0).over == {}


def test_advice_about_code_is_no_symptom() -> None:
    advice = code_finding(1, "code.xreadgroup-no-ack", "orders", affected_services=("billing",))
    made = prepare(session(LAG, STUCK, advice), 0)
    assert "RSA-001" in made.over


def test_what_goes_on_comes_first_and_clusters_are_numbered_in_that_order() -> None:
    made = prepare(session(LAG, STUCK, GOES_ON, WITH_IT), 0)
    assert [(cluster.cluster_id, cluster.root) for cluster in made.clusters] == [
        ("C-01", "RSA-003"),
        ("C-02", "RSA-001"),
    ]


def test_a_worse_trouble_that_is_over_stays_before_a_milder_one() -> None:
    mild = (
        stream_finding(3, "CONSUMER_LAG", "invoices", consumer_group="mailers"),
        stream_finding(4, "STUCK_MESSAGE", "invoices", consumer_group="mailers"),
    )
    made = prepare(session(LAG, STUCK, *mild), 0)
    assert [cluster.root for cluster in made.clusters] == ["RSA-001", "RSA-003"]
