"""The first page: are we on fire, why, what first. Every sentence names the findings that prove it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import PurePath
from typing import TypeGuard

from msgspec import structs

from tools.findings.model import (
    Finding,
    LogCategory,
    Priority,
    Severity,
    StreamCategory,
    StreamFinding,
    rank_of,
    services_of,
    stream_shown,
)
from tools.quantities import format_duration
from tools.report import session_failure
from tools.report.context import Context, severity
from tools.report.model import Dashboard, Reason, RoadmapItem, ServiceState, Verdict
from tools.report.sections import harm, service_states
from tools.report.streams_model import StreamHealth
from tools.synthesis import chains
from tools.synthesis.clusters import Cluster
from tools.synthesis.health import is_measured

WHY_MAX = 5
OTHERS_MAX = 15
"""Further troubles that the first page names by their title alone."""
FIRST_MAX = 8
_SECRETS_TOLD = 3
_NAMES_TOLD = 4
_SOON = (Priority.P0_CRITICAL, Priority.P1_HIGH)
Paces = Mapping[tuple[str, str], str]
"""What is said of the pace of a stream's group."""
_CAUSELESS = frozenset({StreamCategory.CONSUMER_LAG, StreamCategory.DEAD_CONSUMER})
"""As a root they are what was measured, and no reason: nothing that was seen explains them."""
_NO_CAUSE = "; what is behind it was not found"
_SECOND = 0.5
"""The place of secrets that lie open: behind the gravest trouble, before all others, for they are rotated in minutes."""


def build(
    context: Context,
    dashboard: Dashboard,
    roadmap: tuple[RoadmapItem, ...],
    streams: Sequence[StreamHealth] = (),
    states: Sequence[ServiceState] = (),
) -> Verdict:
    """Headline, what it is about, at most five reasons, the other troubles by name, at most eight things to do first."""
    paces = {
        (row.stream, group.name): group.pace.gist
        for row in streams
        for group in row.groups
        if group.pace is not None
    }
    why = _why(context, paces)
    others = [make() for make in why[WHY_MAX : WHY_MAX + OTHERS_MAX]]
    open_secrets = {finding.finding_id for finding in _open_secrets(context)}
    first = _first(open_secrets, roadmap)
    return Verdict(
        headline=_of_change(context) + _with_failure(context, _headline(dashboard, len(why))),
        about=_about(context, dashboard),
        harm=harm.told(context, streams),
        at_the_end=service_states.told(states),
        why=tuple(make() for make in why[:WHY_MAX]),
        others=tuple(
            structs.replace(one, text=_named(context.by_id[one.finding_ids[0]], paces)) for one in others
        ),
        more=max(0, len(why) - WHY_MAX - OTHERS_MAX),
        counted=_counted(context, len(why)),
        first=tuple(
            Reason(
                text=item.action,
                finding_ids=item.finding_ids[:1],
                now=item.now,
                cluster_id=item.cluster_id,
                seen=item.evidence if open_secrets.intersection(item.finding_ids) else None,
            )
            for item in first
        ),
        first_more=_soon(roadmap) - _soon(first),
    )


_MODES = {
    "managed": "started for this audit and stopped after it (managed; what is told here is of that time)",
    "attach": "as it ran, attached to",
    "static": "its files alone",
}


def _soon(items: Sequence[RoadmapItem]) -> int:
    return sum(item.priority in _SOON for item in items)


def _about(context: Context, dashboard: Dashboard) -> str:
    """The project by its folder, the server, what was seen of it, and when."""
    facts = context.data.facts
    if facts is None:
        return ""
    said = [PurePath(facts.project_root).name or facts.project_root]
    if facts.redis is not None:
        said.append(f"Redis at {facts.redis}")
    if dashboard.services:
        said.append(_count(len(dashboard.services), "service"))
    if dashboard.streams_discovered:
        said.append(_count(dashboard.streams_discovered, "stream"))
    said.append(_MODES.get(facts.mode, facts.mode))
    return f"{', '.join(said)}; {_when(dashboard)}." if dashboard.started_at else f"{', '.join(said)}."


def _when(dashboard: Dashboard) -> str:
    start, end = dashboard.started_at or "", dashboard.ended_at
    if end is None or dashboard.duration_ms is None:
        return f"watched from {start[:10]} {start[11:19]} UTC on"
    until = end[11:19] if end[:10] == start[:10] else f"{end[:10]} {end[11:19]}"
    lasted = format_duration(round(dashboard.duration_ms / 1000))
    return f"watched for {lasted}, {start[:10]} {start[11:19]} to {until} UTC"


def _first(open_secrets: set[str], roadmap: tuple[RoadmapItem, ...]) -> list[RoadmapItem]:
    """The top of the roadmap; what makes an open secret worthless stands second, as among the reasons."""
    about = [item for item in roadmap if open_secrets.intersection(item.finding_ids)][:_SECRETS_TOLD]
    rest = [item for item in roadmap if item not in about]
    return [*rest[:1], *about, *rest[1:]][:FIRST_MAX]


def _open_secrets(context: Context) -> list[Finding]:
    """Measured CRITICAL findings of secrets, outside of any cluster."""
    return [
        finding
        for finding in context.serious
        if finding.category is LogCategory.SECURITY
        and rank_of(finding) == Severity.CRITICAL.rank
        and finding.finding_id not in context.cluster_ids
    ]


def _of_change(context: Context) -> str:
    """A session about a change judges only that: of all else its silence says nothing."""
    facts = context.data.facts
    if facts is None or facts.change is None:
        return ""
    return f"Only what changed since {facts.change.asked} ({facts.change.commit[:12]}) counts here. "


def _with_failure(context: Context, said: str) -> str:
    """A session that failed says so first: its silence proves nothing."""
    run = session_failure.failed_phase(context.data.facts)
    if run is None:
        return _ended_early(context, said)
    failed = session_failure.sentence(run)
    if not session_failure.before_the_window(run):
        return f"{said} But {failed}."
    if not any(is_measured(finding) for finding in context.findings):
        return f"Nothing can be said: {failed}."
    return f"{failed[0].upper()}{failed[1:]}. Nothing else was looked at; what was seen until then: {said}"


def _ended_early(context: Context, said: str) -> str:
    """The window itself was cut short where all who look had failed."""
    facts = context.data.facts
    if facts is None or facts.ended_by != "failure":
        return said
    reasons = [f"{run.agent}: {run.reasons[-1]}" for run in facts.agents if not run.finished and run.reasons]
    tail = f" ({'; '.join(reasons)})" if reasons else ""
    return f"{said} But the window ended early by a failure{tail}."


def _headline(dashboard: Dashboard, troubles: int) -> str:
    """`troubles` is to how many causes and lone findings all CRITICAL and HIGH ones come down."""
    critical = dashboard.by_severity[Severity.CRITICAL.value]
    high = dashboard.by_severity[Severity.HIGH.value]
    if dashboard.health == "CRITICAL":
        joined = f", which come down to {_count(troubles, 'trouble')}" if troubles < critical + high else ""
        return f"Yes, on fire: {_count(critical, 'critical finding')} and {_count(high, 'high one')}{joined}."
    if dashboard.health == "DEGRADED":
        if critical:
            return f"No longer on fire, but it was: {_count(critical, 'critical finding')} did not last to the end."
        if high:
            joined = f", which come down to {_count(troubles, 'trouble')}" if troubles < high else ""
            return f"Not on fire, but not well: {_count(high, 'high finding')}{joined}."
        return (
            f"Nothing serious was seen, but not everything could be: {_count(dashboard.blind_gaps, 'gap')}."
        )
    return "No. Nothing above MEDIUM was measured, and every configured source could be looked at."


def _named(finding: Finding, paces: Paces) -> str:
    """A finding by its title; of a lag with its pace, which tells what the figure alone does not."""
    gist = paces.get((stream_shown(finding), finding.consumer_group or "")) if _is_lag(finding) else None
    return finding.title if gist is None else f"{finding.title}: {gist}"


def _is_lag(finding: Finding) -> TypeGuard[StreamFinding]:
    return isinstance(finding, StreamFinding) and finding.category is StreamCategory.CONSUMER_LAG


def _why(context: Context, paces: Paces) -> list[Callable[[], Reason]]:
    """All reasons, the gravest first; of thousands of troubles only the first few are put into words."""
    reasons: list[tuple[int, float, Callable[[], Reason]]] = []
    open_secrets = _open_secrets(context)
    told = {finding.finding_id for finding in open_secrets}
    if open_secrets:
        text = "; ".join(finding.title for finding in open_secrets[:_SECRETS_TOLD])
        more = len(open_secrets) - _SECRETS_TOLD
        reason = Reason(
            text=text + (f"; and {more} more" if more > 0 else ""),
            finding_ids=tuple(finding.finding_id for finding in open_secrets),
            severity=Severity.CRITICAL,
        )
        reasons.append((Severity.CRITICAL.rank, _SECOND, lambda: reason))
    for number, cluster in enumerate(context.clusters):
        if cluster.severity.rank <= Severity.HIGH.rank:
            told.update(cluster.members)
            made = partial(_of_cluster, context, cluster, paces)
            reasons.append((cluster.severity.rank, number, made))
    for number, finding in enumerate(context.serious, start=len(context.clusters)):
        if finding.finding_id not in told:
            reasons.append((rank_of(finding), number, partial(_of_finding, finding, paces)))
    return [make for _, _, make in sorted(reasons, key=lambda entry: entry[:2])]


def _counted(context: Context, troubles: int) -> str:
    """The figures of the first page and of the root causes, each of which counts something else."""
    serious = sum(cluster.severity.rank <= Severity.HIGH.rank for cluster in context.clusters)
    milder = len(context.clusters) - serious
    secrets = len(_open_secrets(context))
    alone = troubles - serious - bool(secrets)
    parts = [_count(serious, "root cause")] if serious else []
    if secrets:
        parts.append(f"{_count(secrets, 'secret')} in logs{' (told as one)' if secrets > 1 else ''}")
    if alone:
        parts.append(f"{_count(alone, 'finding')} that nothing else explains")
    *first, last = parts or [""]
    named = "trouble is" if troubles == 1 else f"{troubles} troubles are"
    said = f"The {named} {', '.join(first)}{' and ' if first else ''}{last}." if last else ""
    if milder:
        is_are = "is" if milder == 1 else "are"
        said += f"{' ' if said else ''}{_count(milder, 'more root cause' if serious else 'root cause')} {is_are} MEDIUM or milder."
    return said


def _of_finding(finding: Finding, paces: Paces) -> Reason:
    return Reason(text=_named(finding, paces), finding_ids=(finding.finding_id,), severity=severity(finding))


def _of_cluster(context: Context, cluster: Cluster, paces: Paces) -> Reason:
    root = context.by_id[cluster.root]
    effects = len(chains.explained(cluster.root, cluster.chain))
    company = len(cluster.members) - 1 - effects
    said = [f"explains {_count(effects, 'other finding')}"] if effects else []
    if company:
        said.append(
            f"goes together with {company} more"
            if effects
            else f"goes together with {_count(company, 'other finding')}"
        )
    if seen := _seen_at(context, cluster):
        said.append(seen)
    *first, last = said
    tail = f"{', '.join(first)} and {last}" if first else last
    return Reason(
        text=f"{_named(root, paces)}; it {tail}{_NO_CAUSE if root.category in _CAUSELESS else ''}",
        finding_ids=cluster.members,
        severity=cluster.severity,
        cluster_id=cluster.cluster_id,
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
        return f"may reach {_count(beyond, 'service')}" if beyond else ""
    names = sorted(seen)
    more = f" and {len(names) - _NAMES_TOLD} more" if len(names) > _NAMES_TOLD else ""
    shows = "shows" if beyond == 1 else "show"
    further = f" ({_count(beyond, 'service')} downstream {shows} nothing of it)" if beyond else ""
    return f"was seen at {', '.join(names[:_NAMES_TOLD])}{more}{further}"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
