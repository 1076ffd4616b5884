"""Append-only JSONL: one object a line, flushed per record, a torn tail repaired and never fatal.

One `write` is not atomic under SIGKILL and can be short on a full disk, so the return of every write is
checked, and a last line without its newline is cut off to `<name>.torn` before the next append. Several
processes may append to one journal: a file lock keeps their lines whole.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Self

import msgspec

from tools import masking
from tools.errors import JournalCorrupt

LOCK_WAIT_S = 2.0
"""A writer that was stopped in its turn must not stop all others; they go on without it after this."""
_LOCK_LOOK_S = 0.005


class Journal:
    """One JSONL file open for appending. Every record is masked before it is written."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        repair(path)
        self._fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)

    def append(self, record: object, allowed: Callable[[], None] | None = None) -> tuple[int, int]:
        """Append `record` (JSON data, msgspec struct); returns byte offset and length of its line.

        String leaves are masked one by one, so that a masked text is the same wherever it is written.
        `allowed` is called in our turn, just before the write, and may raise to forbid it. Raises OSError where
        the disk refuses; the journal then ends at its last whole line.
        """
        data = masking.mask_data(msgspec.to_builtins(record))
        return self.append_encoded(msgspec.json.encode(data), allowed)

    def append_encoded(self, line: bytes, allowed: Callable[[], None] | None = None) -> tuple[int, int]:
        """Append one encoded, already masked object; returns byte offset and length of the line."""
        with _turn(self._fd):
            if allowed is not None:
                allowed()
            view = memoryview(line + b"\n")
            written = 0
            try:
                while written < len(view):
                    written += os.write(self._fd, view[written:])
            except OSError:
                # Only our own piece goes, and only while it is the last: a writer without its turn may be behind us.
                end = os.lseek(self._fd, 0, os.SEEK_CUR)
                if written and os.fstat(self._fd).st_size == end:
                    os.ftruncate(self._fd, end - written)
                raise
            # In append mode the position is the end of what we wrote, whoever wrote before us.
            return os.lseek(self._fd, 0, os.SEEK_CUR) - len(view), len(line)

    def close(self) -> None:
        """Flush to disk and close."""
        os.fsync(self._fd)
        os.close(self._fd)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()


@contextmanager
def _turn(descriptor: int) -> Iterator[None]:
    tries = max(1, round(LOCK_WAIT_S / _LOCK_LOOK_S))
    for _ in range(tries):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(_LOCK_LOOK_S)
        else:
            break
    try:
        yield
    finally:
        fcntl.flock(descriptor, fcntl.LOCK_UN)


def repair(path: Path) -> bool:
    """Cut a last line that has no newline off to `<name>.torn`; returns whether there was one."""
    try:
        with path.open("rb+") as file, _turn(file.fileno()):
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
        except (msgspec.DecodeError, RecursionError) as error:
            raise JournalCorrupt(f"{path}: byte {offset}: not valid JSON ({error})") from error
        if isinstance(data, dict):
            yield data
