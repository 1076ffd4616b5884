"""A journal of polls as what changed from one poll to the next, for those who read all of them.

A poll of 10,000 streams is mostly the poll before with other idle times. Here a stream of which only these moved stays
the same object, so that a reader may pass it over, and a window's polls together take little more memory than one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from tools.errors import JournalCorrupt
from tools.findings.journal import read
from tools.sources.records import Poll, StreamState
from tools.sources.redis.idling import Idles, aged_state, idles, with_idles
from tools.sources.redis.polls import LINE, Head, IdleLine, StreamLine, poll_of


@dataclass(frozen=True, slots=True)
class Step:
    """One whole poll.

    In `poll`, a stream that is not among `changed` is the object of the step before, with the idle times it had then.
    `changed` and `before` are exact: the streams as they are now, by name, and what changed or went as it was at the
    poll before. At a poll after a gap all streams count as changed.
    """

    poll: Poll
    changed: tuple[StreamState, ...]
    before: Mapping[str, StreamState] = field(default_factory=dict)


def steps_of(polls: Iterable[Poll]) -> Iterator[Step]:
    """Polls that are at hand, as steps: every stream counts as changed."""
    known: dict[str, StreamState] = {}
    for poll in polls:
        now = {state.name: state for state in poll.streams}
        yield Step(poll, poll.streams, {name: state for name, state in known.items() if name not in now})
        known = now


@dataclass(slots=True)
class _Known:
    """A stream as its last line had it; `times` are younger, and of the moment at which `age_ms` had passed."""

    state: StreamState
    count: int
    age_ms: int
    times: Idles | None = None

    @classmethod
    def of(cls, state: StreamState, age_ms: int) -> _Known:
        return cls(state, len(idles(state)), age_ms)


class PollSteps:
    """Iterates over the whole polls of a journal once, oldest first. Raises JournalCorrupt, OSError."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: dict[str, _Known] = {}
        self._names: list[str] = []
        self._age_ms, self._read_ms = 0, 0
        self._head: Head | None = None

    def __iter__(self) -> Iterator[Step]:
        """The steps; `exact` and `whole` speak of the newest that was given out."""
        head: Head | None = None
        lines: list[StreamLine | IdleLine] = []
        for offset, line in read(self._path):
            try:
                record = LINE.decode(line)
            except msgspec.DecodeError as error:
                raise JournalCorrupt(
                    f"{self._path}: byte {offset}: not a line of a poll ({error})"
                ) from error
            if isinstance(record, Head):
                head, lines = record, []
            elif head is None or record.poll != head.number:
                continue
            else:
                lines.append(record)
            if head is not None and len(lines) == head.changed:
                yield self._step(head, lines)
                head = None

    def exact(self, name: str) -> StreamState | None:
        """A stream with its idle times as of the newest step."""
        known = self._known.get(name)
        return None if known is None else self._exact(known)

    def whole(self) -> Poll | None:
        """The newest step's poll, exact; None before the first."""
        if self._head is None:
            return None
        return poll_of(self._head, [self._exact(self._known[name]) for name in self._names])

    def _exact(self, known: _Known) -> StreamState:
        state = known.state if known.times is None else with_idles(known.state, known.times)
        return aged_state(state, self._age_ms - known.age_ms)

    def _step(self, head: Head, lines: list[StreamLine | IdleLine]) -> Step:
        fresh = {line.state.name: line.state for line in lines if isinstance(line, StreamLine)}
        gone = self._known.keys() - fresh.keys() if head.full else set(head.gone) & self._known.keys()
        times = [line for line in lines if isinstance(line, IdleLine)]
        for line in times:
            self._check(line, gone)  # before anything moves: what was told last stays whole
        moved = self._known.keys() if head.after_gap else gone | (fresh.keys() & self._known.keys())
        before = {name: self._exact(self._known[name]) for name in moved}
        for name in gone:
            del self._known[name]
        self._grow_older(head)
        for line in times:
            known = self._known[line.stream]
            known.times, known.age_ms = line.ms, self._age_ms
        new = fresh.keys() - self._known.keys()
        for name, state in fresh.items():
            self._known[name] = _Known.of(state, self._age_ms)
        if new or gone:
            self._names = sorted(self._known)
        self._head = head
        poll = poll_of(head, [self._known[name].state for name in self._names])
        names = self._names if head.after_gap else sorted(fresh)
        return Step(poll, tuple([self._exact(self._known[name]) for name in names]), before)

    def _grow_older(self, head: Head) -> None:
        by_ms = head.at_ms - self._read_ms if head.aged else 0
        self._read_ms = max(head.until_ms, head.at_ms)
        self._age_ms += by_ms
        if by_ms < 0:  # a clock that was set back: ages add up no more
            self._known = {
                name: _Known.of(self._exact(known), self._age_ms) for name, known in self._known.items()
            }

    def _check(self, line: IdleLine, gone: AbstractSet[str]) -> None:
        known = self._known.get(line.stream)
        if known is None or line.stream in gone or len(line.ms) != known.count:
            raise JournalCorrupt(
                f"{self._path}: poll {line.poll}: idle times of a stream that is not as they say"
            )
