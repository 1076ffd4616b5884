"""Append-only JSONL: one object a line, flushed per record, a torn tail repaired and never fatal.

One `write` is not atomic under SIGKILL and can be short on a full disk, so the return of every write is
checked, and a last line without its newline is cut off to `<name>.torn` before the next append. Several
processes may append to one journal: a file lock keeps their lines whole.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Self

import msgspec

from tools import masking
from tools.errors import JournalCorrupt


class Journal:
    """One JSONL file open for appending. Every record is masked before it is written."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        repair(path)
        self._fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)

    def append(self, record: object) -> tuple[int, int]:
        """Append `record` (JSON data, msgspec struct); returns byte offset and length of its line.

        String leaves are masked one by one, so that a masked text is the same wherever it is written.
        Raises OSError where the disk refuses; the journal then ends at its last whole line.
        """
        data = masking.mask_data(msgspec.to_builtins(record))
        return self.append_encoded(msgspec.json.encode(data))

    def append_encoded(self, line: bytes) -> tuple[int, int]:
        """Append one encoded, already masked object; returns byte offset and length of the line."""
        fcntl.flock(self._fd, fcntl.LOCK_EX)
        try:
            offset = os.fstat(self._fd).st_size
            view = memoryview(line + b"\n")
            try:
                while view:
                    view = view[os.write(self._fd, view) :]
            except OSError:
                os.ftruncate(self._fd, offset)
                raise
            return offset, len(line)
        finally:
            fcntl.flock(self._fd, fcntl.LOCK_UN)

    def close(self) -> None:
        """Flush to disk and close."""
        os.fsync(self._fd)
        os.close(self._fd)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()


def repair(path: Path) -> bool:
    """Cut a last line that has no newline off to `<name>.torn`; returns whether there was one."""
    try:
        with path.open("rb+") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            size = file.seek(0, os.SEEK_END)
            tail = _torn_tail(file, size)
            if not tail:
                return False
            with path.with_name(path.name + ".torn").open("ab") as torn:
                torn.write(tail + b"\n")
            file.truncate(size - len(tail))
            return True
    except FileNotFoundError:
        return False


def _torn_tail(file: BinaryIO, size: int) -> bytes:
    step, tail = 65536, b""
    position = size
    while position > 0:
        start = max(0, position - step)
        file.seek(start)
        block = file.read(position - start)
        cut = block.rfind(b"\n")
        tail = block[cut + 1 :] + tail
        if cut >= 0:
            break
        position = start
    return tail


def read(path: Path, start: int = 0) -> Iterator[tuple[int, bytes]]:
    """Byte offset and bytes of every whole line from `start`; a torn last line is left out."""
    try:
        with path.open("rb") as file:
            file.seek(start)
            offset = start
            for line in file:
                if not line.endswith(b"\n"):
                    return
                if line.strip():
                    yield offset, line[:-1]
                offset += len(line)
    except FileNotFoundError:
        return


def read_data(path: Path, start: int = 0) -> Iterator[dict[str, object]]:
    """Every whole line as JSON data. Raises JournalCorrupt where a whole line does not parse."""
    for offset, line in read(path, start):
        try:
            data = msgspec.json.decode(line)
        except msgspec.DecodeError as error:
            raise JournalCorrupt(f"{path}: byte {offset}: not valid JSON ({error})") from error
        if isinstance(data, dict):
            yield data
