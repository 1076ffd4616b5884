"""A block of lines → what the window counts, without an object for every line.

Lines that may belong to a stack trace, or to a private key, are read one after the other. Of all others with a word
that matters, one of each template is judged, and the rest is counted by its rows. Lines that hold nothing are only
numbers: how many, when, in which format.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from tools.sources.logs import classify, figures
from tools.sources.logs.activity import Activity
from tools.sources.logs.engine.above import Above
from tools.sources.logs.engine.batch import Batch
from tools.sources.logs.engine.budgets import Budget, Work
from tools.sources.logs.engine.clocks import Clocks
from tools.sources.logs.engine.columns import Column
from tools.sources.logs.engine.folded import Folded
from tools.sources.logs.engine.joined import Joined
from tools.sources.logs.engine.kinds import Kinds
from tools.sources.logs.engine.patterns import HEADS, JUDGED, Mark
from tools.sources.logs.engine.scanning import Ints, Scanner
from tools.sources.logs.engine.seen import Seen
from tools.sources.logs.engine.shapes import Look, Shapes, formats, lines
from tools.sources.logs.engine.table import Flags
from tools.sources.logs.engine.wrote import Wrote
from tools.sources.logs.held import Held
from tools.sources.logs.templates import message_ids
from tools.sources.logs.trace_lines import own_head_at
from tools.sources.logs.traces import Trace
from tools.sources.logs.window import (
    IDS_MAX,
    SECRETS_MAX,
    TIMES_MAX,
    Group,
    Item,
    Judged,
    Later,
    Window,
    last_of,
)
from tools.sources.records import LogLine

_FIRST_BYTES = 16 * 1024
_FIGURES_MAX = 256
"""Lines of one template and block whose memory is looked at."""
_KEY, _SECRET = int(Mark.KEY), int(Mark.SECRET)
_MAY_NAME = int(Mark.MESSAGE | Mark.SECRET | Mark.ODD)
"""A message id is in the line as it was read, or in what is left of it without secrets and control characters."""
_OPENERS = int(Mark.FRAME | Mark.KEY)
_IN_ORDER = int(HEADS) | _OPENERS
_JUDGED, _DOUBTFUL = int(JUDGED), int(Mark.SECRET | Mark.MASKED)
_OF_ACTIVITY = frozenset({classify.START, classify.STOP})
"""Verdicts of lines that tell when a service runs, and nothing else."""


class Folder:
    """All sources' blocks in; items for the window out, in the order of their last lines."""

    def __init__(self, window: Window, scanner: Scanner) -> None:
        self._window, self._scanner = window, scanner
        self._shapes: dict[str, Shapes] = {}
        self._clocks: dict[str, Clocks] = {}
        self._kinds, self._seen = Kinds(window), Seen(window)
        self.budgets: dict[str, Budget] = {}

    def fold(self, batch: Batch, now: float) -> Folded:
        """Take one block; `now` is monotonic seconds."""
        return next(self.fold_all([batch], now))

    def fold_all(self, batches: Sequence[Batch], now: float) -> Iterator[Folded]:
        """Take blocks of different sources, scanned as one; one after the other, so that each is done with first."""
        for folded in Joined(self._scanner, batches, self._columns_of).parts():
            self._fold(folded, now)
            yield folded

    def begun(self, batch: Batch) -> Iterator[Batch]:
        """A source's first block in two: where times stand is learnt from few lines, before it matters for many."""
        new = batch.origin.source not in self._clocks and not batch.backfill
        if not new or len(batch.block.data) < 4 * _FIRST_BYTES:
            yield batch
            return
        for block in batch.block.split(batch.block.position + _FIRST_BYTES):
            if block is not None:
                yield replace(batch, block=block)

    def _fold(self, folded: Folded, now: float) -> None:
        batch, seen = folded.batch, folded.tally.seen
        activity = self._window.activity(batch.origin.service)
        if batch.backfill:
            self._take_known(folded, activity)
            return
        budget = self.budgets.setdefault(batch.origin.service, Budget(now))
        budget.now = now
        clocks = self._clocks_of(batch.origin.source, activity)
        taken = self._read_in_order(folded, budget)
        Above(folded).tell(self._window.assembler(batch.origin.source), folded.table.count, taken)
        self._look_at_shapes(folded, taken, clocks)
        activity.take_block(folded.table.count, batch.now_ms, late=batch.behind(0))
        clocks.take(folded, activity)
        if seen & _JUDGED or folded.groups:
            self._judge(folded, np.flatnonzero(((folded.marks & _JUDGED) != 0) & ~taken), budget, activity)
        if seen & _DOUBTFUL or folded.secrets:
            self._confirm(folded, taken, budget)
        folded.items.sort(key=_position)

    def settle(self, until_ms: int | None = None) -> None:
        """Bring what activities hold of single lines up to date; of sources alone that were not read since `until_ms`."""
        for clocks in self._clocks.values():
            if until_ms is None or clocks.read_ms <= until_ms:
                clocks.settle(self._window)

    @property
    def kinds(self) -> int:
        """How many kinds of lines were judged."""
        return self._kinds.judged

    @property
    def sources(self) -> int:
        """How many gave lines."""
        return len(self._clocks)

    def settle_last(self) -> None:
        """See that every activity has a last line, if not the newest."""
        for clocks in self._clocks.values():
            clocks.settle_last(self._window)

    # --- reading ----------------------------------------------------------------------------------------

    def _columns_of(self, batch: Batch) -> tuple[Column, ...]:
        clocks = self._clocks.get(batch.origin.source)
        return clocks.columns if clocks is not None else ()

    def _take_known(self, folded: Folded, activity: Activity) -> None:
        for row in range(folded.table.count):
            line = folded.record(row)
            activity.take(line)
            activity.take_format(line.format)

    def _clocks_of(self, source: str, activity: Activity) -> Clocks:
        clocks = self._clocks.get(source)
        if clocks is None:
            clocks = self._clocks[source] = Clocks(activity.service, source, activity)
        return clocks

    def _look_at_shapes(self, folded: Folded, taken: Flags, clocks: Clocks) -> None:
        source = folded.batch.origin.source
        shapes = self._shapes.setdefault(source, Shapes())
        aside = folded.table.indented | taken if folded.telling else None
        count = folded.table.count - (folded.tally.indented if aside is None else int(aside.sum()))
        kinds = shapes.passed(count)
        if kinds is None:
            rows = np.flatnonzero(~(folded.table.indented if aside is None else aside))
            kinds = shapes.look(Look(folded.table, folded.times, folded.parsed, clocks.teller(folded)), rows)
            clocks.read_again(folded.table, folded.times, folded.batch.now_ms)
        counts = formats(kinds)
        folded.formats.update(counts)
        self._window.activity(folded.batch.origin.service).take_formats(counts)
        self._window.assembler(source).written.add(lines(kinds))

    # --- lines that belong together ---------------------------------------------------------------------

    def _read_in_order(self, folded: Folded, budget: Budget) -> Flags:
        """Feed what may be part of a trace or a key to their readers; returns which lines went there."""
        table = folded.table
        taken = np.zeros(table.count, np.bool_)
        assembler = self._window.assembler(folded.batch.origin.source)
        if (
            not folded.tally.seen & _IN_ORDER
            and assembler.held is None
            and not folded.batch.masker.open_lines
        ):
            return taken
        folded.certain = (folded.times >= 0) | table.structured
        at = self._run(folded, 0, taken, budget, begins=False)
        rows = _begins(folded)
        if not len(rows) and not at:
            return taken
        wrote = Wrote(folded.times >= 0, aside := taken | table.indented, folded.parsed)
        above = Above(folded)
        for row in rows.tolist():
            if row < at:
                continue
            trace = self._seen.take(folded, row, assembler)
            mark = int(folded.marks[row])
            if trace is not None:
                taken[trace] = True
                at = trace.stop
            elif mark & _KEY or budget.take(Work.TRACE, mark, folded.size(row)):
                above.tell(assembler, row, taken)
                assembler.written.before = partial(wrote.before, row)
                # One that is put together now comes after those that were known.
                folded.items += self._seen.groups(folded)
                known = len(folded.items)
                at = self._run(folded, row, taken, budget, begins=True)
                self._seen.learn(folded, at, folded.items[known:])
            aside[row:at] |= taken[row:at]
        assembler.written.before = None
        folded.items += self._seen.groups(folded)
        if taken.any():
            folded.telling.append(np.flatnonzero(taken))
        return taken

    def _run(self, folded: Folded, row: int, taken: Flags, budget: Budget, *, begins: bool) -> int:
        """Feed lines from one on for as long as they go on; `begins`: the first one in any case, which was paid for."""
        assembler = self._window.assembler(folded.batch.origin.source)
        masker, count = folded.batch.masker, folded.table.count
        while row < count and (begins or assembler.held is not None or masker.open_lines):
            mark, held, size = int(folded.marks[row]), assembler.held, folded.size(row)
            # What was begun is read to its end: a trace is whole, or not there.
            first = begins and not masker.open_lines and held is None
            begins = False
            line = folded.record(row, in_order=True)
            taken[row] = True
            folded.times[row] = -1 if line.event_ms is None or line.stamped else line.event_ms
            if line.secrets:
                folded.secrets.append((row, line))
            for item in assembler.feed(line):
                self._take_item(folded, item)
            # A line that the next one surely does not go on is single: else each error would hold the one after it.
            if not folded.may_go_on(row) and is_single(assembler.held):
                for item in assembler.close():
                    self._take_item(folded, item)
            another = assembler.held is not None and assembler.held is not held
            if not first and (not another or masker.open_lines):
                budget.owe(Work.TRACE, size)
            elif not first and not budget.take(Work.TRACE, mark, size):
                given_up, assembler.held = assembler.held, None
                for held_line in given_up.lines if given_up is not None else ():
                    self._take_item(folded, held_line)
            row += 1
        return row

    def _take_item(self, folded: Folded, item: LogLine | Trace) -> None:
        """A trace, or a line that turned out to be single: it goes to those that say the same."""
        row = item.line - folded.batch.block.number if isinstance(item, LogLine) else -1
        if not isinstance(item, LogLine) or folded.records.get(row) is not item:
            if isinstance(item, LogLine) and self._window.judge(item).verdict in _OF_ACTIVITY:
                self._window.take(item)  # before the starts of this block
            else:
                folded.items.append(item)
            return
        activity = self._window.activity(item.service)
        if item.text and not item.text[0].isspace():
            activity.take_format(item.format)
        self._kinds.take(folded, row, self._window.judge(item))

    # --- single lines -----------------------------------------------------------------------------------

    def _judge(self, folded: Folded, rows: Ints, budget: Budget, activity: Activity) -> None:
        self._kinds.sort(folded, rows, budget)
        for judged, found in folded.groups.items():
            members = np.sort(np.concatenate(found))
            folded.telling.append(members)
            if judged.verdict == classify.START:
                self._take_starts(folded, judged, members, activity)
            elif judged.verdict == classify.STOP:
                activity.take_stops(_times(folded, members))
            else:
                folded.items.append(self._group(folded, judged, members))

    def _group(self, folded: Folded, judged: Judged, rows: Ints) -> Group:
        origin = folded.batch.origin
        key = (origin.service, origin.source, judged.verdict, judged.template)
        last: LogLine | Later = folded.later(int(rows[-1]))
        trace = None
        if judged.trace is not None:
            last = folded.record(int(rows[-1]))
            trace = self._window.judge(last).trace
        return Group(
            judged.verdict,
            judged.template,
            len(rows),
            _times(folded, rows[-TIMES_MAX:]),
            last if self._window.knows(key) else folded.record(int(rows[0])),
            last,
            tuple(self._ids(folded, rows)) if self._window.wants_ids(key) else (),
            trace,
            self._memory(folded, rows.tolist(), self._window.last_figure_ms(key))
            if judged.verdict == classify.TOLD
            else (),
        )

    @staticmethod
    def _memory(folded: Folded, rows: list[int], last_ms: int | None) -> figures.Figures:
        found: figures.Figures = ()
        for row in rows[:: len(rows) // _FIGURES_MAX + 1]:
            at_ms = folded.when_ms(row)
            if at_ms is not None and figures.is_due(last_ms, at_ms):
                more = figures.figures_of((folded.record(row),), last_ms)
                last_ms = more[-1][0] if more else last_ms
                found += more
        return found

    @staticmethod
    def _ids(folded: Folded, rows: Ints) -> list[str]:
        found: dict[str, None] = {}
        for row in rows[(folded.marks[rows] & _MAY_NAME) != 0].tolist():
            found.update(dict.fromkeys(message_ids(folded.said(row))))
            if len(found) >= IDS_MAX:
                break
        return list(found)

    @staticmethod
    def _take_starts(folded: Folded, judged: Judged, rows: Ints, activity: Activity) -> None:
        for row in rows.tolist():
            when_ms = folded.when_ms(row)
            if when_ms is not None and activity.is_another_start(judged.template, when_ms):
                activity.take_start(judged.template, folded.record(row))
            elif when_ms is not None:
                activity.see_start(judged.template, when_ms)

    def _confirm(self, folded: Folded, taken: Flags, budget: Budget) -> None:
        wanted = int(Mark.SECRET | Mark.MASKED if folded.batch.origin.captured else Mark.SECRET)
        for row in np.flatnonzero(((folded.marks & wanted) != 0) & ~taken).tolist():
            full = len(self._window.secrets) + len(folded.secrets) >= SECRETS_MAX
            known, size = row in folded.records, folded.size(row)
            if not known and (full or not budget.take(Work.CONFIRM, int(Mark.SECRET), size)):
                if full:
                    budget.lines_over[Work.CONFIRM] += 1
                folded.unchecked.add(row)
                continue
            line = folded.with_secrets(row)
            if line is not None:
                folded.secrets.append((row, line))
        folded.secrets.sort(key=lambda found: found[0])
        self._window.secrets += [line for _, line in folded.secrets][
            : SECRETS_MAX - len(self._window.secrets)
        ]


def _begins(folded: Folded) -> Ints:
    """The lines with which a trace or a key may begin."""
    rows = np.flatnonzero(folded.marks & _IN_ORDER)
    marks, certain, last = folded.marks[rows], folded.certain, folded.table.count - 1
    after = np.minimum(rows + 1, last)
    # As `Folded.may_go_on`.
    follows = ~certain[after] | (~certain[rows] & (folded.times[after] < 0)) | (rows == last)
    heads = ((marks & int(HEADS)) != 0) & follows
    opens = ((marks & _OPENERS) != 0) & (follows | ~folded.table.structured[rows])
    found: Ints = rows[heads | opens | ((marks & _KEY) != 0)]
    return found


def is_single(held: Held | None) -> bool:
    """Whether a line is held only because a trace might follow at once: behind an interpreter's own head records may pass by."""
    if held is None or len(held.lines) > 1 or held.language:
        return False
    return own_head_at(held.lines[0].text) is None


def _times(folded: Folded, rows: Ints) -> tuple[int, ...]:
    times = folded.times[rows]
    if (times >= 0).all():
        return tuple(times.tolist())
    return tuple(time for row in rows.tolist() if (time := folded.when_ms(row)) is not None)


def _position(item: Item) -> int:
    return last_of(item).position
