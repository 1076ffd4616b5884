"""Logs whose every line begins with the time at which their keeper got it, as docker and kubectl print them.

Programs can be asked for a log from a time on, some of them in whole seconds only, and lines of standard output and
standard error may lie a little out of order. So reading goes on a second early, and what comes goes by until the
newest line that was delivered has come again: a log grows at its end only. Where that line is gone (rotated away, a
new container of the same name), what is newer than all that was delivered is new, and a note says so. One limit:
after a host's clock was set back by more than a second, a reconnect misses lines until the clock has caught up.
"""

from __future__ import annotations

from collections import deque
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import blake2b
from typing import NamedTuple

from tools.sources.logs.feed import LINE_BYTES_MAX, Note, Piece, StampMark

SECOND_NS = 1_000_000_000
CHUNK_BYTES = 16 * 1024
"""Docker hands over longer lines in chunks, and stamps each of them again."""
STAMP_BYTES_MAX = 36
RECORD_BYTES_MAX = LINE_BYTES_MAX + (LINE_BYTES_MAX // CHUNK_BYTES + 1) * STAMP_BYTES_MAX
_RECENT_LINES = 4096
"""Docker 20.10 prints lines of a log that it rotates again, with the same times."""
_SECONDS_BYTES = len("2025-06-15T10:00:00")


class Entry(NamedTuple):
    """One line of a log without what its keeper added; `length` is that of the original."""

    data: bytes
    length: int
    at_ms: int | None
    level: str | None = None


class Stamp(NamedTuple):
    """A line's time in ns since the epoch, and where its text begins."""

    ns: int
    end: int


def stamp_of(record: bytes) -> Stamp | None:
    """The time at the beginning of a line; None where there is none."""
    end = record.find(b" ", _SECONDS_BYTES, STAMP_BYTES_MAX)
    if end < 0 or record[10:11] != b"T":
        return None
    rest = record[_SECONDS_BYTES:end]
    zone = b"Z" if rest.endswith(b"Z") else rest[-6:]
    fraction = rest[: len(rest) - len(zone)]
    if fraction and not (fraction[:1] == b"." and len(fraction) <= 10 and fraction[1:].isdigit()):
        return None
    seconds = _seconds(record[:_SECONDS_BYTES], zone)
    if seconds is None:
        return None
    return Stamp(seconds * SECOND_NS + int(fraction[1:].ljust(9, b"0")), end + 1)


def text_of(ns: int) -> str:
    """A time as programs take it: RFC 3339 in UTC with nanoseconds."""
    moment = datetime.fromtimestamp(ns // SECOND_NS, tz=UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{ns % SECOND_NS:09d}Z"


def joined(piece: Piece, end: int) -> Piece:
    """A line's text, without the stamps that repeat before each further chunk of it; `end`: where its text begins."""
    stamp, data, length = piece.data[:end], piece.data[end:], piece.length - end
    parts, at = [data[:CHUNK_BYTES]], CHUNK_BYTES
    while data.startswith(stamp, at):
        parts.append(data[at + end : at + end + CHUNK_BYTES])
        at += end + CHUNK_BYTES
    if len(parts) == 1:
        return Piece(data[:LINE_BYTES_MAX], length)
    return Piece(b"".join(parts)[:LINE_BYTES_MAX], length - length // (CHUNK_BYTES + end) * end)


class StampPlace:
    """Where reading of one stamped log stands."""

    def __init__(self, mark: StampMark | None = None) -> None:
        self.notes: list[Note] = []
        self._read_any = mark is not None
        mark = mark or StampMark(newest_ns=0, last_ns=0, last_hash="")
        self._newest_ns, self._last_ns = mark.newest_ns, mark.last_ns
        self._last: bytes | None = None
        self._last_hash = mark.last_hash
        """Of `_last`, where that was delivered by an earlier attempt."""
        self._open_bytes = mark.open_bytes
        self._order: deque[int] = deque()
        self._recent: set[int] = set()
        self._search: _Search | None = None
        self._limited = False
        self.again = False
        """Whether the output began too late: the program is to be started again, for all of it."""

    @property
    def since_ns(self) -> int | None:
        """From when on the log is to be asked for, in whole seconds; None while nothing of it was read."""
        return (self._last_ns // SECOND_NS - 1) * SECOND_NS if self._read_any else None

    def connect(self, *, tail: bool, limited: bool = False) -> None:
        """A program is started; its output begins at `since_ns` or (`limited`) later, or with the last lines (`tail`)."""
        mark = self.mark()
        self._limited, self.again = limited, False
        self._search = None if tail or mark is None else _Search(mark)

    def read(self, piece: Piece, *, complete: bool) -> list[Entry] | None:
        """One line of output, where it is new; None where it carries no time. `complete`: its newline was there."""
        stamp = stamp_of(piece.data)
        if stamp is None:
            return None
        search = self._search
        if search is None:
            came_before = stamp.ns <= self._newest_ns and hash(piece.data) in self._recent
            return [] if came_before else [self._take(stamp, piece, complete=complete)]
        if search.goes_by(stamp.ns, piece.data):
            if search.found:
                self._search = None
                return self._rest_of(search.mark, stamp, piece)
            return []
        # The newest line that was delivered is not there: what is newer is new.
        if self.again or self._limited:
            self.again = True
            return []
        self._search = None
        why = "the log goes on with another beginning (rotated, or replaced); lines in between may be missing"
        self.notes.append(Note("lines", why, "Let the engine keep more of the log."))
        return [self._take(stamp, piece, complete=complete)]

    def mark(self) -> StampMark | None:
        """Where a new attempt goes on; None while nothing was read."""
        if not self._read_any:
            return None
        return StampMark(
            newest_ns=self._newest_ns,
            last_ns=self._last_ns,
            last_hash=self._last_hash if self._last is None else _hash(self._last),
            open_bytes=self._open_bytes,
        )

    def _take(self, stamp: Stamp, piece: Piece, *, complete: bool) -> Entry:
        ns, data = stamp.ns, piece.data
        self._last, self._last_ns, self._newest_ns = data, ns, max(ns, self._newest_ns)
        self._open_bytes = 0 if complete else len(data)
        self._read_any = True
        self._remember(hash(data))
        if len(data) <= CHUNK_BYTES:
            return Entry(data[stamp.end :], piece.length - stamp.end, ns // 1_000_000)
        text = joined(piece, stamp.end)
        return Entry(text.data, text.length, ns // 1_000_000)

    def _remember(self, line: int) -> None:
        if len(self._order) == _RECENT_LINES:
            self._recent.discard(self._order.popleft())
        self._order.append(line)
        self._recent.add(line)

    def _rest_of(self, mark: StampMark, stamp: Stamp, piece: Piece) -> list[Entry]:
        # A last line without a newline was delivered, and what came next was written behind it.
        at = mark.open_bytes
        if not 0 < at < len(piece.data):
            return []
        rest = Piece(piece.data[at:], piece.length - at)
        own = stamp_of(rest.data)
        text = rest if own is None else joined(rest, own.end)
        self._take(stamp, piece, complete=True)
        return [Entry(text.data[:LINE_BYTES_MAX], text.length, (own or stamp).ns // 1_000_000)]


class _Search:
    """After a reconnect: lines that were delivered go by until the newest of them has come again."""

    def __init__(self, mark: StampMark) -> None:
        self.mark = mark
        self.found = False

    def goes_by(self, ns: int, data: bytes) -> bool:
        """Whether this line was delivered; False once one comes that is newer than all that were."""
        mark = self.mark
        if ns == mark.last_ns and _hash(data[: mark.open_bytes or len(data)]) == mark.last_hash:
            self.found = True
        return self.found or ns <= mark.newest_ns


@lru_cache(maxsize=64)
def _seconds(text: bytes, zone: bytes) -> int | None:
    try:
        moment = datetime.fromisoformat((text + zone).decode("ascii"))
    except ValueError:
        return None
    return int(moment.timestamp())


def _hash(data: bytes) -> str:
    return blake2b(data, digest_size=8).hexdigest()
