"""Findings of different agents that tell of one trouble become one finding that names its cause.

Runs again and again in the second half of the window. A cluster keeps its fingerprint while its root stays the
same, so it grows rather than multiplies. Findings made here are never input here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tools.detectors.streams.families import family_of
from tools.findings.model import (
    AgentId,
    Effort,
    Enhancement,
    EvidenceKind,
    Finding,
    Impact,
    Locator,
    Origin,
    Priority,
    ScoutCategory,
    Severity,
    rank_of,
)
from tools.findings.rule import Quote, Rule, Symptom
from tools.sources.records import CodeIndex
from tools.synthesis import chains, wiring
from tools.synthesis.clusters import Cluster, clusters
from tools.synthesis.entities import is_information
from tools.synthesis.explain import SHARED

QUOTES_MAX = 12
"""Members quoted as evidence, in the chain's order; all are named in `relatedFindings`."""
QUOTE_CHARS_MAX = 500

RULE = Rule(
    id="scout.cross-agent",
    agent=AgentId.ENHANCEMENT_SCOUT,
    category=ScoutCategory.CROSS_AGENT_SYNTHESIS,
    condition="findings of two or more agents tell of one trouble; the priority is that of the worst of them",
    priority=Priority.P1_HIGH,
    effort=Effort.HOURS_4_8,
    impact=Impact.HIGH,
)
RULES = (RULE,)


def symptoms(findings: Sequence[Finding], now_ms: int, index: CodeIndex | None = None) -> Iterator[Symptom]:
    """One symptom for each cluster of two agents or more whose worst member is MEDIUM (P2) or worse.

    `now_ms` is the moment of this pass (ms since the epoch): a pass is counted once, also over restarts.
    """
    measured = [finding for finding in findings if finding.origin is Origin.MEASURED]
    by_id = {finding.finding_id: finding for finding in measured}
    topology = wiring.build(index, measured)
    for cluster in clusters(measured, topology):
        members = [by_id[name] for name in cluster.members]
        if len(cluster.agents) > 1 and _worst_rank(members) <= Severity.MEDIUM.rank:
            yield _symptom(cluster, members, now_ms)


def entity_of(cluster: Cluster, root: Finding) -> tuple[str, ...]:
    """What a cluster's finding is fingerprinted by: the root's rule, entity and own fingerprint.

    Of a family one member has the trouble today, another or several tomorrow; the root's own fingerprint knows that.
    """
    return root.rule_id, family_of(cluster.entity), root.fingerprint


def _worst_rank(members: Sequence[Finding]) -> int:
    return min(rank_of(finding) for finding in members if not is_information(finding))


def _symptom(cluster: Cluster, members: Sequence[Finding], now_ms: int) -> Symptom:
    root, rank = members[0], _worst_rank(members)
    return Symptom(
        rule=RULE,
        title=_title(cluster, members),
        entity=entity_of(cluster, root),
        evidence=tuple(_quote(finding) for finding in members[:QUOTES_MAX]),
        recommendation=f"Begin with {root.finding_id}: {root.recommendation}",
        priority=list(Priority)[min(rank, Priority.P3_LOW.rank)],
        effort=root.effort if isinstance(root, Enhancement) else None,
        impact=(Impact.HIGH, Impact.HIGH, Impact.MEDIUM, Impact.LOW)[min(rank, 3)],
        confidence=min(finding.confidence for finding in members),
        position=("cross-agent", now_ms),
        pattern=_pattern(cluster),
        services=cluster.blast_radius.services,
        streams=cluster.blast_radius.streams,
        related_findings=cluster.members,
    )


def _title(cluster: Cluster, members: Sequence[Finding]) -> str:
    """A cause is spoken of only where the root explains something; beside it only that they go together."""
    root, effects = members[0], frozenset(chains.explained(cluster.root, cluster.chain))
    explained = [finding for finding in members if finding.finding_id in effects]
    if explained:
        return f"One cause behind {_kinds(explained)}: {root.title}"
    return f"{root.title}; together with {_kinds(members[1:])}"


def _kinds(members: Sequence[Finding]) -> str:
    return ", ".join(dict.fromkeys(finding.category.value for finding in members))


def _pattern(cluster: Cluster) -> str:
    return "; ".join(
        f"{link.cause} {'with' if link.rule.startswith(SHARED) else '→'} {link.effect} ({link.rule}, {link.via})"
        for link in cluster.chain
    )


def _quote(finding: Finding) -> Quote:
    first_line = finding.evidence.split("\n", 1)[0][:QUOTE_CHARS_MAX]
    source = f"findings/{finding.agent_id.slug}.jsonl"
    return Quote(EvidenceKind.FINDING, source, first_line, Locator(finding_id=finding.finding_id))
