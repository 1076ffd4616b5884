"""Section 1, executive dashboard: the session in figures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from tools.findings.model import Enhancement, Finding, Priority, Severity, services_of
from tools.report.context import Context, when
from tools.report.model import Dashboard
from tools.report.sections import language_model
from tools.sources.records import Poll
from tools.synthesis.health import health


def build(context: Context) -> Dashboard:
    """The dashboard. A figure that could not be measured is None, never 0."""
    data, facts, final = context.data, context.data.facts, context.data.final
    kinds = Counter(map(_kind, context.findings))
    levels = _counted((level, count) for (_, _, level, _), count in kinds.items())
    ended_ms = None if facts is None else facts.ended_ms
    return Dashboard(
        session_id=data.session_id,
        mode="unknown" if facts is None else facts.mode,
        health=health(context.serious, data.gaps, context.last_poll_ms, data.poll_interval_ms),
        started_at=when(None if facts is None else facts.started_ms),
        ended_at=when(ended_ms),
        ended_by="unknown" if facts is None else facts.ended_by,
        duration_ms=None if facts is None or ended_ms is None else ended_ms - facts.started_ms,
        services=services(context),
        streams_discovered=None if final is None else len(final.streams),
        findings=len(context.findings),
        by_severity={level.value: levels.get(level, 0) for level in Severity},
        by_priority={level.value: levels.get(level, 0) for level in Priority},
        by_agent=_counted((agent, count) for (agent, _, _, _), count in kinds.items()),
        by_category=_counted((category, count) for (_, category, _, _), count in kinds.items()),
        by_service=_counted(
            (name, count) for (*_, named), count in kinds.items() for name in named or ("unknown",)
        ),
        unacked_messages=None if final is None else unacked(final),
        streams_with_lag=None if final is None else with_lag(final),
        drifts=len(context.drift),
        blind_gaps=sum(gap.blind for gap in data.gaps),
        comparison=None,
        language_model=language_model.told(facts),
        language_model_cost_usd=language_model.cost_usd(facts),
        own_cost=own_cost(context),
    )


def services(context: Context) -> tuple[str, ...]:
    """The services that were monitored: those the session knew, and those that wrote a log line."""
    known = set(() if context.data.facts is None else context.data.facts.services)
    known |= {log.service for log in context.data.logs.services}
    return tuple(sorted(known or set(context.wiring.services)))


def unacked(poll: Poll) -> int:
    """Pending entries of all groups."""
    return sum(group.info.pending for stream in poll.streams for group in stream.groups)


def with_lag(poll: Poll) -> tuple[str, ...]:
    """Streams with a group that was not given everything yet."""
    return tuple(
        stream.name
        for stream in poll.streams
        if any(group.lag is not None and group.lag.messages > 0 for group in stream.groups)
    )


def own_cost(context: Context) -> dict[str, float]:
    """What the audit itself cost the server; from the session's own account, else summed over the polls."""
    facts, polls = context.data.facts, context.data.polls.heads
    if facts is not None and facts.own_cost:
        return dict(sorted(facts.own_cost.items()))
    if not polls:
        return {}
    spent_ms = sum(poll.cost.server_us for poll in polls) / 1000
    span_ms = max(polls[-1].at_ms - polls[0].at_ms, 1)
    return {
        "polls": float(len(polls)),
        "round_trips": float(sum(poll.cost.round_trips for poll in polls)),
        "server_cpu_ms": round(spent_ms, 3),
        "server_cpu_share": round(spent_ms / span_ms, 6),
    }


def _kind(finding: Finding) -> tuple[str, str, str, tuple[str, ...]]:
    """What it is counted by: agent, category, level and services. Of many findings few kinds are."""
    level = finding.priority if isinstance(finding, Enhancement) else finding.severity
    return finding.agent_id, finding.category, level, services_of(finding)


def _counted(counted: Iterable[tuple[str, int]]) -> dict[str, int]:
    """Sums by name, the largest first."""
    counts: Counter[str] = Counter()
    for name, count in counted:
        counts[name] += count
    return {str(name): count for name, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))}
