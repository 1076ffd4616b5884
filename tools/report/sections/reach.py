"""How far a trouble reaches: where a symptom of it was seen, and where messages lead from there without one, nearest first.

Nearly every service is downstream of every other where they form a circle; which of them already suffer says more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from heapq import nsmallest

from tools.findings.model import (
    Finding,
    Origin,
    Severity,
    StreamFinding,
    all_streams_of,
    rank_of,
    services_of,
)
from tools.report.context import Context
from tools.report.model import Reach, Reached
from tools.synthesis.clusters import Cluster, first_reached, is_cross_agent

CLUSTERS_MAX = 200
"""The weightiest ones; a walk over the topology for each of thousands would not be linear."""
NAMED_MAX = 20
FINDINGS_MAX = 5

Distances = Mapping[str, int]
Names = Callable[[Finding], Iterable[str]]


def build(context: Context) -> tuple[Reach, ...]:
    """One for each of the weightiest clusters, in their order."""
    families = frozenset(
        finding.stream
        for finding in context.findings
        if isinstance(finding, StreamFinding) and finding.members
    )
    troubles = _Troubles.of(context)
    walked: dict[frozenset[str], tuple[Distances, Distances]] = {}
    found = []
    for cluster in context.clusters[:CLUSTERS_MAX]:
        start = frozenset(first_reached(context.by_id[cluster.root], context.wiring))
        if start not in walked:  # troubles of one service reach the same
            services = context.wiring.distances(start)
            walked[start] = services, _streams(context, services, families)
        found.append(_reach(context, cluster, walked[start], troubles))
    return tuple(found)


def _streams(context: Context, services: Distances, families: frozenset[str]) -> Distances:
    """Streams that these services write, by the nearest writer; the name of a family is that of no stream."""
    found: dict[str, int] = {}
    for service, steps in services.items():  # nearest first
        for stream in context.wiring.written_by(service):
            if stream not in families:
                found.setdefault(stream, steps + 1)
    return found


@dataclass(frozen=True, slots=True)
class _Troubles:
    """Name → the first serious findings that are about it, of whatever trouble."""

    services: Mapping[str, tuple[str, ...]]
    streams: Mapping[str, tuple[str, ...]]

    @classmethod
    def of(cls, context: Context) -> _Troubles:
        """Looked up once for all clusters. Advice on code that should not wait is a trouble too."""
        serious = [
            finding
            for finding in context.findings
            if rank_of(finding) <= Severity.HIGH.rank
            and finding.origin is Origin.MEASURED
            and not is_cross_agent(finding)
        ]
        return cls(_told(serious, lambda one: _services(context, one)), _told(serious, _named_streams))


def _reach(
    context: Context, cluster: Cluster, walked: tuple[Distances, Distances], troubles: _Troubles
) -> Reach:
    services, streams = walked
    members = [context.by_id[name] for name in cluster.members]
    told_services = _told(members, lambda one: _services(context, one))
    told_streams = _told(members, _named_streams)
    radius = cluster.blast_radius
    services_left, streams_left = services.keys() - told_services.keys(), streams.keys() - told_streams.keys()
    services_elsewhere = services_left & troubles.services.keys()
    streams_elsewhere = streams_left & troubles.streams.keys()
    return Reach(
        cluster_id=cluster.cluster_id,
        services_count=len(services.keys() | told_services.keys()),
        streams_count=max(
            len(radius.streams) + radius.more_streams, len(streams.keys() | told_streams.keys())
        ),
        services_shown=_nearest(told_services, services, told_services),
        streams_shown=_nearest(told_streams, streams, told_streams),
        services_quiet=_nearest(services_left - services_elsewhere, services, {}),
        streams_quiet=_nearest(streams_left - streams_elsewhere, streams, {}),
        services_elsewhere=_nearest(services_elsewhere, services, troubles.services),
        streams_elsewhere=_nearest(streams_elsewhere, streams, troubles.streams),
        services_shown_count=len(told_services),
        streams_shown_count=len(told_streams),
        services_elsewhere_count=len(services_elsewhere),
        streams_elsewhere_count=len(streams_elsewhere),
    )


def _told(members: Iterable[Finding], names_of: Names) -> dict[str, tuple[str, ...]]:
    """Name → the first findings that are about it."""
    told: dict[str, tuple[str, ...]] = {}
    for finding in members:
        for name in names_of(finding):
            told[name] = (*told.get(name, ()), finding.finding_id)[:FINDINGS_MAX]
    return told


def _services(context: Context, finding: Finding) -> Iterable[str]:
    """The services that a finding is about: of one about a group those that read with it."""
    return context.wiring.readers_of(finding) if isinstance(finding, StreamFinding) else services_of(finding)


def _named_streams(finding: Finding) -> Iterable[str]:
    """Of a family the members that a finding lists, for its name is that of no stream."""
    listed = finding.members if isinstance(finding, StreamFinding) else ()
    return listed or all_streams_of(finding)


def _nearest(
    names: Iterable[str], steps: Distances, findings: Mapping[str, tuple[str, ...]]
) -> tuple[Reached, ...]:
    far = len(steps) + 1
    first = nsmallest(NAMED_MAX, names, key=lambda name: (steps.get(name, far), name))
    return tuple(Reached(name=name, steps=steps.get(name), findings=findings.get(name, ())) for name in first)
