"""Why a system is judged as it is: its troubles, the gravest first, each in a sentence that names what proves it.

A trouble is a cause with what it explains, a finding that nothing explains, or all secrets in logs together.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from operator import itemgetter
from typing import TypeGuard

from tools.findings.model import (
    Finding,
    Severity,
    StreamCategory,
    StreamFinding,
    rank_of,
    services_of,
    stream_shown,
)
from tools.report.context import Context, severity
from tools.report.model import Reason, ServiceState
from tools.report.sections import secrets as of_secrets
from tools.report.streams_model import StreamHealth
from tools.synthesis import chains
from tools.synthesis.clusters import Cluster

_SECRETS_TOLD = 3
_NAMES_TOLD = 4
_CAUSELESS = frozenset({StreamCategory.CONSUMER_LAG, StreamCategory.DEAD_CONSUMER})
"""As a root they are what was measured, and no reason: nothing that was seen explains them."""
_NO_CAUSE = "; what is behind it was not found"
_SECOND = 0.5
"""The place of secrets that lie open: behind the gravest trouble, before all others, for they are rotated in minutes."""


@dataclass(frozen=True, slots=True)
class Told:
    """What other sections say, for the first page to say in short. `over` is by id of a root or lone finding."""

    streams: Sequence[StreamHealth] = ()
    states: Sequence[ServiceState] = ()
    over: Mapping[str, str] = field(default_factory=dict)

    def pace(self, finding: Finding) -> str | None:
        """Of a lag what its stream gets and its group is given; None where that is not known."""
        if not _is_lag(finding):
            return None
        wanted = stream_shown(finding), finding.consumer_group
        found = (
            group.pace.gist
            for row in self.streams
            for group in row.groups
            if group.pace is not None and (row.stream, group.name) == wanted
        )
        return next(found, None)


def count(number: int, what: str) -> str:
    """`1 trouble`, `3 troubles`."""
    return f"{number} {what}{'' if number == 1 else 's'}"


def named(finding: Finding, told: Told) -> str:
    """A finding by its title; of a lag with its pace, which tells what the figure alone does not."""
    gist = told.pace(finding)
    return finding.title if gist is None else f"{finding.title}: {gist}"


def _is_lag(finding: Finding) -> TypeGuard[StreamFinding]:
    return isinstance(finding, StreamFinding) and finding.category is StreamCategory.CONSUMER_LAG


def reasons(context: Context, told: Told) -> list[Callable[[], Reason]]:
    """All of them, the gravest first, of one severity what was over by the end last; only the first few are put into words."""
    found: list[tuple[tuple[int, bool, float], Callable[[], Reason]]] = []
    secrets = of_secrets.of(context)
    done = {finding.finding_id for finding in secrets}
    if secrets:
        text = "; ".join(finding.title for finding in secrets[:_SECRETS_TOLD])
        more = len(secrets) - _SECRETS_TOLD
        reason = Reason(
            text=text + (f"; and {more} more" if more > 0 else ""),
            finding_ids=tuple(finding.finding_id for finding in secrets),
            severity=Severity.CRITICAL,
        )
        found.append(((Severity.CRITICAL.rank, False, _SECOND), lambda: reason))
    for number, cluster in enumerate(context.clusters):
        if cluster.severity.rank <= Severity.HIGH.rank:
            done.update(cluster.members)
            made = partial(_of_cluster, context, cluster, told)
            found.append(((cluster.severity.rank, cluster.root in context.over, number), made))
    for number, finding in enumerate(context.serious, start=len(context.clusters)):
        if finding.finding_id not in done:
            place = rank_of(finding), finding.finding_id in context.over, number
            found.append((place, partial(_of_finding, finding, told)))
    return [make for _, make in sorted(found, key=itemgetter(0))]


def over(context: Context) -> int:
    """How many of the reasons are of troubles that were over by the end."""
    causes = sum(
        cluster.severity.rank <= Severity.HIGH.rank and cluster.root in context.over
        for cluster in context.clusters
    )
    return causes + sum(
        finding.finding_id in context.over
        for finding in context.serious
        if finding.finding_id not in context.cluster_ids
    )


def _of_finding(finding: Finding, told: Told) -> Reason:
    return Reason(
        text=named(finding, told),
        finding_ids=(finding.finding_id,),
        severity=severity(finding),
        over=told.over.get(finding.finding_id),
    )


def _of_cluster(context: Context, cluster: Cluster, told: Told) -> Reason:
    root = context.by_id[cluster.root]
    effects = len(chains.explained(cluster.root, cluster.chain))
    company = len(cluster.members) - 1 - effects
    said = [f"explains {count(effects, 'other finding')}"] if effects else []
    if company:
        said.append(
            f"goes together with {company} more"
            if effects
            else f"goes together with {count(company, 'other finding')}"
        )
    if seen := _seen_at(context, cluster):
        said.append(seen)
    *first, last = said
    tail = f"{', '.join(first)} and {last}" if first else last
    return Reason(
        text=f"{named(root, told)}; it {tail}{_NO_CAUSE if root.category in _CAUSELESS else ''}",
        finding_ids=cluster.members,
        severity=cluster.severity,
        cluster_id=cluster.cluster_id,
        over=told.over.get(cluster.root),
    )


def _seen_at(context: Context, cluster: Cluster) -> str:
    """Where it was seen, by name, and how many services more messages reach from there."""
    members = [context.by_id[name] for name in cluster.members]
    seen = {name: None for finding in members for name in services_of(finding)}
    for finding in members:
        if isinstance(finding, StreamFinding):
            seen |= dict.fromkeys(context.wiring.readers_of(finding))
    beyond = max(0, cluster.blast_radius.services_count - len(seen))
    if not seen:
        return f"may reach {count(beyond, 'service')}" if beyond else ""
    names = sorted(seen)
    more = f" and {len(names) - _NAMES_TOLD} more" if len(names) > _NAMES_TOLD else ""
    shows = "shows" if beyond == 1 else "show"
    further = f" ({count(beyond, 'service')} downstream {shows} nothing of it)" if beyond else ""
    return f"was seen at {', '.join(names[:_NAMES_TOLD])}{more}{further}"
