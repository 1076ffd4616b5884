"""How the output of one service flows: its rhythm, starts, formats and clock. Bounded, and a plain record."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import log2

from msgspec import Struct

from tools.sources.logs import drift
from tools.sources.records import LogLine

GAPS_MIN = 20
SPAN_MIN_MS = 10_000
"""A rhythm is known after 20 gaps over 10 s; a burst at the start is none."""
_SAME_MOMENT_MS = 50
_STEPS = 4
"""Gaps are counted in buckets that grow by a quarter of a power of two (19 %)."""
_START_TEMPLATES_MAX = 50
_STARTS_MAX = 64
_LINES_KEPT = 5
CLOCK_SAMPLES = 64
_SOURCES_MAX = 64
_SAME_START_MS = 1000
"""Workers of one service that start one behind the other are one start."""


class Starts(Struct, kw_only=True):
    """When one start-up step was logged, and the newest lines that said so."""

    times_ms: list[int] = []
    lines: list[LogLine] = []
    seen_ms: int = 0
    """When it was last logged, counted or not."""


class Activity(Struct, kw_only=True):
    """One service's figures; times in ms."""

    service: str
    watched_since_ms: int
    lines: int = 0
    known_lines: int = 0
    first_arrived_ms: int | None = None
    last_arrived_ms: int | None = None
    gaps: dict[int, int] = {}
    starts: dict[str, Starts] = {}
    stops_ms: list[int] = []
    """When it said that it stops."""
    last_line: LogLine | None = None
    formats: dict[str, int] = {}
    newest: dict[str, LogLine] = {}
    """Per source, the line with the newest time of its own."""
    ahead: list[int] = []
    backwards: tuple[LogLine, LogLine, int] | None = None
    """Of this tick only."""

    def take(self, line: LogLine) -> None:
        """Count one line; what it says is not looked at."""
        if line.backfill:
            self.known_lines += 1
            return
        self.take_block(1, line.arrived_ms, late=line.late)
        self.last_line = line
        if line.event_ms is not None and not line.stamped:  # the keeper's clock is not the service's
            self._take_time(line, line.event_ms)

    def take_block(self, count: int, at: int, *, late: bool) -> None:
        """Count lines that were read at the same time."""
        self.lines += count
        if self.first_arrived_ms is None:
            self.first_arrived_ms = at
        elif self.last_arrived_ms is not None and not late and at - self.last_arrived_ms > _SAME_MOMENT_MS:
            bucket = int(log2(at - self.last_arrived_ms) * _STEPS)
            self.gaps[bucket] = self.gaps.get(bucket, 0) + 1
        self.last_arrived_ms = at if self.last_arrived_ms is None else max(at, self.last_arrived_ms)

    def take_formats(self, counts: Mapping[str, int]) -> None:
        """Count the formats of lines that are records of their own."""
        for name, count in counts.items():
            self.formats[name] = self.formats.get(name, 0) + count

    def take_format(self, name: str) -> None:
        """Count the format of a line that is a record of its own."""
        self.formats[name] = self.formats.get(name, 0) + 1

    def take_start(self, template: str, line: LogLine) -> None:
        """Count a start-up step; one whose time is not known cannot be told from its neighbours."""
        at = line.when_ms
        if at is None or (template not in self.starts and len(self.starts) >= _START_TEMPLATES_MAX):
            return
        starts = self.starts.setdefault(template, Starts())
        is_another = self.is_another_start(template, at)
        self.see_start(template, at)
        if not is_another:
            return
        starts.times_ms = [*starts.times_ms, at][-_STARTS_MAX:]
        starts.lines = [*starts.lines, line][-_LINES_KEPT:]

    def take_stops(self, times_ms: Iterable[int]) -> None:
        """Know when the service said that it stops."""
        self.stops_ms = sorted({*self.stops_ms, *times_ms})[-_STARTS_MAX:]

    def is_another_start(self, template: str, at_ms: int) -> bool:
        """Whether a start-up step at that time is not the last one again."""
        starts = self.starts.get(template)
        return starts is None or not starts.times_ms or at_ms - starts.seen_ms >= _SAME_START_MS

    def see_start(self, template: str, at_ms: int) -> None:
        """Know when a start-up step was last logged: workers that start one by one are one start."""
        starts = self.starts.get(template)
        if starts is not None:
            starts.seen_ms = max(starts.seen_ms, at_ms)

    def most_starts(self) -> Starts:
        """The step that was logged most often."""
        return max(self.starts.values(), key=lambda starts: len(starts.times_ms), default=Starts())

    def gap_p99_ms(self) -> int | None:
        """The gap that 99 of 100 do not exceed, at most 19 % too high; None while there is no rhythm."""
        count = sum(self.gaps.values())
        if count < GAPS_MIN or self.first_arrived_ms is None or self.last_arrived_ms is None:
            return None
        if self.last_arrived_ms - self.first_arrived_ms < SPAN_MIN_MS:
            return None
        over = count // 100
        for bucket in sorted(self.gaps, reverse=True):
            over -= self.gaps[bucket]
            if over < 0:
                return round(2 ** ((bucket + 1) / _STEPS))
        return None

    def clock_ahead_ms(self) -> int | None:
        """How far the service's clock is ahead of ours (negative: behind); None where it cannot be told."""
        return drift.ahead_of(self.ahead)

    def take_ahead(self, found_ms: list[int]) -> None:
        """How far lines' own times were ahead of their arrival."""
        self.ahead += found_ms
        del self.ahead[:-CLOCK_SAMPLES]

    def is_further_back(self, by_ms: int) -> bool:
        """Whether no jump of this tick was as far."""
        return self.backwards is None or by_ms > self.backwards[2]

    def take_backwards(self, before: LogLine | None, line: LogLine, by_ms: int) -> None:
        """Keep the furthest jump of this tick."""
        if before is not None and self.is_further_back(by_ms):
            self.backwards = (before, line, by_ms)

    def take_newest(self, source: str, line: LogLine) -> None:
        """Keep the line of a source that has the newest time."""
        if source in self.newest or len(self.newest) < _SOURCES_MAX:
            self.newest[source] = line

    def _take_time(self, line: LogLine, event_ms: int) -> None:
        if not line.late:
            self.take_ahead([event_ms - line.arrived_ms])
        before = self.newest.get(line.source)
        if before is not None and before.event_ms is not None and event_ms < before.event_ms:
            by = before.event_ms - event_ms
            self.take_backwards(before, line, by)
            if by < SAME_CLOCK_MS:
                return
        self.take_newest(line.source, line)


SAME_CLOCK_MS = 1000
"""Threads of one logger write out of order by less; a clock that was set back goes on from where it is."""
