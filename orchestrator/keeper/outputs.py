"""Captured logs as they stand in `logs/`: masked lines, and beside each log where every line lay in the raw output.

The offsets make a kill harmless: a new attempt reads from its last note of progress, and passes over what is in
the log already. A line that was torn by the kill is completed, never cut: somebody may be reading the file.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from tools.sources.logs import captured
from tools.sources.logs.captured import Place

LOG_BYTES_MAX = 256 * 1024 * 1024
"""Of one captured log; what comes after is counted, not kept."""


class Output:
    """One captured log and its offsets. Raises OSError where it cannot be opened.

    Files are open between `write` and `rest`: a session may have more logs than a process may have files.
    """

    def __init__(self, log: Path, offsets: Path, bytes_max: int = LOG_BYTES_MAX) -> None:
        for folder in (log.parent, offsets.parent):
            folder.mkdir(parents=True, exist_ok=True)
        self._paths = (log, offsets)
        self._bytes_max = bytes_max
        self._open: tuple[int, int] | None = None
        log_file, offsets_file = self._files()
        self._lines, self._torn = _lines_and_tail(log_file)
        self._size = os.fstat(log_file).st_size
        os.ftruncate(offsets_file, self._lines * captured.ENTRY_BYTES)
        self._newest = _newest(offsets_file)
        self.lost_bytes = 0

    def write(self, spool: int, lines: Iterable[tuple[int, str]]) -> None:
        """Append masked lines of one output (offset and text); those that are there already are passed over.

        What finds no room is counted in `lost_bytes`.
        """
        newest = self._newest.get(spool, -1)
        fresh: list[bytes] = []
        places: list[Place] = []
        room = self._bytes_max - self._size - self._lines * captured.ENTRY_BYTES
        for offset, text in lines:
            if offset <= newest:
                continue
            data = text.encode("utf-8", "replace") + b"\n"
            room -= len(data) + captured.ENTRY_BYTES
            if room < 0:
                self.lost_bytes += len(data)
                continue
            newest = offset
            fresh.append(data)
            places.append(Place(spool, offset))
        if fresh:
            self._append(spool, fresh, places)
            self._newest[spool] = newest

    def rest(self) -> None:
        """Close both files; the next `write` opens them again."""
        if self._open is not None:
            for descriptor in self._open:
                os.close(descriptor)
            self._open = None

    def _files(self) -> tuple[int, int]:
        if self._open is None:
            flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
            log = os.open(self._paths[0], flags, 0o644)
            try:
                self._open = (log, os.open(self._paths[1], flags, 0o644))
            except OSError:
                os.close(log)
                raise
        return self._open

    def _append(self, spool: int, fresh: list[bytes], places: list[Place]) -> None:
        if self._torn:
            if fresh[0].startswith(self._torn):
                fresh[0] = fresh[0][len(self._torn) :]
            else:  # another line comes first: what was torn stays as a line of its own, and has a place as any
                fresh[0] = b"\n" + fresh[0]
                places.insert(0, Place(spool, 0))
        data = b"".join(fresh)
        try:
            log, offsets = self._files()
            # A kill between the two costs the offsets of these lines only until they are read again.
            _write_all(offsets, captured.encode(places))
            _write_all(log, data)
        except OSError:
            self._settle(data)
            return
        self._size += len(data)
        self._lines += data.count(b"\n")
        self._torn = b""

    def _settle(self, data: bytes) -> None:
        """The disk refused: what of `data` is there is counted, the rest is lost, and the offsets follow the log."""
        with suppress(OSError):
            log, offsets = self._files()
            written = data[: max(0, os.fstat(log).st_size - self._size)]
            self._size += len(written)
            self._lines += written.count(b"\n")
            whole, newline, rest = written.rpartition(b"\n")
            self._torn = rest if newline else self._torn + whole + rest
            self.lost_bytes += len(data) - len(written)
            os.ftruncate(offsets, self._lines * captured.ENTRY_BYTES)


def _lines_and_tail(descriptor: int) -> tuple[int, bytes]:
    lines, tail, offset = 0, b"", 0
    while block := os.pread(descriptor, 1 << 20, offset):
        offset += len(block)
        count = block.count(b"\n")
        lines += count
        tail = block[block.rfind(b"\n") + 1 :] if count else tail + block
    return lines, tail


def _newest(descriptor: int) -> dict[int, int]:
    found: dict[int, int] = {}
    at, size = 0, os.fstat(descriptor).st_size
    while at < size:
        block = os.pread(descriptor, 1 << 20, at)
        at += len(block)
        for place in captured.decode(block):
            if place.offset > found.get(place.spool, -1):
                found[place.spool] = place.offset
    return found


def _write_all(descriptor: int, data: bytes) -> None:
    # A full disk can take a part of what it is given (research: short writes).
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
