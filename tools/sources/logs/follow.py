"""One log file, followed through rotation, truncation, copytruncate, deletion and restarts.

A file is known by what it holds, not by its name: the held descriptor (an open inode cannot be used again), a
fingerprint of its head (up to 1 KiB) and one of the 64 bytes before the offset. A line is delivered when it is
complete; a longer one than 256 KiB is cut, never a reason to lose the file. `position` counts the bytes delivered
over all generations, so it only grows.
"""

from __future__ import annotations

import os
import stat
from collections import deque
from collections.abc import Iterator
from pathlib import Path

from tools.sources.logs import packed, rotated
from tools.sources.logs.blocks import Block
from tools.sources.logs.feed import READ_BYTES, FileCheckpoint, FileMark, Note, RawLine
from tools.sources.logs.generation import (
    HEAD_BYTES,
    Generation,
    Reader,
    go_to,
    go_to_end,
    has_more,
    is_same,
    last_lines,
    mark_of,
)

GONE_AFTER_S = 5.0
"""A rotated file is let go when nothing was written to it for this long."""
_SEEN_MAX = 1000
_SEEN_KEPT = 100
_PAST_KEPT = 32


class Follower:
    """Follows one path. `poll` returns the complete new lines; `notes` collects what was lost or cut."""

    def __init__(
        self, path: Path, checkpoint: FileCheckpoint | None = None, *, from_end: bool = False
    ) -> None:
        self.path = path
        self._reader = Reader(checkpoint.position if checkpoint is not None else 0)
        self.notes: list[Note] = []
        self._opened = False
        self._backfilled = True
        self._files: list[Generation] = []
        self._seen = (
            packed.identities(path) | rotated.identities(path)
            if checkpoint is None
            else dict.fromkeys(checkpoint.seen)
        )
        self._past: deque[bytes] = deque(map(_head_at, rotated.siblings(path)), _PAST_KEPT)
        """Heads of generations that were done with: one of them may be packed later."""
        if checkpoint is not None:
            self._restore(checkpoint)
        elif from_end:
            self._start_at_end()

    @property
    def pending(self) -> bool:
        """Whether bytes are there that were not read yet."""
        return any(map(has_more, self._files))

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
            budget -= yield from self._reader.read(file, budget, final=final)
            if final and budget > 0:
                yield from self._reader.flush(file)
        yield from self._let_go(now)

    def blindness(self) -> Note | None:
        """Why nothing was read: the file was never there."""
        why = "no file of that name was there"
        return None if self._opened else Note("", why, "Correct [[logs.sources]].", blind=True)

    def checkpoint(self) -> FileCheckpoint:
        """Where to go on: before the first byte that was not delivered in a complete line."""
        files = [mark_of(file) for file in self._files]
        return FileCheckpoint(
            position=self._reader.position, files=files, seen=list(self._seen)[-_SEEN_KEPT:]
        )

    def backfill(self, lines: int) -> list[bytes]:
        """The last lines before the place where reading starts, for their format only; given once."""
        if self._backfilled:
            return []
        self._backfilled = True
        return last_lines(self._files[-1], lines)

    def close(self) -> None:
        """Close every generation."""
        for file in self._files:
            os.close(file.descriptor)
        self._files.clear()

    # --- beginnings -------------------------------------------------------------------------------------

    def _open(self, path: Path) -> Generation | None:
        try:
            # A log path that is a pipe must not block the watcher, and is no file to follow.
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except FileNotFoundError:
            return None
        status = os.fstat(descriptor)
        if stat.S_ISDIR(status.st_mode):
            os.close(descriptor)
            self._tell_of_folder(status.st_dev, status.st_ino)
            return None
        self._opened = True
        self._remember(status.st_dev, status.st_ino)
        return Generation(descriptor, status.st_dev, status.st_ino)

    def _tell_of_folder(self, device: int, inode: int) -> None:
        """Once for each: it may stand there for long, and a file may come back in its place."""
        if (device, inode) not in self._seen:
            why = "a folder stands where the file should be"
            self.notes.append(Note("lines", why, "Let the service write its log there again.", blind=True))
        self._remember(device, inode)

    def _remember(self, device: int, inode: int) -> None:
        self._seen[(device, inode)] = None
        while len(self._seen) > _SEEN_MAX:
            del self._seen[next(iter(self._seen))]

    def _start_at_end(self) -> None:
        file = self._open(self.path)
        if file is None:
            return
        go_to_end(file)
        self._files.append(file)
        self._backfilled = False

    def _restore(self, checkpoint: FileCheckpoint) -> None:
        last: Path | None = None
        for mark in checkpoint.files:
            path = rotated.find(self.path, mark)
            file = self._open(path) if path is not None else None
            if file is None:
                path, file = self._find_packed(mark)
            if path is None or file is None:
                why = "the file was replaced while nobody read it; lines in between may be missing"
                self.notes.append(Note("lines", why, "Keep rotated files for a while."))
                continue
            file.number = mark.number
            go_to(file, mark.offset)
            self._files.append(file)
            last = path
        if last is not None and last != self.path:
            self._open_unseen(rotated.changed_ns(last))

    def _open_unseen(self, since_ns: int) -> None:
        # Generations that were made and rotated away while nobody looked.
        found = [*rotated.unseen(self.path, self._seen, since_ns), *self._unseen_packed(since_ns)]
        for path in sorted(found, key=rotated.changed_ns):
            file = self._unpack(path) if path.name.endswith(rotated.PACKED) else self._open(path)
            if file is not None:
                self._files.append(file)

    # --- packed generations -----------------------------------------------------------------------------

    def _find_packed(self, mark: FileMark) -> tuple[Path | None, Generation | None]:
        """The generation of a mark that was packed meanwhile."""
        for path in reversed(packed.siblings(self.path)):
            file = self._unpack(path, mark)
            if file is not None:
                return path, file
        return None, None

    def _unseen_packed(self, since_ns: int) -> list[Path]:
        found = []
        for path in packed.siblings(self.path):
            identity = rotated.identity(path)
            if identity is None or identity in self._seen or rotated.changed_ns(path) < since_ns:
                continue
            self._remember(*identity)
            head = packed.head_of(path)
            known = (*self._past, *(file.head for file in self._files))
            if head is None or not any(old and head.startswith(old) for old in known):
                found.append(path)
        return found

    def _unpack(self, path: Path, mark: FileMark | None = None) -> Generation | None:
        try:
            found = packed.whole(path) if mark is None else packed.rest_of(path, mark)
        except packed.Unreadable as error:
            self.notes.append(Note("lines", str(error), "Pack older logs a day later (delaycompress)."))
            return None
        if found is None:
            return None
        if found.more:
            why = f"only the first {packed.REST_BYTES_MAX >> 20} MB that were missing are read of {path.name}"
            self.notes.append(Note("lines", why, "Rotate logs while they are smaller."))
        self._opened = True
        self._remember(found.device, found.inode)
        return Generation(found.descriptor, found.device, found.inode)

    # --- changes ----------------------------------------------------------------------------------------

    def _notice_truncation(self) -> Iterator[Block]:
        file = self._files[-1]
        status = os.fstat(file.descriptor)
        changed = (status.st_size, status.st_mtime_ns)
        if changed == file.changed:
            return
        file.changed = changed
        if status.st_size >= file.offset and is_same(file):
            return
        copy = rotated.copy_of(self.path, file.head, file.tail, file.offset)
        if copy is not None:
            yield from self._read_copy(file, copy)
        yield from self._reader.flush(file)
        file.offset = file.line_start = file.number = 0
        file.head = file.tail = b""
        file.codec = ""

    def _read_copy(self, file: Generation, copy: Path) -> Iterator[Block]:
        # copytruncate: what was not read yet survives in the copy.
        other = self._open(copy)
        if other is None:
            return
        held, file.descriptor = file.descriptor, other.descriptor
        try:
            yield from self._reader.read(file, 1 << 62, final=True)
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
            if has_more(file):
                file.idle_since = None
            elif file.idle_since is None:
                file.idle_since = now
            elif now - file.idle_since >= GONE_AFTER_S:
                yield from self._reader.flush(file)
                os.close(file.descriptor)
                self._files.remove(file)
                self._past.append(file.head)


def _head_at(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(HEAD_BYTES)
    except OSError:
        return b""
