"""The first page: are we on fire, why, what first. Every sentence names the findings that prove it."""

from __future__ import annotations

from tools.findings.model import Finding, LogCategory, Severity, rank_of
from tools.report import session_failure
from tools.report.context import Context
from tools.report.model import Dashboard, Reason, RoadmapItem, Verdict
from tools.synthesis import chains
from tools.synthesis.clusters import Cluster
from tools.synthesis.health import is_measured

WHY_MAX = 5
FIRST_MAX = 5
_SECRETS_TOLD = 3
_SECOND = 0.5
"""The place of secrets that lie open: behind the gravest trouble, before all others, for they are rotated in minutes."""


def build(context: Context, dashboard: Dashboard, roadmap: tuple[RoadmapItem, ...]) -> Verdict:
    """Headline, at most five reasons, at most five things to do first."""
    why = _why(context)
    return Verdict(
        headline=_of_change(context) + _with_failure(context, _headline(dashboard, len(why))),
        why=tuple(why[:WHY_MAX]),
        more=max(0, len(why) - WHY_MAX),
        first=tuple(
            Reason(text=item.action, finding_ids=item.finding_ids[:1]) for item in _first(context, roadmap)
        ),
    )


def _first(context: Context, roadmap: tuple[RoadmapItem, ...]) -> list[RoadmapItem]:
    """The top of the roadmap, what makes an open secret worthless among it."""
    open_secrets = {finding.finding_id for finding in _open_secrets(context)}
    first = list(roadmap[:FIRST_MAX])
    about = [item for item in roadmap if open_secrets.intersection(item.finding_ids)]
    if about and not any(item in first for item in about):
        first = [*first[:1], about[0], *first[1:]][:FIRST_MAX]
    return first


def _open_secrets(context: Context) -> list[Finding]:
    """Measured CRITICAL findings of secrets, outside of any cluster."""
    clustered = {name for cluster in context.clusters for name in cluster.members}
    return [
        finding
        for finding in context.findings
        if is_measured(finding)
        and finding.category is LogCategory.SECURITY
        and rank_of(finding) == Severity.CRITICAL.rank
        and finding.finding_id not in clustered
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


def _why(context: Context) -> list[Reason]:
    serious = [
        finding
        for finding in context.findings
        if is_measured(finding) and rank_of(finding) <= Severity.HIGH.rank
    ]
    by_id = {finding.finding_id: finding for finding in context.findings}
    reasons: list[tuple[int, float, Reason]] = []
    open_secrets = _open_secrets(context)
    told = {finding.finding_id for finding in open_secrets}
    if open_secrets:
        text = "; ".join(finding.title for finding in open_secrets[:_SECRETS_TOLD])
        more = len(open_secrets) - _SECRETS_TOLD
        reason = Reason(
            text=text + (f"; and {more} more" if more > 0 else ""),
            finding_ids=tuple(finding.finding_id for finding in open_secrets),
        )
        reasons.append((Severity.CRITICAL.rank, _SECOND, reason))
    for number, cluster in enumerate(context.clusters):
        if cluster.severity.rank <= Severity.HIGH.rank:
            told.update(cluster.members)
            reasons.append((cluster.severity.rank, number, _of_cluster(cluster, by_id[cluster.root])))
    for number, finding in enumerate(serious, start=len(context.clusters)):
        if finding.finding_id not in told:
            reasons.append(
                (rank_of(finding), number, Reason(text=finding.title, finding_ids=(finding.finding_id,)))
            )
    return [reason for _, _, reason in sorted(reasons, key=lambda entry: entry[:2])]


def _of_cluster(cluster: Cluster, root: Finding) -> Reason:
    effects = len(chains.explained(cluster.root, cluster.chain))
    company = len(cluster.members) - 1 - effects
    reach = cluster.blast_radius.services_count
    said = [f"explains {_count(effects, 'other finding')}"] if effects else []
    if company:
        said.append(
            f"goes together with {company} more"
            if effects
            else f"goes together with {_count(company, 'other finding')}"
        )
    if reach:
        said.append(f"reaches {_count(reach, 'service')}")
    *first, last = said
    tail = f"{', '.join(first)} and {last}" if first else last
    return Reason(text=f"{root.title}; it {tail}", finding_ids=cluster.members)


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
