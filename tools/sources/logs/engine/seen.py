"""Stack traces that say what one before them said: counted with their times, without a record of each of their lines.

A trace is known by its block: a record and the bare lines below it up to the next records. One block of a kind is put
together line by line; where nothing but its own lines decided what it is, others that differ from it in figures, and in
the ids of their record, are the same. Caches hold keys and verdicts, and nothing of the lines.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
from msgspec.structs import replace

from tools.sources.logs.digits import apart, own_name, without_digits
from tools.sources.logs.engine import keys
from tools.sources.logs.engine.batch import TEXT_CHARACTERS_MAX, clean
from tools.sources.logs.engine.folded import READ_BYTES, Folded
from tools.sources.logs.engine.patterns import KEYED, Mark
from tools.sources.logs.parse import decode
from tools.sources.logs.templates import message_ids
from tools.sources.logs.trace_lines import HEAD, TRACEBACK, TYPED_HEAD, own_head_at
from tools.sources.logs.traces import Assembler, Trace
from tools.sources.logs.window import IDS_MAX, TIMES_MAX, Group, Item, Judged, Later, Window, made
from tools.sources.logs.written import Lines, is_indented, is_record, own_level
from tools.sources.records import LogLine

CACHE_MAX = 4096
LINES_MAX, BLOCK_BYTES_MAX = 64, 16 * 1024
RECORDS_BEHIND = 4
"""With so many records behind a trace nothing that follows belongs to it: lines of three may stand inside it."""
_KEYED = int(KEYED)
_LEFT = int(Mark.SECRET | Mark.MASKED | Mark.KEY | Mark.ODD)
_LAST_FRAMES = ("in <module>", "<frozen runpy>", "_run_module_as_main")
"""A trace that may have ended its process is told from its head by the line that follows it."""


class _Seen(NamedTuple):
    """What came of a block. `below`: its head is a record by itself, and the trace stands below it."""

    judged: Judged
    format: str
    lines: Lines
    below: bool


class _Block(NamedTuple):
    """A block that was not seen before: its lines, and its keys."""

    row: int
    end: int
    quick: int
    thorough: int


class Seen:
    """The kinds of traces that are known, of all sources."""

    def __init__(self, window: Window) -> None:
        self._window = window
        self._quick: dict[int, _Seen] = {}
        self._thorough: dict[int, _Seen] = {}
        self._new: _Block | None = None

    def take(self, folded: Folded, row: int, assembler: Assembler) -> slice | None:
        """Count the trace of the block that begins with a line, where it is known; gives the rows of the trace."""
        self._new = None
        end = _end_of(folded, row)
        if not end or assembler.held is not None or folded.batch.masker.open_lines:
            return None
        found = self._known(folded, row, end)
        if found is None:
            return None
        # The assembler goes on as if it had read it: no trace further on has anything to do with what stands above this one.
        assembler.above = assembler.over = None
        assembler.written.add(found.lines)
        if found.format:
            self._window.activity(folded.batch.origin.service).take_format(found.format)
        rows = slice(row + found.below, end)
        if found.judged.verdict:
            folded.traces.setdefault(found.judged, []).append(rows)
        return rows

    def learn(self, folded: Folded, at: int, items: Sequence[Item]) -> None:
        """Know a block again that was just put together: what came of it, and the row behind all that was read for it."""
        new, self._new = self._new, None
        traces = [item for item in items if isinstance(item, Trace)]
        if new is None or len(traces) != 1 or at > new.end + RECORDS_BEHIND:
            return
        [trace] = traces
        record, records = folded.records[new.row], folded.records
        below = trace.head is records.get(new.row + 1)
        whole = (below or trace.head is record) and trace.last is records.get(new.end - 1)
        if whole and _is_sure(record, trace):
            head = trace.head
            lines = Lines(records=1) if is_record(head) else Lines(bare=1)
            judged = self._window.judge_trace(trace)._replace(trace="")
            found = _Seen(judged, head.format if head.level else "", lines, below)
            _keep(self._quick, new.quick, found)
            _keep(self._thorough, new.thorough, found)

    def groups(self, folded: Folded) -> list[Group]:
        """The traces of a block that were known since the last call, those that say the same together."""
        found = [self._group(folded, judged, spans) for judged, spans in folded.traces.items()]
        folded.traces.clear()
        return found

    def _known(self, folded: Folded, row: int, end: int) -> _Seen | None:
        start, head_end = int(folded.table.starts[row]), int(folded.table.tails[row])
        text, mark = folded.data[start : int(folded.table.tails[end - 1])], int(folded.marks[row])
        if b"\x1b" in text:
            return None
        text = apart(text, own_name(folded.batch.origin.service))
        head, said = text[: head_end - start], without_digits(text)
        origin, marks = folded.batch.origin, (folded.marks[row:end] & _KEYED).tobytes()
        told = hash((keys.told_by(head, mark), marks, origin.service, origin.captured))
        quick = hash((said, told))
        found = self._quick.get(quick)
        if found is None:
            shape = keys.shaped(said[: len(head)], mark)
            thorough = hash((shape, said[len(head) :], _of_head(clean(head)), told))
            found = self._thorough.get(thorough)
            if found is None:
                self._new = _Block(row, end, quick, thorough)
                return None
            _keep(self._quick, quick, found)
        return found

    def _group(self, folded: Folded, judged: Judged, spans: list[slice]) -> Group:
        origin, marks = folded.batch.origin, folded.marks
        key = (origin.service, origin.source, judged.verdict, judged.template)
        last = _spanning(folded, spans[-1])
        times = [_when_ms(folded, span.start) for span in spans[-TIMES_MAX:]]
        known_times = tuple(time for time in times if time is not None)
        ids: dict[str, None] = {}
        if self._window.wants_ids(key):
            for span in spans:
                if (marks[span] & int(Mark.MESSAGE)).any():
                    ids.update(dict.fromkeys(message_ids(_text(folded, span))))
                if len(ids) >= IDS_MAX:
                    break
        first = last if self._window.knows(key) else _spanning(folded, spans[0])
        text = _text(folded, spans[-1])
        return Group(judged.verdict, judged.template, len(spans), known_times, first, last, tuple(ids), text)


def _end_of(folded: Folded, row: int) -> int:
    """Behind the bare lines below a record with a time, where enough records follow; 0 where this cannot be told apart."""
    block, certain = folded.batch.block, folded.certain
    if block.odd is not None or block.places or block.levels or folded.times[row] < 0:
        return 0
    ends = np.flatnonzero(certain[row + 1 : row + 1 + LINES_MAX])
    end = row + 1 + int(ends[0]) if len(ends) else 0
    behind = certain[end : end + RECORDS_BEHIND]
    if end < row + 2 or len(behind) < RECORDS_BEHIND or not behind.all() or not _are_records(folded, end):
        return 0
    size = int(folded.table.ends[end - 1] - folded.table.starts[row])
    if size > BLOCK_BYTES_MAX or (folded.marks[row:end] & _LEFT).any():
        return 0
    return end


def _are_records(folded: Folded, row: int) -> bool:
    """Whether what looks like an object behind a trace is one, where no time tells."""
    untimed = np.flatnonzero(folded.times[row : row + RECORDS_BEHIND] < 0) + row
    return all(decode(clean(folded.text(at, READ_BYTES))) is not None for at in untimed.tolist())


def _is_sure(record: LogLine, trace: Trace) -> bool:
    """Whether a trace is what it is by the lines of its block, whatever stands before and behind them."""
    if trace.before is not None or trace.passing or trace.aside:
        return False
    if own_level(record) not in {"ERROR", "FATAL"} or record.stamped:
        return False
    if trace.head is not record:
        # What a logger of JSON says has its own trace in it: the one below is judged by itself.
        if record.format != "json" or is_indented(trace.head.text) or trace.head.level not in {None, "ERROR"}:
            return False
    elif trace.bare:
        return False
    text = trace.text
    if any(frame in text for frame in _LAST_FRAMES):
        return False
    # Lines below a Python exception are its message only in a log that has no other bare ones.
    return TRACEBACK not in text or trace.exception == trace.last.text.strip()


def _of_head(text: str) -> tuple[bool, bool, bool]:
    """What lines below a head go by, beside its level."""
    return (
        HEAD.search(text) is not None,
        TYPED_HEAD.match(text) is not None,
        own_head_at(text) is not None,
    )


def _text(folded: Folded, rows: slice) -> str:
    lines = (clean(folded.text(at, READ_BYTES))[:TEXT_CHARACTERS_MAX] for at in range(rows.start, rows.stop))
    return "\n".join(lines)


def _when_ms(folded: Folded, row: int) -> int | None:
    """As of its record: the line's own time, else its arrival where that says something."""
    time = int(folded.times[row])
    return time if time >= 0 else None if folded.batch.behind(row) else folded.batch.now_ms


def _spanning(folded: Folded, rows: slice) -> Later:
    """The record of a trace's head, over all its lines, where somebody looks at it."""
    at, origin = rows.stop - 1, folded.batch.origin
    last = folded.batch.raw(at, int(folded.table.starts[at]), int(folded.table.ends[at]))
    make = partial(_over, folded.later(rows.start), last.offset + last.length, last.position)
    return Later(origin.service, origin.source, last.position, make)


def _over(head: LogLine | Later, end: int, position: int) -> LogLine:
    line = made(head)
    return replace(line, byte_length=end - line.byte_offset, position=position)


def _keep(cache: dict[int, _Seen], key: int, found: _Seen) -> None:
    if len(cache) >= CACHE_MAX:
        cache.clear()
    cache[key] = found
