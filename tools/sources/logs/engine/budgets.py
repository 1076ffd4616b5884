"""How much work one service's lines may cause. What is over a budget is counted by what it holds, and told.

A flood of lines that are all new, all secret or all traces must neither stop the watcher nor hide another service.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from tools.sources.logs.engine.patterns import PATTERNS, Mark


class Work(StrEnum):
    """What lines may cause."""

    JUDGE = "classification"
    KIND = "findings"
    CONFIRM = "secret confirmation"
    TRACE = "stack traces"


class Rate(NamedTuple):
    """Pieces a second, and how many at once after a quiet time."""

    per_s: float
    burst: float


RATES = {
    Work.JUDGE: Rate(1000, 10_000),
    Work.KIND: Rate(20, 1000),
    Work.CONFIRM: Rate(500, 5000),
    Work.TRACE: Rate(2000, 20_000),
}
"""Kinds of lines, those of them that are findings (which cost milliseconds, and memory), lines that may hold a secret
(20 to 120 microseconds each at usual lengths, measured: at most 6 % of a core), and lines of traces."""
HELD_MAX = 1024
"""Lines over a budget are counted by so many different sets of marks."""
USUAL_BYTES, PIECE_BYTES = 1024, 64
"""A longer line counts as one more for each so many bytes: it takes so much more time."""


class Bucket:
    """Tokens that come back with time; `now` is monotonic seconds."""

    __slots__ = ("_at", "_rate", "_tokens")

    def __init__(self, rate: Rate, now: float) -> None:
        self._rate, self._tokens, self._at = rate, rate.burst, now

    def take(self, now: float, count: int = 1) -> bool:
        """Whether there were that many; they are gone then. Of more than there ever are, all that there can be are enough."""
        self._tokens = min(self._rate.burst, self._tokens + max(0.0, now - self._at) * self._rate.per_s)
        self._at = max(self._at, now)
        if self._tokens < min(count, self._rate.burst):
            return False
        self._tokens -= count
        return True

    def owe(self, count: int) -> None:
        """Take tokens that may not be there: what was begun is ended."""
        self._tokens -= count

    def available(self, now: float) -> int:
        """How many there are."""
        self.take(now, 0)
        return max(0, int(self._tokens))


@dataclass
class Budget:
    """One service's budgets, and what went over them."""

    now: float
    buckets: dict[Work, Bucket] = field(default_factory=dict)
    lines_over: Counter[Work] = field(default_factory=Counter)
    held: dict[Work, Counter[int]] = field(default_factory=dict)
    """Of the lines over each budget, how many hold which marks."""

    def take(self, work: Work, mark: int, size_bytes: int = 0) -> bool:
        """Whether a line of that size may be worked on; where not, it is counted by its marks."""
        if self._bucket(work).take(self.now, _pieces(size_bytes)):
            return True
        self.lines_over[work] += 1
        held = self.held.get(work)
        if held is None:
            held = self.held[work] = Counter()
        if mark not in held and len(held) >= HELD_MAX:
            mark &= -mark  # of too many different ones, what the first mark says
        held[mark] += 1
        return False

    def owe(self, work: Work, size_bytes: int = 0) -> None:
        """Count a line that is worked on in any case."""
        self._bucket(work).owe(_pieces(size_bytes))

    def _bucket(self, work: Work) -> Bucket:
        bucket = self.buckets.get(work)
        if bucket is None:
            bucket = self.buckets[work] = Bucket(RATES[work], self.now)
        return bucket

    def told(self, work: Work) -> str:
        """What the lines over a budget hold, most first."""
        of: Counter[str] = Counter()
        for marks, count in self.held.get(work, Counter()).items():
            for said in dict.fromkeys(meaning(mark) for mark in Mark if mark & marks):
                of[said] += count
        return ", ".join(f"{said} {count:,}" for said, count in of.most_common(5))


def _pieces(size_bytes: int) -> int:
    return 1 + max(0, size_bytes - USUAL_BYTES) // PIECE_BYTES


def meaning(mark: Mark) -> str:
    """A mark in words: what its first pattern says."""
    return next((pattern.meaning for pattern in PATTERNS if mark in pattern.mark), "other")


def over(budgets: dict[str, Budget]) -> Iterator[tuple[str, Work, int, str]]:
    """Service, work, lines and what they hold, of all that went over."""
    for service, budget in sorted(budgets.items()):
        for work, count in sorted(budget.lines_over.items()):
            yield service, work, count, budget.told(work)
