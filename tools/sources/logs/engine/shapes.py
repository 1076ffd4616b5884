"""Of every line its format, whether it is a record, and its time where no column gives it, without reading every line.

Lines that begin alike (letters, digits and signs in the same places) have one shape. A shape's first lines are parsed;
when they all had one format and no time of their own, one line of each block goes on being parsed, and the others
count as that. A shape that is not settled is sampled, and its lines are counted by the share of each format.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np

from tools.sources.logs.engine.scanning import Ints
from tools.sources.logs.engine.table import LineTable
from tools.sources.logs.parse import Parsed
from tools.sources.logs.written import Lines, is_parsed_record

SETTLED_AFTER = 64
SHAPES_MAX = 256
LINES_UNSEEN, BLOCKS_UNSEEN = 96_000, 12
"""Of a source whose shapes are all settled so much counts as what was looked at last."""
LOOKED_AT_MAX = 1024
"""Lines of one block, where every shape is settled."""
_HEAD_BYTES = 8
_SAMPLES_SETTLED = 1
_KINDS = np.arange(256, dtype=np.uint8)
_KINDS[ord("0") : ord("9") + 1] = ord("0")
_KINDS[ord("a") : ord("z") + 1] = ord("a")
_KINDS[ord("A") : ord("Z") + 1] = ord("A")
_JSON = -1
_OTHERS = -2


class Kind(NamedTuple):
    """What a line is as far as its shape may tell. A blank line has no format."""

    format: str
    record: bool


_BLANK = Kind("", record=False)


def formats(counts: Counter[Kind]) -> Counter[str]:
    """How many lines have which format."""
    found: Counter[str] = Counter()
    for kind, count in counts.items():
        if kind != _BLANK:
            found[kind.format] += count
    return found


def lines(counts: Counter[Kind]) -> Lines:
    """How many lines are records, and how many stand bare."""
    records = sum(count for kind, count in counts.items() if kind.record)
    return Lines(records, counts.total() - counts[_BLANK] - records)


class _Known:
    """What lines of one shape turned out to be."""

    __slots__ = ("alike", "kind")

    def __init__(self) -> None:
        self.kind = _BLANK
        self.alike = 0
        """Lines in a row of that kind, whose time a column gave, or that had none."""

    @property
    def settled(self) -> bool:
        return self.alike >= SETTLED_AFTER

    def take(self, kind: Kind, *, untimed: bool) -> None:
        """Count a line that was parsed; `untimed`: it has a time that no column gave."""
        self.alike = 0 if untimed or kind != self.kind else self.alike + 1
        self.kind = kind


class Look(NamedTuple):
    """One block's lines: their times so far, how one is parsed, and who is told of each that was."""

    table: LineTable
    times: Ints
    parsed: Callable[[int], Parsed | None]
    tell: Callable[[int, Parsed], None]


class Shapes:
    """The shapes of one source's lines."""

    def __init__(self) -> None:
        self._known: dict[int, _Known] = {}
        self._usual: Counter[Kind] = Counter()
        """What the last block was that was looked at."""
        self._passed_lines = self._passed_blocks = 0

    def passed(self, count: int) -> Counter[Kind] | None:
        """So many lines as they were last, where they need not be looked at."""
        if not self._usual or self._passed_blocks >= BLOCKS_UNSEEN or self._passed_lines >= LINES_UNSEEN:
            return None
        self._passed_lines += count
        self._passed_blocks += 1
        return _scaled(self._usual, self._usual.total(), count)

    def look(self, look: Look, rows: Ints) -> Counter[Kind]:
        """How many of the lines `rows` are of which kind."""
        counts = self._look(look, rows)
        self._usual = counts if self._is_settled else Counter()
        self._passed_lines = self._passed_blocks = 0
        return counts

    @property
    def _is_settled(self) -> bool:
        return all(known.settled for known in self._known.values())

    def _look(self, look: Look, rows: Ints) -> Counter[Kind]:
        structured = look.table.structured[rows]
        counts: Counter[Kind] = Counter()
        if structured.any():
            counts += self._count(_JSON, rows[structured], look)
        plain = rows[~structured]
        looked_at = self._some(plain)
        if len(looked_at):
            of_plain: Counter[Kind] = Counter()
            for shape, members in _grouped(_shapes(look.table, looked_at)):
                of_plain += self._count(shape, looked_at if members is None else looked_at[members], look)
            counts += _scaled(of_plain, len(looked_at), len(plain))
        return counts

    def _some(self, rows: Ints) -> Ints:
        """All rows; of a big block of a source whose shapes are all settled, evenly spread ones."""
        if len(rows) <= LOOKED_AT_MAX or not self._is_settled:
            return rows
        return rows[np.linspace(0, len(rows) - 1, LOOKED_AT_MAX).astype(np.int64)]

    def _count(self, shape: int, rows: Ints, look: Look) -> Counter[Kind]:
        known = self._known.get(shape)
        if known is None:
            kept = shape if len(self._known) < SHAPES_MAX else _OTHERS
            known = self._known.setdefault(kept, _Known())
        settled = known.settled
        found: Counter[Kind] = Counter()
        for row in _spread(rows, _SAMPLES_SETTLED if settled else SETTLED_AFTER):
            result = look.parsed(row)
            if result is None:
                found[_BLANK] += 1
                continue
            kind = Kind(result.format, is_parsed_record(result))
            found[kind] += 1
            known.take(kind, untimed=result.event_ms is not None and bool(look.times[row] < 0))
            look.tell(row, result)
        return _scaled(found, found.total(), len(rows))


def _shapes(table: LineTable, rows: Ints) -> Ints:
    starts = table.starts[rows]
    cells = _KINDS[table.window(starts, _HEAD_BYTES)]
    cells[np.arange(_HEAD_BYTES) >= (table.tails[rows] - starts)[:, None]] = 0
    found: Ints = np.ascontiguousarray(cells).view(np.int64).ravel()
    return found


def _scaled(counts: Counter[Kind], looked_at: int, total: int) -> Counter[Kind]:
    """The shares of what was looked at, as counts of all lines."""
    if looked_at == total or not total:
        return Counter(counts) if total else Counter()
    scaled = Counter({kind: count * total // looked_at for kind, count in counts.items()})
    scaled[counts.most_common(1)[0][0]] += total - scaled.total()
    return scaled


def _grouped(shapes: Ints) -> Iterable[tuple[int, Ints | None]]:
    if (shapes == shapes[0]).all():
        yield int(shapes[0]), None
        return
    different, index = np.unique(shapes, return_inverse=True)
    for number, shape in enumerate(different.tolist()):
        yield shape, np.flatnonzero(index == number)


def _spread(rows: Ints, count: int) -> list[int]:
    if len(rows) <= count:
        return [int(row) for row in rows]
    return [int(row) for row in rows[np.linspace(0, len(rows) - 1, count).astype(np.int64)]]
