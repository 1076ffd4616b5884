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
from typing import cast

import hyperscan
import numpy as np

from tools.sources.logs.engine.beside import may_be_odd, message_ends
from tools.sources.logs.engine.patterns import Mark, Pattern
from tools.sources.logs.engine.scanning import Hits, Ints, merged

_ID_BITS = 10
_ID_MASK = (1 << _ID_BITS) - 1
_DIGEST_BYTES = 32
_CACHE_BYTES_MAX = 64 * 1024 * 1024
_FLAGS = hyperscan.HS_FLAG_MULTILINE
_CASELESS = hyperscan.HS_FLAG_CASELESS


class Hyperscan:
    """The scan of one process; a database has one scratch space, so no two threads share it."""

    def __init__(self, patterns: tuple[Pattern, ...], cache: Path | None = None) -> None:
        folder = cache_folder() if cache is None else cache
        apart = Mark.ODD | Mark.MESSAGE
        numbered = list(enumerate(patterns))
        self._database = _load([one for one in numbered if not one[1].mark & apart], folder)
        odd = [one for one in numbered if one[1].mark & Mark.ODD]
        self._odd = _load(odd, folder) if odd else None
        self._marks = np.array([pattern.mark for pattern in patterns], np.int64)
        events: list[int] = []
        add = events.append

        def on_match(number: int, _start: int, end: int, _flags: int, _context: object) -> None:
            add(end << _ID_BITS | number)

        self._events, self._on_match = events, on_match

    def events(self, data: bytes | memoryview, *, odd: bool) -> list[int]:
        """Every match: where it ends, and its pattern in the lowest bits. It holds until the next scan."""
        self._events.clear()
        # The stubs know bytes alone; any buffer is scanned where it lies.
        text = cast("bytes", data)
        self._database.scan(text, match_event_handler=self._on_match)
        if odd and self._odd is not None:
            self._odd.scan(text, match_event_handler=self._on_match)
        return self._events

    def scan(self, data: bytes | memoryview, newlines: Ints) -> Hits:
        """What the lines hold."""
        text = bytes(data)
        found = np.array(self.events(text, odd=may_be_odd(text, len(newlines))), np.int64)
        ends = found >> _ID_BITS
        lines = np.searchsorted(newlines, ends - 1)
        return merged(self._marks[found & _ID_MASK], lines, ends, message_ends(text), newlines)


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
