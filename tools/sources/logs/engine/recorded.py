"""Which lines are recorded whole: those with a verdict, those of a flow, and a few of each service's structured ones.

All others are counted in blocks. Lines with ids are kept while there is room; above it the ids themselves decide, by
a hash, so that of a flow that is kept every service's lines are. What was left out is counted, and told.
"""

from __future__ import annotations

from collections import Counter

import numpy as np

from tools.sources.line_blocks import LineBlock
from tools.sources.logs.engine.budgets import PIECE_BYTES, USUAL_BYTES, Bucket, Rate
from tools.sources.logs.engine.folded import Folded, Tally
from tools.sources.logs.engine.patterns import EVENTS, TELLING, Mark
from tools.sources.logs.engine.scanning import Ints
from tools.sources.logs.engine.table import LineTable, Words
from tools.sources.recording import Recording

FLOWS = Rate(50, 2000)
"""Lines of flows, of all services together: as much as half a percent of a core reads and writes."""
FLOWS_LEAST = 16
"""Where there are more than there is room for, so many are chosen at a time, at least."""
VERDICTS = Rate(200, 3000)
SAMPLES = 25
"""Structured lines of each service whose keys are looked at."""
SHIFT_MAX = 20
_ID_BYTES = 16
_SIGNS = 4
"""Between a name and its id: blanks, quotes."""
_EVENTS = int(sum(EVENTS))
_WANTED = int(TELLING) | _EVENTS
_QUIETER_S = 1.0
_NO_ROWS = np.empty(0, np.int64)
_SKIPPED = np.zeros(256, np.bool_)
_SKIPPED[[ord(char) for char in " \t\"'\\"]] = True
_ID_SIGNS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.:-"
_ID = bytes(code if code in _ID_SIGNS else 0 for code in range(256))
_LOWEST, _ONES, _HIGHEST = np.uint64(1), np.uint64(0x0101010101010101), np.uint64(0x8080808080808080)
_FACTORS = np.array([0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F], np.uint64)


class LineRecorder:
    """Decides for each block, and writes to the recording."""

    def __init__(self, recording: Recording, now: float) -> None:
        self._recording = recording
        self._flows, self._verdicts = Bucket(FLOWS, now), Bucket(VERDICTS, now)
        self._samples: Counter[str] = Counter()
        self._shifts: dict[str, int] = {}
        self._changed_at: dict[str, float] = {}
        self.left_out: Counter[str] = Counter()
        """Lines with ids, by service, that were not recorded."""

    def take(self, folded: Folded, now: float) -> None:
        """Record what is to be kept of a block."""
        batch, marks = folded.batch, folded.marks
        if batch.backfill:
            for row in range(folded.table.count):
                self._recording.add("line", folded.record(row))
            return
        service = batch.origin.service
        telling = np.concatenate(folded.telling) if folded.telling else _NO_ROWS
        kept = self._told(folded, telling, now) | self._sampled(folded, service)
        rows = _NO_ROWS
        if folded.tally.seen & _WANTED:
            wanted = (marks & _WANTED) != 0
            if len(telling):
                wanted[telling] = False
            if kept or folded.unchecked:
                wanted[list(kept | folded.unchecked)] = False
            rows = np.flatnonzero(wanted)
        chosen = self._chosen(folded, rows, service, now)
        self.left_out[service] += len(rows) - len(chosen)
        kept |= set(chosen)
        for row in sorted(kept):
            self._recording.add("line", folded.record(row))
        self._count(folded, kept, len(rows) - len(chosen))

    def _told(self, folded: Folded, telling: Ints, now: float) -> set[int]:
        if not len(telling) and not folded.secrets:
            return set()
        available = self._verdicts.available(now)
        if not available:
            return set()
        told = np.zeros(folded.table.count, np.bool_)
        told[telling] = True
        told[[row for row, _ in folded.secrets]] = True
        told[list(folded.unchecked)] = False
        # Each takes one at least.
        rows = np.flatnonzero(told)[:available]
        cost = _cost(folded, rows, VERDICTS)
        room = int(np.searchsorted(cost, available, "right"))
        self._verdicts.take(now, int(cost[room - 1]) if room else 0)
        return set(rows[:room].tolist())

    def _sampled(self, folded: Folded, service: str) -> set[int]:
        room = SAMPLES - self._samples[service]
        if room <= 0 or not folded.tally.structured:
            return set()
        rows = [int(row) for row in np.flatnonzero(folded.table.structured)[:room]]
        self._samples[service] += len(rows)
        return set(rows) - folded.unchecked

    def _chosen(self, folded: Folded, rows: Ints, service: str, now: float) -> list[int]:
        if not len(rows):
            return []
        shift = self._shifts.get(service, 0)
        room = self._flows.available(now)
        # To find a few among many costs a look at all of them.
        if not room or len(rows) > room < FLOWS_LEAST:
            self._shifts[service] = max(shift, 1)
            self._changed_at[service] = now
            return []
        if shift and room >= FLOWS.burst / 2 and now - self._changed_at[service] >= _QUIETER_S:
            shift -= 1
            self._changed_at[service] = now
        chosen = rows
        if shift or len(rows) > room:
            hashes = _hashes(folded, rows)
            chosen = rows[(hashes & ((1 << shift) - 1)) == 0]
            while len(chosen) > room and shift < SHIFT_MAX:
                shift += 1
                self._changed_at[service] = now
                chosen = rows[(hashes & ((1 << shift) - 1)) == 0]
        self._shifts[service] = shift
        if not len(chosen):
            return []
        cost = _cost(folded, chosen, FLOWS)
        count = int(np.searchsorted(cost, room, "right"))
        self._flows.take(now, int(cost[count - 1]) if count else 0)
        return [int(row) for row in chosen[:count]]

    def _count(self, folded: Folded, kept: set[int], left_out: int) -> None:
        batch, block = folded.batch, folded.batch.block
        lines = folded.table.count - len(kept)
        if not lines:
            return
        tally = folded.tally if not kept else _tally_of_others(folded, kept)
        self._recording.add(
            "block",
            LineBlock(
                service=batch.origin.service,
                source=batch.origin.source,
                arrived_ms=batch.now_ms,
                first_line=block.number,
                byte_offset=block.offset,
                byte_length=block.end - block.position,
                lines=lines,
                json_lines=tally.structured,
                correlated_lines=tally.correlated,
                flow_lines_left_out=left_out,
                events=tuple(name for mark, name in EVENTS.items() if tally.seen & mark)
                if tally.seen & _EVENTS
                else (),
            ),
        )


def _cost(folded: Folded, rows: Ints, rate: Rate) -> Ints:
    """What the lines up to each one take of a budget: a long line as much as many, at most a quarter of what there is."""
    sizes = folded.table.ends[rows] - folded.table.starts[rows]
    pieces = 1 + np.maximum(sizes - USUAL_BYTES, 0) // PIECE_BYTES
    found: Ints = np.cumsum(np.minimum(pieces, max(1, int(rate.burst) // 4)))
    return found


def _tally_of_others(folded: Folded, kept: set[int]) -> Tally:
    others = np.ones(folded.table.count, np.bool_)
    others[list(kept)] = False
    marks, table = folded.marks, folded.table
    return Tally(
        int(np.bitwise_or.reduce(marks[others])),
        int((table.structured & others).sum()),
        int((table.indented & others).sum()),
        int(((marks & int(Mark.CORRELATION)) != 0)[others].sum()),
    )


def _hashes(folded: Folded, rows: Ints) -> Ints:
    """One number for each row, the same for the same id: of its correlation id, else of its first message id."""
    known = folded.hashes
    if known is None:
        known = folded.hashes = id_hashes(folded.table, folded.id_starts)
    if len(rows) == len(folded.ids) and (rows == folded.ids).all():
        return known  # as in nearly every block
    # A line without an id is chosen by its number.
    found = _mixed((rows + folded.batch.block.number).astype(np.uint64) * _FACTORS[0])
    if len(folded.ids):
        at = np.minimum(np.searchsorted(folded.ids, rows), len(folded.ids) - 1)
        found = np.where(folded.ids[at] == rows, known[at], found)
    return found


def id_hashes(table: LineTable, starts: Ints) -> Ints:
    """One number for each id that begins at one of the places, behind up to a few signs."""
    starts = starts.copy()
    for _ in range(_SIGNS):
        signs = _SKIPPED[table.bytes[starts]]
        if not signs.any():
            break
        starts += signs
    # What is none of an id becomes zero, and so does all behind it: the lowest zero byte of a word tells where.
    text = table.window(starts, _ID_BYTES).tobytes().translate(_ID)
    first, second = np.frombuffer(text, np.uint64).reshape(-1, 2).T
    zero = _zeros(first)
    before = first & (zero - _LOWEST)
    behind = np.where(zero == 0, second & (_zeros(second) - _LOWEST), np.uint64(0))
    return _mixed(before * _FACTORS[0] + (behind ^ (behind >> np.uint64(32))) * _FACTORS[1])


def _zeros(word: Words) -> Words:
    """The lowest bit of the lowest zero byte in each word; 0 where none is zero."""
    found = (word - _ONES) & ~word & _HIGHEST
    lowest: Words = (found & (~found + _LOWEST)) >> np.uint64(7)
    return lowest


def _mixed(numbers: Words) -> Ints:
    mixed = numbers ^ (numbers >> np.uint64(29))
    found: Ints = (mixed & np.uint64((1 << 62) - 1)).astype(np.int64)
    return found
