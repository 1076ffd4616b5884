"""The lines of one block as columns of numbers: where each begins and ends."""

from __future__ import annotations

import numpy as np

from tools.sources.logs.engine.positions import Bytes, Flags, Ints, Words, words

__all__ = ("Bytes", "Flags", "LineTable", "Words", "words")

CARRIAGE_RETURN, NEWLINE, OPEN_BRACE, CLOSE_BRACE = 13, 10, 123, 125


class LineTable:
    """`starts` and `ends` (the newline) of each line; `tails` leave out a carriage return before it."""

    __slots__ = ("bytes", "count", "ends", "first", "last", "starts", "tails")

    def __init__(self, data: memoryview, ends: Ints | None = None) -> None:
        self.bytes: Bytes = np.frombuffer(data, np.uint8)
        self.ends: Ints = np.flatnonzero(self.bytes == NEWLINE) if ends is None else ends
        self.count = len(self.ends)
        self.starts: Ints = np.empty_like(self.ends)
        self.starts[0] = 0
        self.starts[1:] = self.ends[:-1] + 1
        returned = self.bytes[np.maximum(self.ends - 1, 0)] == CARRIAGE_RETURN
        self.tails: Ints = np.maximum(self.ends - returned, self.starts)
        self.first: Bytes = self.bytes[self.starts]
        """The first byte; that of an empty line is its end's."""
        self.last: Bytes = self.bytes[np.maximum(self.tails - 1, 0)]

    def part(self, rows: slice, begin: int, end: int) -> LineTable:
        """Some of the lines, which lie between two places of the block, as a table of their own."""
        part = LineTable.__new__(LineTable)
        part.bytes, part.count = self.bytes[begin:end], rows.stop - rows.start
        part.ends, part.starts = self.ends[rows] - begin, self.starts[rows] - begin
        part.tails = self.tails[rows] - begin
        part.first, part.last = self.first[rows], self.last[rows]
        return part

    def only(self, rows: Ints) -> LineTable:
        """Some of the lines where they lie."""
        part = LineTable.__new__(LineTable)
        part.bytes, part.count = self.bytes, len(rows)
        part.ends, part.starts, part.tails = self.ends[rows], self.starts[rows], self.tails[rows]
        part.first, part.last = self.first[rows], self.last[rows]
        return part

    @property
    def structured(self) -> Flags:
        """Lines that look like one JSON object."""
        found: Flags = (self.first == OPEN_BRACE) & (self.last == CLOSE_BRACE)
        return found

    @property
    def indented(self) -> Flags:
        """Empty lines, and lines that begin with white space."""
        first = self.first
        found: Flags = (first == 32) | (first == 9) | (self.starts == self.tails)
        return found

    def window(self, at: Ints, width: int) -> Bytes:
        """`width` bytes from each place on, a row each; a row may reach past its line, at the block's end repeat."""
        last = len(self.bytes) - width
        if last < 0 or (len(at) and int(at[-1]) > last) or (at > last).any():
            places = at[:, None] + np.arange(width)
            repeated: Bytes = self.bytes[np.minimum(places, len(self.bytes) - 1)]
            return repeated
        found: Bytes = np.lib.stride_tricks.sliding_window_view(self.bytes, width)[at]
        return found
