"""Consumers take messages and acknowledge none: pending only rises, and what was pending stays so.

A busy group's pending goes up and down; here it rose at every poll and not one of the messages that were pending
at the start has left the list, for at least `pending_idle`: a slow handler's first messages take their time.
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
from tools.sources.records import GroupState

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
                and all(before.info.pending < after.info.pending for before, after in rising)
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
    """Whether pending did not fall between two polls and the head of the list is what it was."""
    if after.info.pending < before.info.pending:
        return False
    old = [entry.id for entry in before.pending[:_HEAD]]
    return [entry.id for entry in after.pending[: len(old)]] == old


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
