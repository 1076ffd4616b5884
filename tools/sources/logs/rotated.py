"""The older generations of a log file: which siblings they are, and which of them goes on where reading stood."""

from __future__ import annotations

import os
from hashlib import blake2b
from pathlib import Path
from typing import Protocol

import re2

_SUFFIX = re2.compile(r"^[.-](?:\d[\w.:-]{0,40}|old|bak|prev|last)$")
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


def is_generation(name: str, of: str) -> bool:
    """Whether a file name is that of an older generation of `of`: `app.log.1`, `app.log-20250601`, `app.log.2.gz`."""
    if name == of or not name.startswith(of):
        return False
    rest = name[len(of) :]
    for packed in PACKED:
        rest = rest.removesuffix(packed)
    return rest == "" or _SUFFIX.match(rest) is not None


def siblings(path: Path, *, packed: bool = False) -> list[Path]:
    """Older generations that lie beside a file, packed or not, oldest first."""
    try:
        names = os.listdir(path.parent)  # noqa: PTH208 - names only: thousands of files are quick this way
    except OSError:
        return []
    found = [
        path.with_name(name)
        for name in names
        if name.endswith(PACKED) is packed and is_generation(name, path.name)
    ]
    return sorted(found, key=changed_ns)


def identities(path: Path) -> dict[Identity, None]:
    """The generations that are there already."""
    return {known: None for sibling in siblings(path) if (known := identity(sibling)) is not None}


def unseen(path: Path, seen: dict[Identity, None], since_ns: int) -> list[Path]:
    """Generations made and rotated away between two polls, oldest first."""
    found = []
    for sibling in siblings(path):
        found_is = identity(sibling)
        if found_is is not None and found_is not in seen and changed_ns(sibling) >= since_ns:
            found.append(sibling)
    return found


def find(path: Path, mark: Mark) -> Path | None:
    """Where the generation of a mark lies now: the file itself or a sibling, known by head and tail."""
    candidates = [path, *reversed(siblings(path))]
    candidates.sort(key=lambda candidate: identity(candidate) != (mark.device, mark.inode))
    return next((candidate for candidate in candidates if _matches(candidate, mark)), None)


def copy_of(path: Path, head: bytes, tail: bytes, offset: int) -> Path | None:
    """The copy that copytruncate left: same head, same bytes before the offset, and at least as long."""
    if not head or not tail:
        return None
    for sibling in reversed(siblings(path)):
        try:
            with sibling.open("rb") as file:
                if file.read(len(head)) != head:
                    continue
                file.seek(offset - len(tail))
                if file.read(len(tail)) == tail:
                    return sibling
        except OSError:
            continue
    return None


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
