"""The older generations of a log file: which siblings they are, and which of them goes on where reading stood."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path
from typing import Protocol

import re2

_SUFFIX = re2.compile(r"^[.-](?:\d[\w.:-]{0,40}|old|bak|prev|last)$")
_STAMP = re2.compile(r"^[-_.]?\d{4}[-_.]?\d\d[-_.]?\d\d(?:[-_.T]?[\d.:-]{1,20})?Z?$")
"""What stands before the ending of a name: `app-2025-06-01.log`, `app-2025-06-01T10-00-00.000.log`."""
_DATE = re2.compile(r"\d{4}[-_.]?\d\d[-_.]?\d\d(?:[-_.T]?\d[\d.:-]*)?")
PACKED = (".gz", ".zst", ".bz2", ".xz")
"""How the names of packed files end."""
COUNTED_BYTES_MAX = 16 * 1024 * 1024
"""Lines of a larger file are not counted to number those that come after."""

Identity = tuple[int, int]
"""Device and inode."""


class Mark(Protocol):
    """What is known of a generation: lengths and hashes of its head and of the bytes before the offset."""

    device: int
    inode: int
    offset: int
    head_bytes: int
    head: str
    tail_bytes: int
    tail: str
    packed: bool


def is_generation(name: str, of: str) -> bool:
    """Whether a file name is that of an older generation of `of`: `app.log.1`, `app.log-20250601`, `app.log.2.gz`."""
    if name == of or not name.startswith(of):
        return False
    rest = _plain(name[len(of) :])
    return rest == "" or _SUFFIX.match(rest) is not None


def may_be_generation(name: str, of: str) -> bool:
    """The same, and names with a date before their ending: `app-2025-06-01.log`. Such a one may be a log by itself."""
    if is_generation(name, of):
        return True
    stem, dot, ending = of.rpartition(".")
    plain = _plain(name)
    if not dot or plain == of or not (plain.startswith(stem) and plain.endswith(f".{ending}")):
        return False
    return _STAMP.match(plain[len(stem) : -len(ending) - 1]) is not None


def _plain(name: str) -> str:
    return next((name[: -len(ending)] for ending in PACKED if name.endswith(ending)), name)


def siblings(path: Path, *, packed: bool = False) -> list[Path]:
    """Older generations that lie beside a file, packed or not, oldest first; of a link, beside its target too."""
    found = _named(path.parent, packed, lambda name: may_be_generation(name, path.name))
    if path.is_symlink():
        real = Path(os.path.realpath(path))
        found += _named(real.parent, packed, lambda name: _may_be_target(name, real.name))
    return sorted(found, key=changed_ns)


def _named(folder: Path, packed: bool, fits: Callable[[str], bool]) -> list[Path]:
    try:
        names = os.listdir(folder)  # noqa: PTH208 - names only: thousands of files are quick this way
    except OSError:
        return []
    paths = (folder / name for name in names if name.endswith(PACKED) is packed and fits(name))
    return [path for path in paths if os.path.isfile(path)]  # noqa: PTH113 - no error where it may not be asked


def _may_be_target(name: str, now: str) -> bool:
    """Whether a link that leads to `now` may have led to a file of that name: its date is another."""
    if may_be_generation(name, now):
        return True
    plain = _plain(name)
    return plain != now and _DATE.search(now) is not None and _DATE.sub("*", plain) == _DATE.sub("*", now)


def find(path: Path, mark: Mark, taken: Collection[Identity] = ()) -> Path | None:
    """Where the generation of a mark lies now: the file itself or a sibling, known by head and tail.

    The file that it was comes first, and where nothing of it was read it can be no other. `taken` are not looked at.
    """
    own, others = [], []
    moved = _of_inode(path, mark) if mark.head_bytes else []
    for candidate in [path, *reversed(siblings(path)), *moved]:
        known = identity(candidate)
        if known is None or known in taken:
            continue
        if known == (mark.device, mark.inode) and not mark.packed:
            own.append(candidate)
        elif mark.head_bytes:
            others.append(candidate)
    return next((candidate for candidate in own + others if _matches(candidate, mark)), None)


def _of_inode(path: Path, mark: Mark) -> list[Path]:
    """Files of any name beside a log, or beside what it is a link to, that are the one of a mark."""
    found = []
    for folder in dict.fromkeys((path.parent, Path(os.path.realpath(path)).parent)):
        with suppress(OSError), os.scandir(folder) as entries:
            found += [
                folder / entry.name for entry in entries if entry.inode() == mark.inode and entry.is_file()
            ]
    return [one for one in found if not one.name.endswith(PACKED)]


def digest(data: bytes) -> str:
    """A fingerprint of log bytes."""
    return blake2b(data, digest_size=12).hexdigest()


def lines_before(descriptor: int, offset: int) -> int:
    """Lines before an offset; 0 where the file is too large to count."""
    if offset > COUNTED_BYTES_MAX:
        return 0
    count = position = 0
    while position < offset:
        block = os.pread(descriptor, min(1 << 20, offset - position), position)
        if not block:
            break
        count += block.count(b"\n")
        position += len(block)
    return count


def _matches(path: Path, mark: Mark) -> bool:
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_size < mark.offset:
                return False
            if digest(file.read(mark.head_bytes)) != mark.head:
                return False
            file.seek(mark.offset - mark.tail_bytes)
            return digest(file.read(mark.tail_bytes)) == mark.tail
    except OSError:
        return False


def identity(path: Path) -> Identity | None:
    """Which file that is; None where there is none."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def changed_ns(path: Path) -> int:
    """When a file was last written; 0 where it is gone."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0
