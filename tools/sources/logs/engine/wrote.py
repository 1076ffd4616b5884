"""Of a block's lines that no reader of traces was fed: how many are records, and how many stand bare."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tools.sources.logs.engine.scanning import Ints
from tools.sources.logs.engine.table import Flags
from tools.sources.logs.parse import Parsed
from tools.sources.logs.written import Lines, is_parsed_record

_PARSED_MAX = 512
"""Lines that are parsed at a time; of more, so many, and the others by their share."""


class Wrote:
    """Counts a block up to a line, where it is asked for; `sure` are lines that are records without being parsed.

    `parsed` gives None for a line that is neither.
    """

    def __init__(self, sure: Flags, aside: Flags, parsed: Callable[[int], Parsed | None]) -> None:
        self._sure, self._aside, self._parsed = sure, aside, parsed
        self._until, self._lines = 0, Lines()

    def before(self, row: int) -> Lines:
        """The lines before that one; rows come in order, and `aside` (fed, indented) is known by then."""
        if row > self._until:
            counted = slice(self._until, row)
            own = ~self._aside[counted]
            sure = int((self._sure[counted] & own).sum())
            rows: Ints = np.flatnonzero(own & ~self._sure[counted]) + self._until
            self._lines = self._lines.plus(Lines(records=sure)).plus(self._of(rows))
            self._until = row
        return self._lines

    def _of(self, rows: Ints) -> Lines:
        if not len(rows):
            return Lines()
        looked_at = rows[np.linspace(0, len(rows) - 1, min(len(rows), _PARSED_MAX)).astype(np.int64)]
        found = [self._parsed(row) for row in looked_at.tolist()]
        records = sum(parsed is not None and is_parsed_record(parsed) for parsed in found)
        bare = sum(parsed is not None for parsed in found) - records
        return Lines(records * len(rows) // len(found), bare * len(rows) // len(found))
