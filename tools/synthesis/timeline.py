"""The window as series: length, pending entries and lag of streams poll by poll, and how many log lines came when.

Both are folded while journals are read once, and neither grows with the window: where there are too many points, two
become one. A point of several polls has the highest of their figures, so that no peak is lost.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from msgspec import Struct

from tools.detectors.streams.families import family_of
from tools.findings.model import Enhancement, Finding, StreamFinding, rank_of, stream_shown, streams_of
from tools.sources.records import StreamState
from tools.sources.redis.poll_steps import Step

SERIES_MAX = 40
"""Streams that are followed: those that findings name, the worst first, then others as they are met."""
POINTS_MAX = 120
"""Points of a series at least, where there were as many polls; at twice as many, two become one."""
FAILURES = frozenset({"ERROR", "FATAL"})
"""Levels of lines that are counted apart."""

Reading = tuple[int, int, int | None]
"""Length, pending entries and lag, in messages; a lag of None is not known."""


class StreamSeries(Struct, frozen=True, kw_only=True, rename="camel"):
    """Figures of one stream, in messages, one for each of `atMs`; None where the stream was not there or not known."""

    stream: str
    length: tuple[int | None, ...]
    pending: tuple[int | None, ...]
    lag: tuple[int | None, ...]
    """The largest of the stream's groups."""


class LogRate(Struct, frozen=True, kw_only=True, rename="camel"):
    """Log lines of all services by when they arrived: `lines[i]` came within `step_ms` from `from_ms + i * step_ms`."""

    from_ms: int
    step_ms: int
    lines: tuple[int, ...]
    failures: tuple[int, ...]
    """Of these, at the level ERROR or FATAL; at least, for lines that are only counted are not told apart."""


class Timeline(Struct, frozen=True, kw_only=True, rename="camel"):
    """Section 3 and the charts of `report.html`. Times in ms since the epoch; `at_ms` are those of the polls."""

    at_ms: tuple[int, ...]
    streams: tuple[StreamSeries, ...]
    streams_left_out: int
    logs: LogRate | None


@dataclass
class SeriesBook:
    """Takes polls step by step. `wanted` are followed before all others, of a family its first member."""

    wanted: Sequence[str] = ()
    at_ms: list[int] = field(default_factory=list)
    _now: dict[str, Reading] = field(default_factory=dict)
    _points: dict[str, list[Reading | None]] = field(default_factory=dict)
    _left_out: set[str] = field(default_factory=set)
    _polls_a_point: int = 1
    _polls: int = 0

    def take(self, step: Step) -> None:
        """One more poll."""
        for name in step.before.keys() - {state.name for state in step.changed}:
            self._now.pop(name, None)
        for state in step.changed:
            if self._follows(state.name):
                pending = sum(group.info.pending for group in state.groups)
                self._now[state.name] = (state.info.length, pending, _lag_of(state))
        if self._polls % self._polls_a_point:
            self.at_ms[-1] = step.poll.at_ms
            for name, points in self._points.items():
                points[-1] = _higher(points[-1], self._now.get(name))
        else:
            self.at_ms.append(step.poll.at_ms)
            for name, points in self._points.items():
                points.append(self._now.get(name))
        self._polls += 1
        if len(self.at_ms) == 2 * POINTS_MAX and not self._polls % self._polls_a_point:
            self._halve()

    def series(self) -> tuple[StreamSeries, ...]:
        """What became of each stream that was followed, by name."""
        return tuple(_series(name, points) for name, points in sorted(self._points.items()))

    @property
    def left_out(self) -> int:
        """Streams that were seen and not followed."""
        return len(self._left_out)

    def _follows(self, name: str) -> bool:
        if name in self._points:
            return True
        if name in self._left_out:
            return False
        met = {*self._points, *map(family_of, self._points)}
        unmet = [wanted for wanted in self.wanted if wanted not in met]
        if not {name, family_of(name)} & {*unmet} and len(self._points) + len(unmet) >= SERIES_MAX:
            self._left_out.add(name)
            return False
        self._points[name] = [None] * len(self.at_ms)
        return True

    def _halve(self) -> None:
        """Two points become one; only done when their number is even and the last one is full."""
        self._polls_a_point *= 2
        self.at_ms = self.at_ms[1::2]
        for name, points in self._points.items():
            self._points[name] = [_higher(*pair) for pair in zip(points[::2], points[1::2], strict=True)]


@dataclass
class RateBook:
    """Counts lines by when they arrived."""

    step_ms: int = 1_000
    _counts: dict[int, list[int]] = field(default_factory=dict)
    _known: int = 0

    def take(self, arrived_ms: int, lines: int, *, failed: bool = False) -> None:
        """So many more lines, that arrived then."""
        count = self._counts.get(arrived_ms // self.step_ms)
        if count is None:
            self._counts[arrived_ms // self.step_ms] = count = [0, 0]
        count[0] += lines
        count[1] += lines if failed else 0
        # Asked once for each new step, not for each line.
        if len(self._counts) != self._known:
            while max(self._counts) - min(self._counts) >= 2 * POINTS_MAX:
                self._widen()
            self._known = len(self._counts)

    def rate(self) -> LogRate | None:
        """All counts; None where no line came."""
        if not self._counts:
            return None
        first, last = min(self._counts), max(self._counts)
        counts = [self._counts.get(at, (0, 0)) for at in range(first, last + 1)]
        return LogRate(
            from_ms=first * self.step_ms,
            step_ms=self.step_ms,
            lines=tuple(count[0] for count in counts),
            failures=tuple(count[1] for count in counts),
        )

    def _widen(self) -> None:
        wider: dict[int, list[int]] = {}
        for at, (lines, failures) in self._counts.items():
            count = wider.setdefault(at // 2, [0, 0])
            count[0] += lines
            count[1] += failures
        self._counts = wider
        self.step_ms *= 2


def named(findings: Iterable[Finding]) -> tuple[str, ...]:
    """The streams and families that findings name, those of the worst first, as many as are followed.

    Of a family whose members a finding lists it is the worst of them.
    Advice may name streams that only code has; it keeps no place for them.
    """
    kept = (finding for finding in findings if not isinstance(finding, Enhancement))
    ordered = sorted(kept, key=lambda finding: (rank_of(finding), finding.timestamp, finding.finding_id))
    return tuple(dict.fromkeys(name for finding in ordered for name in _places(finding)))[:SERIES_MAX]


def _places(finding: Finding) -> tuple[str, ...]:
    return (stream_shown(finding),) if isinstance(finding, StreamFinding) else streams_of(finding)


def _lag_of(state: StreamState) -> int | None:
    return max((group.lag.messages for group in state.groups if group.lag is not None), default=None)


def _higher(one: Reading | None, other: Reading | None) -> Reading | None:
    if one is None or other is None:
        return other if one is None else one
    lags = [lag for lag in (one[2], other[2]) if lag is not None]
    return max(one[0], other[0]), max(one[1], other[1]), max(lags, default=None)


def _series(name: str, points: Sequence[Reading | None]) -> StreamSeries:
    return StreamSeries(
        stream=name,
        length=tuple(None if point is None else point[0] for point in points),
        pending=tuple(None if point is None else point[1] for point in points),
        lag=tuple(None if point is None else point[2] for point in points),
    )
