"""What a source of log lines is to its reader: a file over all its generations, or a program whose output is a log.

`tests/sources/logs/conformance.py` says what every implementation keeps: order, whole lines, nothing lost or
doubled over restarts, and no process left behind.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple, Protocol

from msgspec import Struct

if TYPE_CHECKING:
    from tools.sources.logs.blocks import Block

LINE_BYTES_MAX = 256 * 1024
"""A longer line is cut, never a reason to lose the source."""
READ_BYTES = 1 << 18
BACKFILL_LINES = 200
"""Read back where reading starts at a source's end, for the format only."""


class RawLine(NamedTuple):
    """A line's bytes without its newline, and where it lies; `length` is that of the original."""

    data: bytes
    number: int
    offset: int
    length: int
    position: int
    cut: bool = False
    at_ms: int | None = None
    """When the log's keeper (docker, journald, a kubelet) got it; None for files."""
    level: str | None = None
    """What the keeper says of its severity, where it says more than the default."""


class Note(NamedTuple):
    """What a reader of the report must know about a source: `blind` where nothing of it can be read.

    `what` is completed by the source's name ("lines" becomes "lines of orders.log").
    """

    what: str
    why: str
    fix: str
    blind: bool = False


class FileMark(Struct, kw_only=True):
    """Where reading of one generation of a file stands; no byte of the log is in it, only hashes."""

    device: int
    inode: int
    offset: int
    number: int
    head_bytes: int
    head: str
    tail_bytes: int
    tail: str
    packed: bool = False
    """Whether it was packed, and is read unpacked."""


class FileCheckpoint(Struct, kw_only=True, tag="file"):
    """Where reading of a file and its older generations stands."""

    position: int
    files: list[FileMark]
    seen: list[tuple[int, int, int, str]] = []
    """The generations that are known, as `known.Known`; another one appeared since."""


class StampMark(Struct, kw_only=True):
    """Where reading of a log stands whose lines carry a time; no byte of the log is in it, only a hash."""

    newest_ns: int
    """The latest time of all lines delivered; the newest line need not carry it."""
    last_ns: int
    last_hash: str
    open_bytes: int = 0
    """The line's length where it was delivered without its newline."""


class CommandCheckpoint(Struct, kw_only=True, tag="command"):
    """Where reading of a program's output stands: `stamp`, or `cursor`, or (nothing read yet) from `since_ms` on."""

    position: int
    number: int
    since_ms: int | None
    """None: from the log's first line on."""
    stamp: StampMark | None = None
    cursor: str | None = None


Checkpoint = FileCheckpoint | CommandCheckpoint


class LogFeed(Protocol):
    """One source. Nothing it does waits for the source."""

    notes: list[Note]
    """What came up since the reader last emptied it."""

    @property
    def pending(self) -> bool:
        """Whether bytes are there that were not read yet."""
        ...

    def backfill(self, lines: int) -> list[bytes]:
        """The last lines before the place where reading starts, for their format only; each is given once."""
        ...

    def poll(self, now: float, budget: int = READ_BYTES, *, final: bool = False) -> list[RawLine]:
        """The complete lines since the last poll, of at most about `budget` bytes; `now` is monotonic seconds.

        `final` also gives back a last line without a newline. Raises OSError where the source cannot be read.
        """
        ...

    def blocks(self, now: float, budget: int = READ_BYTES, *, final: bool = False) -> Iterator[Block]:
        """The same lines in blocks; one is to be done with before the next is asked for."""
        ...

    def blindness(self) -> Note | None:
        """Why nothing of the source could be read so far; None where it could."""
        ...

    def checkpoint(self) -> Checkpoint:
        """Where to go on: before the first byte that was not delivered."""
        ...

    def close(self) -> None:
        """Release files and end processes."""
        ...


class Piece(NamedTuple):
    """The beginning of one line, and how long the whole is."""

    data: bytes
    length: int


class Splitter:
    """Blocks of bytes in, lines out; of a line longer than `bytes_max` only the beginning is kept."""

    def __init__(self, bytes_max: int = LINE_BYTES_MAX) -> None:
        self._bytes_max = bytes_max
        self._part = bytearray()
        self._length = 0

    def feed(self, block: bytes) -> Iterator[Piece]:
        """The lines that a block completes, without their newlines; take them all before the next block."""
        start = 0
        while (end := block.find(b"\n", start)) >= 0:
            yield self._take(block[start:end])
            start = end + 1
        rest = block[start:]
        self._part += rest[: max(0, self._bytes_max - len(self._part))]
        self._length += len(rest)

    def flush(self) -> Piece | None:
        """The line that has no newline yet; None where there is none."""
        return self._take(b"") if self._length else None

    def clear(self) -> None:
        """Forget the line that has no newline yet."""
        self._part.clear()
        self._length = 0

    def _take(self, end: bytes) -> Piece:
        data = bytes(self._part) + end if self._part else end
        length = self._length + len(end)
        self.clear()
        return Piece(data[: self._bytes_max], length)
