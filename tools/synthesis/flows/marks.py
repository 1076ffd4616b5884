"""What is remembered of a stream over its polls, in little room: ids that only grow, and its ends where they changed."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field

from tools.sources.records import StreamInfo, entry_key

Key = tuple[int, int]


@dataclass(slots=True)
class Marks:
    """An id that only grows, at the polls where it changed: values (see `place`), and the first and last poll of each."""

    values: list[int] = field(default_factory=list)
    first: list[int] = field(default_factory=list)
    last: list[int] = field(default_factory=list)

    def add(self, value: int, poll: int) -> None:
        """The value at a poll."""
        if self.values and self.values[-1] == value:
            self.last[-1] = poll
        else:
            self.values.append(value)
            self.first.append(poll)
            self.last.append(poll)

    def passed(self, key: Key) -> tuple[int | None, int] | None:
        """The last poll below `key` (None: never seen below) and the first at or above it; None: never passed."""
        at = bisect_left(self.values, place(key))
        if at == len(self.values):
            return None
        return (self.last[at - 1] if at else None), self.first[at]


@dataclass(frozen=True, slots=True)
class Sight:
    """What is asked later of a stream at a poll. `complete` are the groups whose pending list was there whole."""

    first: Key
    last: Key
    deleted: Key | None
    complete: frozenset[str]


@dataclass(slots=True)
class Sights:
    """A stream at the polls where it changed, as text that takes little room; None where it went."""

    polls: list[int] = field(default_factory=list)
    ends: list[str | None] = field(default_factory=list)
    complete: list[frozenset[str]] = field(default_factory=list)

    def add(self, poll: int, ends: str | None, complete: frozenset[str] = frozenset()) -> None:
        """The stream at a poll: its `ends`, and the groups whose lists are there whole."""
        if not self.ends or (self.ends[-1], self.complete[-1]) != (ends, complete):
            self.polls.append(poll)
            self.ends.append(ends)
            self.complete.append(complete)

    def at(self, poll: int) -> Sight | None:
        """The stream at a poll; None where it was not there."""
        place = bisect_right(self.polls, poll) - 1
        ends = self.ends[place] if place >= 0 else None
        if ends is None:
            return None
        first, last, deleted = ends.split("|")
        return Sight(
            entry_key(first), entry_key(last), entry_key(deleted) if deleted else None, self.complete[place]
        )


def first_key(info: StreamInfo) -> Key:
    """The oldest entry; of an empty stream what comes after its newest."""
    if info.first_entry_id is not None:
        return entry_key(info.first_entry_id)
    ms, sequence = entry_key(info.last_generated_id)
    return ms, sequence + 1


def ends(info: StreamInfo) -> str:
    """The oldest entry (see `first_key`), the newest id, and the highest id deleted, where that is told."""
    ms, sequence = first_key(info)
    return f"{ms}-{sequence}|{info.last_generated_id}|{info.max_deleted_entry_id or ''}"


def place(key: Key) -> int:
    """An id as one number that sorts as it does, for a number takes less room than two."""
    return key[0] << 64 | key[1]
