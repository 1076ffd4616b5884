"""Event flows: for each correlation id and message id, who published, consumed and acked, when and how late.

What happened is read from log lines; for messages the server's own groups are asked too: an entry is delivered
where a group's last delivered id has passed it, and unacknowledged where it is in the final pending list.
A flag is raised only where the opposite could have been seen: a service that never logs acknowledgements is
not told that one is missing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import re2
from msgspec import Struct

from tools.sources.records import LogLine, Poll, entry_key
from tools.synthesis.wiring import Wiring

Action = Literal["published", "consumed", "acked", "failed", "seen"]
Flag = Literal["published-never-consumed", "consumed-never-acked", "producer-only"]

STEPS_MAX = 40
"""Steps kept of one flow."""
FLOWS_MAX = 50_000
"""Flows followed; lines of later ones are counted only."""
SHOWN_MAX = 20
GRACE_MS = 10_000
"""What was published this shortly before the end may still be on its way."""

_MESSAGE_ID = re2.compile(r"\b(\d{13}-\d{1,10})\b")
_ACTIONS: tuple[tuple[Action, str], ...] = (
    ("failed", r"redis\.failed|fail(?:ed|ure)?|error|exception|rejected|dead[- ]?letter(?:ed)?"),
    ("acked", r"redis\.ack|x?ack(?:ed|nowledged?)?|done|completed|handled|processed|finished"),
    ("consumed", r"redis\.consume|consum(?:ed|ing)|receiv(?:ed|ing)|process(?:ing)?|handling|picked up|dequeued|accepted|taken"),
    ("published", r"redis\.publish|publish(?:ed|ing)?|xadd|enqueued|emitted|produced|dispatched|sent|placed|submitted|requested|raised"),
)  # fmt: skip
_ACTION = re2.compile("(?i)" + "|".join(rf"\b({words})\b" for _, words in _ACTIONS))
_EVENT = re2.compile(r'"(?:event|action|type)"\s*:\s*"([^"]{1,80})"')
_TEXT_CHARS_MAX = 2000


class Step(Struct, frozen=True, kw_only=True, rename="camel"):
    """One sighting. `at_ms` is the line's own time, else its arrival (ms since the epoch)."""

    at_ms: int
    service: str
    action: Action
    message_id: str | None
    source: str
    """`file:line` of the log line."""


class Flow(Struct, frozen=True, kw_only=True, rename="camel"):
    """One correlation id or message id. `late_ms` is the longest wait from a publish to the next consume."""

    kind: Literal["correlation", "message"]
    key: str
    steps: tuple[Step, ...]
    services: tuple[str, ...]
    flags: tuple[Flag, ...]
    late_ms: int | None
    duration_ms: int
    pending_in: tuple[str, ...] = ()
    """`stream/group` where the message was pending at the end."""


class Flows(Struct, frozen=True, kw_only=True, rename="camel"):
    """All flows in figures; `shown` are the flagged ones first, then the slowest."""

    correlations: int
    messages: int
    flagged: dict[str, int]
    late_p50_ms: int | None
    late_p95_ms: int | None
    late_max_ms: int | None
    shown: tuple[Flow, ...]
    lines_left_out: int = 0
    services_without_ids: tuple[str, ...] = ()
    """Services that log, but no line of which carries a correlation or message id."""


@dataclass
class _Trail:
    steps: list[Step] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Server:
    """The last poll, its pending entries by id, and the window's end."""

    pending: Mapping[str, tuple[str, ...]]
    final: Poll | None
    end_ms: int

    @classmethod
    def of(cls, poll: Poll | None, end_ms: int) -> _Server:
        pending: dict[str, list[str]] = {}
        for stream in poll.streams if poll is not None else ():
            for group in stream.groups:
                for entry in group.pending:
                    pending.setdefault(entry.id, []).append(f"{stream.name}/{group.info.name}")
        return cls({key: tuple(places) for key, places in pending.items()}, poll, end_ms)


@dataclass(frozen=True, slots=True)
class _Ability:
    """What each service's lines show at all, so that its absence means something."""

    consumers: frozenset[str]
    ackers: frozenset[str]
    correlating: frozenset[str]


def reconstruct(
    lines: Iterable[LogLine],
    final: Poll | None,
    end_ms: int,
    wiring: Wiring,
    *,
    services: Sequence[str] = (),
    left_out: int = 0,
) -> Flows:
    """The flows in `lines`; `final` is the last poll, `end_ms` the window's end, `services` all that log."""
    correlations: dict[str, _Trail] = {}
    messages: dict[str, _Trail] = {}
    for line in lines:
        left_out += _follow(line, correlations, messages)
    server = _Server.of(final, end_ms)
    ability = _ability([*correlations.values(), *messages.values()])
    followed: list[Flow] = []
    for key, trail in correlations.items():
        followed.append(_correlation(key, trail, ability, wiring, end_ms))
    for key, trail in messages.items():
        followed.append(_message(key, trail, ability, server, wiring))
    return _summary(followed, services, left_out)


def action_of(text: str) -> Action:
    """What a log line says happened: its `event` field decides, else the first telling word."""
    text = text[:_TEXT_CHARS_MAX]
    event = _EVENT.search(text)
    for candidate in (event.group(1) if event is not None else "", text):
        match = _ACTION.search(candidate)
        if match is not None and match.lastindex is not None:
            return _ACTIONS[match.lastindex - 1][0]
    return "seen"


def _follow(line: LogLine, correlations: dict[str, _Trail], messages: dict[str, _Trail]) -> int:
    ids = tuple(dict.fromkeys(_MESSAGE_ID.findall(line.text[:_TEXT_CHARS_MAX])))
    step = Step(
        at_ms=line.arrived_ms if line.event_ms is None else line.event_ms,
        service=line.service,
        action=action_of(line.text if line.message is None else f"{line.message} {line.text}"),
        message_id=ids[0] if ids else None,
        source=f"{line.source}:{line.line}",
    )
    left_out = _add(correlations, line.correlation_id, step) if line.correlation_id else 0
    for message_id in ids:
        left_out += _add(messages, message_id, step)
    return left_out


def _add(trails: dict[str, _Trail], key: str, step: Step) -> int:
    if key not in trails and len(trails) >= FLOWS_MAX:
        return 1
    steps = trails.setdefault(key, _Trail()).steps
    if len(steps) < STEPS_MAX:
        steps.append(step)
    return 0


def _ability(trails: Iterable[_Trail]) -> _Ability:
    consumers: set[str] = set()
    ackers: set[str] = set()
    correlating: set[str] = set()
    for trail in trails:
        for step in trail.steps:
            correlating.add(step.service)
            if step.action == "consumed":
                consumers.add(step.service)
            elif step.action == "acked":
                ackers.add(step.service)
    return _Ability(frozenset(consumers), frozenset(ackers), frozenset(correlating))


def _correlation(key: str, trail: _Trail, ability: _Ability, wiring: Wiring, end_ms: int) -> Flow:
    steps = _ordered(trail)
    flags: list[Flag] = []
    published = [step for step in steps if step.action == "published"]
    others = {step.service for step in steps} - {step.service for step in published}
    readers = {
        reader
        for step in published
        for stream in wiring.written_by(step.service)
        for reader in wiring.consumers.get(stream, ())
    } - {step.service for step in published}
    expected = (readers or ability.consumers) & ability.correlating
    if published and not others and expected and published[-1].at_ms < end_ms - GRACE_MS:
        flags.append("producer-only")
    if _lacks_ack(steps, ability, end_ms):
        flags.append("consumed-never-acked")
    return _flow("correlation", key, steps, tuple(flags))


def _message(key: str, trail: _Trail, ability: _Ability, server: _Server, wiring: Wiring) -> Flow:
    steps = _ordered(trail)
    flags: list[Flag] = []
    pending = tuple(
        place
        for place in server.pending.get(key, ())
        if any(_may_be_of(step, place.rpartition("/")[0], wiring) for step in steps)
    )
    if pending:
        streams = {place.rpartition("/")[0] for place in pending}
        steps = tuple(step for step in steps if any(_may_be_of(step, name, wiring) for name in streams))
    actions = {step.action for step in steps}
    published = [step for step in steps if step.action == "published"]
    taken = bool(pending) or bool(actions & {"consumed", "acked", "failed"})
    if (
        published
        and not taken
        and published[-1].at_ms < server.end_ms - GRACE_MS
        and _undelivered(key, server.final)
    ):
        flags.append("published-never-consumed")
    if pending or _lacks_ack(steps, ability, server.end_ms):
        flags.append("consumed-never-acked")
    return _flow("message", key, steps, tuple(flags), pending)


def _may_be_of(step: Step, stream: str, wiring: Wiring) -> bool:
    """Whether a line may speak of an entry of this stream: ids are unique within a stream only.

    Where the code does not tell who writes and reads the stream, any line may.
    """
    producers, consumers = wiring.producers.get(stream, ()), wiring.consumers.get(stream, ())
    if not producers and not consumers:
        return True
    return step.service in producers or (step.action != "published" and step.service in consumers)


def _undelivered(message_id: str, final: Poll | None) -> bool:
    """Whether no group of any stream that may hold the entry was given it; True where no poll can tell."""
    key = entry_key(message_id)
    for stream in final.streams if final is not None else ():
        first, last = stream.info.first_entry_id, stream.info.last_generated_id
        if first is None or not entry_key(first) <= key <= entry_key(last):
            continue
        # The line does not say which stream it was: one group that passed this id is reason to doubt.
        if any(entry_key(group.info.last_delivered_id) >= key for group in stream.groups):
            return False
    return True


def _lacks_ack(steps: Sequence[Step], ability: _Ability, end_ms: int) -> bool:
    acked = {step.service for step in steps if step.action in {"acked", "failed"}}
    return any(
        step.action == "consumed"
        and step.service in ability.ackers
        and step.service not in acked
        and step.at_ms < end_ms - GRACE_MS
        for step in steps
    )


def _ordered(trail: _Trail) -> tuple[Step, ...]:
    return tuple(sorted(trail.steps, key=lambda step: (step.at_ms, step.source)))


def _flow(
    kind: Literal["correlation", "message"],
    key: str,
    steps: tuple[Step, ...],
    flags: tuple[Flag, ...],
    pending: tuple[str, ...] = (),
) -> Flow:
    return Flow(
        kind=kind,
        key=key,
        steps=steps,
        services=tuple(dict.fromkeys(step.service for step in steps)),
        flags=flags,
        late_ms=_late_ms(steps),
        duration_ms=steps[-1].at_ms - steps[0].at_ms if steps else 0,
        pending_in=pending,
    )


def _late_ms(steps: Sequence[Step]) -> int | None:
    waits: list[int] = []
    published: Step | None = None
    for step in steps:
        if step.action == "published":
            published = published or step
        elif step.action == "consumed" and published is not None and step.service != published.service:
            waits.append(step.at_ms - published.at_ms)
            published = None
    return max(waits, default=None)


def _summary(followed: list[Flow], services: Sequence[str], left_out: int) -> Flows:
    late = sorted(flow.late_ms for flow in followed if flow.late_ms is not None)
    flagged: dict[str, int] = {}
    for flow in followed:
        for flag in flow.flags:
            flagged[flag] = flagged.get(flag, 0) + 1
    by_weight = sorted(
        followed,
        key=lambda flow: (-len(flow.flags), -(flow.late_ms or 0), -len(flow.steps), flow.kind, flow.key),
    )
    shown = [flow for flow in by_weight if flow.flags or flow.late_ms is not None][:SHOWN_MAX]
    with_ids = {service for flow in followed for service in flow.services}
    return Flows(
        correlations=sum(flow.kind == "correlation" for flow in followed),
        messages=sum(flow.kind == "message" for flow in followed),
        flagged=dict(sorted(flagged.items())),
        late_p50_ms=_percentile(late, 0.50),
        late_p95_ms=_percentile(late, 0.95),
        late_max_ms=late[-1] if late else None,
        shown=tuple(shown),
        lines_left_out=left_out,
        services_without_ids=tuple(sorted(set(services) - with_ids)),
    )


def _percentile(ordered: Sequence[int], share: float) -> int | None:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else None
