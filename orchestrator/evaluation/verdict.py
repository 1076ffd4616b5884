"""What one session said, against the labels of its scenario. No I/O."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from orchestrator.evaluation import model_verdict
from orchestrator.evaluation.fitting import ABOVE_LOW, Alarm, alarm_of, fits, is_forbidden, level_of
from orchestrator.evaluation.model_verdict import ModelVerdict
from orchestrator.evaluation.scenarios import Kind, Label, Scenario
from tools.clock import from_iso
from tools.findings.model import Enhancement, Finding, Origin, ScoutCategory, rank_of
from tools.findings.readings import Reading
from tools.sources.session_facts import ModelUse
from tools.synthesis.clusters import Cluster


class Told(Struct, frozen=True, kw_only=True, rename="camel"):
    """A session's part in a verdict: what it found, how it was joined, when the faults began."""

    findings: tuple[Finding, ...]
    clusters: tuple[Cluster, ...] = ()
    started_ms: int = 0
    marks: dict[str, int] = {}
    evidence_checked: int = 0
    evidence_held: int = 0
    readings: tuple[Reading, ...] = ()
    model_use: ModelUse | None = None
    """Where a language model took part."""
    problem: str | None = None
    """Why there is no session to judge; None where there is one."""

    def measured(self) -> tuple[Finding, ...]:
        """What rules found."""
        return tuple(finding for finding in self.findings if finding.origin is Origin.MEASURED)


class Met(Struct, frozen=True, kw_only=True, rename="camel"):
    """One expected finding."""

    id: str
    category: str
    found: bool
    rule: str = ""
    seconds: float | None = None
    """From the beginning of the fault (or of the window) to the finding's time."""
    note: str = ""


class Verdict(Struct, frozen=True, kw_only=True, rename="camel"):
    """One run of one scenario."""

    scenario: str
    kind: str
    run: int
    expected: tuple[Met, ...]
    false_alarms: tuple[Alarm, ...]
    forbidden: tuple[Alarm, ...]
    true_above_low: dict[str, int]
    """Findings above LOW that are labelled, by category."""
    root_first: bool | None = None
    """Whether the cause stands first; None where there is no chain."""
    chain_note: str = ""
    seconds_to_first: float | None = None
    evidence_checked: int = 0
    evidence_held: int = 0
    model: ModelVerdict | None = None
    """What a language model said, apart from what rules found; None where none took part."""
    problem: str | None = None

    @property
    def is_control(self) -> bool:
        """Whether nothing is wrong in this scenario."""
        return self.kind == Kind.HEALTHY.value


def judge(scenario: Scenario, told: Told, run: int = 1) -> Verdict:
    """Compare what rules found, and apart from it what a model said. A session that failed has found nothing."""
    facts, measured = scenario.facts, told.measured()
    expected = tuple(_met(label, told) for label in facts.expect)
    labelled = [*facts.expect, *facts.tolerate]
    true = [finding for finding in measured if any(fits(label, finding) for label in labelled)]
    ids = {finding.finding_id for finding in true}
    above = [finding for finding in measured if rank_of(finding) < ABOVE_LOW]
    false = [finding for finding in above if finding.finding_id not in ids and not _rests_on(finding, ids)]
    forbidden = [finding for finding in measured if is_forbidden(facts.forbid, finding)]
    root_first, note = _chain(scenario, told)
    times = [met.seconds for met in expected if met.seconds is not None]
    return Verdict(
        scenario=scenario.name,
        kind=facts.kind.value,
        run=run,
        expected=expected,
        false_alarms=tuple(map(alarm_of, false)),
        forbidden=tuple(map(alarm_of, forbidden)),
        true_above_low=_counted(finding for finding in above if finding.finding_id in ids),
        root_first=root_first,
        chain_note=note,
        seconds_to_first=min(times, default=None),
        evidence_checked=told.evidence_checked,
        evidence_held=told.evidence_held,
        model=None
        if told.model_use is None
        else model_verdict.judge(
            facts,
            told.model_use,
            told.findings,
            told.readings,
            wrong=frozenset(map(_id, (*false, *forbidden))),
        ),
        problem=told.problem,
    )


def _rests_on(finding: Finding, ids: set[str]) -> bool:
    """Whether it is a summary of findings that are labelled."""
    if not isinstance(finding, Enhancement) or finding.category is not ScoutCategory.CROSS_AGENT_SYNTHESIS:
        return False
    return bool(set(finding.related_findings) & ids)


def _met(label: Label, told: Told) -> Met:
    fitting = [finding for finding in told.measured() if fits(label, finding)]
    severe = [finding for finding in fitting if rank_of(finding) <= label.severity.rank]
    name = label.categories[0] if label.categories else label.rule or ""
    if not severe:
        note = f"milder: {level_of(fitting[0])}" if fitting else ""
        return Met(id=label.id or "", category=name, found=False, note=note)
    first = min(severe, key=lambda finding: (finding.timestamp, finding.finding_id))
    began = max(told.started_ms, told.marks.get(label.mark or "", 0))
    return Met(
        id=label.id or "",
        category=str(first.category),
        found=True,
        rule=first.rule_id,
        seconds=max(0.0, round((from_iso(first.timestamp) - began) / 1000, 1)),
    )


def _chain(scenario: Scenario, told: Told) -> tuple[bool | None, str]:
    """Whether the weightiest cluster that holds any of the chain begins with its cause."""
    chain = scenario.facts.chain
    if chain is None:
        return None, ""
    by_id = {label.id: label for label in scenario.facts.expect}
    known = {finding.finding_id: finding for finding in told.findings}
    parts = [by_id[name] for name in (chain.root, *chain.effects)]
    for cluster in told.clusters:
        members = [known[name] for name in cluster.members if name in known]
        missing = [label.id for label in parts if not any(fits(label, finding) for finding in members)]
        if len(missing) == len(parts):
            continue
        root = known.get(cluster.root)
        if root is None or not fits(by_id[chain.root], root):
            return False, f"first is {root.rule_id if root else 'nothing'}: {cluster.title}"
        agents = {finding.agent_id for finding in members}
        if len(missing) == len(chain.effects):
            return False, "the cause stands alone: none of its effects is joined to it"
        apart = f"not joined to it: {', '.join(map(str, missing))}" if missing else ""
        return True, apart or f"{len(agents)} agents"
    return False, "no cluster holds any of it"


def _id(finding: Finding) -> str:
    return finding.finding_id


def _counted(findings: Iterable[Finding]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for finding in findings:
        counts[str(finding.category)] = counts.get(str(finding.category), 0) + 1
    return dict(sorted(counts.items()))
