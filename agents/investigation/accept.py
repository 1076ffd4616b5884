"""What passed the gate is written: readings beside the findings, and the model's own findings through the recorder."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from agents.evidence_gate import EvidenceGate, NotThere
from agents.investigation.answer import Draft, Explanation, OwnFinding, SameThing
from agents.known_names import Named
from tools.clock import iso
from tools.findings import readings
from tools.findings.model import (
    AgentId,
    Category,
    ConfigCategory,
    Finding,
    LogCategory,
    Origin,
    Priority,
    ScoutCategory,
    Severity,
    StreamCategory,
)
from tools.findings.readings import QuotedText, Reading
from tools.findings.recorder import Recorder
from tools.findings.rule import Rule, Symptom
from tools.findings.turn import turn
from tools.workspace import Workspace

RULE_ID = "llm"
_KINDS: Mapping[AgentId, Callable[[str], Category]] = {
    AgentId.LOG_WATCHER: LogCategory,
    AgentId.REDIS_STREAM_ANALYST: StreamCategory,
    AgentId.CONFIG_AUDITOR: ConfigCategory,
    AgentId.ENHANCEMENT_SCOUT: ScoutCategory,
}


@dataclass(frozen=True, slots=True)
class Author:
    """Who says it: the agent, the model, the prompt's name and version."""

    agent: AgentId
    model: str
    prompt: str


@dataclass
class Passed:
    """What stands up to the gate, and what does not: a sentence each."""

    readings: list[Reading] = field(default_factory=list)
    symptoms: list[Symptom] = field(default_factory=list)
    rejected: list[str] = field(default_factory=list)


def gate(draft: Draft, evidence: EvidenceGate, author: Author, at_ms: int) -> Passed:
    """Hold every claim of a draft against the session. Slow: not in the event loop's thread."""
    passed = Passed()
    for explanation in draft.explanations:
        try:
            passed.readings.append(_explained(explanation, evidence, author, at_ms))
        except NotThere as reason:
            passed.rejected.append(f"explanation of {explanation.finding_id[:20]}: {reason}")
    for same in draft.same:
        try:
            passed.readings.append(_same(same, evidence, author, at_ms))
        except NotThere as reason:
            passed.rejected.append(f"the same thing: {reason}")
    for own in draft.findings:
        try:
            passed.symptoms.append(_own(own, evidence, author))
        except NotThere as reason:
            passed.rejected.append(f"own finding {own.title[:60]!r}: {reason}")
    return passed


def write(workspace: Workspace, author: Author, passed: Passed, at_ms: int) -> int:
    """Write what passed; returns how many own findings are new. Raises OSError."""
    with turn(workspace):
        return len(write_in_turn(workspace, author, passed, at_ms))


def write_in_turn(workspace: Workspace, author: Author, passed: Passed, at_ms: int) -> tuple[Finding, ...]:
    """The same for whoever holds the turn; the own findings that are new. Raises OSError."""
    readings.write(workspace, author.agent, tuple(passed.readings))
    if not passed.symptoms:
        return ()
    recorder = Recorder(
        workspace, author.agent, None, lambda _rule, reason: passed.rejected.append(reason), Origin.MODEL
    )
    try:
        written = [recorder.record(symptom, at_ms) for symptom in passed.symptoms]
        recorder.flush()
        return tuple(finding for finding in written if finding is not None)
    finally:
        recorder.close()


def _explained(said: Explanation, evidence: EvidenceGate, author: Author, at_ms: int) -> Reading:
    evidence.check_ids((said.finding_id, *said.related_findings))
    return Reading(
        kind="explanation",
        finding_ids=(said.finding_id,),
        hypothesis=said.hypothesis,
        recommendation=said.recommendation,
        quotes=tuple(QuotedText(source=q.source, text=q.text) for q in evidence.check_quotes(said.quotes)),
        related_findings=said.related_findings,
        confidence=said.confidence,
        model=author.model,
        prompt_version=author.prompt,
        at=iso(at_ms),
    )


def _same(said: SameThing, evidence: EvidenceGate, author: Author, at_ms: int) -> Reading:
    ids = tuple(dict.fromkeys(said.finding_ids))
    if len(ids) < 2:
        raise NotThere("it names fewer than two findings")
    evidence.check_ids(ids)
    return Reading(
        kind="same",
        finding_ids=ids,
        hypothesis=said.why,
        model=author.model,
        prompt_version=author.prompt,
        at=iso(at_ms),
    )


def _own(said: OwnFinding, evidence: EvidenceGate, author: Author) -> Symptom:
    evidence.check_ids(said.related_findings)
    quotes = evidence.check_quotes(said.quotes)
    if not quotes:
        raise NotThere("it quotes nothing")
    named = evidence.check_names(said, quotes)
    severity = Severity(said.severity)
    scout = author.agent is AgentId.ENHANCEMENT_SCOUT
    return Symptom(
        rule=_rule(author.agent, said, severity),
        title=" ".join(said.title.split()),
        entity=tuple(_subject(said, named)),
        location=quotes[0].source,
        evidence=tuple(dict.fromkeys(quotes)),
        recommendation=said.recommendation,
        severity=None if scout else severity,
        confidence=said.confidence,
        hypothesis=said.hypothesis,
        pattern=said.hypothesis if scout else "one-off",
        service=named.service or None,
        services=named.services,
        stream=", ".join(named.streams) or "unknown",
        streams=named.streams,
        consumer_group=", ".join(named.groups) or None,
        files=named.files,
        expected=said.expected or "not said",
        actual=said.actual or said.hypothesis,
        effort=said.effort,
        impact=said.impact,
        related_findings=said.related_findings,
        origin=Origin.MODEL,
        prompt_version=author.prompt,
    )


def _rule(agent: AgentId, said: OwnFinding, severity: Severity) -> Rule:
    scout = agent is AgentId.ENHANCEMENT_SCOUT
    mild = Priority.P2_MEDIUM if severity is Severity.MEDIUM else Priority.P3_LOW
    return Rule(
        id=RULE_ID,
        agent=agent,
        category=_KINDS[agent](said.category),
        condition="the model alone found it",
        severity=None if scout else severity,
        priority=mild if scout else None,
    )


def _subject(said: OwnFinding, named: Named) -> Iterator[str]:
    """What makes two findings of the model one: never its wording, which changes from answer to answer."""
    yield said.category
    yield from (", ".join(named.services) or named.service, ", ".join(named.streams), ", ".join(named.groups))
    yield from named.files[:1]
