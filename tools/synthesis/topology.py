"""The topology map: who writes and reads which stream, how far behind, how well. For people and for programs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

from msgspec import Struct

from tools.clock import iso
from tools.detectors.contract import StreamView
from tools.detectors.streams.code_map import CodeMap, code_map
from tools.detectors.streams.families import family_of
from tools.detectors.streams.tracks import Track, active_consumers, oldest_pending_age_ms, removed, tracks
from tools.detectors.thresholds import Judgement
from tools.findings.model import Finding, Origin, Severity, rank_of, streams_of
from tools.sources.records import CodeIndex, GroupState, Poll

Status = Literal["HEALTHY", "DEGRADED", "CRITICAL"]

UNKNOWN = "UNKNOWN"
_FIELDS_SHOWN = 12


class TopologyGroup(Struct, frozen=True, kw_only=True, rename="camel"):
    """A group now. `last_activity_ms` is wall time, ms since the epoch; None where no consumer was looked at."""

    name: str
    consumers: int
    active_consumers: int
    last_activity_ms: int | None
    lag: int | None
    lag_source: str
    pending: int
    oldest_pending_ms: int | None


class TopologyStream(Struct, frozen=True, kw_only=True, rename="camel"):
    """A stream now. `capped` is None where neither code nor server tells; `fields` are the newest entry's."""

    name: str
    length: int
    messages_per_minute: float | None
    capped: bool | None
    producers: tuple[str, ...]
    consumer_services: tuple[str, ...]
    groups: tuple[TopologyGroup, ...]
    fields: tuple[str, ...]
    status: Status


class Topology(Struct, frozen=True, kw_only=True, rename="camel"):
    """Every stream at one poll, by name."""

    at_ms: int
    poll: int
    streams: tuple[TopologyStream, ...]


def build(
    polls: Sequence[Poll],
    index: CodeIndex | None,
    findings: Iterable[Finding],
    judgement: Judgement | None = None,
) -> Topology:
    """The map at the newest of `polls` (oldest first, at least one). Status follows the measured findings."""
    limits = judgement or Judgement()
    view = StreamView(polls=tuple(polls), baseline=polls[0], judgement=limits, code=index)
    code = code_map(index)
    worst = _worst(findings)
    made = [_stream(track, code, worst, limits) for track in tracks(view).values()]
    return Topology(
        at_ms=view.now.at_ms,
        poll=view.now.number,
        streams=tuple(sorted(made, key=lambda stream: stream.name)),
    )


def status_of(rank: int | None) -> Status:
    """HEALTHY, DEGRADED (a measured HIGH) or CRITICAL, from the worst measured rank; None = no finding."""
    if rank is None or rank > Severity.HIGH.rank:
        return "HEALTHY"
    return "CRITICAL" if rank == Severity.CRITICAL.rank else "DEGRADED"


def render_text(topology: Topology) -> str:
    """The map as plain text, one block per stream; names were made safe where they were read."""
    lines = [f"Topology at {iso(topology.at_ms)}, poll {topology.poll}, {len(topology.streams)} streams", ""]
    for stream in topology.streams:
        lines += [*_stream_lines(stream), ""]
    return "\n".join(lines)


def _worst(findings: Iterable[Finding]) -> dict[str, int]:
    """The worst measured rank per stream or family. A priority of the Scout is no health."""
    found: dict[str, int] = {}
    for finding in findings:
        if finding.origin is not Origin.MEASURED or finding.agent_id == "ENHANCEMENT_SCOUT":
            continue
        for name in streams_of(finding):
            found[name] = min(found.get(name, 9), rank_of(finding))
    return found


def _stream(track: Track, code: CodeMap, worst: dict[str, int], judgement: Judgement) -> TopologyStream:
    state = track.now
    ranks = [worst[name] for name in (state.name, family_of(state.name)) if name in worst]
    sample = state.sample[0].fields if state.sample else ()
    capped = True if code.writes_capped(state.name) or removed(track) else None
    if capped is None and code.producers(state.name):
        capped = False
    return TopologyStream(
        name=state.name,
        length=state.info.length,
        messages_per_minute=track.messages_per_minute,
        capped=capped,
        producers=code.producers(state.name) or (UNKNOWN,),
        consumer_services=code.consumers(state.name),
        groups=tuple(_group(track, group, judgement) for group in state.groups),
        fields=tuple(name for name, _ in sample),
        status=status_of(min(ranks, default=None)),
    )


def _group(track: Track, group: GroupState, judgement: Judgement) -> TopologyGroup:
    at_ms = track.poll.at_ms
    idle_max_ms = judgement.limits_for(stream=track.now.name, group=group.info.name).consumer_idle * 1000
    idle = min((item.idle for item in group.consumers or ()), default=None)
    return TopologyGroup(
        name=group.info.name,
        consumers=group.info.consumers,
        active_consumers=len(active_consumers(group, idle_max_ms)),
        last_activity_ms=None if idle is None else at_ms - idle,
        lag=None if group.lag is None else group.lag.messages,
        lag_source="unknown" if group.lag is None else group.lag.source,
        pending=group.info.pending,
        oldest_pending_ms=oldest_pending_age_ms(group, at_ms),
    )


def _stream_lines(stream: TopologyStream) -> list[str]:
    cap = {True: "yes", False: "no", None: "unknown"}[stream.capped]
    rate = "?" if stream.messages_per_minute is None else f"{stream.messages_per_minute:g}"
    more = len(stream.fields) - _FIELDS_SHOWN
    fields = ", ".join(stream.fields[:_FIELDS_SHOWN]) + (f" and {more} more" if more > 0 else "")
    return [
        f"{stream.name}  [{stream.status}]",
        f"  length {stream.length}, {rate} messages/min, capped: {cap}",
        f"  producers: {', '.join(stream.producers)}",
        f"  consumers in code: {', '.join(stream.consumer_services) or UNKNOWN}",
        f"  fields: {fields or 'no entry seen'}",
        *(_group_line(group) for group in stream.groups),
        *([] if stream.groups else ["  no consumer group"]),
    ]


def _group_line(group: TopologyGroup) -> str:
    lag = "unknown" if group.lag is None else f"{group.lag} ({group.lag_source})"
    last = "never seen" if group.last_activity_ms is None else iso(group.last_activity_ms)
    oldest = "" if group.oldest_pending_ms is None else f", oldest {group.oldest_pending_ms / 1000:.1f} s"
    return (
        f"  group {group.name}: {group.active_consumers}/{group.consumers} consumers active, last {last}, "
        f"lag {lag}, pending {group.pending}{oldest}"
    )
