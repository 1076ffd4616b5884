"""One generation of a log file that is held open, and how its bytes become blocks of whole lines.

A file is known by what it holds: a fingerprint of its head (up to 1 KiB) and one of the 64 bytes before the offset.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from functools import cache

from tools.sources.logs import rotated, wide
from tools.sources.logs.blocks import BLOCK_BYTES, Block, OddLine, line_ends
from tools.sources.logs.feed import LINE_BYTES_MAX, FileMark

HEAD_BYTES = 1024
TAIL_BYTES = 64
_TRAIL_MAX = 64
_HOLE_BYTES_MIN = 4096
_HOLE_BYTES_MAX = 1 << 30
"""Zero bytes that lie on disk all the same are read, so many at most."""


@dataclass(slots=True)
class Generation:
    """One generation that is held open."""

    descriptor: int
    device: int
    inode: int
    offset: int = 0
    """Bytes read."""
    line_start: int = 0
    """Where the line begins that is not complete yet."""
    number: int = 0
    head: bytes = b""
    tail: bytes = b""
    part: bytearray = field(default_factory=bytearray)
    """The beginning of the line that is not complete yet, at most what is kept of a line."""
    part_length: int = 0
    """How much of that line was read."""
    codec: str = ""
    """Of UTF-16, where the file's first bytes say so."""
    changed: tuple[int, int] = (-1, -1)
    idle_since: float | None = None
    sealed: bool = False
    """Whether nobody writes to it any more: a copy, or what was unpacked."""
    packed: bool = False
    trail: list[tuple[int, bytes]] = field(default_factory=list)
    """Offsets at which reading stood, ever fewer of the older ones, and the bytes before each."""


class Reader:
    """Reads the generations of one file, one after the other. `position` counts the bytes delivered of all of them."""

    def __init__(self, position: int) -> None:
        self.position = position
        self._buffer = _buffer()

    def read(self, file: Generation, budget: int, *, final: bool = False) -> Generator[Block, None, int]:
        """What was written since, of at most about `budget` bytes; returns how many were read. Raises OSError.

        `final`: nothing more comes, so a single byte is no half of UTF-16's mark.
        """
        if file.offset == 0:
            if not _knows_codec(file) and not final:
                return 0
            if budget > 0:
                _skip_hole(file)
        if file.codec:
            return (yield from self._read_wide(file, budget))
        taken = 0
        while taken < budget:
            # What is there of the open line stands before the new bytes, so that no line is put together twice.
            kept = len(file.part) if file.part_length == len(file.part) else 0
            buffer = self._buffer
            buffer[:kept] = file.part[:kept]
            room = memoryview(buffer)[kept : kept + min(BLOCK_BYTES, budget - taken)]
            count = os.preadv(file.descriptor, [room], file.offset)
            if not count:
                break
            _take(file, room[:count])
            taken += count
            yield from self._cut(file, kept, kept + count)
            if count < len(room):  # that was all there is
                break
        return taken

    def _cut(self, file: Generation, kept: int, size: int) -> Iterator[Block]:
        """The lines that the bytes from `kept` to `size` of the buffer complete; the rest is kept."""
        buffer, start = self._buffer, 0
        if not kept and file.part_length:
            start = buffer.find(b"\n", 0, size) + 1
            if not start:
                file.part_length += size
                return
            yield self._odd(file, OddLine(file.part_length + start - 1, 1))
        end = buffer.rfind(b"\n", max(start, kept), size) + 1
        rest = memoryview(buffer)[end or max(start, kept) : size].tobytes()
        if end:
            lines = memoryview(buffer)[start:end]
            ends = line_ends(lines)
            block = Block(lines, file.number + 1, file.line_start, self.position, ends=ends)
            file.number += len(ends)
            file.line_start += len(lines)
            self.position = block.end
            file.part, file.part_length = bytearray(), 0
        file.part += rest[: max(0, LINE_BYTES_MAX - len(file.part))]
        file.part_length += len(rest)
        if end:
            yield block

    def _read_wide(self, file: Generation, budget: int) -> Generator[Block, None, int]:
        taken = 0
        while taken < budget:
            data = os.pread(file.descriptor, min(BLOCK_BYTES, budget - taken + 1), file.offset)
            data = data[: len(data) // wide.BYTES * wide.BYTES]
            if not data:
                break
            _take(file, memoryview(data))
            taken += len(data)
            yield from self._cut_wide(file, data)
        return taken

    def _cut_wide(self, file: Generation, data: bytes) -> Iterator[Block]:
        if file.part_length > len(file.part):
            ends = wide.newlines(data, file.codec)
            if not ends:
                file.part_length += len(data)
                return
            yield self._odd(file, OddLine(file.part_length + ends[0], wide.BYTES))
            data = data[ends[0] + wide.BYTES :]
        data = bytes(file.part) + data
        ends = wide.newlines(data, file.codec)
        end = ends[-1] + wide.BYTES if ends else 0
        rest = data[end:]
        file.part, file.part_length = bytearray(rest[:LINE_BYTES_MAX]), len(rest)
        if end:
            lines = wide.lines(data[:end], file.codec)
            places = [file.line_start + at for at in lines.places]
            block = Block(
                memoryview(lines.data), file.number + 1, file.line_start, self.position, places=places
            )
            file.number += len(ends)
            file.line_start += end
            self.position = block.end
            yield block

    def _odd(self, file: Generation, line: OddLine) -> Block:
        """The open line ends: what is kept of it is a block of its own."""
        kept = bytes(file.part)
        head = memoryview((wide.decoded(kept, file.codec) if file.codec else kept) + b"\n")
        file.part, file.part_length = bytearray(), 0
        file.number += 1
        block = Block(head, file.number, file.line_start, self.position, line)
        file.line_start += line.length + line.newline
        self.position = block.end
        return block

    def flush(self, file: Generation) -> Iterator[Block]:
        """The line that has no newline yet, where there is one."""
        if file.part_length:
            yield self._odd(file, OddLine(file.part_length, 0))


@cache
def _buffer() -> bytearray:
    """One for all files of the process: a block of one is done with before another is read."""
    return bytearray(LINE_BYTES_MAX + BLOCK_BYTES)


def go_to(file: Generation, offset: int) -> None:
    """Go on at an offset, where a line begins. Raises OSError."""
    file.offset = file.line_start = offset
    file.head = os.pread(file.descriptor, min(HEAD_BYTES, offset), 0)
    file.codec = wide.codec_of(file.head)
    start = max(0, offset - TAIL_BYTES)
    file.tail = os.pread(file.descriptor, offset - start, start)


def go_to_end(file: Generation) -> None:
    """Go on behind the last whole line. Raises OSError."""
    size = os.fstat(file.descriptor).st_size
    codec = wide.codec_of(os.pread(file.descriptor, wide.BYTES, 0))
    start = max(0, size - LINE_BYTES_MAX) // wide.BYTES * wide.BYTES
    data = os.pread(file.descriptor, size - start, start)
    if codec:
        ends = wide.newlines(data, codec)
        end = ends[-1] + wide.BYTES if ends else max(0, wide.BYTES - start)
    else:
        end = data.rfind(b"\n") + 1
    go_to(file, start + end)
    file.number = _lines_before(file)


def last_lines(file: Generation, count: int) -> list[bytes]:
    """Up to so many of the lines before the offset, about a kilobyte each. Raises OSError."""
    start = max(0, file.offset - count * 1024) // wide.BYTES * wide.BYTES
    data = os.pread(file.descriptor, file.offset - start, start)
    if file.codec:
        data = wide.decoded(data, file.codec).removeprefix(b"\xef\xbb\xbf")
    parts = data.split(b"\n")
    return [part[:LINE_BYTES_MAX] for part in parts[1 if start else 0 :] if part][-count:]


def is_same(file: Generation) -> bool:
    """Whether what was read of a file is still there."""
    if os.pread(file.descriptor, len(file.head), 0) != file.head:
        return False
    return os.pread(file.descriptor, len(file.tail), file.offset - len(file.tail)) == file.tail


def has_more(file: Generation) -> bool:
    """Whether there are bytes that were not read."""
    size = os.fstat(file.descriptor).st_size
    return size - file.offset >= (wide.BYTES if file.codec else 1)


def mark_of(file: Generation) -> FileMark:
    """Where reading of a generation stands: before the first byte that was not delivered. Raises OSError."""
    offset = file.line_start
    head = file.head[:offset]
    # What was read says it, for the file may have been emptied since; of a long open line the file itself must.
    tail = file.tail[: max(0, len(file.tail) - (file.offset - offset))]
    if file.offset > offset and is_same(file):
        start = max(0, offset - TAIL_BYTES)
        tail = os.pread(file.descriptor, offset - start, start)
    return FileMark(
        device=file.device,
        inode=file.inode,
        offset=offset,
        number=file.number,
        head_bytes=len(head),
        head=rotated.digest(head),
        tail_bytes=len(tail),
        tail=rotated.digest(tail),
        packed=file.packed,
    )


def _knows_codec(file: Generation) -> bool:
    """See whether it is UTF-16; False where its first bytes are still to come."""
    head = os.pread(file.descriptor, wide.BYTES, 0)
    if wide.may_begin(head):
        return False
    file.codec = wide.codec_of(head)
    if file.codec:
        file.offset = file.line_start = len(head)
        file.head = file.tail = head
    return True


def _skip_hole(file: Generation) -> None:
    """Go on behind the zero bytes that a file begins with.

    They stand where older lines stood: it was emptied, and its writer, which does not append, went on at its place.
    """
    block = os.pread(file.descriptor, _HOLE_BYTES_MIN, 0)
    if len(block) < _HOLE_BYTES_MIN or any(block):
        return
    try:
        at = os.lseek(file.descriptor, 0, os.SEEK_DATA)
    except OSError:  # nothing but the hole so far
        return
    end = at + _HOLE_BYTES_MAX
    while at < end and (block := os.pread(file.descriptor, 1 << 20, at)):
        rest = len(block.lstrip(b"\0"))
        at += len(block) - rest
        if rest:
            go_to(file, at)  # what lies there is read at once: zero bytes alone are no mark of a place
            return


def _take(file: Generation, fresh: memoryview) -> None:
    """Remember what was read for the next look at the file."""
    if len(file.head) < HEAD_BYTES and file.offset == len(file.head):
        file.head = (file.head + fresh[:HEAD_BYTES].tobytes())[:HEAD_BYTES]
    file.tail = (file.tail + fresh[-TAIL_BYTES:].tobytes())[-TAIL_BYTES:]
    file.offset += len(fresh)
    file.trail.append((file.offset, file.tail))
    if len(file.trail) > _TRAIL_MAX:
        del file.trail[: _TRAIL_MAX // 2 : 2]


def _lines_before(file: Generation) -> int:
    if not file.codec:
        return rotated.lines_before(file.descriptor, file.offset)
    if file.offset > rotated.COUNTED_BYTES_MAX:
        return 0
    return len(wide.newlines(os.pread(file.descriptor, file.offset, 0), file.codec))
