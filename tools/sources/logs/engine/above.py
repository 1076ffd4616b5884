"""What stands above a line of a block: the line right above it, and the newest one that is not indented."""

from __future__ import annotations

from functools import partial

from tools import masking
from tools.sources.logs import aside
from tools.sources.logs.engine.batch import clean
from tools.sources.logs.engine.folded import READ_BYTES, Folded
from tools.sources.logs.engine.patterns import Mark
from tools.sources.logs.engine.table import Flags
from tools.sources.logs.traces import Assembler
from tools.sources.logs.written import is_indented

_FIRST_BYTES = 64
_SECRET = int(Mark.SECRET)
_BLANKS = b"\t\n "
"""An empty line's first byte is its newline."""


class Above:
    """Asked of one block, of rows in order, so that no line is looked at twice."""

    def __init__(self, folded: Folded) -> None:
        self._folded = folded
        self._asked, self._holder = 0, -1

    def tell(self, assembler: Assembler, row: int, taken: Flags) -> None:
        """Tell a reader of traces what stands above a line, of what it was not fed (`taken` are the lines that it was)."""
        if row and not taken[row - 1]:
            assembler.above = self._of(row - 1)
        holder = self._before(row)
        if holder >= 0 and not taken[holder]:
            assembler.over = assembler.above if holder == row - 1 else self._of(holder)

    def _before(self, row: int) -> int:
        at = row - 1
        while at >= self._asked and self._is_indented(at):
            at -= 1
        self._holder = at if at >= self._asked else self._holder
        self._asked = row
        return self._holder

    def _is_indented(self, row: int) -> bool:
        # Behind a sequence that colours it a line may be indented all the same.
        return self._folded.table.first[row] in _BLANKS or is_indented(
            clean(self._folded.text(row, _FIRST_BYTES))
        )

    def _of(self, row: int) -> aside.Above:
        now_ms, raw = self._folded.batch.now_ms, self._folded.text(row, READ_BYTES)
        secret = bool(int(self._folded.marks[row]) & _SECRET)
        return partial(_aside, raw, now_ms, secret=secret), now_ms


def _aside(raw: bytes, now_ms: int, *, secret: bool) -> aside.Aside:
    text = clean(raw)
    return aside.of_text(masking.mask(text) if secret else text, now_ms)
