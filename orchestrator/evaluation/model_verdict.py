"""What a language model said in one session, against the labels of its scenario. No I/O."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from msgspec import Struct

from orchestrator.evaluation.fitting import ABOVE_LOW, Alarm, alarm_of, fits, is_forbidden
from orchestrator.evaluation.scenarios import ScenarioFile
from tools.findings.model import Finding, Origin, rank_of
from tools.findings.readings import Reading
from tools.sources.session_facts import ModelUse

CONFIDENT = 0.8
"""A model that gives its claim at least this confidence stands by it."""


class ModelVerdict(Struct, frozen=True, kw_only=True, rename="camel"):
    """One run. Claims are readings of findings and findings of the model's own."""

    verified: int
    """Claims that passed the evidence gate and were written."""
    rejected: int
    """Claims that did not pass, and items of answers that could not be read."""
    own_labelled: int
    own_unlabelled: int
    """Findings of its own above LOW that a label fits, and that none fits."""
    added: tuple[str, ...]
    """Expected findings that no rule told and the model did."""
    confidently_wrong: tuple[Alarm, ...]
    """Claims that the labels contradict and that the model gave CONFIDENT or more: findings of its own above LOW that no
    label fits, or that one forbids; and explanations of rules' findings that are false or forbidden."""
    undone: int
    """Findings that it was not asked about in the end."""
    calls: int
    tokens: int
    usd: str
    """What it cost, exact."""
    seconds: float
    """Of waiting for it, all calls added up."""


def judge(
    facts: ScenarioFile,
    use: ModelUse,
    findings: Sequence[Finding],
    readings: Sequence[Reading],
    *,
    wrong: Collection[str],
) -> ModelVerdict:
    """Compare. `wrong` are the ids of rules' findings that are false alarms or forbidden."""
    own = [finding for finding in findings if finding.origin is Origin.MODEL]
    labels = (*facts.expect, *facts.tolerate)
    loud = [finding for finding in own if rank_of(finding) < ABOVE_LOW]
    unlabelled = [finding for finding in loud if not any(fits(label, finding) for label in labels)]
    return ModelVerdict(
        verified=use.readings + use.own_findings,
        rejected=use.rejected,
        own_labelled=len(loud) - len(unlabelled),
        own_unlabelled=len(unlabelled),
        added=tuple(_added(facts, findings)),
        confidently_wrong=(
            *_sure_of_their_own(facts, own, unlabelled),
            *_sure_of_what_is_wrong(findings, readings, wrong),
        ),
        undone=use.undone,
        calls=use.calls,
        tokens=use.tokens,
        usd=use.spent_usd,
        seconds=use.seconds,
    )


def _added(facts: ScenarioFile, findings: Sequence[Finding]) -> Iterator[str]:
    for label in facts.expect:
        who = {finding.origin for finding in findings if fits(label, finding)}
        if who == {Origin.MODEL}:
            yield label.id or ""


def _sure_of_their_own(
    facts: ScenarioFile, own: Sequence[Finding], unlabelled: Sequence[Finding]
) -> Iterator[Alarm]:
    for finding in own:
        if finding.confidence >= CONFIDENT and (finding in unlabelled or is_forbidden(facts.forbid, finding)):
            yield alarm_of(finding)


def _sure_of_what_is_wrong(
    findings: Sequence[Finding], readings: Sequence[Reading], wrong: Collection[str]
) -> Iterator[Alarm]:
    by_id = {finding.finding_id: finding for finding in findings}
    for reading in readings:
        about = reading.finding_ids[0]
        if reading.kind == "explanation" and reading.confidence >= CONFIDENT and about in wrong:
            yield alarm_of(by_id[about])
