"""One log file, followed through rotation, truncation, copytruncate, deletion and restarts.

A file is known by what it holds, not by its name: the held descriptor (an open inode cannot be used again), a
fingerprint of its head (up to 1 KiB) and one of the 64 bytes before the offset. A line is delivered when it is
complete; a longer one than 256 KiB is cut, never a reason to lose the file. `position` counts the bytes delivered
over all generations, so it only grows.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from tools.sources.logs import rotated
from tools.sources.logs.feed import (
    LINE_BYTES_MAX,
    READ_BYTES,
    FileCheckpoint,
    FileMark,
    Note,
    Piece,
    RawLine,
    Splitter,
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
    splitter: Splitter = field(default_factory=Splitter)
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
        lines: list[RawLine] = []
        if self._files:
            self._notice_truncation(lines)
        self._notice_rotation()
        for file in list(self._files):
            budget -= self._read(file, lines, budget)
            if final and budget > 0:
                self._flush(file, lines)
        self._let_go(lines, now)
        return lines

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

    def _notice_truncation(self, lines: list[RawLine]) -> None:
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
            self._read_copy(file, copy, lines)
        self._flush(file, lines)
        file.offset = file.line_start = file.number = 0
        file.head = file.tail = b""

    def _read_copy(self, file: _Open, copy: Path, lines: list[RawLine]) -> None:
        # copytruncate: what was not read yet survives in the copy.
        other = self._open(copy)
        if other is None:
            return
        held, file.descriptor = file.descriptor, other.descriptor
        try:
            self._read(file, lines, 1 << 62)
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

    def _let_go(self, lines: list[RawLine], now: float) -> None:
        for file in self._files[:-1]:
            if os.fstat(file.descriptor).st_size > file.offset:
                file.idle_since = None
            elif file.idle_since is None:
                file.idle_since = now
            elif now - file.idle_since >= GONE_AFTER_S:
                self._flush(file, lines)
                os.close(file.descriptor)
                self._files.remove(file)

    # --- reading ----------------------------------------------------------------------------------------

    def _read(self, file: _Open, lines: list[RawLine], budget: int) -> int:
        taken = 0
        while taken < budget:
            block = os.pread(file.descriptor, min(READ_BYTES, budget - taken), file.offset)
            if not block:
                break
            if len(file.head) < HEAD_BYTES and file.offset == len(file.head):
                file.head = (file.head + block)[:HEAD_BYTES]
            file.tail = (file.tail + block)[-TAIL_BYTES:]
            lines += [self._line(file, piece, 1) for piece in file.splitter.feed(block)]
            file.offset += len(block)
            taken += len(block)
        return taken

    def _line(self, file: _Open, piece: Piece, newline: int) -> RawLine:
        data, length = piece
        file.number += 1
        self.position += length + newline
        offset = file.line_start
        file.line_start += length + newline
        return RawLine(data, file.number, offset, length, self.position, length > LINE_BYTES_MAX)

    def _flush(self, file: _Open, lines: list[RawLine]) -> None:
        piece = file.splitter.flush()
        if piece is not None:
            lines.append(self._line(file, piece, 0))


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
