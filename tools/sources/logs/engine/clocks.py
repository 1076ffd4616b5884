"""The times of one source's lines, for all lines of a block at once: its clock, and its first, last and newest line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tools.sources.logs.activity import CLOCK_SAMPLES, SAME_CLOCK_MS, Activity
from tools.sources.logs.engine.columns import NONE, Column, Sample, learn
from tools.sources.logs.engine.folded import READ_BYTES, Folded
from tools.sources.logs.engine.scanning import Ints
from tools.sources.logs.engine.table import LineTable
from tools.sources.logs.window import made

if TYPE_CHECKING:
    from collections.abc import Callable

    from tools.sources.logs.parse import Parsed
    from tools.sources.logs.window import Later, Window
    from tools.sources.records import LogLine

COLUMNS_MAX = 4
SAMPLES = 16
"""Fewer could share a column by chance."""
_SAMPLES_MAX, _SAMPLE_BYTES_MAX, _LEARNT_FROM = 1024, 256 * 1024, 64


class Clocks:
    """Where a source's times stand, and what its lines say of its clock."""

    def __init__(self, service: str, source: str, activity: Activity) -> None:
        self._service, self._source = service, source
        self._columns: list[Column] = []
        self._samples: list[Sample] = []
        self._sample_bytes = 0
        self._stale = False
        newest = activity.newest.get(source)
        self._newest_ms = NONE if newest is None or newest.event_ms is None else newest.event_ms
        self._newest: LogLine | Later | None = None
        self._last: LogLine | Later | None = None
        self.read_ms = 0
        """When a block of it was read last."""

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns that are known; a line's time is that of the first that gives one."""
        return tuple(self._columns)

    def teller(self, folded: Folded) -> Callable[[int, Parsed], None]:
        """Whom to tell of each line of a block that was parsed."""

        def tell(row: int, found: Parsed) -> None:
            self.learn(folded.text(row, READ_BYTES), row, found.event_ms, folded.times)

        return tell

    def learn(self, line: bytes, row: int, event_ms: int | None, times: Ints) -> None:
        """Hold a line that was parsed against the columns, or learn one from it."""
        column_ms = int(times[row])
        if column_ms >= 0 and (event_ms is None or abs(column_ms - event_ms) > 1):
            # A column that is wrong once is none.
            self._columns.clear()
            self._stale = True
        if event_ms is not None:
            if column_ms < 0 and self._wants_sample:
                self._samples.append(Sample(line, event_ms))
                self._sample_bytes += len(line)
            times[row] = event_ms
        elif self._stale:
            times[row] = NONE

    @property
    def _wants_sample(self) -> bool:
        if len(self._columns) >= COLUMNS_MAX or len(self._samples) >= _SAMPLES_MAX:
            return False
        return len(self._samples) < SAMPLES or self._sample_bytes < _SAMPLE_BYTES_MAX

    def read_again(self, table: LineTable, times: Ints, arrived_ms: int) -> None:
        """After all samples of a block: give up a column that was wrong, or use one that they show."""
        if self._stale:
            times[:] = NONE
            self._stale = False
            return
        if len(self._columns) >= COLUMNS_MAX or len(self._samples) < SAMPLES:
            return
        column = learn(self._samples[:: len(self._samples) // _LEARNT_FROM + 1], arrived_ms)
        if column is not None and column not in self._columns:
            self._columns.append(column)
            np.copyto(times, column.read(table, arrived_ms), where=times < 0)
        self._samples.clear()
        self._sample_bytes = 0

    def take(self, folded: Folded, activity: Activity) -> None:
        """What the block's times say of the clock; its last line is kept for later."""
        count = folded.table.count
        self._last, self.read_ms = folded.later(count - 1), folded.batch.now_ms
        times = folded.times
        if (times[1:] >= times[:-1]).all() and times[0] >= max(self._newest_ms, 0):
            # Every line has a time, and none goes back: as nearly always.
            self._take_fresh(folded, activity, times, None)
            self._move(folded, count - 1, int(times[-1]))
            return
        rows = np.flatnonzero(times >= 0)
        if not len(rows):
            return
        times = times[rows]
        self._take_fresh(folded, activity, times, rows)
        before = np.maximum.accumulate(np.concatenate(([self._newest_ms], times)))
        back = before[:-1] - times
        worst = int(back.argmax())
        if int(back[worst]) >= SAME_CLOCK_MS:
            self._step(folded, activity, rows, times)
            return
        if self._newest_ms >= 0 or worst:
            self._tell(folded, activity, rows, worst, int(back[worst]))
        latest = np.flatnonzero(times == before[-1])
        if len(latest):  # else the newest is in an earlier block
            self._move(folded, int(rows[latest[-1]]), int(before[-1]))

    @staticmethod
    def _take_fresh(folded: Folded, activity: Activity, times: Ints, rows: Ints | None) -> None:
        """How far the newest lines' times are ahead of their arrival, where that says something."""
        batch, newest = folded.batch, times[-CLOCK_SAMPLES:]
        if not batch.block.at_ms:  # a file's lines came when they were read
            if not batch.late:
                activity.take_ahead((newest - batch.now_ms).tolist())
            return
        which = (
            range(folded.table.count - len(newest), folded.table.count)
            if rows is None
            else rows[-len(newest) :].tolist()
        )
        pairs = zip(newest.tolist(), which, strict=True)
        activity.take_ahead([time - batch.now_ms for time, row in pairs if not batch.behind(row)])

    def settle(self, window: Window) -> None:
        """Make the records of the last and the newest line, where they are new."""
        activity = window.activity(self._service)
        if self._last is not None:
            activity.last_line = made(self._last)
            if self._newest is self._last:
                self._newest = activity.last_line
            self._last = None
        if self._newest is not None:
            activity.take_newest(self._source, made(self._newest))
            self._newest = None

    def settle_last(self, window: Window) -> None:
        """The record of the last line alone, where there is none yet."""
        activity = window.activity(self._service)
        if activity.last_line is None and self._last is not None:
            activity.last_line = made(self._last)

    # --- going backwards --------------------------------------------------------------------------------

    def _step(self, folded: Folded, activity: Activity, rows: Ints, times: Ints) -> None:
        """Line by line, where a clock was set back: it goes on from where it is."""
        worst, worst_by, worst_before = NONE, 0, NONE
        newest, newest_row = self._newest_ms, NONE
        for at, time in enumerate(times.tolist()):
            by = newest - time
            if newest >= 0 and by > 0:
                if by > worst_by:
                    worst, worst_by, worst_before = at, by, newest_row
                if by < SAME_CLOCK_MS:
                    continue
            newest, newest_row = time, at
        if worst >= 0:
            before = (
                self._newest_now(activity) if worst_before < 0 else folded.record(int(rows[worst_before]))
            )
            activity.take_backwards(before, folded.record(int(rows[worst])), worst_by)
        if newest_row >= 0:
            self._move(folded, int(rows[newest_row]), newest)

    def _tell(self, folded: Folded, activity: Activity, rows: Ints, at: int, by: int) -> None:
        if by <= 0 or not activity.is_further_back(by):
            return
        earlier = np.flatnonzero(folded.times[rows[:at]] == folded.times[rows[at]] + by)
        before = folded.record(int(rows[earlier[-1]])) if len(earlier) else self._newest_now(activity)
        activity.take_backwards(before, folded.record(int(rows[at])), by)

    def _newest_now(self, activity: Activity) -> LogLine | None:
        return made(self._newest) if self._newest is not None else activity.newest.get(self._source)

    def _move(self, folded: Folded, row: int, time_ms: int) -> None:
        self._newest_ms = time_ms
        self._newest = self._last if row == folded.table.count - 1 else folded.later(row)
