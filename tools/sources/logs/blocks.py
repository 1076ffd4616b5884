"""Blocks: many whole lines of one source in one piece of memory, and where each of them lies.

A feed gives blocks, because what must be done for every line is done for all lines of a block at once. Only the few
lines that matter become objects.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tools.sources.logs.feed import LINE_BYTES_MAX, RawLine
from tools.sources.logs.wide import BYTES as UTF16_BYTES

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_NEWLINE = 10
BLOCK_BYTES = 1 << 20
"""Big enough that what is done once per block does not count, small enough to stay in a processor's cache."""


@dataclass(frozen=True, slots=True)
class Block:
    """Whole lines of one source, each with its newline. It holds until the feed is asked for the next one.

    `number` is that of its first line (from 1), `offset` that line's first byte in its file, `position` what the source
    had delivered before it. `odd` stands for one line that does not lie there as it was: a long one of which
    `data` holds the beginning, or a last one without a newline.
    """

    data: memoryview
    number: int
    offset: int
    position: int
    odd: OddLine | None = None
    at_ms: Sequence[int | None] = ()
    """When the log's keeper got each line; empty for files."""
    levels: Sequence[str | None] = ()
    """What the keeper says of each line's severity; empty for files."""
    places: Sequence[int] = ()
    """Of lines that do not lie there as they were (UTF-16), where each begins in its file, and where the last ends."""
    ends: NDArray[np.int64] | None = None
    """Where the lines' newlines stand in `data`, where the feed had to look for them."""

    @property
    def end(self) -> int:
        """What the source has delivered with it."""
        if self.places:
            return self.position + self.places[-1] - self.places[0]
        return self.position + (len(self.data) if self.odd is None else self.odd.length + self.odd.newline)

    def kept(self) -> Block:
        """The same with a copy of the bytes."""
        return replace(self, data=memoryview(bytes(self.data)))

    def lines(self) -> Iterator[RawLine]:
        """Every line by itself."""
        if self.odd is not None:
            length, cut = self.odd.length, self.odd.length > LINE_BYTES_MAX
            yield self._line(0, bytes(self.data[:-1]), self.offset, length, self.end)._replace(cut=cut)
            return
        start = 0
        for index, line in enumerate(bytes(self.data).split(b"\n")[:-1]):
            if self.places:
                yield self.placed(index, line[:LINE_BYTES_MAX])
                continue
            length = len(line)
            end = self.position + start + length + 1
            cut = length > LINE_BYTES_MAX
            yield self._line(index, line[:LINE_BYTES_MAX], self.offset + start, length, end)._replace(cut=cut)
            start += length + 1

    def split(self, position: int) -> tuple[Block | None, Block | None]:
        """The lines that end at `position` or before it, and those that end after it."""
        if position >= self.end:
            return self, None
        if self.odd is not None or position <= self.position:
            return None, self
        if self.places:
            before = bisect_right(self.places, self.places[0] + position - self.position) - 1
            cut = sum(len(line) + 1 for line in bytes(self.data).split(b"\n")[:before])
            length = self.places[before] - self.places[0]
        else:
            length = cut = bytes(self.data[: position - self.position]).rfind(b"\n") + 1
            before = bytes(self.data[:cut]).count(b"\n")
        if not cut:
            return None, self
        first = replace(
            self,
            data=self.data[:cut],
            ends=None,
            at_ms=self.at_ms[:before],
            levels=self.levels[:before],
            places=self.places[: before + 1] if self.places else (),
        )
        rest = replace(
            self,
            data=self.data[cut:],
            ends=None,
            number=self.number + before,
            offset=self.offset + length,
            position=self.position + length,
            at_ms=self.at_ms[before:],
            levels=self.levels[before:],
            places=self.places[before:],
        )
        return first, rest

    def placed(self, index: int, data: bytes) -> RawLine:
        """One of the lines of a block that has `places`, whose text is given."""
        begin, end = self.places[index], self.places[index + 1]
        length = end - begin - UTF16_BYTES
        after = self.position + end - self.places[0]
        line = self._line(index, data, begin, length, after)
        return line._replace(cut=length > LINE_BYTES_MAX)

    def _line(self, index: int, data: bytes, offset: int, length: int, position: int) -> RawLine:
        at_ms = self.at_ms[index] if self.at_ms else None
        level = self.levels[index] if self.levels else None
        return RawLine(data, self.number + index, offset, length, position, at_ms=at_ms, level=level)


@dataclass(frozen=True, slots=True)
class OddLine:
    """The original length of a block's only line, and that of the newline behind it (0 where there is none)."""

    length: int
    newline: int


def line_ends(data: memoryview) -> NDArray[np.int64]:
    """Where lines end in these bytes."""
    # 0.1 s and 11 MB that of all processes of a session only the Log Watcher's needs.
    import numpy as np

    return np.flatnonzero(np.frombuffer(data, np.uint8) == _NEWLINE)


def of_lines(lines: Iterable[RawLine]) -> Iterator[Block]:
    """Blocks of lines that follow one another; a line that was cut is a block by itself."""
    run: list[RawLine] = []
    for line in lines:
        whole = len(line.data) == line.length and not line.cut
        follows = bool(run) and line.number == run[-1].number + 1 and line.offset == _next_offset(run[-1])
        if run and not (whole and follows):
            yield _joined(run)
            run = []
        if whole:
            run.append(line)
        else:
            yield _odd(line)
    if run:
        yield _joined(run)


def _next_offset(line: RawLine) -> int:
    return line.offset + line.length + 1


def _joined(run: Sequence[RawLine]) -> Block:
    first = run[0]
    return Block(
        memoryview(b"".join([part for line in run for part in (line.data, b"\n")])),
        first.number,
        first.offset,
        first.position - first.length - 1,
        at_ms=[line.at_ms for line in run],
        levels=[line.level for line in run] if any(line.level for line in run) else (),
    )


def _odd(line: RawLine) -> Block:
    return Block(
        memoryview(line.data + b"\n"),
        line.number,
        line.offset,
        line.position - line.length - 1,
        OddLine(line.length, 1),
        (line.at_ms,),
        (line.level,),
    )
