"""What one session said, against the labels of its scenario. No I/O."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec import Struct

from orchestrator.evaluation.scenarios import Kind, Label, Scenario
from tools.clock import from_iso
from tools.findings.model import (
    ConfigFinding,
    Enhancement,
    Finding,
    ScoutCategory,
    Severity,
    StreamFinding,
    rank_of,
    services_of,
    streams_of,
)
from tools.synthesis.clusters import Cluster

ABOVE_LOW = Severity.LOW.rank
"""Findings of a smaller rank are judged; what is LOW or INFO only where a label forbids it."""


class Told(Struct, frozen=True, kw_only=True, rename="camel"):
    """A session's part in a verdict: what it found, how it was joined, when the faults began."""

    findings: tuple[Finding, ...]
    clusters: tuple[Cluster, ...] = ()
    started_ms: int = 0
    marks: dict[str, int] = {}
    evidence_checked: int = 0
    evidence_held: int = 0
    problem: str | None = None
    """Why there is no session to judge; None where there is one."""


class Met(Struct, frozen=True, kw_only=True, rename="camel"):
    """One expected finding."""

    id: str
    category: str
    found: bool
    rule: str = ""
    seconds: float | None = None
    """From the beginning of the fault (or of the window) to the finding's time."""
    note: str = ""


class Alarm(Struct, frozen=True, kw_only=True, rename="camel"):
    """A finding that ought not to be there."""

    category: str
    rule: str
    severity: str
    title: str


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
    problem: str | None = None

    @property
    def is_control(self) -> bool:
        """Whether nothing is wrong in this scenario."""
        return self.kind == Kind.HEALTHY.value


def judge(scenario: Scenario, told: Told, run: int = 1) -> Verdict:
    """Compare. A session that failed has found nothing."""
    facts = scenario.facts
    expected = tuple(_met(label, told) for label in facts.expect)
    labelled = [*facts.expect, *facts.tolerate]
    true = [finding for finding in told.findings if any(fits(label, finding) for label in labelled)]
    ids = {finding.finding_id for finding in true}
    above = [finding for finding in told.findings if rank_of(finding) < ABOVE_LOW]
    false = [finding for finding in above if finding.finding_id not in ids and not _rests_on(finding, ids)]
    forbidden = [finding for finding in told.findings if _is_forbidden(facts.forbid, finding)]
    root_first, note = _chain(scenario, told)
    times = [met.seconds for met in expected if met.seconds is not None]
    return Verdict(
        scenario=scenario.name,
        kind=facts.kind.value,
        run=run,
        expected=expected,
        false_alarms=tuple(map(_alarm, false)),
        forbidden=tuple(map(_alarm, forbidden)),
        true_above_low=_counted(finding for finding in above if finding.finding_id in ids),
        root_first=root_first,
        chain_note=note,
        seconds_to_first=min(times, default=None),
        evidence_checked=told.evidence_checked,
        evidence_held=told.evidence_held,
        problem=told.problem,
    )


def fits(label: Label, finding: Finding) -> bool:
    """Whether a finding is one of those that a label means, whatever its severity."""
    if label.agent is not None and finding.agent_id is not label.agent:
        return False
    if label.rule is not None and finding.rule_id != label.rule:
        return False
    if label.categories and str(finding.category) not in label.categories:
        return False
    group = None if not isinstance(finding, StreamFinding | ConfigFinding) else finding.consumer_group
    return (
        (label.stream is None or label.stream in streams_of(finding))
        and (label.group is None or label.group == group)
        and (label.service is None or label.service in services_of(finding))
        and (label.file is None or any(_ends(path, label.file) for path in _files(finding)))
    )


def _files(finding: Finding) -> Iterator[str]:
    if isinstance(finding, ConfigFinding | Enhancement):
        yield from finding.affected_files


def _ends(path: str, file: str) -> bool:
    bare, _, line = path.rpartition(":")
    plain = bare if bare and line.isdecimal() else path
    return f"/{plain}".endswith(f"/{file}")


def _rests_on(finding: Finding, ids: set[str]) -> bool:
    """Whether it is a summary of findings that are labelled."""
    if not isinstance(finding, Enhancement) or finding.category is not ScoutCategory.CROSS_AGENT_SYNTHESIS:
        return False
    return bool(set(finding.related_findings) & ids)


def _is_forbidden(labels: Iterable[Label], finding: Finding) -> bool:
    return any(fits(label, finding) and rank_of(finding) <= label.severity.rank for label in labels)


def _met(label: Label, told: Told) -> Met:
    fitting = [finding for finding in told.findings if fits(label, finding)]
    severe = [finding for finding in fitting if rank_of(finding) <= label.severity.rank]
    name = label.categories[0] if label.categories else label.rule or ""
    if not severe:
        note = f"milder: {_level(fitting[0])}" if fitting else ""
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


def _counted(findings: Iterable[Finding]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for finding in findings:
        counts[str(finding.category)] = counts.get(str(finding.category), 0) + 1
    return dict(sorted(counts.items()))


def _alarm(finding: Finding) -> Alarm:
    return Alarm(
        category=str(finding.category),
        rule=finding.rule_id,
        severity=_level(finding),
        title=finding.title,
    )


def _level(finding: Finding) -> str:
    return str(finding.priority if isinstance(finding, Enhancement) else finding.severity)
