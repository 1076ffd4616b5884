"""One log file, followed through rotation, truncation, copytruncate, deletion and restarts.

A file is known by what it holds, not by its name: the held descriptor (an open inode cannot be used again), a
fingerprint of its head (up to 1 KiB) and one of the 64 bytes before the offset. A line is delivered when it is
complete; a longer one than 256 KiB is cut, never a reason to lose the file. `position` counts the bytes delivered
over all generations, so it only grows.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from tools.sources.logs import rotated
from tools.sources.logs.blocks import BLOCK_BYTES, Block, OddLine, newlines
from tools.sources.logs.feed import (
    LINE_BYTES_MAX,
    READ_BYTES,
    FileCheckpoint,
    FileMark,
    Note,
    RawLine,
)

HEAD_BYTES = 1024
TAIL_BYTES = 64
GONE_AFTER_S = 5.0
"""A rotated file is let go when nothing was written to it for this long."""
_SEEN_MAX = 1000
_SEEN_KEPT = 100


@dataclass(slots=True)
class _Open:
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
    changed: tuple[int, int] = (-1, -1)
    idle_since: float | None = None


class Follower:
    """Follows one path. `poll` returns the complete new lines; `notes` collects what was lost or cut."""

    def __init__(
        self, path: Path, checkpoint: FileCheckpoint | None = None, *, from_end: bool = False
    ) -> None:
        self.path = path
        self.position = checkpoint.position if checkpoint is not None else 0
        self.notes: list[Note] = []
        self._buffer = _buffer()
        self._opened = False
        self._backfilled = True
        self._files: list[_Open] = []
        self._seen = rotated.identities(path) if checkpoint is None else dict.fromkeys(checkpoint.seen)
        if checkpoint is not None:
            self._restore(checkpoint)
        elif from_end:
            self._start_at_end()

    @property
    def pending(self) -> bool:
        """Whether bytes are there that were not read yet."""
        return any(os.fstat(file.descriptor).st_size > file.offset for file in self._files)

    def poll(self, now: float, budget: int = READ_BYTES, *, final: bool = False) -> list[RawLine]:
        """The complete lines since the last poll, at most about `budget` bytes; `now` is monotonic seconds.

        `final` also gives back a last line without a newline. Raises OSError where the file cannot be read.
        """
        return [line for block in self.blocks(now, budget, final=final) for line in block.lines()]

    def blocks(self, now: float, budget: int = READ_BYTES, *, final: bool = False) -> Iterator[Block]:
        """The same in blocks; one is to be done with before the next is asked for."""
        if self._files:
            yield from self._notice_truncation()
        self._notice_rotation()
        for file in list(self._files):
            budget -= yield from self._read(file, budget)
            if final and budget > 0:
                yield from self._flush(file)
        yield from self._let_go(now)

    def blindness(self) -> Note | None:
        """Why nothing was read: the file was never there."""
        why = "no file of that name was there"
        return None if self._opened else Note("", why, "Correct [[logs.sources]].", blind=True)

    def checkpoint(self) -> FileCheckpoint:
        """Where to go on: before the first byte that was not delivered in a complete line."""
        files = [_mark(file) for file in self._files]
        return FileCheckpoint(position=self.position, files=files, seen=list(self._seen)[-_SEEN_KEPT:])

    def backfill(self, lines: int) -> list[bytes]:
        """The last lines before the place where reading starts, for their format only; given once."""
        if self._backfilled:
            return []
        self._backfilled = True
        file = self._files[-1]
        start = max(0, file.offset - lines * 1024)
        parts = os.pread(file.descriptor, file.offset - start, start).split(b"\n")
        return [part[:LINE_BYTES_MAX] for part in parts[1 if start else 0 :] if part][-lines:]

    def close(self) -> None:
        """Close every generation."""
        for file in self._files:
            os.close(file.descriptor)
        self._files.clear()

    # --- beginnings -------------------------------------------------------------------------------------

    def _open(self, path: Path) -> _Open | None:
        try:
            # A log path that is a pipe must not block the watcher, and is no file to follow.
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except FileNotFoundError:
            return None
        self._opened = True
        status = os.fstat(descriptor)
        self._remember(status.st_dev, status.st_ino)
        return _Open(descriptor, status.st_dev, status.st_ino)

    def _remember(self, device: int, inode: int) -> None:
        self._seen[(device, inode)] = None
        while len(self._seen) > _SEEN_MAX:
            del self._seen[next(iter(self._seen))]

    def _start_at_end(self) -> None:
        file = self._open(self.path)
        if file is None:
            return
        _go_to(file, _last_line_end(file.descriptor))
        file.number = rotated.lines_before(file.descriptor, file.offset)
        self._files.append(file)
        self._backfilled = False

    def _restore(self, checkpoint: FileCheckpoint) -> None:
        last: Path | None = None
        for mark in checkpoint.files:
            path = rotated.find(self.path, mark)
            file = self._open(path) if path is not None else None
            if path is None or file is None:
                why = "the file was replaced while nobody read it; lines in between may be missing"
                self.notes.append(Note("lines", why, "Keep rotated files for a while."))
                continue
            file.number = mark.number
            _go_to(file, mark.offset)
            self._files.append(file)
            last = path
        if last is not None and last != self.path:
            self._open_unseen(rotated.changed_ns(last))

    def _open_unseen(self, since_ns: int) -> None:
        # Generations that were made and rotated away while nobody looked.
        for path in rotated.unseen(self.path, self._seen, since_ns):
            file = self._open(path)
            if file is not None:
                self._files.append(file)

    # --- changes ----------------------------------------------------------------------------------------

    def _notice_truncation(self) -> Iterator[Block]:
        file = self._files[-1]
        status = os.fstat(file.descriptor)
        changed = (status.st_size, status.st_mtime_ns)
        if changed == file.changed:
            return
        file.changed = changed
        if status.st_size >= file.offset and _is_same(file):
            return
        copy = rotated.copy_of(self.path, file.head, file.tail, file.offset)
        if copy is not None:
            yield from self._read_copy(file, copy)
        yield from self._flush(file)
        file.offset = file.line_start = file.number = 0
        file.head = file.tail = b""

    def _read_copy(self, file: _Open, copy: Path) -> Iterator[Block]:
        # copytruncate: what was not read yet survives in the copy.
        other = self._open(copy)
        if other is None:
            return
        held, file.descriptor = file.descriptor, other.descriptor
        try:
            yield from self._read(file, 1 << 62)
        finally:
            file.descriptor = held
            os.close(other.descriptor)

    def _notice_rotation(self) -> None:
        current = self._files[-1] if self._files else None
        try:
            status = self.path.stat()
        except FileNotFoundError:
            if current is None:
                self._open_unseen(0)
            return
        if current is not None and (status.st_dev, status.st_ino) == (current.device, current.inode):
            return
        self._open_unseen(0 if current is None else os.fstat(current.descriptor).st_mtime_ns)
        fresh = self._open(self.path)
        if fresh is not None:
            self._files.append(fresh)

    def _let_go(self, now: float) -> Iterator[Block]:
        for file in self._files[:-1]:
            if os.fstat(file.descriptor).st_size > file.offset:
                file.idle_since = None
            elif file.idle_since is None:
                file.idle_since = now
            elif now - file.idle_since >= GONE_AFTER_S:
                yield from self._flush(file)
                os.close(file.descriptor)
                self._files.remove(file)

    # --- reading ----------------------------------------------------------------------------------------

    def _read(self, file: _Open, budget: int) -> Generator[Block, None, int]:
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
            fresh = room[:count]
            if len(file.head) < HEAD_BYTES and file.offset == len(file.head):
                file.head = (file.head + fresh[:HEAD_BYTES].tobytes())[:HEAD_BYTES]
            file.tail = (file.tail + fresh[-TAIL_BYTES:].tobytes())[-TAIL_BYTES:]
            file.offset += count
            taken += count
            yield from self._cut(file, kept, kept + count)
        return taken

    def _cut(self, file: _Open, kept: int, size: int) -> Iterator[Block]:
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
            block = Block(lines, file.number + 1, file.line_start, self.position)
            file.number += newlines(lines)
            file.line_start += len(lines)
            self.position = block.end
            file.part, file.part_length = bytearray(), 0
        file.part += rest[: max(0, LINE_BYTES_MAX - len(file.part))]
        file.part_length += len(rest)
        if end:
            yield block

    def _odd(self, file: _Open, line: OddLine) -> Block:
        """The open line ends: what is kept of it is a block of its own."""
        head = memoryview(bytes(file.part) + b"\n")
        file.part, file.part_length = bytearray(), 0
        file.number += 1
        block = Block(head, file.number, file.line_start, self.position, line)
        file.line_start += line.length + line.newline
        self.position = block.end
        return block

    def _flush(self, file: _Open) -> Iterator[Block]:
        if file.part_length:
            yield self._odd(file, OddLine(file.part_length, 0))


@cache
def _buffer() -> bytearray:
    """One for all files of the process: a block of one is done with before another is read."""
    return bytearray(LINE_BYTES_MAX + BLOCK_BYTES)


def _go_to(file: _Open, offset: int) -> None:
    file.offset = file.line_start = offset
    file.head = os.pread(file.descriptor, min(HEAD_BYTES, offset), 0)
    start = max(0, offset - TAIL_BYTES)
    file.tail = os.pread(file.descriptor, offset - start, start)


def _last_line_end(descriptor: int) -> int:
    size = os.fstat(descriptor).st_size
    start = max(0, size - LINE_BYTES_MAX)
    end = os.pread(descriptor, size - start, start).rfind(b"\n")
    return start + end + 1 if end >= 0 else start


def _is_same(file: _Open) -> bool:
    if os.pread(file.descriptor, len(file.head), 0) != file.head:
        return False
    return os.pread(file.descriptor, len(file.tail), file.offset - len(file.tail)) == file.tail


def _mark(file: _Open) -> FileMark:
    offset = file.line_start
    head = file.head[:offset]
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
    )
