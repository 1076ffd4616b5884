"""Files that are rotated while they are read: which file it was that was read, and which one follows it.

A file is known by its number (inode) and by what it begins with: file systems give the number of a file that was deleted
to the next one, and what was emptied may be longer than before at the next look.
"""

from __future__ import annotations

import glob
import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from msgspec import Struct

_HEAD_BYTES, _HEAD_MIN_BYTES = 4096, 64
"""A beginning that is shorter than the latter tells no file from another of another number."""
_PACKED = (".gz", ".zst", ".bz2", ".xz", ".zip")
_NUMBER = re.compile(r"\.(\d{1,6})$")


class Mark(Struct, frozen=True, kw_only=True):
    """How far a file was read: `inode` 0 for not at all. `head` is the hash of its first `head_bytes` bytes."""

    inode: int = 0
    position: int = 0
    lines: int = 0
    bad: int = 0
    head: str = ""
    head_bytes: int = 0


def head_of(file: BinaryIO, size: int) -> tuple[str, int]:
    """The hash of what a file begins with, and of how many bytes, at most `size`."""
    file.seek(0)
    data = file.read(min(size, _HEAD_BYTES))
    return hashlib.sha256(data).hexdigest()[:32], len(data)


def found(path: Path, mark: Mark) -> Path | None:
    """Where the file is that was read, under its name or one that it was rotated to; None where it is nowhere."""
    if not mark.inode:
        return path
    if _is(path, mark, by_number=True):
        return path
    aside = list(_aside(path))
    for by_number in (True, False):
        for candidate in aside:
            if _is(candidate, mark, by_number=by_number):
                return candidate
    return None


def after(path: Path, old: Path) -> Path:
    """The file that was written after one that was rotated away: another of these, or the one that is written now."""
    try:
        order = _order(old)
    except OSError:
        return path
    later = [(_order(other), other) for other in _aside(path) if other != old and other.stat().st_size]
    return min(((key, other) for key, other in later if key > order), default=(order, path))[1]


def without_rotated(paths: set[Path]) -> set[Path]:
    """Paths of a glob, without those that another was rotated to: they are read as that one."""
    names = {str(path) for path in paths}
    return {
        path
        for path in paths
        if not any(str(path)[:at] in names for at, char in enumerate(str(path)) if char == ".")
    }


def _is(path: Path, mark: Mark, *, by_number: bool) -> bool:
    try:
        status = path.stat()
        if status.st_size < mark.position or (by_number and status.st_ino != mark.inode):
            return False
        if not by_number and mark.head_bytes < _HEAD_MIN_BYTES:
            return False
        with path.open("rb") as file:
            return not mark.head_bytes or head_of(file, mark.head_bytes) == (mark.head, mark.head_bytes)
    except FileNotFoundError:
        return False


def _aside(path: Path) -> Iterator[Path]:
    for other in sorted(path.parent.glob(f"{glob.escape(path.name)}.*")):
        if not other.name.endswith(_PACKED) and other.is_file():
            yield other


def _order(path: Path) -> tuple[int, int]:
    """When it was written last; of two the one with the greater number is older."""
    number = _NUMBER.search(path.name)
    return path.stat().st_mtime_ns, -int(number[1]) if number else 0
