"""How long each pending message is known to wait: by its idle time, or by how long it has been seen pending."""

from __future__ import annotations

from tools.detectors.contract import StreamView
from tools.detectors.pending_since import seen_at
from tools.detectors.streams.tracks import Track
from tools.sources.records import GroupState, PendingEntry


def too_long(view: StreamView, track: Track, group: GroupState) -> dict[PendingEntry, int]:
    """The messages of a group that are pending for longer than its limit, with how long, in ms."""
    limits = view.judgement.limits_for(stream=track.now.name, group=group.info.name)
    waits = _waits(view, track, group)
    return {entry: waits[entry.id] for entry in group.pending if waits[entry.id] > limits.pending_idle * 1000}


def _waits(view: StreamView, track: Track, group: GroupState) -> dict[str, int]:
    """While the server was away nobody could acknowledge."""
    seen_ms = track.since_gap_ms
    waits = {entry.id: entry.idle if seen_ms is None else min(entry.idle, seen_ms) for entry in group.pending}
    if view.pending_since is not None:
        since = view.pending_since.of(track.now.name, group.info.name)
        now_ms = track.poll.at_ms
        return {key: max(ms, now_ms - since.get(key, now_ms)) for key, ms in waits.items()}
    history = track.group(group.info.name)
    polls = track.polls[-len(history) :]
    still = set(waits)
    for poll, earlier in zip(reversed(polls), reversed(history), strict=True):
        still &= {entry.id for entry in earlier.pending}
        waits |= {entry_id: max(waits[entry_id], track.poll.at_ms - seen_at(poll)) for entry_id in still}
    return waits
