"""A stream over the last polls: what rules ask about time and growth."""

from __future__ import annotations

from dataclasses import dataclass, field

from tools.detectors.contract import StreamView
from tools.detectors.streams.families import family_of
from tools.sources.records import ConsumerInfo, GroupState, Poll, StreamState, entry_time_ms

YOUNG_MS = 12_000
"""A stream that appeared so short a time ago may get its reader in a moment."""

REQUEST_MS = 30_000
"""The same for a stream that is named by an id: it may be made for one request, and be gone in a moment."""

RATE_POLLS = 5
"""Polls over which a rate is taken, at most."""


@dataclass(frozen=True, slots=True)
class Track:
    """One stream at consecutive polls, oldest first; the last is now. A gap or an absence begins it anew."""

    polls: tuple[Poll, ...]
    states: tuple[StreamState, ...]
    first: StreamState
    """The stream at the baseline; where it was not there, at the first poll of the track."""
    old: bool = False
    """Whether it was there at the baseline."""
    since_gap_ms: int | None = None
    """How long the server has been seen again; None where no gap is among the polls."""
    _groups: dict[str, tuple[GroupState, ...]] = field(default_factory=dict, compare=False, repr=False)

    @property
    def now(self) -> StreamState:
        """The stream at the newest poll."""
        return self.states[-1]

    @property
    def poll(self) -> Poll:
        """The newest poll."""
        return self.polls[-1]

    @property
    def messages_per_minute(self) -> float | None:
        """Entries added per minute over the last polls; None with one poll only."""
        polls, states = self.polls[-RATE_POLLS:], self.states[-RATE_POLLS:]
        span_ms = polls[-1].at_ms - polls[0].at_ms
        return round(added(states[0], states[-1]) * 60_000 / span_ms, 1) if span_ms > 0 else None

    def group(self, name: str) -> tuple[GroupState, ...]:
        """A group at consecutive polls, oldest first, ending now; () where it is not there now."""
        known = self._groups.get(name)
        if known is None:
            known = self._groups[name] = self._follow(name)
        return known

    def _follow(self, name: str) -> tuple[GroupState, ...]:
        found: list[GroupState] = []
        for state in reversed(self.states):
            group = state.group(name)
            if group is None:
                break
            found.append(group)
        return tuple(reversed(found))


def tracks(view: StreamView) -> dict[str, Track]:
    """The track of every stream that is there now, by name. Worked out once for all rules."""
    known: dict[str, Track] | None = view.worked_out.get("tracks")
    if known is None:
        known = view.worked_out["tracks"] = _tracks(view)
    return known


def _tracks(view: StreamView) -> dict[str, Track]:
    run = _run(view.polls)
    since_gap_ms = run[-1].at_ms - run[0].at_ms if run[0].after_gap else None
    by_poll = [{state.name: state for state in poll.streams} for poll in run]
    baseline = {state.name: state for state in view.baseline.streams}
    found = {}
    for name in by_poll[-1]:
        states: list[StreamState] = []
        for index in reversed(by_poll):
            if name not in index:
                break
            states.append(index[name])
        states.reverse()
        first = baseline.get(name, states[0])
        found[name] = Track(
            polls=run[-len(states) :],
            states=tuple(states),
            first=first,
            old=name in baseline,
            since_gap_ms=since_gap_ms,
        )
    return found


def _run(polls: tuple[Poll, ...]) -> tuple[Poll, ...]:
    """The newest polls without a gap between them."""
    start = len(polls) - 1
    while start > 0 and not polls[start].after_gap:
        start -= 1
    return polls[start:]


def added(before: StreamState, after: StreamState) -> int:
    """Entries added between two states; at least, where the server does not count them (before 7.0)."""
    old, new = before.info, after.info
    if old.entries_added is not None and new.entries_added is not None:
        return max(new.entries_added - old.entries_added, 0)
    if old.last_generated_id == new.last_generated_id:
        return 0
    return max(new.length - old.length, 1)


def removed(track: Track) -> bool:
    """Whether anything was ever seen to take entries away: trimming, or deletion by a consumer."""
    info, first = track.now.info, track.first.info
    if info.entries_added is not None and info.entries_added > info.length:
        return True
    earlier = [first.first_entry_id, *(state.info.first_entry_id for state in track.states)]
    known = [entry_id for entry_id in earlier if entry_id is not None]
    return bool(known) and known[0] != info.first_entry_id


def is_young(track: Track) -> bool:
    """Whether a stream appeared only just now, after the baseline or after a gap: a restart may have emptied the server."""
    name = track.now.name
    if track.old and track.since_gap_ms is None:
        return False
    seen_ms = track.poll.at_ms - track.polls[0].at_ms
    return seen_ms < (YOUNG_MS if family_of(name) == name else REQUEST_MS)


def oldest_pending_age_ms(group: GroupState, now_ms: int) -> int | None:
    """Age of the oldest pending entry, by its id; None where nothing is pending or ids are no times."""
    if not group.pending:
        return None
    added_ms = entry_time_ms(group.pending[0].id)
    return None if added_ms is None else max(now_ms - added_ms, 0)


def active_consumers(group: GroupState, idle_max_ms: float) -> tuple[ConsumerInfo, ...]:
    """Consumers seen within `idle_max_ms`; () where consumers were not looked at."""
    return tuple(item for item in group.consumers or () if item.idle <= idle_max_ms)
