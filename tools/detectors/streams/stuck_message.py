"""A message was given to a consumer and never acknowledged: it waits longer than the limit.

It counts by its idle time, or, where it is claimed again and again, by how long the polls have seen it pending.
Nobody else gets it unless someone claims it.
"""

from __future__ import annotations

from collections.abc import Iterator

from tools.detectors.contract import StreamView
from tools.detectors.streams.families import fold
from tools.detectors.streams.symptoms import IDS_SHOWN, many, on_group, seconds, stream_rule
from tools.detectors.streams.tracks import Track, tracks
from tools.findings.model import Severity, StreamCategory
from tools.findings.rule import Rule, Symptom
from tools.sources.records import GroupState, PendingEntry, entry_key

RULE = stream_rule(
    "stream.stuck-message",
    StreamCategory.STUCK_MESSAGE,
    Severity.HIGH,
    "a message pending for more than `pending_idle` (30 s): idle so long, or seen pending so long although re-claimed",
)
RULES: tuple[Rule, ...] = (RULE,)


def detect(view: StreamView) -> Iterator[Symptom]:
    """One symptom per group with stuck messages."""
    yield from fold(_symptoms(view))


def _symptoms(view: StreamView) -> Iterator[Symptom]:
    for track in tracks(view).values():
        for group in track.now.groups:
            limit_s = view.judgement.limits_for(stream=track.now.name, group=group.info.name).pending_idle
            waits = _waits(track, group)
            stuck = [entry for entry in group.pending if waits[entry.id] > limit_s * 1000]
            if stuck:
                yield _symptom(track, group, stuck, waits)


def _waits(track: Track, group: GroupState) -> dict[str, int]:
    """How long each pending message is known to wait, ms. While the server was away nobody could acknowledge."""
    seen_ms = track.since_gap_ms
    waits = {entry.id: entry.idle if seen_ms is None else min(entry.idle, seen_ms) for entry in group.pending}
    history = track.group(group.info.name)
    polls = track.polls[-len(history) :]
    still = set(waits)
    for poll, earlier in zip(reversed(polls), reversed(history), strict=True):
        still &= {entry.id for entry in earlier.pending}
        waits |= {entry_id: max(waits[entry_id], track.poll.at_ms - poll.at_ms) for entry_id in still}
    return waits


def _symptom(track: Track, group: GroupState, stuck: list[PendingEntry], waits: dict[str, int]) -> Symptom:
    name, stream, poll = group.info.name, track.now.name, track.poll
    longest = max(stuck, key=lambda entry: waits[entry.id])
    owner = longest.consumer or "no consumer"
    shown = sorted(stuck, key=lambda entry: -waits[entry.id])[:IDS_SHOWN]
    return on_group(
        RULE,
        track,
        group,
        consumer=longest.consumer or None,
        title=f"{many(len(stuck), 'message')} stuck in group {name} on {stream}, {seconds(waits[longest.id])} and more",
        evidence=tuple(track.now.quote(poll.number, poll.source, entry) for entry in shown[:3]),
        message_ids=tuple(entry.id for entry in shown),
        hypothesis=(
            f"{owner} was given {longest.id} and has not acknowledged it for {seconds(waits[longest.id])} "
            f"(delivered {many(longest.deliveries, 'time')}). {_cause(track, longest, waits)}"
        ),
        recommendation=(
            f"See what became of {longest.id}: XRANGE {stream} {longest.id} {longest.id}. Let {owner} acknowledge what "
            f"it has handled, and let a live consumer of {name} take over the rest with XAUTOCLAIM {stream} {name}."
        ),
    )


def _cause(track: Track, entry: PendingEntry, waits: dict[str, int]) -> str:
    first = track.now.info.first_entry_id
    if first is None or entry_key(entry.id) < entry_key(first):
        return "The entry itself is trimmed or deleted: only its pending record is left, and it can never be handled."
    if waits[entry.id] > entry.idle + 1000:
        return "It is claimed again and again, and still not acknowledged."
    return "Its consumer died, hangs, or does not acknowledge."
