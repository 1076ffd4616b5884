"""At what pace a group works at the end of a window: how many entries its stream gets, and how many of them it is given.

Both are differences between two polls that are recorded, so that anybody can count them again. Entries that were taken
away before the group was given them would count as given: where any may have been, there is no figure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from msgspec import Struct

from tools.detectors.ledger.interval import SETTING
from tools.sources.records import GroupState, Poll, StreamState, entry_key


class Pace(Struct, frozen=True, kw_only=True, rename="camel"):
    """Messages between two polls, named by their numbers, `span_ms` apart."""

    added: int
    """To the stream."""
    given: int
    """To consumers of the group."""
    lag: int
    """At the later poll."""
    from_poll: int
    to_poll: int
    span_ms: int
    idle_since: int | None
    """The poll since which the group was given nothing; None where it was given something since the poll before the last."""

    @property
    def added_a_minute(self) -> float:
        """Messages a minute."""
        return self.added * 60_000 / self.span_ms

    @property
    def given_a_minute(self) -> float:
        """Messages a minute."""
        return self.given * 60_000 / self.span_ms


@dataclass(frozen=True, slots=True)
class _Look:
    """A group at one poll, and its stream."""

    poll: Poll
    stream: StreamState
    group: GroupState


class Paces:
    """Looks up paces over polls, oldest first; of each pace the newest of them without a gap between."""

    def __init__(self, polls: Sequence[Poll]) -> None:
        start = max((at for at, poll in enumerate(polls) if poll.after_gap), default=0)
        self._polls = polls[start:]
        self._streams: list[Mapping[str, StreamState]] = [
            {state.name: state for state in poll.streams} for poll in self._polls
        ]

    def of(self, stream: str, groups: Iterable[str]) -> Mapping[str, Pace]:
        """The paces of groups of one stream; none of one whose lag was not counted at two polls, or that something else changed."""
        states = [found.get(stream) for found in self._streams]
        there = [{} if state is None else {one.info.name: one for one in state.groups} for state in states]
        found = {}
        for name in groups:
            pace = _pace(self._looks(states, [known.get(name) for known in there]))
            if pace is not None:
                found[name] = pace
        return found

    def at(self, poll: int, stream: str) -> StreamState | None:
        """A stream at one of these polls."""
        for known, streams in zip(self._polls, self._streams, strict=True):
            if known.number == poll:
                return streams.get(stream)
        return None

    def _looks(
        self, states: Sequence[StreamState | None], groups: Sequence[GroupState | None]
    ) -> list[_Look]:
        """The newest polls up to the first at which the group was not there, or something is not known of it."""
        found: list[_Look] = []
        moments = zip(reversed(self._polls), reversed(states), reversed(groups), strict=True)
        for poll, state, group in moments:
            if state is None or group is None or state.info.entries_added is None or not _is_counted(group):
                break
            found.append(_Look(poll, state, group))
            if not SETTING.isdisjoint(name for name, calls in poll.calls.items() if calls):
                break  # between this poll and the one before it
        return found[::-1]


def _pace(looks: Sequence[_Look]) -> Pace | None:
    if len(looks) < 2 or not all(_only_read(*pair) for pair in pairwise(looks)):
        return None
    first, last = looks[0], looks[-1]
    added = _count(last.stream) - _count(first.stream)
    given = added + _lag(first.group) - _lag(last.group)
    span_ms = last.poll.at_ms - first.poll.at_ms
    if min(added, given) < 0 or span_ms <= 0:
        return None
    return Pace(
        added=added,
        given=given,
        lag=_lag(last.group),
        from_poll=first.poll.number,
        to_poll=last.poll.number,
        span_ms=span_ms,
        idle_since=_idle_since(looks),
    )


def _idle_since(looks: Sequence[_Look]) -> int | None:
    now, since = looks[-1], None
    for look in reversed(looks[:-1]):
        if look.group.info.last_delivered_id != now.group.info.last_delivered_id:
            break
        since = look.poll.number
    return since


def _is_counted(group: GroupState) -> bool:
    return group.lag is not None and group.lag.source != "bound"


def _lag(group: GroupState) -> int:
    return 0 if group.lag is None else group.lag.messages


def _count(state: StreamState) -> int:
    return state.info.entries_added or 0


def _only_read(before: _Look, after: _Look) -> bool:
    """Whether nothing but adding and reading changed the lag: nothing unread was taken away, and the group was not set back."""
    old, new = before.stream.info, after.stream.info
    read_to = entry_key(before.group.info.last_delivered_id)
    if entry_key(after.group.info.last_delivered_id) < read_to:
        return False
    if new.first_entry_id != old.first_entry_id and old.first_entry_id is not None:
        trimmed_read = new.first_entry_id is not None and entry_key(new.first_entry_id) <= read_to
        if not trimmed_read:
            return False
    deleted = new.max_deleted_entry_id
    return deleted == old.max_deleted_entry_id or (deleted is not None and entry_key(deleted) <= read_to)
