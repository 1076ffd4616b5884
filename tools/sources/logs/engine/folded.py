"""What became of one block: its lines as columns, those that became objects, and what is for the window."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

import numpy as np

from tools import masking
from tools.sources.logs import parse
from tools.sources.logs.engine.batch import Batch, clean
from tools.sources.logs.engine.patterns import Mark
from tools.sources.logs.engine.scanning import Ints
from tools.sources.logs.engine.table import Flags, LineTable
from tools.sources.logs.feed import LINE_BYTES_MAX
from tools.sources.logs.window import Item, Judged, Later
from tools.sources.records import LogLine

READ_BYTES = 1 << 16
_SECRET, _DOUBTFUL = int(Mark.SECRET), int(Mark.SECRET | Mark.MASKED | Mark.KEY | Mark.ODD)


class Tally(NamedTuple):
    """What a block's lines hold, all marks together, and how many of them are of which kind."""

    seen: int
    structured: int
    indented: int
    correlated: int


@dataclass
class Folded:
    """A block when it was folded. `marks` are one number a line; `records` the lines that became objects, by row."""

    batch: Batch
    data: bytes
    """The block's bytes: a slice of them is a text at once."""
    table: LineTable
    marks: Ints
    times: Ints
    ids: Ints
    id_starts: Ints
    tally: Tally
    hashes: Ints | None = None
    """Of the lines with an id, one number each, where they were made already."""
    certain: Flags = field(default_factory=lambda: np.empty(0, np.bool_))
    """Lines that are records of their own: they have a time, or look like one JSON object."""
    records: dict[int, LogLine] = field(default_factory=dict)
    items: list[Item] = field(default_factory=list)
    groups: dict[Judged, list[Ints]] = field(default_factory=dict)
    """Rows of lines that say the same."""
    traces: dict[Judged, list[slice]] = field(default_factory=dict)
    """The rows of each trace that was known."""
    telling: list[Ints] = field(default_factory=list)
    """Rows whose line has a verdict, or belongs to a trace."""
    formats: Counter[str] = field(default_factory=Counter)
    secrets: list[tuple[int, LogLine]] = field(default_factory=list)
    unchecked: set[int] = field(default_factory=set)
    """Rows that may hold a secret and were not looked at: nothing of them may be written."""

    @property
    def has_long_line(self) -> bool:
        """Whether the end of a line was not read."""
        odd = self.batch.block.odd
        if odd is None and len(self.data) <= LINE_BYTES_MAX:
            return False
        longest = int((self.table.ends - self.table.starts).max()) if odd is None else odd.length
        return longest > LINE_BYTES_MAX and not self.batch.backfill

    def record(self, row: int, *, in_order: bool = False) -> LogLine:
        """The record of a line; it is made once."""
        line = self.records.get(row)
        if line is None:
            start, end = int(self.table.starts[row]), int(self.table.ends[row])
            raw = self.batch.raw(row, start, end)
            line = self.batch.record(raw, in_order=in_order, scanned=self._is_clear(row))
            self.records[row] = line
        return line

    def with_secrets(self, row: int) -> LogLine | None:
        """The record of a line that holds secrets; None of one that holds none."""
        line = self.records.get(row)
        if line is None:
            text = clean(self.text(row, LINE_BYTES_MAX))
            if not self.batch.secrets_in(text, masking.scan(text)[1]):
                return None
            line = self.record(row)
        return line if line.secrets else None

    def later(self, row: int) -> LogLine | Later:
        """The record of a line where there is one, else what makes it, also when the block is gone."""
        line = self.records.get(row)
        if line is not None:
            return line
        batch = self.batch
        raw = batch.raw(row, int(self.table.starts[row]), int(self.table.ends[row]))
        make = partial(batch.record, raw, scanned=self._is_clear(row))
        return Later(batch.origin.service, batch.origin.source, raw.position, make)

    def _is_clear(self, row: int) -> bool:
        """Whether no secret begins in a line, by what the scan looked for: the heads of all rules."""
        return not int(self.marks[row]) & _DOUBTFUL and not self.batch.masker.open_lines

    def size(self, row: int) -> int:
        """How many bytes of a line were read."""
        return int(self.table.ends[row] - self.table.starts[row])

    def may_go_on(self, row: int) -> bool:
        """Whether the next line may belong to this one."""
        certain, after = self.certain, row + 1
        # Below a bare line a line in braces may be the code that it names.
        return after == len(certain) or not certain[after] or not (certain[row] or self.times[after] >= 0)

    def text(self, row: int, most: int) -> bytes:
        """The beginning of a line as it was read."""
        start, end = int(self.table.starts[row]), int(self.table.tails[row])
        return self.data[start : min(end, start + most)]

    def said(self, row: int) -> str:
        """What a line says, as its record does or would."""
        line = self.records.get(row)
        if line is not None:
            return line.text
        text = clean(self.text(row, READ_BYTES))
        return masking.mask(text) if int(self.marks[row]) & _SECRET else text

    def parsed(self, row: int) -> parse.Parsed | None:
        """What a line says of itself; None where nothing stands at its beginning."""
        text = self.said(row)
        return parse.parse(text, self.batch.now_ms) if text and not text[0].isspace() else None

    def when_ms(self, row: int) -> int | None:
        """The line's own time, its keeper's, or its arrival."""
        time = int(self.times[row])
        return time if time >= 0 else self.record(row).when_ms
