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
    """One captured log and its offsets, open for appending. Raises OSError where it cannot be opened."""

    def __init__(self, log: Path, offsets: Path, bytes_max: int = LOG_BYTES_MAX) -> None:
        for folder in (log.parent, offsets.parent):
            folder.mkdir(parents=True, exist_ok=True)
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        self._log = os.open(log, flags, 0o644)
        try:
            self._offsets = os.open(offsets, flags, 0o644)
        except OSError:
            os.close(self._log)
            raise
        self._bytes_max = bytes_max
        self._size = 0
        self._torn = b""
        self._newest: dict[int, int] = {}
        self._look()
        self.lost_bytes = 0

    def write(self, spool: int, lines: Iterable[tuple[int, str]]) -> None:
        """Append masked lines of one output (offset and text); those that are there already are passed over.

        What finds no room is counted in `lost_bytes`.
        """
        newest = self._newest.get(spool, -1)
        fresh: list[bytes] = []
        places: list[Place] = []
        for offset, text in lines:
            if offset <= newest:
                continue
            data = text.encode("utf-8", "replace") + b"\n"
            if self._size + len(data) > self._bytes_max:
                self.lost_bytes += len(data)
                continue
            newest = offset
            self._size += len(data)
            fresh.append(data)
            places.append(Place(spool, offset))
        if not fresh:
            return
        self._newest[spool] = newest
        if self._torn:
            torn, self._torn = self._torn, b""
            fresh[0] = fresh[0][len(torn) :] if fresh[0].startswith(torn) else b"\n" + fresh[0]
        try:
            # A kill between the two costs the offsets of these lines only until they are read again.
            _write_all(self._offsets, captured.encode(places))
            _write_all(self._log, b"".join(fresh))
        except OSError:
            self.lost_bytes += sum(map(len, fresh))
            self._look()

    def close(self) -> None:
        """Close both files."""
        os.close(self._log)
        os.close(self._offsets)

    def _look(self) -> None:
        lines, self._torn = _lines_and_tail(self._log)
        self._size = os.fstat(self._log).st_size
        with suppress(OSError):
            os.ftruncate(self._offsets, lines * captured.ENTRY_BYTES)
        self._newest = _newest(self._offsets)


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
    data = os.pread(descriptor, os.fstat(descriptor).st_size, 0)
    for place in captured.decode(data):
        found[place.spool] = max(place.offset, found.get(place.spool, -1))
    return found


def _write_all(descriptor: int, data: bytes) -> None:
    # A full disk can take a part of what it is given (research: short writes).
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
