"""The steps of one message, from every source that tells of it, each moment told once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from msgspec import structs

from tools.sources.records import PendingEntry, entry_key, entry_time_ms
from tools.synthesis.flows.collect import Collected, Message, Sampled
from tools.synthesis.flows.model import ORDER, Action, Step
from tools.synthesis.flows.server import Delivery, Pend, ServerStory
from tools.synthesis.wiring import Wiring

CLOCK_SLACK_MS = 2_000
"""How far a service's clock may be from the server's, so that a line and a poll still tell of the same moment."""

_NO_ACK_SEEN = "given and on no pending list: acknowledged, or read with NOACK"


@dataclass(frozen=True, slots=True)
class Wait:
    """From publish to consume in one group: at least and at most so many ms; `exact` by a log line, then equal."""

    stream: str
    group: str | None
    service: str | None
    least_ms: int
    most_ms: int
    exact: bool


@dataclass(slots=True)
class MessageStory:
    """One message: its steps in order, and how long its groups took."""

    message: Message
    steps: list[Step]
    published_ms: int | None
    waits: list[Wait] = field(default_factory=list)
    full: bool = False


def tell(message: Message, found: Collected, story: ServerStory, wiring: Wiring) -> MessageStory:
    """Everything known of one message."""
    trail = found.messages.get(message)
    steps = [] if trail is None else list(trail.steps)
    told = MessageStory(message, steps, None, full=trail is not None and trail.full)
    stream, entry_id = message
    published = next((step.at_ms for step in ordered(steps) if step.action == "published"), None)
    if not stream:
        told.published_ms = published
        told.steps = ordered(steps)
        return told
    sampled = found.samples.get(message)
    if sampled is not None:
        _merge(told, _published(sampled, story, wiring), wiring)
    id_ms = entry_time_ms(entry_id)
    told.published_ms = id_ms if id_ms is not None else published
    for group in story.groups(stream):
        _tell_group(told, group, story, wiring)
    removal = story.removal(stream, entry_key(entry_id))
    if removal is not None:
        action: Action = "trimmed" if removal.trimmed else "removed"
        detail = "left the stream at its old end" + ("" if removal.trimmed else ": trimmed or deleted")
        told.steps.append(_between(told, action, removal.when, story, detail=detail))
    if not any(step.action == "published" for step in told.steps) and id_ms is not None:
        _by_its_id(told, id_ms, wiring)
    told.steps = ordered(told.steps)
    _measure_lines(told, wiring)
    return told


def ordered(steps: Iterable[Step]) -> list[Step]:
    """Steps by time; of one moment a publish before its consume before its ack."""
    return sorted(
        steps, key=lambda step: (step.at_ms, ORDER[step.action], step.source, step.message_id or "")
    )


def _only(names: tuple[str, ...]) -> str | None:
    return names[0] if len(names) == 1 else None


def _published(sampled: Sampled, story: ServerStory, wiring: Wiring) -> Step:
    entry = sampled.entry
    at_ms, detail = entry_time_ms(entry.id), ""
    if at_ms is None:
        at_ms = next((poll.at_ms for poll in story.polls if poll.number == entry.poll), 0)
        detail = "its id is no time: seen at this poll"
    return Step(
        at_ms=at_ms,
        service=_only(wiring.producers.get(entry.stream, ())),
        action="published",
        message_id=entry.id,
        stream=entry.stream,
        origin="sample",
        source=sampled.source,
        detail=detail,
    )


def _by_its_id(told: MessageStory, id_ms: int, wiring: Wiring) -> None:
    """An entry that polls show was added at the time in its id, whoever did it."""
    first = next((step for step in ordered(told.steps) if step.origin == "poll"), None)
    if first is not None:
        stream, entry_id = told.message
        service = _only(wiring.producers.get(stream, ()))
        told.steps.append(
            structs.replace(
                first,
                at_ms=id_ms,
                since_ms=None,
                action="published",
                service=service,
                group=None,
                consumer=None,
                message_id=entry_id,
                detail="by its id",
            )
        )


def _tell_group(told: MessageStory, group: str, story: ServerStory, wiring: Wiring) -> None:
    stream, entry_id = told.message
    owner = _only(wiring.owners_of(stream, group))
    given = story.delivery(stream, group, entry_key(entry_id))
    pends = story.pends(stream, group, entry_id)
    delivered = _delivered(told, story, given, pends)
    if delivered is not None:
        step = structs.replace(delivered, group=group, service=owner)
        exact = _merge(told, step, wiring)
        _measure(told, step, exact)
    for pend in pends:
        for number, entry in [*pend.changes, *_last(pend)]:
            told.steps.append(
                Step(
                    at_ms=story.latest_ms(number),
                    service=owner,
                    action="pending",
                    message_id=entry_id,
                    stream=stream,
                    group=group,
                    consumer=entry.consumer,
                    origin="poll",
                    source=_poll(story, number),
                    detail=f"delivered {entry.deliveries}×, idle {entry.idle} ms",
                )
            )
    for pend in pends:
        if pend.gone is not None and pend.dropped:
            step = _between(told, "unlisted", Delivery(pend.last, pend.gone), story, detail=pend.dropped)
            _merge(told, structs.replace(step, group=group, service=owner), wiring)
    acked = story.acked(stream, group, entry_id, given)
    if acked is not None:
        detail = "no longer on the pending list" if pends else _NO_ACK_SEEN
        step = _between(told, "acked", acked, story, detail=detail)
        _merge(told, structs.replace(step, group=group, service=owner), wiring)


def _last(pend: Pend) -> Iterator[tuple[int, PendingEntry]]:
    if pend.gone is None and pend.changes and pend.changes[-1][0] != pend.last:
        yield pend.last, pend.entry


def _delivered(
    told: MessageStory, story: ServerStory, given: Delivery | None, pends: Iterable[Pend]
) -> Step | None:
    first = next(iter(pends), None)
    if first is not None and first.changes[0][1].deliveries == 1:
        number, entry = first.changes[0]
        published_ms = told.published_ms or 0
        return structs.replace(
            _between(told, "delivered", Delivery(number, number), story, detail="by its idle time"),
            at_ms=max(story.latest_ms(number) - entry.idle, published_ms),
            since_ms=max(story.polls[number].at_ms - entry.idle, published_ms),
            consumer=entry.consumer,
        )
    return None if given is None else _between(told, "delivered", given, story)


def _between(
    told: MessageStory, action: Action, when: Delivery, story: ServerStory, *, detail: str = ""
) -> Step:
    stream, entry_id = told.message
    since_ms = max(story.polls[when.after].at_ms, told.published_ms or 0)
    return Step(
        # The server's clock, of which the id is, may be ahead of ours: then it was at once, as far as can be told.
        at_ms=max(story.latest_ms(when.by), since_ms),
        since_ms=since_ms,
        service=None,
        action=action,
        message_id=entry_id,
        stream=stream,
        origin="poll",
        source=_poll(story, when.by),
        detail=detail,
    )


def _poll(story: ServerStory, number: int) -> str:
    poll = story.polls[number]
    return f"{poll.source} poll {poll.number}"


_SAME: dict[str, Action] = {
    "published": "published",
    "delivered": "consumed",
    "acked": "acked",
    "unlisted": "acked",
}


def _merge(told: MessageStory, step: Step, wiring: Wiring) -> int | None:
    """Add a step, or write it beside the line that tells the same; then returns that line's time."""
    for number, known in enumerate(told.steps):
        if known.origin != "log" or known.action != _SAME[step.action] or not _may_be(known, step, wiring):
            continue
        since_ms = step.at_ms if step.since_ms is None else step.since_ms
        if since_ms - CLOCK_SLACK_MS <= known.at_ms <= step.at_ms + CLOCK_SLACK_MS:
            told.steps[number] = structs.replace(
                known,
                stream=step.stream,
                group=step.group,
                consumer=step.consumer,
                also=(*known.also, step.source),
            )
            return known.at_ms
    told.steps.append(step)
    return None


def _may_be(known: Step, step: Step, wiring: Wiring) -> bool:
    if known.group is not None and known.group != step.group:
        return False
    if step.group is None or step.stream is None:
        return True
    owners = wiring.owners_of(step.stream, step.group)
    return known.service in owners


def _measure(told: MessageStory, step: Step, exact_ms: int | None) -> None:
    if told.published_ms is None or step.stream is None:
        return
    least = step.at_ms if step.since_ms is None else step.since_ms
    least, most = (least, step.at_ms) if exact_ms is None else (exact_ms, exact_ms)
    told.waits.append(
        Wait(
            step.stream,
            step.group,
            step.service,
            max(0, least - told.published_ms),
            max(0, most - told.published_ms),
            exact_ms is not None,
        )
    )


def _measure_lines(told: MessageStory, wiring: Wiring) -> None:
    """Consumers whose delivery no poll shows: by their lines alone."""
    if told.published_ms is None:
        return
    for step in told.steps:
        if step.origin == "log" and step.action == "consumed" and step.group is None and step.stream:
            late_ms = max(0, step.at_ms - told.published_ms)
            groups = wiring.groups_of(step.service or "", step.stream)
            told.waits.append(Wait(step.stream, _only(groups), step.service, late_ms, late_ms, exact=True))
