"""The times of one source's lines, for all lines of a block at once: its clock, and its first, last and newest line."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from tools.sources.logs.activity import SAME_CLOCK_MS, Activity
from tools.sources.logs.engine.columns import NONE, Column, Sample, learn
from tools.sources.logs.engine.scanning import Ints
from tools.sources.logs.engine.table import LineTable

if TYPE_CHECKING:
    from collections.abc import Callable

    from tools.sources.logs.engine.folded import Folded
    from tools.sources.logs.window import Window
    from tools.sources.records import LogLine

COLUMNS_MAX = 4
SAMPLES = 16
"""Fewer could share a column by chance."""
_SAMPLES_MAX, _LEARNT_FROM = 1024, 64


class Clocks:
    """Where a source's times stand, and what its lines say of its clock."""

    def __init__(self, service: str, source: str, activity: Activity) -> None:
        self._service, self._source = service, source
        self._columns: list[Column] = []
        self._samples: list[Sample] = []
        self._stale = False
        newest = activity.newest.get(source)
        self._newest_ms = NONE if newest is None or newest.event_ms is None else newest.event_ms
        self._newest: Callable[[], LogLine] | None = None
        self._last: Callable[[], LogLine] | None = None

    def read(self, table: LineTable, data: memoryview, times: Ints, arrived_ms: int) -> None:
        """Fill in `times` what the columns that are known give."""
        for column in self._columns:
            if (times < 0).any():
                found = column.read(table, data, arrived_ms)
                np.copyto(times, found, where=times < 0)

    def learn(self, line: bytes, row: int, event_ms: int | None, times: Ints) -> None:
        """Hold a line that was parsed against the columns, or learn one from it."""
        column_ms = int(times[row])
        if column_ms >= 0 and (event_ms is None or abs(column_ms - event_ms) > 1):
            # A column that is wrong once is none.
            self._columns.clear()
            self._stale = True
        if event_ms is not None:
            if column_ms < 0 and len(self._samples) < _SAMPLES_MAX:
                self._samples.append(Sample(line, event_ms))
            times[row] = event_ms
        elif self._stale:
            times[row] = NONE

    def read_again(self, table: LineTable, data: memoryview, times: Ints, arrived_ms: int) -> None:
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
            np.copyto(times, column.read(table, data, arrived_ms), where=times < 0)
        self._samples.clear()

    def take(self, folded: Folded, activity: Activity) -> None:
        """What the block's times say of the clock; its last line is kept for later."""
        count, batch = folded.table.count, folded.batch
        self._last = self._later(folded, count - 1)
        rows = np.flatnonzero(folded.times >= 0)
        if not len(rows):
            return
        times = folded.times[rows]
        fresh = [int(time) - batch.now_ms for time, row in _last_of(times, rows) if not batch.behind(row)]
        activity.take_ahead(fresh)
        before = np.maximum.accumulate(np.concatenate(([self._newest_ms], times)))
        back = before[:-1] - times
        worst = int(back.argmax())
        if int(back[worst]) >= SAME_CLOCK_MS:
            self._step(folded, activity, rows, times)
            return
        if self._newest_ms >= 0 or worst:
            self._tell(folded, activity, rows, worst, int(back[worst]))
        if int(before[-1]) > self._newest_ms or int(times[-1]) == self._newest_ms:
            self._move(folded, int(rows[np.flatnonzero(times == before[-1])[-1]]), int(before[-1]))

    def settle(self, window: Window) -> None:
        """Make the records of the last and the newest line, where they are new."""
        activity = window.activity(self._service)
        if self._last is not None:
            activity.last_line = self._last()
            self._last = None
        if self._newest is not None:
            activity.take_newest(self._source, self._newest())
            self._newest = None

    def settle_last(self, window: Window) -> None:
        """The record of the last line alone, where there is none yet."""
        activity = window.activity(self._service)
        if activity.last_line is None and self._last is not None:
            activity.last_line = self._last()

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
        return self._newest() if self._newest is not None else activity.newest.get(self._source)

    def _move(self, folded: Folded, row: int, time_ms: int) -> None:
        self._newest_ms = time_ms
        self._newest = self._later(folded, row)

    @staticmethod
    def _later(folded: Folded, row: int) -> Callable[[], LogLine]:
        line = folded.records.get(row)
        if line is not None:
            return lambda: line
        batch, table = folded.batch, folded.table
        return partial(batch.record, batch.raw(row, int(table.starts[row]), int(table.ends[row])))


def _last_of(times: Ints, rows: Ints) -> zip[tuple[int, int]]:
    return zip(times[-64:].tolist(), rows[-64:].tolist(), strict=True)
