"""A message was given out, never acknowledged, and its entry is trimmed or deleted: it can never be delivered again.

XPENDING goes on to list it, XCLAIM gives nothing for it. A message in hand may be trimmed by a tight cap and still be
acknowledged, so only those pending for longer than the limit count; stream.stuck-message leaves these to this rule.
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
    "stream.ghost-pending",
    StreamCategory.STUCK_MESSAGE,
    Severity.HIGH,
    "a message pending for more than `pending_idle` (30 s) whose entry is trimmed or deleted",
)
RULES: tuple[Rule, ...] = (RULE,)


def detect(view: StreamView) -> Iterator[Symptom]:
    """One symptom per group with such messages."""
    yield from fold(_symptoms(view))


def _symptoms(view: StreamView) -> Iterator[Symptom]:
    for track in tracks(view).values():
        for group in track.now.groups:
            if any(entry.gone for entry in group.pending):
                ghosts = {entry: ms for entry, ms in too_long(view, track, group).items() if entry.gone}
                if ghosts:
                    yield _symptom(track, group, ghosts)


def _symptom(track: Track, group: GroupState, ghosts: dict[PendingEntry, int]) -> Symptom:
    name, stream, poll = group.info.name, track.now.name, track.poll
    shown = sorted(ghosts, key=lambda entry: -ghosts[entry])[:IDS_SHOWN]
    oldest, first = shown[0], track.now.info.first_entry_id
    owners = sorted({entry.consumer for entry in ghosts if entry.consumer})
    ids = " ".join(entry.id for entry in shown)
    these = "these" if len(shown) == len(ghosts) else f"the first {len(shown)} of {len(ghosts):,}"
    return on_group(
        RULE,
        track,
        group,
        consumer=owners[0] if len(owners) == 1 else None,
        title=f"{many(len(ghosts), 'pending message')} of group {name} on {stream} can never be delivered again: the entries are gone",
        evidence=(
            track.now.quote(poll.number, poll.source, track.now.info),
            *(track.now.quote(poll.number, poll.source, entry) for entry in shown[:3]),
        ),
        message_ids=tuple(entry.id for entry in shown),
        hypothesis=(
            f"{oldest.consumer or 'No consumer'} was given {oldest.id} {seconds(ghosts[oldest])} ago at least "
            f"(delivered {many(oldest.deliveries, 'time')}) and did not acknowledge it; {stream} "
            f"{f'begins at {first}' if first else 'is empty'}, and the entry is not in it. Trimmed or deleted before it was "
            "acknowledged, it is lost to this group unless its consumer handled it all the same, or still holds it."
        ),
        recommendation=(
            f"Let {stream} keep its entries longer than {name} takes for them at worst (a higher MAXLEN, or MINID by time), "
            f"and delete only what is acknowledged. Clear {these} with XACK {stream} {name} {ids}; from 7.0 on "
            f"XAUTOCLAIM {stream} {name} <consumer> <min-idle-ms> 0 drops all that it meets."
        ),
    )
