"""A command's raw output: the command writes it to a file, so nothing it does depends on who reads.

What was read is given back to the disk where the file system can do that, so a flood costs no disk; what nobody
can read in time is skipped and counted, so it costs no memory either. Offsets are those of the whole output.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from orchestrator.keeper.linux import punch_hole

READ_BYTES = 1 << 16
LINE_BYTES_MAX = 1 << 20
"""A longer line is handed on in pieces of this size."""
BEHIND_BYTES_MAX = 64 * 1024 * 1024
"""So much unread output is kept; beyond it the oldest is skipped."""
_KEPT_BYTES = 4 * 1024 * 1024
"""What is left to read after a skip: the newest."""
_HOLE_BYTES = 1 << 20
_CUT_BYTES = 1 << 16
"""So near its end a piece of a long line is cut."""


class SpoolLine(NamedTuple):
    """A line without its newline; `end` is the offset behind it, where reading goes on."""

    data: bytes
    offset: int
    end: int


class Skip(NamedTuple):
    """Output that nobody read: `length` bytes from `offset`."""

    offset: int
    length: int


def _cut(part: bytearray) -> tuple[bytearray, bytearray]:
    """A line that is too long, cut where no secret can be: behind a comma or the like, which pairs end with."""
    near = max(0, len(part) - _CUT_BYTES)
    at = max(part.rfind(sign, near) for sign in (b",", b"&", b";"))
    at = max(part.rfind(b" ", near), part.rfind(b"\t", near)) if at < 0 else at
    return (part[: at + 1], part[at + 1 :]) if at >= 0 else (part, bytearray())


class Spool:
    """One output. `number` tells it from the others of a session; `offset` is where reading begins."""

    def __init__(self, path: Path, number: int, offset: int = 0) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.number = number
        self._path = path
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._read_to = offset
        self._line_at = offset
        self._part = bytearray()
        self._freed = 0

    @property
    def offset(self) -> int:
        """Where the first line begins that was not handed on whole."""
        return self._line_at

    def writer(self) -> int:
        """A descriptor for the command's output, appending; the caller closes it."""
        return os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)

    def behind(self) -> int:
        """Bytes that are there and not read yet."""
        return max(0, os.fstat(self._descriptor).st_size - self._read_to)

    def skip(self) -> Skip | None:
        """Pass over the oldest output where too much lies unread; what was passed over."""
        behind = self.behind()
        if behind <= BEHIND_BYTES_MAX:
            return None
        start = self._line_at
        self._part.clear()
        self._read_to = self._line_at = self._next_line(self._read_to + behind - _KEPT_BYTES)
        return Skip(start, self._line_at - start)

    def read(self, budget: int = READ_BYTES, *, final: bool = False) -> list[SpoolLine]:
        """The next complete lines, about `budget` bytes of them; `final` also gives a last one without an end."""
        block = os.pread(self._descriptor, budget, self._read_to)
        self._read_to += len(block)
        self._part += block
        *whole, rest = self._part.split(b"\n") if block else [self._part]
        lines = [self._line(bytes(data), 1) for data in whole]
        last = final and not self.behind()
        if len(rest) > LINE_BYTES_MAX or (last and rest):
            piece, rest = (rest, bytearray()) if last else _cut(rest)
            lines.append(self._line(bytes(piece), 0))
        self._part = bytearray(rest)
        return lines

    def free(self) -> None:
        """Give back what was handed on; call it when that is safe elsewhere."""
        upto = self._line_at - self._line_at % 4096
        if upto - self._freed >= _HOLE_BYTES and punch_hole(self._descriptor, upto):
            self._freed = upto

    def close(self, *, remove: bool) -> None:
        """Close it; with `remove` the file goes too."""
        if remove:
            # Wherever the folder was moved meanwhile: what is unmasked is gone.
            with suppress(OSError):
                os.ftruncate(self._descriptor, 0)
            with suppress(OSError):
                self._path.unlink(missing_ok=True)
        os.close(self._descriptor)

    def _line(self, data: bytes, newline: int) -> SpoolLine:
        offset = self._line_at
        self._line_at += len(data) + newline
        return SpoolLine(data, offset, self._line_at)

    def _next_line(self, offset: int) -> int:
        block = os.pread(self._descriptor, LINE_BYTES_MAX, offset)
        end = block.find(b"\n")
        return offset + end + 1 if end >= 0 else offset + len(block)
