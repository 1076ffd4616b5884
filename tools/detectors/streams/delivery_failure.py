"""A message is delivered again and again: handling it fails each time.

The idle time says nothing here: a crash loop that reads its history keeps it near zero while the count rises. Where
the count rose while the same group acknowledged others, the message itself is the trouble: a poison message. That is
said only where the commands that were sent show that what left the pending list was acknowledged.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import msgspec

from tools.detectors.contract import StreamView
from tools.detectors.ledger import interval
from tools.detectors.ledger.records import Point
from tools.detectors.streams.families import fold
from tools.detectors.streams.pending_for import too_long
from tools.detectors.streams.symptoms import IDS_SHOWN, many, on_group, stream_rule
from tools.detectors.streams.tracks import Track, tracks
from tools.findings.model import EvidenceKind, Locator, Severity, StreamCategory
from tools.findings.rule import Quote, Rule, Symptom
from tools.sources.records import GroupState, PendingEntry, Poll, StreamState

RULE = stream_rule(
    "stream.delivery-failure",
    StreamCategory.DELIVERY_FAILURE,
    Severity.HIGH,
    "a pending message delivered more than `delivery_count` (3) times; called a poison message where its count rose "
    "while the group acknowledged others",
)
RULES: tuple[Rule, ...] = (RULE,)

_ACKNOWLEDGING = frozenset({"xack", "xackdel"})
_TAKING_OFF = frozenset(
    {
        *("xgroup", "xgroup|delconsumer", "xgroup|destroy", "xgroup|setid"),
        *("xclaim", "xautoclaim", "xdelex", "xsetid", "restore"),
    }
)
"""Commands by which messages leave a pending list unacknowledged, or groups are set; before 7.0 XGROUP is one counter.

XCLAIM and XAUTOCLAIM drop what is no more; XDELEX can drop references.
"""


def detect(view: StreamView) -> Iterator[Symptom]:
    """One symptom per group with such messages."""
    yield from fold(_symptoms(view))


def _symptoms(view: StreamView) -> Iterator[Symptom]:
    for track in tracks(view).values():
        for group in track.now.groups:
            limit = view.judgement.limits_for(stream=track.now.name, group=group.info.name).delivery_count
            failing = [entry for entry in group.pending if entry.deliveries > limit]
            if any(entry.gone for entry in failing):
                gone = too_long(view, track, group)  # stream.ghost-pending tells of these
                failing = [entry for entry in failing if not (entry.gone and entry in gone)]
            if failing:
                yield _symptom(track, group, failing, limit)


@dataclass(frozen=True, slots=True)
class _Poison:
    """A message whose count rose between an earlier poll and now, while others were acknowledged."""

    entry: PendingEntry
    before: PendingEntry
    poll: Poll
    others: int


def _poison(track: Track, group: GroupState, failing: list[PendingEntry]) -> _Poison | None:
    """The failing message whose count rose most while others left the list; None where none did."""
    known = {entry.id: entry for entry in failing}
    found: list[_Poison] = []
    history = track.group(group.info.name)
    moments = zip(track.polls[-len(history) :], track.states[-len(history) :], history, strict=True)
    for poll, state, earlier in list(moments)[:-1]:
        rising = [
            old for old in earlier.pending if old.id in known and known[old.id].deliveries > old.deliveries
        ]
        others = _left(track, poll, state, earlier) if rising else 0
        found += [_Poison(known[old.id], old, poll, others) for old in rising if others]
    return max(found, key=lambda item: item.entry.deliveries - item.before.deliveries, default=None)


def _left(track: Track, poll: Poll, state: StreamState, earlier: GroupState) -> int:
    """How many messages of the group were acknowledged since an earlier poll, at least; 0 where that is not sure."""
    now = track.now.group(earlier.info.name)
    calls = _calls_since(track, poll)
    if now is None or calls is None or not _only_acknowledged(calls):
        return 0
    before = Point(poll=poll.number, at_ms=poll.at_ms, info=state.info, group=earlier.info, lag=earlier.lag)
    last = track.poll
    after = Point(poll=last.number, at_ms=last.at_ms, info=track.now.info, group=now.info, lag=now.lag)
    by_ids = 0
    if now.pending_complete:
        by_ids = len({entry.id for entry in earlier.pending} - {entry.id for entry in now.pending})
    return max(by_ids, interval.acknowledged_least(before, after, calls))


def _calls_since(track: Track, poll: Poll) -> Mapping[str, int] | None:
    """What was called between the look of an earlier poll and that of the newest; None where a part is not known."""
    since = [item for item in track.polls if item.number > poll.number]
    if not all(item.calls or item.quiet for item in since):
        return None
    calls = Counter[str]()
    for found in (poll.late_calls, *(item.calls for item in since), track.poll.late_calls):
        calls.update(found)
    return calls


def _only_acknowledged(calls: Mapping[str, int]) -> bool:
    """Whether messages that left a pending list were acknowledged: nothing else that takes them off was sent."""
    sent = {name for name, count in calls.items() if count > 0}
    return not sent.isdisjoint(_ACKNOWLEDGING) and sent.isdisjoint(_TAKING_OFF)


def _symptom(track: Track, group: GroupState, failing: list[PendingEntry], limit: int) -> Symptom:
    name, stream, poll = group.info.name, track.now.name, track.poll
    poison = _poison(track, group, failing)
    worst = max(failing, key=lambda entry: entry.deliveries) if poison is None else poison.entry
    shown = sorted(failing, key=lambda entry: (entry != worst, -entry.deliveries))
    times, others = many(worst.deliveries, "time"), many(len(failing), "message")
    title = f"Message {worst.id} of {stream} was delivered {times} to group {name}"
    why = "Its handling fails, or the consumer starts again and re-reads its history."
    evidence = [track.now.quote(poll.number, poll.source, entry) for entry in shown[:3]]
    if poison is not None:
        title = f"Message {worst.id} of {stream} fails at every delivery to group {name}, {times} so far"
        why = (
            f"Since poll {poison.poll.number} its count rose from {poison.before.deliveries} to {worst.deliveries} while "
            f"{name} acknowledged {many(poison.others, 'other message')} at least: it is a poison message."
        )
        place = Locator(poll=poison.poll.number, stream=stream)
        text = msgspec.json.encode(poison.before).decode()
        evidence.append(Quote(EvidenceKind.REDIS, poison.poll.source, text, place))
    return on_group(
        RULE,
        track,
        group,
        consumer=worst.consumer or None,
        title=title,
        evidence=tuple(evidence),
        message_ids=tuple(entry.id for entry in shown[:IDS_SHOWN]),
        hypothesis=(
            f"{others} of {stream} came to {name} more than {many(limit, 'time')} without an "
            f"acknowledgement, {worst.id} last to {worst.consumer or 'no consumer'}. {why}"
        ),
        recommendation=(
            f"Look at the entry (XRANGE {stream} {worst.id} {worst.id}) and at the errors of group {name}; give the "
            "consumer a limit of deliveries after which it moves a message to a dead-letter stream and acknowledges it."
        ),
    )
