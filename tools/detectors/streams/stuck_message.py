"""A message was given to a consumer and never acknowledged: it waits longer than the limit.

It counts by its idle time, or, where it is claimed again and again, by how long the polls have seen it pending.
Nobody else gets it unless someone claims it.
"""

from __future__ import annotations

from collections.abc import Iterator

from tools.detectors.contract import StreamView
from tools.detectors.streams.families import fold
from tools.detectors.streams.pending_for import too_long
from tools.detectors.streams.symptoms import IDS_SHOWN, many, on_group, seconds, stream_rule
from tools.detectors.streams.tracks import Track, tracks
from tools.findings.model import Severity, StreamCategory
from tools.findings.rule import Rule, Symptom
from tools.sources.records import GroupState, PendingEntry

RULE = stream_rule(
    "stream.stuck-message",
    StreamCategory.STUCK_MESSAGE,
    Severity.HIGH,
    "a message pending for more than `pending_idle` (30 s): idle so long, or seen pending so long although re-claimed; "
    "where its entry is gone, stream.ghost-pending says so instead",
)
RULES: tuple[Rule, ...] = (RULE,)


def detect(view: StreamView) -> Iterator[Symptom]:
    """One symptom per group with stuck messages."""
    yield from fold(_symptoms(view))


def _symptoms(view: StreamView) -> Iterator[Symptom]:
    for track in tracks(view).values():
        for group in track.now.groups:
            stuck = too_long(view, track, group)
            if any(not entry.gone for entry in stuck):
                yield _symptom(track, group, {entry: ms for entry, ms in stuck.items() if not entry.gone})


def _symptom(track: Track, group: GroupState, stuck: dict[PendingEntry, int]) -> Symptom:
    name, stream, poll = group.info.name, track.now.name, track.poll
    shown = sorted(stuck, key=lambda entry: -stuck[entry])[:IDS_SHOWN]
    longest = shown[0]
    owner = longest.consumer or "no consumer"
    return on_group(
        RULE,
        track,
        group,
        consumer=longest.consumer or None,
        title=f"{many(len(stuck), 'message')} stuck in group {name} on {stream}, {seconds(stuck[longest])} and more",
        evidence=tuple(track.now.quote(poll.number, poll.source, entry) for entry in shown[:3]),
        message_ids=tuple(entry.id for entry in shown),
        hypothesis=(
            f"{owner} was given {longest.id} and has not acknowledged it for {seconds(stuck[longest])} "
            f"(delivered {many(longest.deliveries, 'time')}). {_cause(longest, stuck[longest])}"
        ),
        recommendation=(
            f"See what became of {longest.id}: XRANGE {stream} {longest.id} {longest.id}. Let {owner} acknowledge what "
            f"it has handled, and let a live consumer of {name} take over the rest with XAUTOCLAIM {stream} {name} "
            "<consumer> <min-idle-ms> 0, once it is known that it does not fail on them in the same way."
        ),
    )


def _cause(entry: PendingEntry, waits_ms: int) -> str:
    if waits_ms > entry.idle + 1000:
        return "It is claimed again and again, and still not acknowledged."
    return "Its consumer died, hangs, or does not acknowledge."
