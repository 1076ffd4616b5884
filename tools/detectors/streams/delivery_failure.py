"""A message is delivered again and again: handling it fails each time.

The idle time says nothing here: a crash loop that reads its history keeps it near zero while the count rises.
"""

from __future__ import annotations

from collections.abc import Iterator

from tools.detectors.contract import StreamView
from tools.detectors.streams.families import fold
from tools.detectors.streams.symptoms import IDS_SHOWN, many, on_group, stream_rule
from tools.detectors.streams.tracks import Track, tracks
from tools.findings.model import Severity, StreamCategory
from tools.findings.rule import Rule, Symptom
from tools.sources.records import GroupState, PendingEntry

RULE = stream_rule(
    "stream.delivery-failure",
    StreamCategory.DELIVERY_FAILURE,
    Severity.HIGH,
    "a pending message delivered more than `delivery_count` (3) times",
)
RULES: tuple[Rule, ...] = (RULE,)


def detect(view: StreamView) -> Iterator[Symptom]:
    """One symptom per group with such messages."""
    yield from fold(_symptoms(view))


def _symptoms(view: StreamView) -> Iterator[Symptom]:
    for track in tracks(view).values():
        for group in track.now.groups:
            limit = view.judgement.limits_for(stream=track.now.name, group=group.info.name).delivery_count
            failing = sorted(
                (entry for entry in group.pending if entry.deliveries > limit),
                key=lambda entry: -entry.deliveries,
            )
            if failing:
                yield _symptom(track, group, failing, limit)


def _symptom(track: Track, group: GroupState, failing: list[PendingEntry], limit: int) -> Symptom:
    name, stream, poll, worst = group.info.name, track.now.name, track.poll, failing[0]
    return on_group(
        RULE,
        track,
        group,
        consumer=worst.consumer or None,
        title=f"Message {worst.id} of {stream} was delivered {many(worst.deliveries, 'time')} to group {name}",
        evidence=tuple(track.now.quote(poll.number, poll.source, entry) for entry in failing[:3]),
        message_ids=tuple(entry.id for entry in failing[:IDS_SHOWN]),
        hypothesis=(
            f"{many(len(failing), 'message')} of {stream} came to {name} more than {many(limit, 'time')} without an "
            f"acknowledgement, {worst.id} last to {worst.consumer or 'no consumer'}. Its handling fails, or the "
            "consumer starts again and re-reads its history."
        ),
        recommendation=(
            f"Look at the entry (XRANGE {stream} {worst.id} {worst.id}) and at the errors of group {name}; give the "
            "consumer a limit of deliveries after which it moves a message to a dead-letter stream and acknowledges it."
        ),
    )
