"""Where the Markdown tells of each finding: links lead there, and nothing is told twice."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tools.report.model import CriticalFinding, Report, RoadmapItem

FULL_MAX = 40
"""Critical findings in full; further ones stand in the list of all findings."""
OTHERS_MAX = 20
"""Clusters without a critical finding in section 2."""
P2_MAX = 40
"""Roadmap items from P2 on; the rest is in `report.json`."""
LINKS_MAX = 8


@dataclass(frozen=True, slots=True)
class Places:
    """`full` stands in section 2, `brief` are roots of clusters told there in a few lines, `planned` is told in the roadmap alone."""

    full: tuple[CriticalFinding, ...]
    brief: frozenset[str]
    planned: frozenset[str]
    items: dict[str, RoadmapItem]
    """The roadmap's item of each finding that its advice is about."""
    paces: Mapping[tuple[str, str], str]
    """What is said of the pace of a stream's group."""
    over: Mapping[str, str]
    """Of roots and lone findings that were over by the end: when they were seen last."""

    @property
    def in_full(self) -> frozenset[str]:
        """The ids of `full`."""
        return frozenset(row.finding_id for row in self.full)


def places(report: Report) -> Places:
    """The same for every part of one report."""
    full = tuple(_rows_in_full(report))
    in_full = {row.finding_id for row in full}
    told = {row.cluster_id for row in full}
    others = [cluster for cluster in report.clusters if cluster.cluster_id not in told]
    brief = frozenset(cluster.root for cluster in others[:OTHERS_MAX]) - in_full
    planned: set[str] = set()
    for item in shown(report.roadmap):
        if item.finding_ids[0] not in in_full | brief:
            planned.update(item.finding_ids if item.cluster_id is None else item.finding_ids[:1])
        for reason in (*item.also, *item.remains):
            planned.update(reason.finding_ids)
    return Places(
        full=full,
        brief=brief,
        planned=frozenset(planned - in_full - brief),
        items={name: item for item in report.roadmap for name in _about(item)},
        paces={
            (row.stream, group.name): group.pace.says
            for row in report.streams
            for group in row.groups
            if group.pace is not None
        },
        over=report.over,
    )


def _about(item: RoadmapItem) -> tuple[str, ...]:
    """The findings that an item's advice is about: its root, or all where they are one thing to do now."""
    together = item.cluster_id is None and item.now is not None
    return item.finding_ids if together else item.finding_ids[:1]


def shown(items: Iterable[RoadmapItem]) -> list[RoadmapItem]:
    """The items that the roadmap tells: of P2 and P3 the first ones."""
    counts: dict[str, int] = {}
    kept = []
    for item in items:
        phase = item.priority.value
        counts[phase] = counts.get(phase, 0) + 1
        if phase < "P2" or counts[phase] <= P2_MAX:
            kept.append(item)
    return kept


def links(finding_ids: Iterable[str], shown_max: int = LINKS_MAX) -> str:
    """Finding ids, each a link to where it is told."""
    names = list(finding_ids)
    told = ", ".join(f"[{name}](#{name.lower()})" for name in names[:shown_max])
    return f"{told} and {len(names) - shown_max} more" if len(names) > shown_max else told


def anchor(finding_id: str) -> str:
    """What links to a finding lead to. It stands once in the document."""
    return f'<a id="{finding_id.lower()}"></a>'


def _rows_in_full(report: Report) -> list[CriticalFinding]:
    """Critical findings, each cluster's root before its other members, then what is to be done first; without repeats."""
    roots = {cluster.cluster_id: cluster.root for cluster in report.clusters}
    cluster_of = {name: cluster.cluster_id for cluster in report.clusters for name in cluster.members}
    known = {row.finding_id: row for row in report.critical}
    names: dict[str, None] = {}
    for row in report.critical[:FULL_MAX]:
        root = roots.get(row.cluster_id or "")
        names |= dict.fromkeys([root, row.finding_id] if root is not None else [row.finding_id])
    names |= dict.fromkeys(name for reason in report.verdict.first for name in reason.finding_ids)
    there = {finding["findingId"] for finding in report.findings}
    return [
        known.get(name) or CriticalFinding(finding_id=name, open_at_end=None, cluster_id=cluster_of.get(name))
        for name in names
        if name in there
    ]
