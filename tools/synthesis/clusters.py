"""Clusters: findings that tell of one trouble, with its root, the chain from root to symptom and its reach.

Two findings are in one cluster where a causal rule links them or they share a strong entity (message id,
correlation id, consumer group). A service alone joins nothing. INFO findings and the cross-agent findings made
from clusters are never members. The result does not depend on the order of the input.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice

from msgspec import Struct, structs

from tools.detectors.streams.families import family_of
from tools.findings.model import (
    ConfigFinding,
    Enhancement,
    Finding,
    LogFinding,
    Origin,
    ScoutCategory,
    Severity,
    StreamFinding,
    rank_of,
    services_of,
    streams_of,
)
from tools.synthesis import entities, wiring
from tools.synthesis.entities import Entity, EntityKind, is_information
from tools.synthesis.explain import SHARED, Alternative, Explanation, Link, explain
from tools.synthesis.wiring import Wiring

WEIGHTS = {0: 100.0, 1: 30.0, 2: 5.0, 3: 1.0, 4: 0.5}
"""Severity rank → weight in a cluster's score. Reach counts by its order of magnitude, so that one CRITICAL
outweighs the reach of any MEDIUM."""
ALTERNATIVES_MAX = 5
"""Other explanations named for one cluster, those of its first members."""
NAMES_MAX = 200
"""Names listed of what a cluster reaches: in a system of 10,000 streams each trouble may reach all others."""


class BlastRadius(Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """What a cluster's trouble reaches: downstream of it in the topology, and what its findings name.

    Names are sorted; of more than `NAMES_MAX` the rest is counted.
    """

    services: tuple[str, ...]
    streams: tuple[str, ...]
    more_services: int = 0
    more_streams: int = 0

    @property
    def services_count(self) -> int:
        """How many services there are, named or not."""
        return len(self.services) + self.more_services

    @property
    def size(self) -> int:
        """Services and streams together."""
        return self.services_count + len(self.streams) + self.more_streams


class Cluster(Struct, frozen=True, kw_only=True, rename="camel"):
    """One trouble. `members` are finding ids, the root first, then in the chain's order."""

    cluster_id: str
    title: str
    entity: str
    root: str
    root_fingerprint: str
    severity: Severity
    """Of the worst measured member; a cluster of the Scout's findings alone takes their priority."""
    members: tuple[str, ...]
    agents: tuple[str, ...]
    chain: tuple[Link, ...]
    alternatives: tuple[Alternative, ...] = ()
    """What would explain a member too and belongs to another trouble; those of the first members."""
    blast_radius: BlastRadius
    recommendation: str
    score: float


def clusters(findings: Iterable[Finding], topology: Wiring | None = None) -> tuple[Cluster, ...]:
    """The clusters of at least two findings, the weightiest first."""
    members = [finding for finding in findings if not is_information(finding) and not is_cross_agent(finding)]
    known = wiring.build(None, members) if topology is None else topology
    explanation = explain(members, known)
    sight = _Sight(explanation, known, members)
    found = [_cluster(joined.findings, joined.links, sight) for joined in explanation.joined()]
    found.sort(key=lambda cluster: (-cluster.score, cluster.severity.rank, cluster.root))
    return tuple(
        structs.replace(cluster, cluster_id=f"C-{number:02d}")
        for number, cluster in enumerate(found, start=1)
    )


def is_cross_agent(finding: Finding) -> bool:
    """Whether a finding was itself made from a cluster."""
    return finding.category is ScoutCategory.CROSS_AGENT_SYNTHESIS


def main_entity(finding: Finding) -> Entity:
    """The one entity that a finding is most about: a group before its stream, a stream before a service."""
    if isinstance(finding, LogFinding):
        return entities.service(finding.service)
    streams = streams_of(finding)
    if streams:
        reader = None if isinstance(finding, Enhancement) else finding.consumer_group
        return entities.group(streams[0], reader) if reader else entities.stream(streams[0])
    files = () if isinstance(finding, StreamFinding) else finding.affected_files
    if services_of(finding) or not files:
        return entities.service(next(iter(services_of(finding)), "cross-service"))
    return Entity(EntityKind.FILE, files[0])


class _Sight:
    """What every cluster is made with: looked up once for all of them."""

    def __init__(self, explanation: Explanation, topology: Wiring, findings: Sequence[Finding]) -> None:
        self.explanation, self.topology = explanation, topology
        self._families = frozenset(
            finding.stream for finding in findings if isinstance(finding, StreamFinding) and finding.members
        )
        """Names of no stream: each stands for the members that are named beside it."""
        self._beyond: dict[frozenset[str], tuple[tuple[str, ...], tuple[str, ...]]] = {}
        self._alternatives: dict[str, list[Alternative]] = {}
        for found in explanation.alternatives:
            self._alternatives.setdefault(found.effect, []).append(found)

    def downstream(self, services: frozenset[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Services and streams that messages of these services reach; troubles of one service reach the same."""
        if services not in self._beyond:
            reached, streams = self.topology.downstream(services, ())
            if self._families:
                streams = tuple(name for name in streams if name not in self._families)
            self._beyond[services] = reached, streams
        return self._beyond[services]

    def alternatives(self, members: Sequence[str]) -> tuple[Alternative, ...]:
        """Other explanations of the members by what is none of them, one a cause."""
        by_cause: dict[str, Alternative] = {}
        inside = frozenset(members)
        for name in members:
            for found in self._alternatives.get(name, ()):
                if found.cause not in inside:
                    by_cause.setdefault(found.cause, found)
        return tuple(by_cause.values())[:ALTERNATIVES_MAX]


def _cluster(members: list[Finding], links: list[Link], sight: _Sight) -> Cluster:
    root = _root(members, sight.explanation)
    by_id = {finding.finding_id: finding for finding in members}
    chain = _chain(root, by_id, links)
    ordered = list(
        dict.fromkeys([root.finding_id, *(end for link in chain for end in (link.cause, link.effect))])
    )
    worst = _worst(members)
    radius = _blast_radius(root, members, sight)
    return Cluster(
        cluster_id="",
        title=root.title,
        entity=str(main_entity(root)),
        root=root.finding_id,
        root_fingerprint=root.fingerprint,
        severity=list(Severity)[rank_of(worst)],
        members=tuple(ordered),
        agents=tuple(sorted({str(finding.agent_id) for finding in members})),
        chain=chain,
        alternatives=sight.alternatives(ordered),
        blast_radius=radius,
        recommendation=root.recommendation,
        score=round(WEIGHTS[rank_of(worst)] * worst.confidence * (1 + math.log2(1 + radius.size)), 2),
    )


def _worst(members: list[Finding]) -> Finding:
    measured = [
        finding
        for finding in members
        if finding.origin is Origin.MEASURED and not isinstance(finding, Enhancement)
    ]
    return min(
        measured or members, key=lambda finding: (rank_of(finding), -finding.confidence, finding.finding_id)
    )


def _root(members: list[Finding], explanation: Explanation) -> Finding:
    explained: dict[str, int] = {}
    for finding in members:
        current = explanation.parents.get(finding.finding_id)
        while current is not None:
            explained[current] = explained.get(current, 0) + 1
            current = explanation.parents.get(current)
    roots = [finding for finding in members if finding.finding_id not in explanation.parents]
    return min(
        roots,
        key=lambda finding: (
            -explained.get(finding.finding_id, 0),
            rank_of(finding),
            # What stands in files was there first, whoever looked first: else the root would change night by night.
            not isinstance(finding, ConfigFinding | Enhancement),
            finding.timestamp,
            finding.finding_id,
        ),
    )


def _chain(root: Finding, by_id: Mapping[str, Finding], links: list[Link]) -> tuple[Link, ...]:
    """A link for each member but the root, so that every link touches a member named before it."""
    causes: dict[str, list[Link]] = {}
    names: dict[str, list[Link]] = {}
    for link in links:
        touching = names if link.rule.startswith(SHARED) else causes
        touching.setdefault(link.cause, []).append(link)
        touching.setdefault(link.effect, []).append(link)
    reached: set[str] = {root.finding_id}
    chain: list[Link] = []
    causal, company = deque(reached), deque(reached)
    while causal or company:
        # What joins two findings only by a name comes where no cause leads on.
        waiting, touching = (causal, causes) if causal else (company, names)
        name = waiting.popleft()
        near: Sequence[Link] = touching.get(name, ())
        if len(near) > 1:  # effects first: a chain reads from cause to symptom wherever it can
            near = sorted(near, key=lambda item: (item.cause != name, _step(item, by_id)))
        for link in near:
            other = link.effect if link.cause == name else link.cause
            if other not in reached:
                reached.add(other)
                chain.append(link)
                causal.append(other)
                company.append(other)
    return tuple(chain)


def _step(link: Link, by_id: Mapping[str, Finding]) -> tuple[int, str, str, str]:
    effect = by_id[link.effect]
    return rank_of(effect), effect.timestamp, link.effect, link.cause


def _blast_radius(root: Finding, members: list[Finding], sight: _Sight) -> BlastRadius:
    reached_services, reached_streams = sight.downstream(frozenset(first_reached(root, sight.topology)))
    named_services = {name for finding in members for name in services_of(finding)}
    named_streams = {name for finding in members for name in _streams_named(finding)}
    services_named, more_services = _bounded(named_services, reached_services)
    streams_named, more_streams = _bounded(named_streams, reached_streams)
    return BlastRadius(
        services=services_named,
        streams=streams_named,
        more_services=more_services,
        more_streams=more_streams + _unlisted(members, named_streams, reached_streams),
    )


def _streams_named(finding: Finding) -> tuple[str, ...]:
    """The streams of a finding by name: of a family the members that it lists."""
    listed = finding.members if isinstance(finding, StreamFinding) else ()
    return listed or streams_of(finding)


def _unlisted(members: list[Finding], named: set[str], reached: tuple[str, ...]) -> int:
    """How many streams of families are counted by findings, and neither named nor reached."""
    sizes: dict[str, int] = {}
    for finding in members:
        if isinstance(finding, StreamFinding) and finding.more_members:
            size = len(finding.members) + finding.more_members
            sizes[finding.stream] = max(size, sizes.get(finding.stream, 0))
    if not sizes:
        return 0
    known = Counter(map(family_of, named.union(reached)))
    return sum(max(0, size - known[family]) for family, size in sizes.items())


def first_reached(root: Finding, topology: Wiring) -> set[str]:
    """The services from which a trouble spreads: who reads the streams it is about, not all who write to them.

    Of several readers those that the root names, its group's or its own; a root about no stream spreads from its services.
    """
    named = set(services_of(root))
    if isinstance(root, StreamFinding):
        return set(topology.readers_of(root))
    streams = streams_of(root)
    readers = {name for stream in streams for name in topology.consumers.get(stream, ())}
    if isinstance(root, ConfigFinding) and root.consumer_group:
        readers = {name for stream in streams for name in topology.owners_of(stream, root.consumer_group)}
    return named & readers or readers or named


def _bounded(named: set[str], reached: tuple[str, ...]) -> tuple[tuple[str, ...], int]:
    """The names that findings tell before what is only reached, sorted, and how many are left out."""
    first = sorted(named)[:NAMES_MAX]
    kept = sorted({*first, *reached[:NAMES_MAX]})
    if len(kept) > NAMES_MAX:
        others = (name for name in kept if name not in named)
        kept = sorted([*first, *islice(others, NAMES_MAX - len(first))])
    # By sizes: a walk over all that is reached, for every cluster, would not be linear.
    in_all = len(reached) + sum(not _holds(reached, name) for name in named)
    return tuple(kept), in_all - len(kept)


def _holds(ordered: tuple[str, ...], name: str) -> bool:
    """Whether a sorted tuple holds a name."""
    at = bisect_left(ordered, name)
    return at < len(ordered) and ordered[at] == name
