"""What a scan gives, and which program does it: hyperscan where there is a wheel, else re2 over the same blocks."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from tools.sources.logs.engine.patterns import PATTERNS, Mark, Pattern
from tools.sources.logs.engine.positions import Ints, firsts

__all__ = ("MESSAGE_BYTES", "Hits", "Ints", "Scanner", "merged", "scanner")
MESSAGE_BYTES = 15
"""From its first digit to the one behind the dash."""
_NONE = -1


class Hits:
    """Which lines of a block hold something: `lines` in order, what each holds in `marks`.

    `ids` are lines with a correlation or message id, and `id_starts` where the first one begins in the block, or the
    signs before it; a correlation id goes before a message id.
    """

    __slots__ = ("id_starts", "ids", "lines", "marks")

    def __init__(self, lines: Ints, marks: Ints, ids: Ints, id_starts: Ints) -> None:
        self.lines, self.marks, self.ids, self.id_starts = lines, marks, ids, id_starts


def merged(marks: Ints, lines: Ints, ends: Ints, message_ends: Ints, newlines: Ints) -> Hits:
    """What lines hold, from all matches (what each means, its line, its end) and the ends of message ids."""
    if (ends[1:] < ends[:-1]).any():
        order = np.argsort(ends, kind="stable")
        marks, lines, ends = marks[order], lines[order], ends[order]
    held = np.zeros(len(newlines), np.int64)
    if len(lines):
        first = firsts(lines)
        held[lines[first]] = np.bitwise_or.reduceat(marks, first)
    id_starts = np.full(len(newlines), _NONE, np.int64)
    if len(message_ends):
        of_messages = np.searchsorted(newlines, message_ends - 1)
        held[of_messages] |= int(Mark.MESSAGE)
        first = firsts(of_messages)
        id_starts[of_messages[first]] = message_ends[first] - MESSAGE_BYTES
    correlated = np.flatnonzero(marks & int(Mark.CORRELATION))
    if len(correlated):
        correlated = correlated[firsts(lines[correlated])]
        id_starts[lines[correlated]] = ends[correlated]
    found, ids = np.flatnonzero(held), np.flatnonzero(id_starts != _NONE)
    return Hits(found, held[found], ids, id_starts[ids])


class Scanner(Protocol):
    """All patterns against a block of whole lines."""

    def scan(self, data: bytes | memoryview, newlines: Ints) -> Hits:
        """What the lines hold; `newlines` are the places of their ends."""
        ...


def scanner(patterns: tuple[Pattern, ...] = PATTERNS) -> Scanner:
    """The faster of the two that this machine has. Both find the same."""
    try:
        from tools.sources.logs.engine.database import Hyperscan
    except ImportError:
        from tools.sources.logs.engine.fallback import Buffers

        return Buffers(patterns)
    return Hyperscan(patterns)
