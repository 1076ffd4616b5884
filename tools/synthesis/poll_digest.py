"""What synthesis and report need of a window's polls, read once: no more than a few polls is held at a time."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Generic, TypeVar

from msgspec.structs import replace

from tools.detectors.ledger.book import LedgerBook
from tools.detectors.streams.tracks import RATE_POLLS
from tools.detectors.thresholds import Judgement
from tools.errors import StreamgaugeError
from tools.sources.records import Poll, StreamState
from tools.sources.redis.poll_steps import PollSteps, Step, steps_of
from tools.synthesis.flows.server import ServerStory
from tools.synthesis.timeline import SeriesBook

EXPECTED = (StreamgaugeError, ArithmeticError, LookupError, OSError, TypeError, ValueError)
"""What odd data can make a reader of it raise."""

_Fold = TypeVar("_Fold")


class Folded(Generic[_Fold]):
    """Something that takes polls one by one. Where it fails, only who wants it hears of that."""

    def __init__(self, fold: _Fold) -> None:
        self._fold = fold
        self._error: Exception | None = None

    def feed(self, take: Callable[[_Fold], None]) -> None:
        """Let it take something, unless it failed before."""
        if self._error is None:
            try:
                take(self._fold)
            except EXPECTED as error:
                self._error = error

    def get(self) -> _Fold:
        """What it has become. Raises what it raised while it took."""
        if self._error is not None:
            raise self._error
        return self._fold


class PollDigest:
    """The polls of a session. `baseline` is a poll of its own, before them; of `wanted` streams series are kept."""

    def __init__(
        self, baseline: Poll | None = None, judgement: Judgement | None = None, wanted: Sequence[str] = ()
    ) -> None:
        self.heads: list[Poll] = []
        """Every poll without its streams."""
        self.first: Poll | None = None
        """The first poll, its groups without consumers and pending entries."""
        self.since: Poll | None = None
        """The same of the newest poll after a gap."""
        self.final: Poll | None = None
        """The last poll, whole."""
        self.ledger = Folded(LedgerBook(() if baseline is None else (baseline,)))
        self.story = Folded(ServerStory(judgement=judgement))
        self.series = Folded(SeriesBook(wanted))
        self._recent: deque[Poll] = deque(maxlen=RATE_POLLS)
        self._openings: dict[str, StreamState] = {}

    def read(self, steps: PollSteps) -> None:
        """Take every poll of a journal. Raises JournalCorrupt, OSError; what was read before is then there."""
        try:
            for step in steps:
                self._take(step)
        finally:
            self.final = steps.whole()

    def take_one(self, poll: Poll) -> None:
        """A poll that is at hand, where there is no journal: flows are told of it alone."""
        step = next(steps_of([poll]))
        self.story.feed(lambda story: story.take(step))
        self.series.feed(lambda series: series.take(step))

    def end(self, final: Poll | None, end_ms: int, pause_ms: int) -> None:
        """All polls were taken; the window ended at `end_ms`, and polls came `pause_ms` apart."""
        self.story.feed(lambda story: story.end(final, end_ms, pause_ms))

    def last(self) -> tuple[Poll, ...]:
        """The last polls, as many as a rate is taken over, the very last whole."""
        return () if self.final is None else (*list(self._recent)[:-1], self.final)

    def recent(self) -> tuple[Poll, ...]:
        """The last polls, the very last whole; before them one that shows how each stream's track began."""
        last = self.last()
        if len(self.heads) <= len(last):
            return last
        opening = replace(self.heads[-len(last) - 1], streams=tuple(self._openings.values()), after_gap=False)
        return (opening, *last)

    def _take(self, step: Step) -> None:
        self.ledger.feed(lambda ledger: ledger.take(step.poll))
        self.story.feed(lambda story: story.take(step))
        self.series.feed(lambda series: series.take(step))
        self._open(step)
        self._recent.append(step.poll)
        self.heads.append(replace(step.poll, streams=()))
        if self.first is None:
            self.first = _slim(step.poll)
        if step.poll.after_gap:
            self.since = _slim(step.poll)

    def _open(self, step: Step) -> None:
        """Of each stream the first state since the gap, or since it appeared; one with an entry, where there is one."""
        if step.poll.after_gap:
            self._openings.clear()
        for name in step.before.keys() - {state.name for state in step.changed}:
            self._openings.pop(name, None)
        for state in step.changed:
            known = self._openings.get(state.name)
            if known is None or known.info.first_entry_id is None:
                self._openings[state.name] = replace(state, groups=(), sample=())


def _slim(poll: Poll) -> Poll:
    return replace(poll, streams=tuple(_slim_states(poll)))


def _slim_states(poll: Poll) -> Iterator[StreamState]:
    for state in poll.streams:
        groups = tuple([replace(group, consumers=None, pending=()) for group in state.groups])
        yield replace(state, groups=groups, sample=())
