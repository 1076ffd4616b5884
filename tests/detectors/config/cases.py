"""A project and a server in, severities and entities out: one table for every configuration rule."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from tests.detectors.config.polls import Shapes, poll
from tests.sources.code.trees import index_of
from tools.detectors.contract import ConfigDetector, ConfigView
from tools.detectors.thresholds import Expectation, Judgement
from tools.findings.rule import Symptom

Streams = dict[str, dict[str, int]]


@dataclass(frozen=True)
class Case:
    """A project, a server, and the severities and first entity parts that must come out."""

    files: dict[str, str]
    fires: list[tuple[str, str]] = field(default_factory=list)
    now: Streams | None = None
    baseline: Streams | None = None
    moment: Literal["start", "middle", "end"] = "middle"
    expect: tuple[Expectation, ...] = ()
    entries: Shapes = field(default_factory=dict)
    at_ms: int = 0


def found(rule: ConfigDetector, case: Case, root: Path) -> list[Symptom]:
    view = ConfigView(
        index=index_of(root, case.files),
        moment=case.moment,
        judgement=Judgement(expect=case.expect),
        baseline=None if case.baseline is None else poll(0, case.baseline),
        now=None if case.now is None else poll(1, case.now, case.entries, case.at_ms),
    )
    symptoms = list(rule.detect(view))
    assert all(symptom.evidence and symptom.recommendation for symptom in symptoms)
    assert all(symptom.expected and symptom.actual for symptom in symptoms)
    return symptoms


def check(rule: ConfigDetector, case: Case, root: Path) -> None:
    seen = [(str(s.severity or rule.RULES[0].severity), s.entity[-1]) for s in found(rule, case, root)]
    assert seen == case.fires
