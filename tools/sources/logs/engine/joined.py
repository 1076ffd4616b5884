"""Blocks of several sources, scanned as one: what a scan costs beside its bytes is paid once for all of them.

Small blocks are what many quiet files give. They are joined, the scan and the columns of numbers are made for all their
lines, and each source gets its part.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate, pairwise

import numpy as np

from tools.sources.logs.engine.batch import Batch, plain
from tools.sources.logs.engine.columns import Column
from tools.sources.logs.engine.folded import Folded, Tally
from tools.sources.logs.engine.patterns import Mark
from tools.sources.logs.engine.recorded import id_hashes
from tools.sources.logs.engine.scanning import Hits, Ints, Scanner
from tools.sources.logs.engine.table import LineTable

JOINED_BYTES_MAX = 1 << 17
"""A bigger block is scanned by itself."""
TOGETHER_BYTES = 2 << 20
"""As much as fifty busy files give between two reads."""
_ESCAPE = b"\x1b"
_ODD, _CORRELATION = int(Mark.ODD), int(Mark.CORRELATION)
_LEVELS = {"WARN": int(Mark.WARN), "ERROR": int(Mark.ERROR), "FATAL": int(Mark.FATAL)}


def gathered(batches: Iterable[Batch]) -> Iterator[list[Batch]]:
    """Batches to be folded together, in order. Small ones outlive their feed's buffer; a big one holds as it always did."""
    held: dict[str, Batch] = {}
    size = 0
    for batch in batches:
        source, length = batch.origin.source, len(batch.block.data)
        alone = length > JOINED_BYTES_MAX or batch.backfill
        if held and (alone or source in held or size >= TOGETHER_BYTES):
            yield list(held.values())
            held, size = {}, 0
        if alone:
            yield [batch]
        else:
            held[source] = batch.kept()
            size += length
    if held:
        yield list(held.values())


class Joined:
    """Some batches' lines as one table, with what they hold and their times."""

    def __init__(
        self, scanner: Scanner, batches: Sequence[Batch], columns: Callable[[Batch], tuple[Column, ...]]
    ) -> None:
        self._scanner, self._batches = scanner, batches
        self._data = b"".join([batch.block.data for batch in batches])
        self._bounds = [0, *accumulate(len(batch.block.data) for batch in batches)]
        self._table = table = LineTable(memoryview(self._data), self._ends())
        self._rows = [0, *(np.searchsorted(table.ends, self._bounds[1:-1]).tolist()), table.count]
        hits = scanner.scan(self._data, table.ends)
        self._hits, self._hashes = hits, None if len(batches) == 1 else id_hashes(table, hits.id_starts)
        self._marks = np.zeros(table.count, np.int64)
        self._marks[hits.lines] = hits.marks
        for number, batch in enumerate(batches):
            self._mark_more(number, batch)
        self._times = np.full(table.count, -1, np.int64)
        self._read_times(columns)
        self._tallies = self._tallied()

    def parts(self) -> Iterator[Folded]:
        """Each batch with its own lines, in order."""
        hits, places = self._hits, np.searchsorted(self._hits.ids, self._rows).tolist()
        for number, batch in enumerate(self._batches):
            begin, end = self._bounds[number : number + 2]
            rows, ids = slice(*self._rows[number : number + 2]), slice(*places[number : number + 2])
            whole = len(self._batches) == 1
            yield Folded(
                batch,
                self._data if whole else self._data[begin:end],
                self._table if whole else self._table.part(rows, begin, end),
                self._marks[rows],
                self._times[rows],
                hits.ids[ids] - rows.start,
                hits.id_starts[ids] - begin,
                self._tallies[number],
                None if self._hashes is None else self._hashes[ids],
            )

    def _ends(self) -> Ints | None:
        """Where all lines end, where each feed knows it of its own."""
        found: list[Ints] = []
        for batch, bound in zip(self._batches, self._bounds, strict=False):
            if batch.block.ends is None:
                return None
            found.append(batch.block.ends + bound if bound else batch.block.ends)
        return np.concatenate(found) if len(found) > 1 else found[0]

    def _mark_more(self, number: int, batch: Batch) -> None:
        first, last = self._rows[number : number + 2]
        marks = self._marks[first:last]
        begin, end = self._bounds[number : number + 2]
        if self._data.find(_ESCAPE, begin, end) >= 0 or (marks & _ODD).any():
            # What a line says is only seen without what colours it.
            said = plain(self._data[begin:end])
            again: Hits = self._scanner.scan(said, LineTable(memoryview(said)).ends)
            marks[again.lines] |= again.marks
        for row, level in enumerate(batch.block.levels):
            marks[row] |= _LEVELS.get(level or "", 0)

    def _read_times(self, columns: Callable[[Batch], tuple[Column, ...]]) -> None:
        """Where times stand is known of each source; sources whose times stand alike are read together."""
        alike: dict[tuple[Column, ...], list[slice]] = defaultdict(list)
        for batch, (first, last) in zip(self._batches, pairwise(self._rows), strict=True):
            alike[() if batch.backfill else columns(batch)].append(slice(first, last))
        for known, spans in alike.items():
            if not known:
                continue
            whole = len(alike) == 1
            rows = None if whole else np.concatenate([np.arange(span.start, span.stop) for span in spans])
            table = self._table if rows is None else self._table.only(rows)
            times = np.full(table.count, -1, np.int64)
            for column in known:
                unread = times < 0
                if not unread.any():
                    break
                np.copyto(times, column.read(table, self._batches[0].now_ms), where=unread)
            self._times[slice(None) if rows is None else rows] = times

    def _tallied(self) -> list[Tally]:
        """Of each batch, what its lines hold."""
        table, firsts = self._table, self._rows[:-1]
        seen = np.bitwise_or.reduceat(self._marks, firsts)
        columns = (table.structured, table.indented, (self._marks & _CORRELATION) != 0)
        sums = (np.add.reduceat(column, firsts, dtype=np.int64) for column in columns)
        return [Tally(*numbers) for numbers in zip(*(found.tolist() for found in (seen, *sums)), strict=True)]
