"""A block of lines → what the window counts, without an object for every line.

Lines that may belong to a stack trace, or to a private key, are read one after the other. Of all others with a word
that matters, one of each template is judged, and the rest is counted by its rows. Lines that hold nothing are only
numbers: how many, when, in which format.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

import numpy as np

from tools.sources.logs import classify, figures, parse
from tools.sources.logs.activity import Activity
from tools.sources.logs.digits import apart, own_name, without_digits
from tools.sources.logs.engine import keys
from tools.sources.logs.engine.batch import Batch, plain
from tools.sources.logs.engine.budgets import Budget, Work
from tools.sources.logs.engine.clocks import Clocks
from tools.sources.logs.engine.folded import READ_BYTES, Folded
from tools.sources.logs.engine.patterns import HEADS, JUDGED, Mark
from tools.sources.logs.engine.scanning import Ints, Scanner
from tools.sources.logs.engine.shapes import Look, Shapes, formats, lines
from tools.sources.logs.engine.table import Flags, LineTable
from tools.sources.logs.engine.wrote import Wrote
from tools.sources.logs.templates import message_ids
from tools.sources.logs.trace_lines import own_head_at
from tools.sources.logs.traces import Held, Trace
from tools.sources.logs.window import IDS_MAX, SECRETS_MAX, TIMES_MAX, Group, Item, Judged, Window, last_of
from tools.sources.records import LogLine

CACHE_MAX = 50_000
_FIGURES_MAX = 256
"""Lines of one template and block whose memory is looked at."""
_KEY, _SECRET = int(Mark.KEY), int(Mark.SECRET)
_MAY_NAME = int(Mark.MESSAGE | Mark.SECRET | Mark.ODD)
"""A message id is in the line as it was read, or in what is left of it without secrets and control characters."""
_OPENERS = int(Mark.FRAME | Mark.KEY)
_LEVELS = {"WARN": int(Mark.WARN), "ERROR": int(Mark.ERROR), "FATAL": int(Mark.FATAL)}
_ESCAPE = b"\x1b"


class Folder:
    """All sources' blocks in; items for the window out, in the order of their last lines."""

    def __init__(self, window: Window, scanner: Scanner) -> None:
        self._window, self._scanner = window, scanner
        self._shapes: dict[str, Shapes] = {}
        self._clocks: dict[str, Clocks] = {}
        self._quick: dict[int, Judged] = {}
        self._thorough: dict[int, Judged] = {}
        self.budgets: dict[str, Budget] = {}

    def fold(self, batch: Batch, now: float) -> Folded:
        """Take one block; `now` is monotonic seconds."""
        folded = self._scanned(batch)
        activity = self._window.activity(batch.origin.service)
        if batch.backfill:
            self._take_known(folded, activity)
            return folded
        budget = self.budgets.setdefault(batch.origin.service, Budget(now))
        budget.now = now
        clocks = self._clocks_of(batch.origin.source, activity)
        clocks.read(folded.table, batch.block.data, folded.times, batch.now_ms)
        taken = self._read_in_order(folded, budget)
        self._look_at_shapes(folded, taken, clocks)
        activity.take_block(folded.table.count, batch.now_ms, late=batch.behind(0))
        clocks.take(folded, activity)
        self._judge(folded, np.flatnonzero(((folded.marks & int(JUDGED)) != 0) & ~taken), budget, activity)
        self._confirm(folded, taken, budget)
        folded.items.sort(key=_position)
        return folded

    def settle(self) -> None:
        """Bring what activities hold of single lines up to date: before they are kept, and once a second."""
        for clocks in self._clocks.values():
            clocks.settle(self._window)

    @property
    def sources(self) -> int:
        """How many gave lines."""
        return len(self._clocks)

    def settle_last(self) -> None:
        """See that every activity has a last line, if not the newest."""
        for clocks in self._clocks.values():
            clocks.settle_last(self._window)

    # --- reading ----------------------------------------------------------------------------------------

    def _scanned(self, batch: Batch) -> Folded:
        data = bytes(batch.block.data)
        table = LineTable(batch.block.data)
        hits = self._scanner.scan(data, table.ends)
        marks = np.zeros(table.count, np.int64)
        marks[hits.lines] = hits.marks
        if (marks & int(Mark.ODD)).any() or _ESCAPE in data:
            # What a line says is only seen without what colours it.
            said = plain(data)
            again = self._scanner.scan(said, LineTable(memoryview(said)).ends)
            marks[again.lines] |= again.marks
        for row, level in enumerate(batch.block.levels):
            marks[row] |= _LEVELS.get(level or "", 0)
        times = np.full(table.count, -1, np.int64)
        return Folded(batch, table, marks, times, hits.ids, hits.id_starts)

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
        rows = np.flatnonzero(~(folded.table.indented | taken))
        shapes = self._shapes.setdefault(folded.batch.origin.source, Shapes())

        def tell(row: int, found: parse.Parsed) -> None:
            clocks.learn(folded.text(row, READ_BYTES), row, found.event_ms, folded.times)

        kinds = shapes.look(Look(folded.table, folded.times, folded.parsed, tell), rows)
        clocks.read_again(folded.table, folded.batch.block.data, folded.times, folded.batch.now_ms)
        counts = formats(kinds)
        folded.formats.update(counts)
        self._window.activity(folded.batch.origin.service).take_formats(counts)
        self._window.assembler(folded.batch.origin.source).written.add(lines(kinds))

    # --- lines that belong together ---------------------------------------------------------------------

    def _read_in_order(self, folded: Folded, budget: Budget) -> Flags:
        """Feed what may be part of a trace or a key to their readers; returns which lines went there."""
        table, marks = folded.table, folded.marks
        taken = np.zeros(table.count, np.bool_)
        certain = (folded.times >= 0) | table.structured
        follows = np.append(~certain[1:], True)
        heads = ((marks & int(HEADS)) != 0) & follows
        opens = ((marks & _OPENERS) != 0) & (follows | ~table.structured)
        keyed = (marks & int(Mark.KEY)) != 0
        assembler = self._window.assembler(folded.batch.origin.source)
        folded.follows = follows
        at = self._run(folded, 0, taken, budget, begins=False)
        wrote = Wrote(certain, aside := taken | table.indented, folded.parsed)
        for row in np.flatnonzero(heads | opens | keyed).tolist():
            if row >= at:
                assembler.written.before = partial(wrote.before, row)
                at = self._run(folded, row, taken, budget, begins=True)
                aside[row:at] |= taken[row:at]
        assembler.written.before = None
        return taken

    def _run(self, folded: Folded, row: int, taken: Flags, budget: Budget, *, begins: bool) -> int:
        assembler = self._window.assembler(folded.batch.origin.source)
        masker, count = folded.batch.masker, folded.table.count
        while row < count and (begins or assembler.held is not None or masker.open_lines):
            mark, held = int(folded.marks[row]), assembler.held
            # What was begun is read to its end: a trace is whole, or not there.
            first = begins and not masker.open_lines and held is None
            if first and not mark & _KEY and not budget.take(Work.TRACE, mark):
                return row + 1
            begins = False
            line = folded.record(row, in_order=True)
            taken[row] = True
            folded.telling.add(row)
            folded.times[row] = -1 if line.event_ms is None or line.stamped else line.event_ms
            if line.secrets:
                folded.secrets.append((row, line))
            for item in assembler.feed(line):
                self._take_item(folded, item)
            # A line that the next one surely does not go on is single: else each error would hold the one after it.
            if not folded.follows[row] and is_single(assembler.held):
                for item in assembler.close():
                    self._take_item(folded, item)
            another = assembler.held is not None and assembler.held is not held
            if first or not another or masker.open_lines:
                budget.owe(Work.TRACE, 0 if first else 1)
            elif not budget.take(Work.TRACE, mark):
                given_up, assembler.held = assembler.held, None
                for held_line in given_up.lines if given_up is not None else ():
                    self._take_item(folded, held_line)
            row += 1
        return row

    def _take_item(self, folded: Folded, item: LogLine | Trace) -> None:
        """A trace, or a line that turned out to be single: it goes to those that say the same."""
        row = item.line - folded.batch.block.number if isinstance(item, LogLine) else -1
        if not isinstance(item, LogLine) or folded.records.get(row) is not item:
            if isinstance(item, LogLine) and self._window.judge(item).verdict == classify.START:
                self._window.take(item)  # before the starts of this block
            else:
                folded.items.append(item)
            return
        activity = self._window.activity(item.service)
        if item.text and not item.text[0].isspace():
            activity.take_format(item.format)
        self._sort_in(folded, _cached(self._window.judge(item)), row)

    # --- single lines -----------------------------------------------------------------------------------

    def _judge(self, folded: Folded, rows: Ints, budget: Budget, activity: Activity) -> None:
        data, origin = folded.batch.block.data, folded.batch.origin
        starts = folded.table.starts[rows]
        stops = np.minimum(folded.table.tails[rows], starts + keys.READ_BYTES)
        name, cache = own_name(origin.service), self._quick
        salts = [hash((origin.service, origin.captured, timed)) for timed in (False, True)]
        columns = rows, starts, stops, folded.marks[rows], folded.times[rows] >= 0
        for row, start, stop, mark, timed in zip(*(column.tolist() for column in columns), strict=True):
            text = bytes(data[start:stop])
            if _ESCAPE in text:
                text = plain(text)
            text = apart(text, name)
            salt = salts[timed] ^ hash(folded.batch.level(row))
            if stop - start == keys.READ_BYTES:
                salt ^= hash(bytes(data[stop : folded.table.tails[row]]))
            said, told = without_digits(text), keys.told_by(text, mark) ^ salt
            key = hash(said) ^ told
            judged = cache.get(key)
            if judged is None:
                judged = self._judged(folded, row, hash(keys.shaped(said, mark)) ^ told, budget)
                if judged is None:
                    continue
                if len(cache) >= CACHE_MAX:
                    cache.clear()
                cache[key] = judged
            if judged.verdict:
                self._sort_in(folded, judged, row)
        for judged, members in folded.groups.items():
            members.sort()
            folded.telling.update(members)
            if judged.verdict == classify.START:
                self._take_starts(folded, judged, members, activity)
            else:
                folded.items.append(self._group(folded, judged, members))

    @staticmethod
    def _sort_in(folded: Folded, judged: Judged, row: int) -> None:
        if judged.verdict:
            folded.groups.setdefault(judged, []).append(row)

    def _judged(self, folded: Folded, row: int, key: int, budget: Budget) -> Judged | None:
        known, mark = self._thorough.get(key), int(folded.marks[row])
        if known is None:
            if not budget.take(Work.JUDGE, mark):
                return None
            line = folded.record(row)
            known = _cached(self._window.judge(line))
            name = line.service, line.source, known.verdict, known.template
            if known.verdict and not self._window.knows(name) and not budget.take(Work.KIND, mark):
                return None
            if len(self._thorough) >= CACHE_MAX:
                self._thorough.clear()
            self._thorough[key] = known
        return known

    def _group(self, folded: Folded, judged: Judged, rows: list[int]) -> Group:
        last = folded.record(rows[-1])
        key = (last.service, last.source, judged.verdict, judged.template)
        trace = self._window.judge(last).trace if judged.trace is not None else None
        times = [time for row in rows[-TIMES_MAX:] if (time := folded.when_ms(row)) is not None]
        return Group(
            judged.verdict,
            judged.template,
            len(rows),
            tuple(times),
            last if self._window.knows(key) else folded.record(rows[0]),
            last,
            tuple(self._ids(folded, rows)),
            trace,
            self._memory(folded, rows, self._window.last_figure_ms(key))
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

    def _ids(self, folded: Folded, rows: Iterable[int]) -> list[str]:
        found: dict[str, None] = {}
        marks = folded.marks
        for row in rows:
            if int(marks[row]) & _MAY_NAME:
                found.update(dict.fromkeys(message_ids(folded.said(row))))
                if len(found) >= IDS_MAX:
                    break
        return list(found)

    def _take_starts(self, folded: Folded, judged: Judged, rows: list[int], activity: Activity) -> None:
        for row in rows:
            when_ms = folded.when_ms(row)
            if when_ms is not None and activity.is_another_start(judged.template, when_ms):
                activity.take_start(judged.template, folded.record(row))

    def _confirm(self, folded: Folded, taken: Flags, budget: Budget) -> None:
        wanted = int(Mark.SECRET | Mark.MASKED if folded.batch.origin.captured else Mark.SECRET)
        for row in np.flatnonzero(((folded.marks & wanted) != 0) & ~taken).tolist():
            full = len(self._window.secrets) + len(folded.secrets) >= SECRETS_MAX
            if row not in folded.records and (full or not budget.take(Work.CONFIRM, int(Mark.SECRET))):
                if full:
                    budget.lines_over[Work.CONFIRM] += 1
                folded.unchecked.add(row)
                continue
            line = folded.record(row)
            if line.secrets:
                folded.secrets.append((row, line))
        folded.secrets.sort(key=lambda found: found[0])
        self._window.secrets += [line for _, line in folded.secrets][
            : SECRETS_MAX - len(self._window.secrets)
        ]


def is_single(held: Held | None) -> bool:
    """Whether a line is held only because a trace might follow at once: behind an interpreter's own head records may pass by."""
    if held is None or len(held.lines) > 1 or held.language:
        return False
    return own_head_at(held.lines[0].text) is None


def _cached(judged: Judged) -> Judged:
    """What holds for all lines of its kind: that there is a trace, not which."""
    return judged if judged.trace is None else judged._replace(trace="")


def _position(item: Item) -> int:
    return last_of(item).position
