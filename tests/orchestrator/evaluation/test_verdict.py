"""What counts as found, false, forbidden and root first, on sessions made by hand; and how runs add up."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from orchestrator.evaluation.scenarios import Scenario, ScenarioFile
from orchestrator.evaluation.totals import add_up, lines
from orchestrator.evaluation.verdict import Told, Verdict, judge
from tests.synthesis.made import START_MS, code_finding, config_finding, log_finding, stream_finding
from tools.findings.model import Finding, Severity
from tools.synthesis.clusters import BlastRadius, Cluster

SERVICE = {"name": "shop", "step": [{"do": "produce", "stream": "orders", "mark": "begun"}]}
LAG = {"id": "lag", "category": "CONSUMER_LAG", "stream": "orders", "group": "packing", "severity": "HIGH"}
LATE = {"id": "late", "category": ["TIMEOUT", "BUG"], "service": "shop"}


def scenario(name: str = "slow", **facts: Any) -> Scenario:
    kind = "chain" if "chain" in facts else "fault"
    whole = {"title": "It is slow", "kind": kind, "service": [SERVICE], **facts}
    return Scenario(name, Path(f"{name}.toml"), ScenarioFile.model_validate(whole), None)


def lag(number: int = 1, **fields: Any) -> Finding:
    return stream_finding(number, "CONSUMER_LAG", **{"consumer_group": "packing", **fields})


def told(*findings: Finding, **fields: Any) -> Told:
    return Told(**{"findings": findings, "started_ms": START_MS, **fields})


def cluster(root: Finding, *others: Finding) -> Cluster:
    return Cluster(
        cluster_id="C-01",
        title=root.title,
        entity="",
        root=root.finding_id,
        root_fingerprint=root.fingerprint,
        severity=Severity.HIGH,
        members=(root.finding_id, *(other.finding_id for other in others)),
        agents=(),
        chain=(),
        blast_radius=BlastRadius(services=(), streams=()),
        recommendation="",
        score=1.0,
    )


def found(verdict: Verdict) -> list[str]:
    return [met.id for met in verdict.expected if met.found]


@pytest.mark.parametrize(
    ("finding", "is_found"),
    [
        pytest.param(lag(), True, id="as labelled"),
        pytest.param(lag(severity="CRITICAL"), True, id="worse"),
        pytest.param(lag(severity="MEDIUM"), False, id="milder"),
        pytest.param(lag(consumer_group="billing"), False, id="another group"),
        pytest.param(lag(stream="parcels"), False, id="another stream"),
        pytest.param(
            stream_finding(1, "MISSING_ACK", consumer_group="packing"), False, id="another category"
        ),
    ],
)
def test_an_expected_finding_needs_entity_category_and_severity(finding: Finding, is_found: bool) -> None:
    verdict = judge(scenario(expect=[LAG]), told(finding))
    assert found(verdict) == (["lag"] if is_found else [])


def test_one_that_is_milder_than_labelled_says_so_and_is_no_false_alarm() -> None:
    verdict = judge(scenario(expect=[LAG]), told(lag(severity="MEDIUM")))
    assert verdict.expected[0].note == "milder: MEDIUM"
    assert verdict.false_alarms == ()


@pytest.mark.parametrize(
    ("label", "fits"),
    [
        ({"rule": "code.xadd-no-maxlen", "file": "shop/main.py"}, True),
        ({"rule": "code.xadd-no-maxlen", "file": "hop/main.py"}, False),
        ({"rule": "code.xadd-no-maxlen", "stream": "orders"}, True),
        ({"rule": "code.count-one"}, False),
        ({"category": "STREAM_ANTI_PATTERN", "agent": "CONFIG_AUDITOR"}, False),
    ],
)
def test_a_finding_about_code_is_known_by_the_end_of_its_path(label: dict[str, str], fits: bool) -> None:
    finding = code_finding(1, "code.xadd-no-maxlen", "orders", affected_files=["services/shop/main.py:14"])
    verdict = judge(scenario(expect=[{"id": "it", **label}]), told(finding))
    assert verdict.expected[0].found is fits


def test_what_is_above_low_and_not_labelled_is_a_false_alarm() -> None:
    verdict = judge(
        scenario(expect=[LAG], tolerate=[{"category": "BUG", "service": "shop"}]),
        told(
            lag(),
            log_finding(1, "BUG", "shop"),
            log_finding(2, "BUG", "door"),
            log_finding(3, "ANOMALY", "door", severity="LOW"),
        ),
    )
    assert [(alarm.category, alarm.title) for alarm in verdict.false_alarms] == [("BUG", "BUG of door")]
    assert verdict.true_above_low == {"BUG": 1, "CONSUMER_LAG": 1}


@pytest.mark.parametrize(("member", "is_false"), [("RSA-001", False), ("LW-001", True)])
def test_a_summary_is_as_true_as_what_it_rests_on(member: str, is_false: bool) -> None:
    summary = code_finding(
        1,
        "scout.cross-agent",
        category="CROSS_AGENT_SYNTHESIS",
        priority="P1_HIGH",
        related_findings=[member],
    )
    verdict = judge(scenario(expect=[LAG]), told(lag(), summary))
    assert bool(verdict.false_alarms) is is_false


@pytest.mark.parametrize(("severity", "fires"), [("INFO", True), ("HIGH", False)])
def test_what_must_not_fire_is_told_from_its_severity_on(severity: str, fires: bool) -> None:
    label = {"category": "CONSUMER_LAG", "group": "packing", "severity": severity}
    verdict = judge(scenario(forbid=[label]), told(lag(severity="LOW")))
    assert bool(verdict.forbidden) is fires


def test_time_is_counted_from_the_fault_and_not_before_the_window() -> None:
    late = lag(seen_s=20)
    assert judge(scenario(expect=[LAG]), told(late)).seconds_to_first == 20
    marked = scenario(expect=[{**LAG, "mark": "begun"}])
    assert judge(marked, told(late, marks={"begun": START_MS + 14_500})).seconds_to_first == 5.5
    assert judge(marked, told(late, marks={"begun": START_MS - 60_000})).seconds_to_first == 20


CHAIN: dict[str, Any] = {"expect": [LAG, LATE], "chain": {"root": "lag", "effects": ["late"]}}
LATER = log_finding(1, "TIMEOUT", "shop")
OTHER = config_finding(1, "MISSING_ENV_VAR", "door")


@pytest.mark.parametrize(
    ("clusters", "root_first"),
    [
        pytest.param((cluster(lag(), LATER),), True, id="the cause, then its effect"),
        pytest.param((cluster(LATER, lag()),), False, id="the effect is taken for the cause"),
        pytest.param((cluster(OTHER, lag(), LATER),), False, id="something else is taken for it"),
        pytest.param((cluster(lag(), OTHER),), False, id="the effect is not joined"),
        pytest.param(
            (cluster(OTHER, code_finding(2, "code.count-one")), cluster(lag(), LATER)), True, id="2nd"
        ),
        pytest.param((), False, id="no cluster"),
    ],
)
def test_the_root_cause_has_to_stand_first(clusters: tuple[Cluster, ...], root_first: bool) -> None:
    findings = (lag(), LATER, OTHER, code_finding(2, "code.count-one"))
    assert judge(scenario(**CHAIN), told(*findings, clusters=clusters)).root_first is root_first


def test_a_session_that_failed_has_found_nothing_and_misses_the_bar() -> None:
    verdict = judge(scenario(**CHAIN), Told(findings=(), problem="the session ended with exit code 4"))
    totals = add_up([verdict])
    assert totals.all.recall == 0
    assert totals.short[0] == "1 sessions failed, 0 may"
    assert any("exit code 4" in line for line in lines(totals, [verdict]))


def test_runs_add_up_by_category() -> None:
    good = judge(scenario(expect=[LAG]), told(lag(), evidence_checked=4, evidence_held=4))
    bad = judge(scenario("other", expect=[LAG, LATE]), told(log_finding(1, "BUG", "door")))
    totals = add_up([good, bad])
    rows = {row.category: (row.expected, row.found, row.true, row.false) for row in totals.rows}
    assert rows == {"BUG": (0, 0, 0, 1), "CONSUMER_LAG": (2, 1, 1, 0), "TIMEOUT": (1, 0, 0, 0)}
    assert totals.all.recall == pytest.approx(1 / 3)
    assert totals.all.precision == 0.5
    assert totals.short == ("recall 0.333 < 0.98",)
    text = list(lines(totals, [good, bad]))
    assert "missed     other 1: late TIMEOUT" in text
    assert any(line.startswith("false      other 1: log.bug HIGH") for line in text)


@pytest.mark.parametrize(
    ("facts", "session", "short"),
    [
        pytest.param(
            {"kind": "healthy"},
            told(lag()),
            "1 findings above LOW on healthy controls, 0 may be",
            id="an alarm on a control",
        ),
        pytest.param(
            {"kind": "red-herring", "forbid": [{"category": "CONSUMER_LAG"}]},
            told(lag(severity="LOW")),
            "1 findings that must not fire, 0 may",
            id="a forbidden one",
        ),
        pytest.param(
            CHAIN,
            told(lag(), LATER, clusters=(cluster(LATER, lag()),)),
            "root cause first in 0 of 1 < 0.90",
            id="the root is not first",
        ),
        pytest.param(
            {"kind": "healthy"},
            told(evidence_checked=9, evidence_held=8),
            "evidence 8 of 9 verified, all has to be",
            id="evidence that does not hold",
        ),
        pytest.param(
            {"expect": [LAG]}, told(lag(), evidence_checked=9, evidence_held=9), None, id="in order"
        ),
    ],
)
def test_each_bar_is_told_when_it_is_missed(facts: dict[str, Any], session: Told, short: str | None) -> None:
    assert add_up([judge(scenario(**facts), session)]).short == ((short,) if short else ())
