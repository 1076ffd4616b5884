"""Section 3, stream health map: every stream at the last poll, against its baseline, with a verdict."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from tools.detectors.streams.families import family_of
from tools.findings.model import Enhancement, Finding, streams_of
from tools.report.context import Context, severity
from tools.report.sections import pace
from tools.report.streams_model import GroupHealth, GroupPace, StreamBaseline, StreamHealth, TopologyEdge
from tools.sources.records import GroupState, StreamState, entry_time_ms
from tools.synthesis.about import findings_about
from tools.synthesis.clusters import is_cross_agent
from tools.synthesis.health import Health, by_stream, is_measured, is_open
from tools.synthesis.pace import Pace, Paces

_ORDER = {"CRITICAL": 0, "DEGRADED": 1, "HEALTHY": 2}


def build(context: Context) -> tuple[StreamHealth, ...]:
    """One row for each stream of the last poll, the worst first; empty where Redis was never polled."""
    data = context.data
    if data.final is None:
        return ()
    about = findings_about(_measured_first(context.findings), data.final.streams, data.judgement)
    statuses = by_stream(about, context.last_poll_ms, data.poll_interval_ms)
    first = data.baseline or data.polls.first or data.final
    before = {state.name: state for state in first.streams}
    since = data.polls.since or first
    then = {state.name: state for state in since.streams}
    at_ms, paces = data.final.at_ms, Paces(data.polls.last())
    rows: list[StreamHealth] = []
    for state in data.final.streams:
        found, status = about.get(state.name, []), statuses.get(state.name, "HEALTHY")
        said = _Said(
            status=status,
            verdict=_verdict(context, found, state, status),
            forecast=_forecast(state, then.get(state.name), at_ms - since.at_ms),
            finding_ids=tuple(finding.finding_id for finding in found),
            paces=_paces(paces, state),
        )
        rows.append(_row(state, at_ms, before.get(state.name), said))
    return tuple(
        sorted(rows, key=lambda row: (_ORDER[row.status], -(row.lag or 0), -row.pending, row.stream))
    )


def edges(context: Context) -> tuple[TopologyEdge, ...]:
    """Who writes and reads what, from the code or as it was seen; reads by group where the code names it."""
    wiring = context.wiring
    writes = [
        TopologyEdge(service=name, stream=stream, direction="writes", by=wiring.producers_by(stream))
        for stream, names in wiring.producers.items()
        for name in names
    ]
    grouped = [
        TopologyEdge(service=name, stream=stream, direction="reads", group=group)
        for (stream, group), names in wiring.owners.items()
        for name in names
    ]
    with_group = {(edge.service, edge.stream) for edge in grouped}
    plain = [
        TopologyEdge(service=name, stream=stream, direction="reads", by=wiring.consumers_by(stream))
        for stream, names in wiring.consumers.items()
        for name in names
        if (name, stream) not in with_group
    ]
    return (*writes, *grouped, *plain)


def _measured_first(findings: tuple[Finding, ...]) -> list[Finding]:
    """What was measured before advice; what was made from these findings adds nothing here."""
    kept = (finding for finding in findings if not is_cross_agent(finding))
    return sorted(kept, key=lambda finding: isinstance(finding, Enhancement))


@dataclass(frozen=True, slots=True)
class _Said:
    """What is said of a stream beside its figures."""

    status: Health
    verdict: str
    forecast: str | None
    finding_ids: tuple[str, ...]
    paces: Mapping[str, GroupPace]
    """Of the groups that lag, by name."""


def _row(state: StreamState, at_ms: int, before: StreamState | None, said: _Said) -> StreamHealth:
    groups = tuple(_group(group, at_ms, said.paces.get(group.info.name)) for group in state.groups)
    lag = lag_of(state)
    ages = [group.oldest_pending_ms for group in groups if group.oldest_pending_ms is not None]
    baseline = _baseline(before) if before is not None else None
    pending = sum(group.pending for group in groups)
    return StreamHealth(
        stream=state.name,
        length=state.info.length,
        pending=pending,
        lag=lag,
        lag_is_bound=_is_bound(state),
        oldest_pending_ms=max(ages, default=None),
        status=said.status,
        verdict=said.verdict,
        finding_ids=said.finding_ids,
        baseline=baseline,
        worse=tuple(_worse(state, baseline)),
        forecast=_latest(groups) or said.forecast,
        groups=groups,
    )


def lag_of(state: StreamState) -> int | None:
    """The largest lag of a stream's groups; None where none is known."""
    return max((group.lag.messages for group in state.groups if group.lag is not None), default=None)


def _latest(groups: Iterable[GroupHealth]) -> str | None:
    """The pace of the group that is furthest behind."""
    worst = max(groups, key=lambda group: group.lag or 0, default=None)
    return None if worst is None or worst.pace is None else worst.pace.says


def _paces(paces: Paces, state: StreamState) -> Mapping[str, GroupPace]:
    behind = [one.info.name for one in state.groups if one.lag is not None and one.lag.messages > 0]
    measured = paces.of(state.name, behind) if behind else {}
    return {name: pace.told(name, one, _loss(paces, state, one)) for name, one in measured.items()}


def _loss(paces: Paces, state: StreamState, measured: Pace) -> str | None:
    """When what is trimmed reaches what is unread, where a lag grows on a stream that keeps its length."""
    before = paces.at(measured.from_poll, state.name)
    grows = measured.added_a_minute - measured.given_a_minute
    if before is None or grows < pace.STILL:
        return None
    return _time_to_loss(state, before, measured.lag, grows)


def _group(group: GroupState, at_ms: int, measured: GroupPace | None) -> GroupHealth:
    times = [time for entry in group.pending if (time := entry_time_ms(entry.id)) is not None]
    return GroupHealth(
        name=group.info.name,
        consumers=group.info.consumers,
        pending=group.info.pending,
        lag=None if group.lag is None else group.lag.messages,
        lag_source=None if group.lag is None else group.lag.source,
        oldest_pending_ms=max(0, at_ms - min(times)) if times else None,
        pace=measured,
    )


def _baseline(state: StreamState) -> StreamBaseline:
    pending = sum(group.info.pending for group in state.groups)
    return StreamBaseline(length=state.info.length, pending=pending, lag=_counted_lag(state))


def _worse(state: StreamState, row: StreamBaseline | None) -> Iterator[str]:
    """What is more than in the baseline; a lag only where that of the baseline was counted."""
    if row is None:
        yield "new since the baseline"
        return
    lag, length = lag_of(state), state.info.length
    pending = sum(group.info.pending for group in state.groups)
    if pending > row.pending:
        yield f"pending {row.pending} → {pending}"
    if lag is not None and row.lag is not None and lag > row.lag:
        yield f"lag {row.lag} → {'≥ ' if _is_bound(state) else ''}{lag}"
    # Length alone grows by design until it is trimmed; it is worse only where nobody keeps up.
    if length > row.length and (lag or pending):
        yield f"length {row.length} → {length}"


def _forecast(state: StreamState, before: StreamState | None, span_ms: int) -> str | None:
    """By the pace since the baseline, or since the first poll after the newest gap; None where it was not counted.

    A bound tells less than the truth: as the newer figure it shows only that a lag grew, as the older one nothing.
    """
    lag, lag_before = lag_of(state), None if before is None else _counted_lag(before)
    if not lag or before is None or lag_before is None or not _is_known(state) or span_ms <= 0:
        return None
    per_minute = (lag - lag_before) * 60_000 / span_ms
    if _is_bound(state):
        return f"lag grows by at least {per_minute:.0f} a minute" if per_minute >= 0.5 else None
    if per_minute >= 0.5:
        loss = _time_to_loss(state, before, lag, per_minute)
        return f"lag grows by {per_minute:.0f} a minute; {loss or 'it does not drain'}"
    if per_minute <= -0.5:
        return f"drains in about {max(1, round(lag / -per_minute))} min at this pace"
    return "lag stands still"


def _is_known(state: StreamState) -> bool:
    return all(group.lag is not None for group in state.groups)


def _is_bound(state: StreamState) -> bool:
    return any(group.lag is not None and group.lag.source == "bound" for group in state.groups)


def _counted_lag(state: StreamState) -> int | None:
    """The largest lag of the groups; None where that of one is not known, or only a bound."""
    return lag_of(state) if _is_known(state) and not _is_bound(state) else None


def _time_to_loss(state: StreamState, before: StreamState, lag: int, per_minute: float) -> str | None:
    """Where the stream was seen to be trimmed and keeps its length: when a lag that grows reaches what is trimmed."""
    old, new = before.info, state.info
    if old.entries_added is None or new.entries_added is None:
        return None
    removed = new.entries_added - old.entries_added + old.length - new.length
    if removed <= 0 or new.length > old.length * 1.1:
        return None
    if lag >= new.length:
        return "what is trimmed now was not read"
    return f"trimming reaches what is unread in about {max(1, round((new.length - lag) / per_minute))} min"


def _verdict(context: Context, findings: list[Finding], state: StreamState, status: Health) -> str:
    """The worst that was said of a stream; beside HEALTHY it says that this is nothing serious."""
    mild = "no serious finding; " if status == "HEALTHY" else ""
    worst = next((finding for finding in findings if is_measured(finding)), None)
    if worst is not None:
        return f"{mild}{severity(worst).value}{_of_what(context, worst, state)}: {worst.title}"
    advice = next((finding for finding in findings if isinstance(finding, Enhancement)), None)
    if advice is not None:
        return f"{mild}{advice.priority.value.split('_')[0]}: {advice.title}"
    if not state.groups:
        return "no group reads it"
    return _without_findings(state)


def _without_findings(state: StreamState) -> str:
    """That every group keeps up is said only where it was seen of each."""
    lag, pending = lag_of(state), sum(group.info.pending for group in state.groups)
    if lag:
        return f"no finding; {'at least ' if _is_bound(state) else ''}{lag} not read by a group"
    if not _is_known(state):
        return "no finding; not every group's lag is known"
    return f"no finding; every group was given all, {pending} pending" if pending else "every group keeps up"


def _of_what(context: Context, finding: Finding, state: StreamState) -> str:
    """Where the finding names the stream's family alone, and when it was seen last where it has ended."""
    family = "" if state.name in streams_of(finding) else f" of the family {family_of(state.name)}"
    if is_open(finding, context.last_poll_ms, context.data.poll_interval_ms):
        return family
    return f"{family} (ended {finding.last_seen[11:16]})"
