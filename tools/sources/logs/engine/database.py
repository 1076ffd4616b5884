"""One hyperscan database of all patterns, compiled once for a machine and kept in the user's cache folder.

What lies there is only taken where it is whole and was made from these very patterns, flags and this version; else
it is compiled anew. A cache that cannot be written costs a second at each start, and nothing else.
"""

from __future__ import annotations

import hashlib
import os
import platform
import stat
import tempfile
from importlib import metadata
from pathlib import Path

import hyperscan
import numpy as np

from tools.sources.logs.engine.beside import has_odd_text, message_ends
from tools.sources.logs.engine.fallback import Buffers
from tools.sources.logs.engine.patterns import Mark, Pattern
from tools.sources.logs.engine.scanning import Hits, Ints, merged

_END_BITS = 24
_END_MASK = (1 << _END_BITS) - 1
"""A block is shorter than 16 MB, and there are at most 256 patterns: both fit the 32 bits of a pattern's id."""
_DIGEST_BYTES = 32
_CACHE_BYTES_MAX = 64 * 1024 * 1024
_FLAGS = hyperscan.HS_FLAG_MULTILINE
_CASELESS = hyperscan.HS_FLAG_CASELESS
_CONTROL = Pattern("control", "control characters", Mark.ODD, r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
"""What odd bytes nearly always have; a scan for these alone takes a sixth of one for all that is odd."""


_TAB, _SPACE, _MANY_BLANKS = 9, 32, b" " * 8


class Hyperscan:
    """The scan of one process; a database has one scratch space, so no two threads share it."""

    def __init__(self, patterns: tuple[Pattern, ...], cache: Path | None = None) -> None:
        folder = cache_folder() if cache is None else cache
        self._marks = np.array([pattern.mark for pattern in patterns], np.int64)
        # One id for all that mean the same would cost a tenth more: the database then looks for matches that are one.
        numbered = [(number << _END_BITS, pattern) for number, pattern in enumerate(patterns)]
        apart = Mark.ODD | Mark.MESSAGE
        self._database = _load([one for one in numbered if not one[1].mark & apart], folder)
        odd = [one for one in numbered if one[1].mark & Mark.ODD]
        self._odd = _load(odd, folder) if odd else None
        self._control = _load([(0, _CONTROL)], folder) if odd else None
        self._frames = Buffers(tuple(pattern for pattern in patterns if pattern.mark & Mark.FRAME))
        events: list[int] = []
        add = events.append

        # Called for every match: one sum, for this is the most that many matches cost.
        def on_match(number: int, _start: int, end: int, _flags: int, _context: object) -> None:
            add(number + end)

        self._events, self._on_match = events, on_match

    def matches(self, text: bytes) -> tuple[list[int], Ints]:
        """Every match: where it ends, and above that its pattern; and where message ids end.

        The list holds until the next scan. Raises ValueError for 16 MB and more, of which a match could not say where it ends.
        """
        if len(text) > _END_MASK:
            raise ValueError(f"a block of {len(text):,} bytes is too long for one scan")
        self._events.clear()
        self._database.scan(text, match_event_handler=self._on_match)
        if self._odd is not None and (self._has_controls(text) or has_odd_text(text)):
            self._odd.scan(text, match_event_handler=self._on_match)
        return self._events, message_ends(text)

    def scan(self, data: bytes | memoryview, newlines: Ints) -> Hits:
        """What the lines hold."""
        text = bytes(data)
        events, ids = self.matches(text)
        found = np.array(events, np.int64)
        ends = found & _END_MASK
        marks, lines = self._marks[found >> _END_BITS], np.searchsorted(newlines, ends - 1)
        if _may_hide_frames(text, newlines):
            frames = self._frames.scan(text, newlines)
            marks, lines = np.concatenate((marks, frames.marks)), np.concatenate((lines, frames.lines))
            ends = np.concatenate((ends, newlines[frames.lines]))
        return merged(marks, lines, ends, ids, newlines)

    def _has_controls(self, text: bytes) -> bool:
        if self._control is None:
            return False
        try:
            self._control.scan(text, match_event_handler=_stop)
        except hyperscan.ScanTerminated:
            return True
        return False


def _may_hide_frames(text: bytes, newlines: Ints) -> bool:
    """Whether lines are indented and many blanks stand side by side.

    Over these hyperscan 5.4 may skip the next line's beginning, and miss an indented frame there; re2 does not.
    """
    cells = np.frombuffer(text, np.uint8)
    begins = cells[newlines[:-1] + 1]
    if not ((begins == _SPACE) | (begins == _TAB)).any():
        return False
    tabs = np.flatnonzero(cells == _TAB)
    after = cells[np.minimum(tabs + 1, len(cells) - 1)]
    beside = (after == _TAB) | (after == _SPACE) | (cells[tabs - 1] == _SPACE)
    return bool(beside.any()) or _MANY_BLANKS in text


def _stop(*_match: object) -> bool:
    return True


def cache_folder() -> Path:
    """Where programs of this user keep what they can make again."""
    named = os.environ.get("XDG_CACHE_HOME", "")
    base = Path(named) if os.path.isabs(named) else Path.home() / ".cache"  # noqa: PTH117 - text, as it is given
    return base / "streamgauge"


def _load(numbered: list[tuple[int, Pattern]], folder: Path) -> hyperscan.Database:
    ids = [number for number, _ in numbered]
    expressions = [pattern.expression.encode("latin-1") for _, pattern in numbered]
    flags = [_FLAGS | (_CASELESS if pattern.caseless else 0) for _, pattern in numbered]
    made_of = (
        ids,
        expressions,
        flags,
        metadata.version("hyperscan"),
        platform.machine(),
        platform.processor(),
    )
    key = hashlib.sha256(repr(made_of).encode()).hexdigest()
    path = folder / f"patterns-{key[:32]}.hsdb"
    database = _cached(path, key)
    if database is None:
        database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
        database.compile(expressions=expressions, ids=ids, flags=flags)
        _keep(path, key, hyperscan.dumpb(database))
    return database


def _cached(path: Path, key: str) -> hyperscan.Database | None:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    status = os.fstat(descriptor)
    # What others can write they could have written.
    foreign = status.st_uid != os.geteuid() or status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    if not stat.S_ISREG(status.st_mode) or foreign or status.st_size > _CACHE_BYTES_MAX:
        os.close(descriptor)
        return None
    with os.fdopen(descriptor, "rb") as file:
        data = file.read()
    if data[:_DIGEST_BYTES] != _seal(key, data[_DIGEST_BYTES:]):
        return None
    try:
        database = hyperscan.loadb(data[_DIGEST_BYTES:], hyperscan.HS_MODE_BLOCK)
        database.scratch = hyperscan.Scratch(database)  # a loaded database comes without one
    except hyperscan.HyperscanError:
        return None
    return database


def _keep(path: Path, key: str, data: bytes) -> None:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(prefix=".patterns.", dir=path.parent)
        with os.fdopen(descriptor, "wb") as file:
            file.write(_seal(key, data) + data)
        Path(name).replace(path)
    except OSError:
        return


def _seal(key: str, data: bytes) -> bytes:
    return hashlib.sha256(key.encode() + data).digest()
