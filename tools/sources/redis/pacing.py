"""Questions in small batches with a pause between, so that the server's own clients do not wait for us.

What a concurrent client waits for us is the server's time in one batch, so a batch is bounded by that: about
0.2 ms. With 32 ms between batches less than one of its commands in a hundred meets one (`benchmarks/poll.py`).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

from tools.clock import Clock
from tools.sources.redis.allowlist import Ask, Question, question
from tools.sources.redis.readonly import Flight, ReadOnlyClient, Reply

COMMAND_US = 2.2
REPLY_US_PER_KB = 2.5
"""Server time of a light command, and of what it sends: XINFO and XPENDING on Redis 8.2, XRANGE of 200-byte entries."""

SCALE_MIN, SCALE_MAX = 0.25, 8.0
"""How far what was measured may move these two figures."""

SLOW_BATCH_S = 0.005
SLOW_BATCHES = 3
COMMANDS_MIN = 10
"""So many batches in a row that each took so much longer than the quickest one halve the next, down to so many
commands. One alone is as likely a pause of our own machine."""

BATCH_REPLY_BYTES = 262_144
"""Replies of one batch; a stream with entries of 1 MB sends 2 MB for one XINFO STREAM."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How much at once: server time (us) and commands of a batch, and the pause after it, seconds.

    Waking up for a batch costs the server more than the commands in it (0.2 to 0.4 ms on a virtual machine), so the
    number of commands bounds only what is so light that its time is hardly known.
    """

    batch_us: float = 200.0
    commands: int = 150
    gap_s: float = 0.032


class Never:
    """A stop signal that is never set."""

    def is_set(self) -> bool:
        """False."""
        return False


class _Sums:
    """How many commands, and bytes of replies, the questions up to each hold."""

    def __init__(self, questions: Sequence[Question], sizes: Sequence[int]) -> None:
        self._commands = list(accumulate([len(asked.names) for asked in questions], initial=0))
        self._bytes = list(accumulate(sizes, initial=0))

    def __len__(self) -> int:
        return len(self._commands) - 1

    def between(self, start: int, end: int) -> tuple[int, int]:
        """Of the questions from `start` to before `end`."""
        return self._commands[end] - self._commands[start], self._bytes[end] - self._bytes[start]


class Pacer:
    """Sends commands in batches through one client. Raises what the client raises.

    `estimated_us` is the server time of all that was sent, as guessed; `learn` corrects the guess.
    """

    def __init__(self, client: ReadOnlyClient, clock: Clock, pace: Pace | None = None) -> None:
        self.client = client
        self.pace = pace or Pace()
        self.estimated_us = 0.0
        self._clock = clock
        self._scale = 1.0
        self._size = self.pace.commands
        self._slow = 0
        self._quickest_s: float | None = None
        self._free_at = clock.monotonic()

    def run(self, asks: Iterable[Ask], expected_bytes: Sequence[int] = ()) -> list[Reply]:
        """Replies in order. `expected_bytes`, one per ask where given, are guesses of their replies."""
        return list(self.each(asks, expected_bytes))

    def each(self, asks: Iterable[Ask], expected_bytes: Sequence[int] = ()) -> Iterator[Reply]:
        """The same one by one: a batch is sent when its first reply is wanted, so no more than one is held.

        Without pauses the server works on a batch while the replies of the one before are worked on here.
        """
        waiting = [ask if isinstance(ask, Question) else question(ask) for ask in asks]
        sizes = expected_bytes or [asked.reply_bytes for asked in waiting]
        batches = self._batches(waiting, sizes)
        if self.pace.gap_s > 0:
            for batch in batches:
                yield from self._send(batch)
            return
        flight: Flight | None = None
        for batch in batches:
            replies = [] if flight is None else self.client.land(flight)
            flight = self.client.begin(batch)
            yield from replies
        if flight is not None:
            yield from self.client.land(flight)

    def batch(self, asks: Sequence[Ask]) -> list[Reply]:
        """One batch, sent whole, not before the pause after the last one is over."""
        return self._send([ask if isinstance(ask, Question) else question(ask) for ask in asks])

    def learn(self, measured_us: float, estimated_us: float) -> None:
        """What the server's own counters say of what was sent meanwhile: guesses follow, half-way each time."""
        if estimated_us > 0 and measured_us > 0:
            told = self._scale * measured_us / estimated_us
            self._scale = min(max((self._scale + told) / 2, SCALE_MIN), SCALE_MAX)

    def _batches(self, waiting: Sequence[Question], sizes: Sequence[int]) -> Iterator[Sequence[Question]]:
        plan = _Sums(waiting, sizes)
        start = 0
        while start < len(waiting):
            end = self._end_of_batch(plan, start)
            yield waiting[start:end]
            start = end

    def _end_of_batch(self, plan: _Sums, start: int) -> int:
        """Where the batch that begins at `start` ends; it holds one question at least."""
        per_command, per_byte = COMMAND_US * self._scale, REPLY_US_PER_KB * self._scale / 1000

        def is_full(end: int) -> bool:
            commands, reply_bytes = plan.between(start, end)
            cost_us = per_command * commands + per_byte * reply_bytes
            return commands > self._size or cost_us > self.pace.batch_us or reply_bytes > BATCH_REPLY_BYTES

        last = len(plan)
        end = bisect_left(range(start + 2, last + 1), True, key=is_full) + start + 1
        commands, reply_bytes = plan.between(start, end)
        self.estimated_us += per_command * commands + per_byte * reply_bytes
        return end

    def _send(self, questions: Sequence[Question]) -> list[Reply]:
        self._clock.sleep_until(self._free_at, Never())
        started = self._clock.monotonic()
        replies = self.client.pipeline(questions)
        ended = self._clock.monotonic()
        self._free_at = ended + self.pace.gap_s
        self._adapt(ended - started)
        return replies

    def _adapt(self, took_s: float) -> None:
        self._quickest_s = took_s if self._quickest_s is None else min(self._quickest_s, took_s)
        if took_s <= self._quickest_s + SLOW_BATCH_S or self.pace.gap_s == 0:
            self._slow, self._size = 0, min(self.pace.commands, self._size * 2)
            return
        self._slow += 1
        if self._slow >= SLOW_BATCHES:
            self._slow, self._size = 0, max(COMMANDS_MIN, self._size // 2)
