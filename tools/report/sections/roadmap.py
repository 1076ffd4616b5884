"""Section 6, roadmap: what to do, in which order. One item for each cluster and each finding outside one.

P0 is measured CRITICAL or the Scout's P0, P1 HIGH, P2 MEDIUM, P3 LOW; INFO is no work. From P2 on, findings of one
rule become one item, and at any level the secrets of one log. Of one priority, advice on code whose streams the server does not have comes last.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tools.findings.model import (
    Enhancement,
    Finding,
    Priority,
    Severity,
    StreamCategory,
    StreamFinding,
    rank_of,
)
from tools.report.context import Context, severity
from tools.report.live_path import by_path
from tools.report.model import Reason, RoadmapItem, ServiceState
from tools.report.sections import efforts, secrets, stop_gap
from tools.synthesis import chains
from tools.synthesis.clusters import Cluster, is_cross_agent
from tools.synthesis.drift import place_of

IDS_MAX = 40
"""Finding ids named by one item; the rest are found by their rule in `findings`."""
EVIDENCE_CHARS_MAX = 400
ADVICE_MAX = 4
"""Members of a cluster whose own advice stands below that of its root."""

_MEASURES = frozenset({StreamCategory.STREAM_GROWING, StreamCategory.CONSUMER_LAG})
_TRACE_HEADINGS = ("Traceback (most recent call last)", "Exception in thread ")


def build(context: Context, states: Sequence[ServiceState] = ()) -> tuple[RoadmapItem, ...]:
    """All items, by priority, what was over by the end last, then by the weight of their cluster, then id. `states` of services decide what helps now."""
    scene = stop_gap.Scene.of(context, states)
    items = [
        _cluster_item(scene, cluster, [context.by_id[name] for name in cluster.members])
        for cluster in context.clusters
    ]
    single = [
        finding
        for finding in context.findings
        if finding.finding_id not in context.cluster_ids
        and not is_cross_agent(finding)
        and rank_of(finding) < Severity.INFO.rank
    ]
    streams = [] if context.data.final is None else [state.name for state in context.data.final.streams]
    items += [_item(scene, group) for group in _grouped(by_path(single, streams))]
    # Python's sort is stable: clusters come first and by weight, then findings in their order.
    over = context.over
    return tuple(sorted(items, key=lambda item: (item.priority.rank, item.finding_ids[0] in over)))


def _now(members: Sequence[Finding], scene: stop_gap.Scene) -> str | None:
    """What limits the harm; of what was over by the end there is none to limit."""
    over = members[0].finding_id in scene.context.over
    return None if over else stop_gap.of_trouble(members, scene)


def _grouped(findings: Iterable[Finding]) -> list[list[Finding]]:
    groups: dict[tuple[str, ...], list[Finding]] = {}
    for finding in findings:
        alone = rank_of(finding) < Severity.MEDIUM.rank
        key: tuple[str, ...] = (finding.finding_id,) if alone else (finding.rule_id, str(rank_of(finding)))
        if secrets.is_one(finding):  # whoever closes a log, or mends what is printed there, does so once
            key = (finding.rule_id, str(rank_of(finding)), secrets.log_of(finding))
        groups.setdefault(key, []).append(finding)
    return list(groups.values())


def _cluster_item(scene: stop_gap.Scene, cluster: Cluster, members: Sequence[Finding]) -> RoadmapItem:
    """`members`, the root first, in the chain's order."""
    root = members[0]
    also, remains, left_out = _advice(cluster, members)
    effort, estimated = efforts.effort(root)
    before, after = _snippets([root, *members])
    return RoadmapItem(
        priority=list(Priority)[min(cluster.severity.rank, Priority.P3_LOW.rank)],
        title=cluster.title,
        action=cluster.recommendation,
        effort=effort,
        estimated=estimated,
        work=efforts.told(root),
        finding_ids=cluster.members[:IDS_MAX],
        evidence=_evidence(root),
        cluster_id=cluster.cluster_id,
        snippet_before=before,
        snippet_after=after,
        now=_now(members, scene),
        also=also,
        remains=remains,
        advice_left_out=left_out,
    )


def _advice(
    cluster: Cluster, members: Sequence[Finding]
) -> tuple[tuple[Reason, ...], tuple[Reason, ...], int]:
    """The advice of serious members that is another than the root's: of those apart, of what follows, and what is left out.

    That a stream grows or a group is behind, where the root explains it, is its measure and no trouble of its own.
    """
    follows = frozenset(chains.explained(cluster.root, cluster.chain))
    told = {members[0].recommendation}
    also: list[Reason] = []
    remains: list[Reason] = []
    for finding in members[1:]:
        explained = finding.finding_id in follows
        mild = rank_of(finding) > Severity.HIGH.rank or (explained and finding.category in _MEASURES)
        if mild or finding.recommendation in told:
            continue
        told.add(finding.recommendation)
        (remains if explained else also).append(
            Reason(text=finding.recommendation, finding_ids=(finding.finding_id,), severity=severity(finding))
        )
    kept = also[:ADVICE_MAX]
    room = ADVICE_MAX - len(kept)
    return tuple(kept), tuple(remains[:room]), len(also) + len(remains) - len(kept) - len(remains[:room])


def _item(scene: stop_gap.Scene, group: Sequence[Finding]) -> RoadmapItem:
    first = group[0]
    effort, estimated = efforts.effort(first)
    before, after = _snippets(group)
    secret = secrets.is_one(first)
    more = "" if len(group) == 1 else f" (and {len(group) - 1} more of {first.rule_id})"
    return RoadmapItem(
        priority=list(Priority)[min(rank_of(first), Priority.P3_LOW.rank)],
        title=secrets.title(group) if secret else first.title + more,
        action=secrets.action(group) if secret else first.recommendation,
        effort=effort,
        estimated=estimated,
        work=efforts.told(first),
        finding_ids=tuple(finding.finding_id for finding in group[:IDS_MAX]),
        evidence=_evidence(first),
        cluster_id=None,
        snippet_before=before,
        snippet_after=after,
        now=_now(group[:1], scene),
    )


def _snippets(findings: Iterable[Finding]) -> tuple[str | None, str | None]:
    for finding in findings:
        if isinstance(finding, Enhancement) and finding.code_snippet_after:
            return finding.code_snippet_before, finding.code_snippet_after
    return None, None


def _evidence(finding: Finding) -> str:
    """Where it was seen, and the figures or the line that say it; the whole reply stands in the finding."""
    if isinstance(finding, StreamFinding):
        figures = finding.metrics.model_dump(by_alias=True, exclude_none=True)
        said = ", ".join(f"{name} {value}" for name, value in figures.items())
    else:
        said = _telling_line(finding.evidence)[:EVIDENCE_CHARS_MAX]
    return f"{place_of(finding)}: {said}" if said else place_of(finding)


def _telling_line(evidence: str) -> str:
    """The first line; of a trace that begins with a heading the last one, which names the error."""
    lines = evidence.strip("\n").split("\n")
    return lines[-1] if lines[0].startswith(_TRACE_HEADINGS) else lines[0]
