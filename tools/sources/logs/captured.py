"""Where each line of a captured log lay in the raw output of its command: eight bytes a line, beside the log.

The keeper masks what it captures, so a line's place in the log is not its place in the original. The highest 16 bits
say which output it was (several commands may write into one log), the rest its byte offset there.
"""

from __future__ import annotations

import sys
from array import array
from pathlib import Path
from typing import NamedTuple

ENTRY_BYTES = 8
_OFFSET_BITS = 48


class Place(NamedTuple):
    """Which output of the session, and the byte offset in it."""

    spool: int
    offset: int


def file_of(workspace: Path, log: Path) -> Path:
    """The offsets of a captured log."""
    return workspace / "recording" / "keeper" / f"{log.stem}.offsets"


def encode(places: list[Place]) -> bytes:
    """Entries, one a place. Raises OverflowError beyond 256 TB or 32,768 outputs."""
    numbers = array("Q")
    for spool, offset in places:
        if offset >> _OFFSET_BITS or spool >> 15:
            raise OverflowError(f"output {spool}, offset {offset}")
        numbers.append(spool << _OFFSET_BITS | offset)
    return numbers.tobytes()


def decode(data: bytes) -> list[Place]:
    """The whole entries in `data`."""
    numbers = array("Q")
    numbers.frombytes(data[: len(data) // ENTRY_BYTES * ENTRY_BYTES])
    return [Place(number >> _OFFSET_BITS, number & ((1 << _OFFSET_BITS) - 1)) for number in numbers]


def places_of(offsets: Path, line: int, count: int = 1) -> list[Place]:
    """Where `count` lines from number `line` on (from 1) lay; fewer where nothing says."""
    try:
        with offsets.open("rb") as file:
            file.seek((line - 1) * ENTRY_BYTES)
            return decode(file.read(count * ENTRY_BYTES))
    except OSError:
        return []


assert array("Q").itemsize == ENTRY_BYTES, sys.platform
