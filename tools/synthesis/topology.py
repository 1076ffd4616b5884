"""The topology map: who writes and reads which stream, how far behind, how well. For people and for programs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from msgspec import Struct

from tools.clock import iso
from tools.detectors.contract import StreamView
from tools.detectors.streams.code_map import CodeMap, code_map
from tools.detectors.streams.tracks import Track, active_consumers, oldest_pending_age_ms, removed, tracks
from tools.detectors.thresholds import Judgement
from tools.findings.model import Finding
from tools.sources.records import CodeIndex, GroupState, Poll
from tools.synthesis import wiring as wirings
from tools.synthesis.about import findings_about
from tools.synthesis.health import Health, by_stream, pause_of
from tools.synthesis.wiring import Beyond, By, Wiring

UNKNOWN = "UNKNOWN"
_FIELDS_SHOWN = 12
_NAMES_SHOWN = 12
DOWNSTREAM_MAX = 200
"""Names listed of what lies downstream: in a map of 10,000 streams each may reach all others."""


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
    owners: tuple[str, ...] = ()
    """The services that read with this group."""
    owners_by: By = "unknown"


class TopologyStream(Struct, frozen=True, kw_only=True, rename="camel"):
    """A stream now. `capped` is None where neither code nor server tells; `fields` are the newest entry's.

    `…_by` says where a relation is known from: `code`, or `seen` in log lines that name messages of the stream. The
    downstream ones are those that a blast radius counts: whatever its messages reach through the services that read
    it; at most `DOWNSTREAM_MAX` of each are named, sorted, and counted in all.
    """

    name: str
    length: int
    messages_per_minute: float | None
    capped: bool | None
    producers: tuple[str, ...]
    consumer_services: tuple[str, ...]
    producers_by: By = "unknown"
    consumers_by: By = "unknown"
    downstream_services: tuple[str, ...] = ()
    downstream_streams: tuple[str, ...] = ()
    downstream_services_count: int = 0
    downstream_streams_count: int = 0
    groups: tuple[TopologyGroup, ...]
    fields: tuple[str, ...]
    status: Health


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
    wiring: Wiring | None = None,
    *,
    baseline: Poll | None = None,
) -> Topology:
    """The map at the newest of `polls` (oldest first, at least one). Status follows the findings that are measured and open.

    `baseline` is an earlier poll, where `polls` are not all of them.

    `wiring` says who writes and reads what; without it, what the code says does.
    """
    limits = judgement or Judgement()
    view = StreamView(polls=tuple(polls), baseline=baseline or polls[0], judgement=limits, code=index)
    code = code_map(index)
    about = findings_about(findings, view.now.streams, limits)
    statuses = by_stream(about, view.now.at_ms, pause_of(polls))
    known = wiring or wirings.build(index, (), [state.name for state in view.now.streams])
    beyond = known.beyond([state.name for state in view.now.streams], DOWNSTREAM_MAX)
    sight = _Sight(code, known, statuses, limits, beyond)
    made = [_stream(track, sight) for track in tracks(view).values()]
    return Topology(
        at_ms=view.now.at_ms,
        poll=view.now.number,
        streams=tuple(sorted(made, key=lambda stream: stream.name)),
    )


def render_text(topology: Topology) -> str:
    """The map as plain text, one block per stream; names were made safe where they were read."""
    lines = [f"Topology at {iso(topology.at_ms)}, poll {topology.poll}, {len(topology.streams)} streams", ""]
    for stream in topology.streams:
        lines += [*_stream_lines(stream), ""]
    return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class _Sight:
    """What every stream of the map is looked at with."""

    code: CodeMap
    wiring: Wiring
    statuses: Mapping[str, Health]
    judgement: Judgement
    beyond: Mapping[str, Beyond]


def _stream(track: Track, sight: _Sight) -> TopologyStream:
    state, code, known = track.now, sight.code, sight.wiring
    beyond = sight.beyond[state.name]
    # The code may tell a file and no service: that is still no UNKNOWN.
    producers = known.producers.get(state.name) or code.producers(state.name)
    consumers = known.consumers.get(state.name) or code.consumers(state.name)
    sample = state.sample[0].fields if state.sample else ()
    capped = True if code.writes_capped(state.name) or removed(track) else None
    if capped is None and code.producers(state.name):
        capped = False
    return TopologyStream(
        name=state.name,
        length=state.info.length,
        messages_per_minute=track.messages_per_minute,
        capped=capped,
        producers=producers or (UNKNOWN,),
        consumer_services=consumers,
        producers_by=_by(known.producers_by(state.name), producers),
        consumers_by=_by(known.consumers_by(state.name), consumers),
        downstream_services=beyond.services,
        downstream_streams=beyond.streams,
        downstream_services_count=beyond.services_count,
        downstream_streams_count=beyond.streams_count,
        groups=tuple(_group(track, group, sight) for group in state.groups),
        fields=tuple(name for name, _ in sample),
        status=sight.statuses.get(state.name, "HEALTHY"),
    )


def _by(known: By, names: tuple[str, ...]) -> By:
    return "code" if names and known == "unknown" else known


def _group(track: Track, group: GroupState, sight: _Sight) -> TopologyGroup:
    at_ms, stream = track.poll.at_ms, track.now.name
    idle_max_ms = (
        sight.judgement.limits_for(stream=track.now.name, group=group.info.name).consumer_idle * 1000
    )
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
        owners=sight.wiring.owners_of(stream, group.info.name),
        owners_by=sight.wiring.owners_by(stream, group.info.name),
    )


def _stream_lines(stream: TopologyStream) -> list[str]:
    cap = {True: "yes", False: "no", None: "unknown"}[stream.capped]
    rate = "?" if stream.messages_per_minute is None else f"{stream.messages_per_minute:g}"
    more = len(stream.fields) - _FIELDS_SHOWN
    fields = ", ".join(stream.fields[:_FIELDS_SHOWN]) + (f" and {more} more" if more > 0 else "")
    return [
        f"{stream.name}  [{stream.status}]",
        f"  length {stream.length}, {rate} messages/min, capped: {cap}",
        f"  producers: {_names(stream.producers, stream.producers_by)}",
        f"  consumers: {_names(stream.consumer_services, stream.consumers_by)}",
        f"  path: {_path(stream)}",
        f"  downstream: {_downstream(stream)}",
        f"  fields: {fields or 'no entry seen'}",
        *(_group_line(group) for group in stream.groups),
        *([] if stream.groups else ["  no consumer group"]),
    ]


def _names(names: Sequence[str], by: By = "code") -> str:
    shown = ", ".join(names[:_NAMES_SHOWN]) or UNKNOWN
    more = f" and {len(names) - _NAMES_SHOWN} more" if len(names) > _NAMES_SHOWN else ""
    return f"{shown}{more}{' (seen)' if by == 'seen' else ''}"


def _path(stream: TopologyStream) -> str:
    """Producers -> stream -> each group with its services."""
    readers = [f"{group.name} ({_names(group.owners)})" for group in stream.groups]
    if not readers:
        readers = [_names(stream.consumer_services, stream.consumers_by)]
    return f"{_names(stream.producers, stream.producers_by)} -> {stream.name} -> {_names(readers)}"


def _downstream(stream: TopologyStream) -> str:
    if not stream.downstream_services_count:
        return UNKNOWN if stream.consumers_by == "unknown" else "nothing"
    services = f"{stream.downstream_services_count} services ({_names(stream.downstream_services)})"
    if not stream.downstream_streams_count:
        return services
    return f"{services}, {stream.downstream_streams_count} streams ({_names(stream.downstream_streams)})"


def _group_line(group: TopologyGroup) -> str:
    lag = "unknown" if group.lag is None else f"{group.lag} ({group.lag_source})"
    last = "never seen" if group.last_activity_ms is None else iso(group.last_activity_ms)
    oldest = "" if group.oldest_pending_ms is None else f", oldest {group.oldest_pending_ms / 1000:.1f} s"
    return (
        f"  group {group.name}: {group.active_consumers}/{group.consumers} consumers active, last {last}, "
        f"lag {lag}, pending {group.pending}{oldest}"
    )
