"""One log file, followed through rotation, truncation, copytruncate, deletion and restarts.

A file is known by what it holds, not by its name: the held descriptor (an open inode cannot be used again), a
fingerprint of its head (up to 1 KiB) and one of the 64 bytes before the offset. A line is delivered when it is
complete; a longer one than 256 KiB is cut, never a reason to lose the file. `position` counts the bytes delivered
over all generations, so it only grows; where reading could not go on it leaps, so that nothing counts as read before.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

from tools.sources.logs import known, rotated
from tools.sources.logs.blocks import Block
from tools.sources.logs.feed import READ_BYTES, FileCheckpoint, FileMark, Note, RawLine
from tools.sources.logs.generation import (
    Generation,
    Reader,
    go_to,
    go_to_end,
    has_more,
    is_same,
    last_lines,
    mark_of,
)
from tools.sources.logs.known import Known
from tools.sources.logs.older import Emptied, Older
from tools.sources.logs.rotated import Identity

GONE_AFTER_S = 5.0
"""A rotated file is let go when nothing was written to it for this long."""
UNLOOKED_S = 2.0
"""More time between two looks than there is in a watcher that runs."""
_TRIES = 3
HELD_MAX = 8
"""Rotated files that are held open while the newest has nothing in it: who writes may not have noticed yet."""
LEAP_BYTES = 1 << 40
"""More than is read between two checkpoints."""


def _nowhere(_: Identity) -> bool:
    return False


class Follower:
    """Follows one path. `poll` returns the complete new lines; `notes` collects what was lost or cut.

    `elsewhere` tells whether another source reads a file. A file that appears while others are followed already is read
    from its start, and with it the older generations that were written to since `since_ns`.
    """

    def __init__(
        self,
        path: Path,
        checkpoint: FileCheckpoint | None = None,
        *,
        from_end: bool = False,
        since_ns: int | None = None,
        elsewhere: Callable[[Identity], bool] = _nowhere,
    ) -> None:
        self.path = path
        self._reader = Reader(checkpoint.position if checkpoint is not None else 0)
        self.notes: list[Note] = []
        self.turned = False
        """Whether the file was rotated, emptied or begun since this was last asked."""
        self._opened = False
        self._backfilled = True
        self._files: list[Generation] = []
        self._elsewhere = elsewhere
        self._looked_at = float("inf")
        self._folders: set[Identity] = set()
        seen = [] if checkpoint is None else [Known(*one) for one in checkpoint.seen]
        self._older = Older(path, seen, elsewhere)
        if checkpoint is not None:
            self._restore(checkpoint)
            return
        self._older.add_all(since_ns)
        if from_end:
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
        unreadable = None
        try:
            if self._files:
                yield from self._notice_truncation()
            self._notice_rotation(now, final=final)
        except OSError as error:
            unreadable = error  # what is held open can be read all the same
        for file in list(self._files):
            unread = not file.offset
            budget -= yield from self._reader.read(file, budget, final=final)
            # What a file holds is known from its first bytes on: to be on disk before they can be gone.
            self.turned = self.turned or (unread and file.offset > 0)
            if final and budget > 0:
                yield from self._reader.flush(file)
        yield from self._let_go(now)
        self.notes += self._older.notes
        self._older.notes.clear()
        if unreadable is not None:
            raise unreadable

    def blindness(self) -> Note | None:
        """Why nothing was read: the file was never there."""
        why = "no file of that name was there"
        return None if self._opened else Note("", why, "Correct [[logs.sources]].", blind=True)

    def checkpoint(self) -> FileCheckpoint:
        """Where to go on: before the first byte that was not delivered in a complete line."""
        files = [mark_of(file) for file in self._files]
        seen = [(one.device, one.inode, one.size, one.print) for one in self._older.seen()]
        return FileCheckpoint(position=self._reader.position, files=files, seen=seen)

    def holds(self, identity: Identity) -> bool:
        """Whether it reads that file, under whatever name, or is about to."""
        if not self._files:
            return rotated.identity(self.path) == identity
        return any((file.device, file.inode) == identity for file in self._files)

    def knows(self, path: Path) -> bool:
        """Whether a file beside this one is one of its older generations."""
        identity = rotated.identity(path)
        return identity is not None and (self.holds(identity) or self._older.place_in(path) is not None)

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

    def _open(self, path: Path, place: int = 0) -> Generation | None:
        try:
            # A log path that is a pipe must not block the watcher, and is no file to follow.
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except FileNotFoundError:
            return None
        status = os.fstat(descriptor)
        if stat.S_ISDIR(status.st_mode):
            os.close(descriptor)
            self._tell_of_folder((status.st_dev, status.st_ino))
            return None
        self._opened = True
        file = Generation(descriptor, status.st_dev, status.st_ino)
        go_to(file, place)
        return file

    def _tell_of_folder(self, identity: Identity) -> None:
        """Once for each: it may stand there for long, and a file may come back in its place."""
        if identity not in self._folders:
            why = "a folder stands where the file should be"
            self.notes.append(Note("lines", why, "Let the service write its log there again.", blind=True))
            self._folders.add(identity)

    def _start_at_end(self) -> None:
        file = self._open(self.path)
        if file is None:
            return
        go_to_end(file)
        self._files.append(file)
        self._backfilled = False

    def _restore(self, checkpoint: FileCheckpoint) -> None:
        taken: set[Identity] = set()
        missing, unread = False, 0
        for mark in checkpoint.files:
            file = self._find(mark, taken)
            if file is None:
                missing, unread = missing or mark.head_bytes > 0, unread + 1
                continue
            self._opened = True
            taken.add((file.device, file.inode))
            file.number = mark.number
            self._files.append(file)
        current = rotated.identity(self.path)
        last = self._files.pop() if self._files and self._ends_with(current) else None
        found = self._older.unseen([*self._files, *([last] if last is not None else [])])
        # A file that was empty when it was looked at last may be one of those that were packed since.
        if missing or unread > sum(file.packed for file in found):
            self._tell_missing("the file was replaced while nobody read it")
        elif last is None and self._files and self.path.is_symlink():
            self._tell_unseen(self._files[-1])
        self._files += found
        if last is not None:
            self._files.append(last)

    def _ends_with(self, identity: Identity | None) -> bool:
        """Whether the newest file that is held is this one."""
        return bool(self._files) and (self._files[-1].device, self._files[-1].inode) == identity

    def _find(self, mark: FileMark, taken: set[Identity]) -> Generation | None:
        for _ in range(_TRIES):
            # Files may be given other names between two of these steps.
            path = rotated.find(self.path, mark, taken)
            file = self._open(path, mark.offset) if path is not None else None
            if file is not None and _is_at(file, mark):
                return file
            if file is not None:
                os.close(file.descriptor)
        file = self._older.find_packed(mark)
        if file is not None:
            go_to(file, mark.offset)
        return file

    def _tell_missing(self, why: str) -> None:
        self._reader.position += LEAP_BYTES
        why = f"{why}; lines written just before may be missing, or counted twice after a restart"
        self.notes.append(Note("lines", why, "Keep rotated files for a while."))

    def _tell_unseen(self, last: Generation) -> None:
        """Where older files are not kept beside it under names that tell, one may have come and gone."""
        moved = self.path.is_symlink()
        deleted = os.fstat(last.descriptor).st_nlink == 0
        if (moved or deleted) and not self._older.any_there():
            why = "the link was moved on" if moved else "it was deleted and made anew"
            why = f"{why} while nobody looked; files that were there in between may be missing"
            self.notes.append(Note("lines", why, "Keep rotated files for a while."))

    # --- changes ----------------------------------------------------------------------------------------

    def _notice_truncation(self) -> Iterator[Block]:
        file = self._files[-1]
        status = os.fstat(file.descriptor)
        changed = (status.st_size, status.st_mtime_ns)
        if changed == file.changed:
            return
        file.changed = changed
        intact = status.st_size >= file.offset and is_same(file)
        if intact and (file.offset or rotated.identity(self.path) != (file.device, file.inode)):
            return
        emptied = Emptied(file.offset, file.head, [*file.trail, (file.offset, file.tail)])
        copies = self._older.unseen(self._files, emptied)
        if intact and not copies:
            return
        self.turned = True
        rest = next((copy for copy in copies if _goes_on(copy, emptied)), None)
        for copy in copies:
            copy.sealed = True
        if rest is not None:
            # copytruncate: what was not read yet survives in the copy.
            rest.number, rest.line_start = file.number, file.line_start
            rest.part, rest.part_length = file.part, file.part_length
            file.part, file.part_length = bytearray(), 0
        elif file.offset:
            yield from self._reader.flush(file)
            if not self._older.copied:
                self._tell_missing("the file was emptied, and no copy of it is there")
        self._files[-1:-1] = copies
        file.offset = file.line_start = file.number = 0
        file.head = file.tail = b""
        file.trail = []
        file.codec = ""

    def _notice_rotation(self, now: float, *, final: bool) -> None:
        unlooked_s, self._looked_at = now - self._looked_at, now
        current = self._files[-1] if self._files else None
        try:
            status = self.path.stat()
        except FileNotFoundError:
            if current is None or final:
                self._files += self._older.unseen(self._files)
            return
        identity = status.st_dev, status.st_ino
        if current is not None and identity == (current.device, current.inode):
            if final:
                self._files[-1:-1] = self._older.unseen(self._files)
            return
        if self._elsewhere(identity):
            return
        self.turned = True
        if current is not None and unlooked_s > UNLOOKED_S:
            self._tell_unseen(current)
        self._files += self._older.unseen(self._files)
        held = next((file for file in self._files if (file.device, file.inode) == identity), None)
        if held is not None:  # a link that points back
            self._files.remove(held)
            self._files.append(held)
            return
        fresh = self._open(self.path)
        if fresh is not None:
            self._files.append(fresh)

    def _let_go(self, now: float) -> Iterator[Block]:
        if not self._files:
            return
        noticed = os.fstat(self._files[-1].descriptor).st_size > 0 or len(self._files) > HELD_MAX
        for file in self._files[:-1]:
            if has_more(file):
                file.idle_since = None
                continue
            if file.idle_since is None:
                file.idle_since = now
            there = os.fstat(file.descriptor).st_nlink > 0
            if file.sealed or (now - file.idle_since >= GONE_AFTER_S and (noticed or not there)):
                yield from self._reader.flush(file)
                if file.offset and (there or not file.sealed):
                    one = known.of_descriptor(file.descriptor, file.offset)
                    # Its inode is another's from now on, but it may lie there packed.
                    self._older.add(one if there else one._replace(device=0))
                os.close(file.descriptor)
                self._files.remove(file)


def _is_at(file: Generation, mark: FileMark) -> bool:
    """Whether a file that was opened is the one of a mark."""
    if not mark.head_bytes:
        return (file.device, file.inode) == (mark.device, mark.inode)
    tail = file.tail[len(file.tail) - mark.tail_bytes :]
    return (rotated.digest(file.head[: mark.head_bytes]), rotated.digest(tail)) == (mark.head, mark.tail)


def _goes_on(copy: Generation, emptied: Emptied) -> bool:
    """Whether a copy holds what was read of the file that was emptied."""
    if not emptied.size or copy.offset != emptied.size:
        return False
    return (copy.head, copy.tail) == (emptied.head, emptied.trail[-1][1])
