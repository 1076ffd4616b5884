"""How stream rules speak: the fields that every one of their symptoms has."""

from __future__ import annotations

from typing import Any

from tools.detectors.streams.families import family_of
from tools.detectors.streams.tracks import Track, oldest_pending_age_ms
from tools.findings.model import AgentId, Severity, StreamCategory, StreamMetrics
from tools.findings.rule import Rule, Symptom
from tools.sources.records import GroupState, as_typed

IDS_SHOWN = 10


def stream_rule(rule_id: str, category: StreamCategory, severity: Severity, condition: str) -> Rule:
    """A rule of the Stream Analyst."""
    return Rule(rule_id, AgentId.REDIS_STREAM_ANALYST, category, condition, severity=severity)


def on_stream(rule: Rule, track: Track, **fields: Any) -> Symptom:
    """A symptom of a stream at the newest poll. `fields` are Symptom's own; evidence is XINFO STREAM unless given."""
    poll, state = track.poll, track.now
    fields.setdefault("evidence", (state.quote(poll.number, poll.source, state.info),))
    fields.setdefault("entity", (family_of(state.name),))
    fields.setdefault("metrics", metrics(track, None))
    fields["recommendation"] = as_typed(fields["recommendation"], state.name)
    return Symptom(rule=rule, stream=state.name, position=(poll.source, poll.number), **fields)


def on_group(rule: Rule, track: Track, group: GroupState, **fields: Any) -> Symptom:
    """A symptom of one group of a stream; evidence is its XINFO GROUPS line unless given."""
    poll, state = track.poll, track.now
    fields.setdefault("evidence", (state.quote(poll.number, poll.source, group.info),))
    fields.setdefault("entity", (family_of(state.name), group.info.name))
    fields.setdefault("metrics", metrics(track, group))
    return on_stream(rule, track, consumer_group=group.info.name, **fields)


def metrics(track: Track, group: GroupState | None) -> StreamMetrics:
    """The figures of a stream, and of one group where it is about one."""
    lag = None if group is None else group.lag
    deliveries = [] if group is None else [entry.deliveries for entry in group.pending]
    return StreamMetrics(
        stream_len=track.now.info.length,
        pending_count=None if group is None else group.info.pending,
        consumer_lag_messages=None if lag is None else lag.messages,
        lag_source=None if lag is None else lag.source,
        oldest_pending_age_ms=None if group is None else oldest_pending_age_ms(group, track.poll.at_ms),
        delivery_count=max(deliveries, default=None),
        messages_per_minute=track.messages_per_minute,
    )


def seconds(ms: float) -> str:
    """Milliseconds for people: `45 s`, `12 min`, `3 h`, `2 days`."""
    whole = ms / 1000
    for size, unit in ((86_400, "days"), (3_600, "h"), (60, "min")):
        if whole >= 2 * size:
            return f"{whole / size:.0f} {unit}"
    return f"{whole:.0f} s" if whole >= 10 else f"{whole:.1f} s"


def many(count: int, thing: str, plural: str | None = None) -> str:
    """`1 entry`, `3 entries`: a number and its noun."""
    return f"{count:,} {thing if count == 1 else plural or thing + 's'}"
