"""From log lines, sampled entries and polls to flows: linear in all of them, bounded in what is kept."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from tools.sources.records import LogLine, StreamState
from tools.synthesis.flows.collect import Collected, Message, Sampled, Streams, Trail, collect
from tools.synthesis.flows.judge import Blind, Judge, ackers
from tools.synthesis.flows.model import (
    FLOWS_MAX,
    SHOWN_MAX,
    STEPS_MAX,
    Flag,
    Flow,
    Flows,
    GroupDelay,
    Step,
)
from tools.synthesis.flows.server import ServerStory
from tools.synthesis.flows.story import MessageStory, Wait, ordered, tell
from tools.synthesis.wiring import Wiring

DELAYS_MAX = 200
_ALIKE_MAX = 3
"""Flows with the same flags at the same place that are shown before others."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What flows are made from. Times in ms since the epoch; `lines_until_ms`: no line after it was kept."""

    lines: Iterable[LogLine] = ()
    samples: Sequence[Sampled] = ()
    story: ServerStory = field(default_factory=ServerStory)
    """What the polls tell, all of them taken."""
    end_ms: int = 0
    services: Sequence[str] = ()
    lines_left_out: int = 0
    lines_until_ms: int | None = None
    entries_left_out: int = 0
    blind: tuple[Blind, ...] = ()


@dataclass
class _Made:
    flows: list[Flow] = field(default_factory=list)
    waits: dict[tuple[str, str, str], list[Wait]] = field(default_factory=dict)


def reconstruct(evidence: Evidence, wiring: Wiring) -> Flows:
    """All flows; `wiring` says who writes and reads which stream."""
    story = evidence.story
    last = () if story.final is None else story.final.streams
    streams = Streams([state.name for state in last], story.held)
    found = collect(evidence.lines, evidence.samples, streams, wiring)
    until = evidence.end_ms if evidence.lines_until_ms is None else evidence.lines_until_ms
    acking = ackers([*found.correlations.values(), *found.messages.values()])
    judge = Judge(story, wiring, acking, min(until, evidence.end_ms), evidence.blind)
    made, told = _Made(), _Teller(found, story, wiring)
    left_out = _messages(made, told, judge, found, last)
    for key, trail in found.correlations.items():
        made.flows.append(correlation_flow(key, trail, told.of(found.owned.get(key, ())), judge))
    for key in list(found.owned)[:FLOWS_MAX]:
        if key not in found.correlations and len(made.flows) < 2 * FLOWS_MAX:
            made.flows.append(correlation_flow(key, Trail(), told.of(found.owned[key]), judge))
    return _summary(made, evidence, found.left_out + left_out)


class _Teller:
    """The story of each message, told once."""

    def __init__(self, found: Collected, story: ServerStory, wiring: Wiring) -> None:
        self._found, self._story, self._wiring = found, story, wiring
        self._told: dict[Message, MessageStory] = {}

    def one(self, message: Message) -> MessageStory:
        if message not in self._told:
            self._told[message] = tell(message, self._found, self._story, self._wiring)
        return self._told[message]

    def of(self, messages: Iterable[Message]) -> Mapping[Message, MessageStory]:
        return {message: self.one(message) for message in messages}


def _messages(
    made: _Made, teller: _Teller, judge: Judge, found: Collected, last: Sequence[StreamState]
) -> int:
    """A flow for each message of a line, a sample or the last poll's pending lists; returns how many were too many."""
    pending = ((state.name, entry.id) for state in last for group in state.groups for entry in group.pending)
    wanted = dict.fromkeys([*found.messages, *pending, *found.samples])
    for number, message in enumerate(wanted):
        if number >= FLOWS_MAX:
            return len(wanted) - FLOWS_MAX
        told = teller.one(message)
        flags, pending_in = judge.message(told)
        made.flows.append(message_flow(told, tuple(flags), pending_in))
        for wait in told.waits:
            made.waits.setdefault((wait.stream, wait.group or "", wait.service or ""), []).append(wait)
    return 0


def message_flow(
    told: MessageStory, flags: tuple[Flag, ...], pending_in: tuple[str, ...], steps_max: int = STEPS_MAX
) -> Flow:
    """The flow of one message."""
    stream, entry_id = told.message
    return _flow(
        "message",
        entry_id,
        told.steps,
        steps_max,
        duration_ms=_duration_ms([told], told.steps),
        flags=flags,
        late_ms=_late_ms(told),
        stream=stream,
        pending_in=pending_in,
    )


def correlation_flow(
    key: str, trail: Trail, stories: Mapping[Message, MessageStory], judge: Judge, steps_max: int = STEPS_MAX
) -> Flow:
    """The flow of one correlation id: its own lines, and all that its messages went through."""
    flags, pending_in = judge.correlation(ordered(trail.steps), trail, stories)
    steps = correlation_steps(trail, stories)
    late = [late for told in stories.values() if (late := _late_ms(told)) is not None]
    late_ms = max(late, default=None) if late else _late_of_lines(steps)
    messages = tuple(f"{stream}:{entry}" if stream else entry for stream, entry in stories)
    return _flow(
        "correlation",
        key,
        steps,
        steps_max,
        duration_ms=_duration_ms(stories.values(), steps),
        flags=tuple(flags),
        late_ms=late_ms,
        pending_in=pending_in,
        messages=messages,
    )


def correlation_steps(trail: Trail, stories: Mapping[Message, MessageStory]) -> list[Step]:
    """Every step once: a line that names a message is told with the message."""
    steps = [step for told in stories.values() for step in told.steps]
    known = {step.source for step in steps if step.origin == "log"}
    return ordered([*steps, *(step for step in trail.steps if step.source not in known)])


def _flow(
    kind: Literal["correlation", "message"],
    key: str,
    steps: list[Step],
    steps_max: int,
    *,
    duration_ms: int,
    flags: tuple[Flag, ...],
    late_ms: int | None,
    stream: str = "",
    pending_in: tuple[str, ...] = (),
    messages: tuple[str, ...] = (),
) -> Flow:
    kept = steps
    if len(steps) > steps_max:
        kept = [*steps[: steps_max // 2], *steps[-(steps_max - steps_max // 2) :]]
    return Flow(
        kind=kind,
        key=key,
        stream=stream or None,
        steps=tuple(kept),
        steps_left_out=len(steps) - len(kept),
        services=tuple(dict.fromkeys(step.service for step in steps if step.service is not None)),
        flags=flags,
        late_ms=late_ms,
        duration_ms=duration_ms,
        pending_in=pending_in,
        messages=messages,
    )


def _duration_ms(stories: Iterable[MessageStory], steps: Sequence[Step]) -> int:
    """From the first publish to the last step: an entry is there from the time in its id, its line comes after it."""
    if not steps:
        return 0
    published = [told.published_ms for told in stories if told.published_ms is not None]
    return max(0, steps[-1].at_ms - min([steps[0].at_ms, *published]))


def _late_ms(told: MessageStory) -> int | None:
    """The longest wait of a message that a log line tells; where its groups are not known, by its lines."""
    exact = [wait.most_ms for wait in told.waits if wait.exact]
    return max(exact) if exact else _late_of_lines(told.steps)


def _late_of_lines(steps: Iterable[Step]) -> int | None:
    waits: list[int] = []
    published: Step | None = None
    for step in steps:
        if step.action == "published":
            published = published or step
        elif (
            step.action == "consumed"
            and published is not None
            and (step.service != published.service or step.message_id is not None)
        ):
            waits.append(step.at_ms - published.at_ms)
            published = None
    return max(waits, default=None)


def _summary(made: _Made, evidence: Evidence, left_out: int) -> Flows:
    flows = made.flows
    # A correlation id waits as long as the slowest of its messages, which is counted by itself.
    alone = (flow for flow in flows if not flow.messages)
    late = sorted(flow.late_ms for flow in alone if flow.late_ms is not None)
    flagged: dict[str, int] = {}
    for flow in flows:
        for flag in flow.flags:
            flagged[flag] = flagged.get(flag, 0) + 1
    with_ids = {
        step.service for flow in flows for step in flow.steps if step.origin == "log"
    }  # others are inferred
    return Flows(
        correlations=sum(flow.kind == "correlation" for flow in flows),
        messages=sum(flow.kind == "message" for flow in flows),
        flagged=dict(sorted(flagged.items())),
        late_measured=len(late),
        late_p50_ms=percentile(late, 0.50) if late else None,
        late_p95_ms=percentile(late, 0.95) if late else None,
        late_max_ms=late[-1] if late else None,
        shown=tuple(_shown(flows)),
        delays=tuple(_delays(made)),
        lines_left_out=evidence.lines_left_out + left_out,
        entries_sampled=len(evidence.samples),
        entries_left_out=evidence.entries_left_out,
        services_without_ids=tuple(sorted(set(evidence.services) - with_ids)),
    )


def _shown(flows: Iterable[Flow]) -> list[Flow]:
    """A few flagged ones of each kind and place; then the slowest and longest; then the other flagged ones."""
    by_weight = sorted(
        (flow for flow in flows if flow.flags or flow.late_ms is not None or len(flow.steps) > 1),
        key=lambda flow: (
            -len(flow.flags),
            -(flow.late_ms or 0),
            -len(flow.steps),
            flow.kind,
            flow.key,
            flow.stream or "",
        ),
    )
    first: list[Flow] = []
    slow: list[Flow] = []
    rest: list[Flow] = []
    alike: dict[object, int] = {}
    for flow in by_weight:
        if not flow.flags:
            slow.append(flow)
            continue
        kind = flow.kind, flow.flags, flow.pending_in or flow.stream
        alike[kind] = alike.get(kind, 0) + 1
        (first if alike[kind] <= _ALIKE_MAX else rest).append(flow)
    return [*first, *slow, *rest][:SHOWN_MAX]


def _delays(made: _Made) -> Iterator[GroupDelay]:
    found = []
    for (stream, group, service), waits in made.waits.items():
        least = sorted(wait.least_ms for wait in waits)
        most = sorted(wait.most_ms for wait in waits)
        found.append(
            GroupDelay(
                stream=stream,
                group=group or None,
                service=service or None,
                messages=len(waits),
                exact=sum(wait.exact for wait in waits),
                p50_ms=(percentile(least, 0.50), percentile(most, 0.50)),
                p95_ms=(percentile(least, 0.95), percentile(most, 0.95)),
                max_ms=(least[-1], most[-1]),
            )
        )
    found.sort(key=lambda delay: (-delay.p95_ms[0], -delay.p95_ms[1], delay.stream, delay.group or ""))
    yield from found[:DELAYS_MAX]


def percentile(ordered_values: Sequence[int], share: float) -> int:
    """The value below which `share` of the sorted values lie; there must be one."""
    return ordered_values[min(len(ordered_values) - 1, int(share * len(ordered_values)))]
