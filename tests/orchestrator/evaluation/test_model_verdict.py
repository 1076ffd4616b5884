"""What a model's claims count for: apart from the rules, and wrong where labels contradict what it was sure of."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.evaluation.model_verdict import CONFIDENT, ModelVerdict
from orchestrator.evaluation.totals import add_up, lines
from orchestrator.evaluation.verdict import Told, Verdict, judge
from tests.orchestrator.evaluation.test_verdict import LAG, LATE, lag, scenario, told
from tests.synthesis.made import log_finding
from tools.findings.model import Finding
from tools.findings.readings import Reading
from tools.sources.session_facts import ModelUse

USE = ModelUse(
    models=("m",), limit_usd="2.00", spent_usd="0.0123", kept_usd="0", calls=7, tokens=9000, seconds=12.5,
    investigations=2, readings=3, own_findings=1, rejected=2, lowered=0, clusters_worded=1, sentences_dropped=0,
    undone=1, rounds=1, focus_tasks=0, breaker="closed",
)  # fmt: skip


def own(category: str = "BUG", service: str = "shop", **more: Any) -> Finding:
    given: dict[str, Any] = {
        "origin": "model",
        "severity": "MEDIUM",
        "confidence": CONFIDENT,
        "rule_id": "llm",
    }
    return log_finding(90_001, category, service, **given | more)


def explains(finding_id: str, confidence: float = CONFIDENT) -> Reading:
    return Reading(
        kind="explanation", finding_ids=(finding_id,), hypothesis="So it is.", confidence=confidence, model="m",
        prompt_version="p@1", at="2026-01-01T00:00:00.000Z",
    )  # fmt: skip


def verdict(session: Told, **facts: Any) -> tuple[Verdict, ModelVerdict]:
    made = judge(scenario(**{"expect": [LAG, LATE]} | facts), session)
    assert made.model is not None
    return made, made.model


def with_model(*findings: Finding, **more: Any) -> Told:
    return told(*findings, model_use=USE, **more)


def test_what_the_model_finds_counts_neither_for_nor_against_the_rules() -> None:
    made, model = verdict(with_model(lag(), own(service="shop"), own(service="door", finding_id="LW-90002")))
    assert [met.found for met in made.expected] == [True, False]
    assert made.false_alarms == ()
    assert (model.own_labelled, model.own_unlabelled, model.added) == (1, 1, ("late",))
    assert (model.verified, model.rejected, model.undone, model.usd) == (4, 2, 1, "0.0123")


@pytest.mark.parametrize(
    ("finding", "wrong"),
    [
        pytest.param(own(service="door"), 1, id="sure of what no label fits"),
        pytest.param(own(service="door", confidence=CONFIDENT - 0.01), 0, id="not sure"),
        pytest.param(own(service="door", severity="LOW"), 0, id="mild"),
        pytest.param(own(service="shop"), 0, id="labelled"),
        pytest.param(own("ANOMALY", "shop", severity="INFO"), 1, id="forbidden, however mild"),
    ],
)
def test_a_finding_of_its_own_is_confidently_wrong(finding: Finding, wrong: int) -> None:
    _, model = verdict(with_model(finding), forbid=[{"category": "ANOMALY", "service": "shop"}])
    assert len(model.confidently_wrong) == wrong


@pytest.mark.parametrize(
    ("reading", "wrong"),
    [
        pytest.param(explains("LW-001"), 1, id="of a false alarm"),
        pytest.param(explains("LW-001", 0.5), 0, id="doubtful"),
        pytest.param(explains("RSA-001"), 0, id="of what is true"),
    ],
)
def test_an_explanation_of_a_false_alarm_is_confidently_wrong(reading: Reading, wrong: int) -> None:
    _, model = verdict(with_model(lag(), log_finding(1, "BUG", "door"), readings=(reading,)))
    assert len(model.confidently_wrong) == wrong


def test_runs_add_up_and_are_told_with_their_cost() -> None:
    made = [verdict(with_model(lag(), own(service="door")))[0], judge(scenario(expect=[LAG]), told(lag()))]
    totals = add_up(made)
    assert totals.model is not None
    assert (totals.model.runs, totals.model.verified, totals.model.confidently_wrong) == (1, 4, 1)
    assert totals.short == ("recall 0.667 < 0.98",)
    text = list(lines(totals, made))
    assert "cost                  0.0123 USD, the dearest run 0.0123" in text
    assert "model      slow 1: llm MEDIUM BUG of door" in text


def test_without_a_model_nothing_is_said_of_one() -> None:
    made = judge(scenario(expect=[LAG]), told(lag()))
    assert add_up([made]).model is None
    assert not [line for line in lines(add_up([made]), [made]) if "model" in line]
