"""`logs/merged.log`: the lines of all services in the order in which they were read, as time, service, output, text.

Each line is masked and free of control characters. The file is rotated by size; how many are kept is chosen.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import IO

import numpy as np
from msgspec import Struct

from tools.clock import iso
from tools.sources.logs.engine.folded import Folded
from tools.sources.logs.engine.patterns import Mark
from tools.sources.logs.feed import LINE_BYTES_MAX

_PLAIN = np.ones(256, np.bool_)
_PLAIN[:32] = _PLAIN[127:] = False
_PLAIN[[9, 10]] = True
_DOUBTFUL = int(Mark.SECRET | Mark.MASKED)
UNCHECKED = "[not shown: more lines than could be checked for secrets]"


class MergedMark(Struct, frozen=True, kw_only=True):
    """Where writing stood: the file, and its size. What an attempt wrote after it is written again by the next."""

    inode: int
    size: int


class Merged:
    """Appends lines; rotates between two reads."""

    def __init__(self, path: Path, mark: MergedMark | None, *, size_max: int, keep: int) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path, self._size_max, self._keep = path, size_max, keep
        if path.exists():
            status = path.stat()
            size = mark.size if mark is not None and mark.inode == status.st_ino else 0
            if status.st_size > size:
                os.truncate(path, size)
        self._file: IO[bytes] = path.open("ab")
        self._size = self._file.tell()
        self._at_ms, self._at = -1, ""

    @property
    def full(self) -> bool:
        """Whether it is to be rotated, once where reading stands is on disk."""
        return self._size >= self._size_max

    def add(self, folded: Folded) -> None:
        """Append the lines of one block."""
        batch = folded.batch
        if batch.now_ms != self._at_ms:
            self._at_ms, self._at = batch.now_ms, iso(batch.now_ms)
        output = "stdout" if batch.origin.captured else "file"
        prefix = f"{self._at} {batch.origin.service} {output} "
        text = bytes(batch.block.data[:-1]).decode("utf-8", "replace").removesuffix("\r")
        texts = text.replace("\r\n", "\n").split("\n")
        for row in _doubtful(folded):
            texts[row] = UNCHECKED if row in folded.unchecked else folded.record(row).text
        text = f"{prefix}{f'{chr(10)}{prefix}'.join(texts)}\n"
        self._size += self._file.write(text.encode("utf-8", "replace"))

    def flush(self) -> MergedMark:
        """Write what was added; returns where the next attempt goes on."""
        self._file.flush()
        return MergedMark(inode=os.fstat(self._file.fileno()).st_ino, size=self._size)

    def rotate(self) -> None:
        """Begin a new file where this one is full. What was flushed before stays in the one that is kept."""
        if not self.full:
            return
        self._file.close()
        for number in range(self._keep, 0, -1):
            older = self._path if number == 1 else _numbered(self._path, number - 1)
            if older.exists():
                older.replace(_numbered(self._path, number))
        if self._keep == 0:
            self._path.unlink()
        self._file = self._path.open("ab")
        self._size = 0

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _numbered(path: Path, number: int) -> Path:
    return path.with_name(f"{path.name}.{number}")


def _doubtful(folded: Folded) -> list[int]:
    """Rows whose text may not be written as it is: secrets, control characters, bytes of no character, long lines."""
    table = folded.table
    doubtful = (folded.marks & _DOUBTFUL) != 0
    plain = _PLAIN[table.bytes]
    plain[table.ends[table.tails < table.ends] - 1] = True  # a carriage return at a line's end
    if not plain.all():
        doubtful[np.searchsorted(table.ends, np.flatnonzero(~plain))] = True
    doubtful |= table.ends - table.starts > LINE_BYTES_MAX
    doubtful[list(folded.records)] = True
    return [int(row) for row in np.flatnonzero(doubtful)]
