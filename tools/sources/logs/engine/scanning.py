"""What a scan gives, and which program does it: hyperscan where there is a wheel, else re2 over the same blocks."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tools.sources.logs.engine.patterns import PATTERNS, Mark, Pattern

Ints = NDArray[np.int64]
MESSAGE_BYTES = 15
"""From its first digit to the one behind the dash."""


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
    of_messages = np.searchsorted(newlines, message_ends - 1)
    correlated = np.flatnonzero(marks & int(Mark.CORRELATION))
    ids = first_ids(
        np.concatenate((lines[correlated], of_messages)),
        np.concatenate((ends[correlated], message_ends)),
        np.arange(len(correlated) + len(of_messages)) >= len(correlated),
    )
    held = np.zeros(len(newlines), np.int64)
    np.bitwise_or.at(held, lines, marks)
    held[of_messages] |= int(Mark.MESSAGE)
    found = np.flatnonzero(held)
    return Hits(found, held[found], *ids)


def first_ids(lines: Ints, ends: Ints, is_message: NDArray[np.bool_]) -> tuple[Ints, Ints]:
    """Of every line its id that counts, and where it begins, from all matches."""
    order = np.lexsort((ends, is_message, lines))
    of = lines[order]
    first = order[np.flatnonzero(np.diff(of, prepend=-1))]
    return lines[first], np.where(is_message[first], ends[first] - MESSAGE_BYTES, ends[first])


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
