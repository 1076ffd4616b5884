"""Consumers take messages and acknowledge none: pending only rises, and what was pending stays so.

A busy group's pending goes up and down; here it rose at every poll and not one of the messages that were pending
at the start has left the list, for at least `pending_idle`: a slow handler's first messages take their time.
What was given out only a moment before a poll is in hand, and left out: it may well be acknowledged in the next.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from tools.detectors.contract import StreamView
from tools.detectors.streams.families import fold
from tools.detectors.streams.symptoms import IDS_SHOWN, many, on_group, seconds, stream_rule
from tools.detectors.streams.tracks import Track, tracks
from tools.findings.model import Severity, StreamCategory
from tools.findings.rule import Rule, Symptom
from tools.sources.records import GroupState, PendingEntry

RULE = stream_rule(
    "stream.missing-ack",
    StreamCategory.MISSING_ACK,
    Severity.HIGH,
    "pending rose on `pending_rising_polls` (3) polls in a row, and for `pending_idle` (30 s) nothing that was pending was acknowledged, while "
    "the length is stable or messages are still delivered",
)
RULES: tuple[Rule, ...] = (RULE,)

_HEAD = 50
"""Entries of the head of the pending list that are compared."""
_IN_HAND_MS = 1000
"""A message given out for the first time so short a time ago is being handled."""


def detect(view: StreamView) -> Iterator[Symptom]:
    """One symptom per group that takes and never acknowledges."""
    yield from fold(_symptoms(view))


def _symptoms(view: StreamView) -> Iterator[Symptom]:
    for track in tracks(view).values():
        for group in track.now.groups:
            limits = view.judgement.limits_for(stream=track.now.name, group=group.info.name)
            history = _history(track, group, limits.pending_rising_polls, limits.pending_idle * 1000)
            rising = pairwise(history[-limits.pending_rising_polls - 1 :])
            if (
                history
                and all(_left_lying(before) < _left_lying(after) for before, after in rising)
                and all(_kept(before, after) for before, after in pairwise(history))
            ):
                yield _symptom(track, group, history)


def _history(track: Track, group: GroupState, steps: int, least_ms: float) -> tuple[GroupState, ...]:
    """The newest states, `steps` and at least `least_ms` back; () where there are not so many."""
    known = track.group(group.info.name)
    polls = track.polls[-len(known) :]
    early = [number for number, poll in enumerate(polls) if track.poll.at_ms - poll.at_ms >= least_ms]
    start = min(len(known) - 1 - steps, early[-1] if early else -1)
    return known[start:] if start >= 0 else ()


def _kept(before: GroupState, after: GroupState) -> bool:
    """Whether what was left lying at one poll is pending at the next, as far as the head of the list tells."""
    if _left_lying(after) < _left_lying(before):
        return False
    still = {entry.id for entry in after.pending}
    return all(entry.id in still for entry in before.pending[:_HEAD] if not _in_hand(entry))


def _left_lying(group: GroupState) -> int:
    """How many messages are pending and not in hand; all that are pending where the list is not known whole."""
    if not group.pending_complete:
        return group.info.pending
    return sum(not _in_hand(entry) for entry in group.pending)


def _in_hand(entry: PendingEntry) -> bool:
    return entry.deliveries == 1 and entry.idle < _IN_HAND_MS


def _symptom(track: Track, group: GroupState, history: tuple[GroupState, ...]) -> Symptom:
    name, stream = group.info.name, track.now.name
    polls = track.polls[-len(history) :]
    span = seconds(polls[-1].at_ms - polls[0].at_ms)
    owners = sorted({entry.consumer for entry in group.pending if entry.consumer})
    title, balance, recommendation = _words(name, stream, history[0], group)
    return on_group(
        RULE,
        track,
        group,
        consumer=owners[0] if len(owners) == 1 else None,
        title=title,
        evidence=tuple(
            state.quote(poll.number, poll.source, item.info)
            for poll, state, item in (
                (polls[0], track.states[-len(history)], history[0]),
                (polls[-1], track.now, group),
            )
        ),
        message_ids=tuple(entry.id for entry in group.pending[:IDS_SHOWN]),
        hypothesis=(
            f"Pending of {name} rose from {history[0].info.pending:,} to {group.info.pending:,} in {span}{balance}; none of "
            f"the messages that were pending at the start was acknowledged. "
            f"{many(len(owners), 'consumer')} ({', '.join(owners[:3]) or 'none'})."
        ),
        recommendation=recommendation,
    )


def _words(name: str, stream: str, first: GroupState, last: GroupState) -> tuple[str, str, str]:
    """Title, balance of the span, and advice: a group that acknowledges some is not told that it does none."""
    risen = last.info.pending - first.info.pending
    advice = (
        f"Let the consumers of {name} send XACK {stream} {name} <id> after each message they have handled; if "
        "messages may be lost, read with NOACK instead."
    )
    if first.info.entries_read is None or last.info.entries_read is None:
        return f"Pending of group {name} on {stream} only rises", "", advice
    delivered = last.info.entries_read - first.info.entries_read
    acknowledged = delivered - risen
    if acknowledged <= 0:
        return f"Group {name} takes messages of {stream} and acknowledges none", "", advice
    return (
        f"Group {name} leaves messages of {stream} unacknowledged: {risen:,} of {delivered:,}",
        f" while {delivered:,} were delivered and {acknowledged:,} acknowledged",
        (
            f"Find the path on which {name} handles a message without XACK {stream} {name} <id> (an error, an early "
            "return), and acknowledge there too, or move the message to a dead-letter stream."
        ),
    )
