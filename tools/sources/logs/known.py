"""How much of each older generation of a log was read, or is not to be read: by what it holds, wherever it lies now.

An inode is used again as soon as its file is gone, and a file that is copied or packed gets another one. So a file is
known by its inode and a print of its head and of the bytes before the place up to which it is known. What lies elsewhere
and holds the same is the same generation where that is not in its place any more, and each is met once: a service may
begin all its logs with the same few lines. Two files that begin alike for more than a kilobyte are copies.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple

from tools.sources.logs import packed, rotated
from tools.sources.logs.rotated import Identity

HEAD_BYTES = 1024
TAIL_BYTES = 64
COPY_BYTES_MIN = HEAD_BYTES + TAIL_BYTES
_MAX = 1000
_NOWHERE = (0, 0)
_ALL = 1 << 62


Beside = Mapping[Identity, Path]
"""The files beside a log."""


class Known(NamedTuple):
    """A generation: which file it was, how much of it is known, and a print of that."""

    device: int
    inode: int
    size: int
    print: str

    @property
    def identity(self) -> Identity:
        """Device and inode."""
        return self.device, self.inode


def print_of(head: bytes, tail: bytes) -> str:
    """A print of bytes that begin with `head` and end with `tail`."""
    return blake2b(head[:HEAD_BYTES] + b"\n" + tail[-TAIL_BYTES:], digest_size=8).hexdigest()


def print_at(descriptor: int, size: int) -> str:
    """The print of the first `size` bytes of a file. Raises OSError."""
    start = max(0, size - TAIL_BYTES)
    head = os.pread(descriptor, min(HEAD_BYTES, size), 0)
    return print_of(head, os.pread(descriptor, size - start, start))


def of_descriptor(descriptor: int, size: int) -> Known:
    """The first `size` bytes of an open file. Raises OSError."""
    status = os.fstat(descriptor)
    return Known(status.st_dev, status.st_ino, size, print_at(descriptor, size))


def of_path(path: Path) -> Known | None:
    """All that a file holds now, packed or not; of one that may not be read its inode alone. None where it is gone."""
    try:
        with path.open("rb") as file:
            return of_descriptor(file.fileno(), os.fstat(file.fileno()).st_size)
    except OSError:
        identity = rotated.identity(path)
        return None if identity is None else Known(*identity, _ALL, "")


class Generations:
    """The generations that are known, the one that was met last at the end."""

    def __init__(self, known: Iterable[Known] = ()) -> None:
        self._known = dict.fromkeys(known)
        self.met = 0
        """The size of the one that was last met packed."""

    def newest(self, most: int) -> list[Known]:
        """The last ones."""
        return list(self._known)[-most:]

    def add(self, known: Known | None) -> None:
        """One that is known from now on; None is nothing."""
        if known is None:
            return
        self._known.pop(known, None)
        self._known[known] = None
        while len(self._known) > _MAX:
            del self._known[next(iter(self._known))]

    def place_in(self, path: Path, there: Beside) -> int | None:
        """Up to where a file is known; None where it is not. `there`: what lies beside the log now."""
        try:
            with path.open("rb") as file:
                status = os.fstat(file.fileno())
                identity = status.st_dev, status.st_ino
                own = [one for one in self._known if one.identity == identity]
                for one in _longest_first(own) + self._elsewhere(there):
                    if one.size <= status.st_size and print_at(file.fileno(), one.size) == one.print:
                        self._moved(one, identity)
                        return one.size
        except OSError:
            unread = rotated.identity(path)
            return next((one.size for one in self._known if one.identity == unread and not one.print), None)
        return None

    def place_in_packed(self, path: Path, there: Beside) -> int | None:
        """The same of a packed file, as a place in what it holds, or `packed.ALL`. Raises packed.Unreadable."""
        now = of_path(path)
        if now is None or now in self._known:
            return packed.ALL
        candidates = self._elsewhere(there)
        if not candidates:
            return None
        prints = packed.prints_at(path, [one.size for one in reversed(candidates)], print_of)
        for one in candidates:
            if prints.at.get(one.size) == one.print:
                self._moved(one, _NOWHERE)
                self.met = one.size
                return packed.ALL if prints.length == one.size else one.size
        return None

    def _elsewhere(self, there: Beside) -> list[Known]:
        known = (one for one in self._known if one.size)
        return _longest_first(one for one in known if one.size >= COPY_BYTES_MIN or not _is_in(there, one))

    def _moved(self, one: Known, identity: Identity) -> None:
        """It lies there now, and is met nowhere else."""
        if one.identity == identity:
            return
        if one.size < COPY_BYTES_MIN:
            del self._known[one]
        if identity != _NOWHERE:
            self.add(Known(*identity, one.size, one.print))


def _longest_first(known: Iterable[Known]) -> list[Known]:
    return sorted(known, key=lambda one: -one.size)


def _is_in(there: Beside, one: Known) -> bool:
    path = there.get(one.identity)
    if path is None:
        return False
    try:
        with path.open("rb") as file:
            return print_at(file.fileno(), one.size) == one.print
    except OSError:
        return True
