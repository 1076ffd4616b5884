"""Older generations of a log that were packed before they were read to their end: gzip, bzip2, xz and zstd.

What is left of one is unpacked into memory, at the places where it lay, and then read like any other generation. So much
of it as is bounded here; what is beyond that is told by its reader.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, NamedTuple, cast

import zstandard

from tools.sources.logs import rotated

REST_BYTES_MAX = 64 * 1024 * 1024
UNPACKED_BYTES_MAX = 512 * 1024 * 1024
"""Two seconds of unpacking: the watcher does nothing else meanwhile."""
ALL = 1 << 62
"""A place behind the end of any generation."""
_WINDOW_BYTES_MAX = 128 * 1024 * 1024
"""As much memory as zstd's own program takes where nobody asks for more."""
_CHUNK_BYTES = 1 << 20
_HEAD_BYTES, _TAIL_BYTES = 1024, 64
_DAMAGED = (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError, zstandard.ZstdError)


class Unpacked(NamedTuple):
    """What was left of a generation: a descriptor where it lies at its own places, and whether there was more."""

    descriptor: int
    device: int
    inode: int
    more: bool


class Unreadable(Exception):
    """A generation that cannot be unpacked; the text says why."""


def siblings(path: Path) -> list[Path]:
    """Older generations that lie packed beside a file, oldest first."""
    return rotated.siblings(path, packed=True)


def head_of(path: Path) -> bytes | None:
    """The first bytes of a packed generation; None where it cannot be unpacked."""
    try:
        with _opened(path) as file:
            return file.read(_HEAD_BYTES)
    except _DAMAGED:
        return None


def rest_of(path: Path, mark: rotated.Mark) -> Unpacked | None:
    """What is left behind a mark; None where it is another generation. Raises Unreadable."""
    head = head_of(path)
    if head is None or rotated.digest(head[: mark.head_bytes]) != mark.head:
        return None
    with _reading(path) as file:
        tail = _skip(file, mark.offset)
        if len(tail) < mark.tail_bytes or rotated.digest(tail[len(tail) - mark.tail_bytes :]) != mark.tail:
            return None
        return _kept(path, file, head[: mark.offset], tail, mark.offset)


def whole(path: Path) -> Unpacked:
    """All of a generation. Raises Unreadable."""
    with _reading(path) as file:
        return _kept(path, file, b"", b"", 0)


def rest_from(path: Path, offset: int) -> Unpacked:
    """What is left of a generation behind an offset. Raises Unreadable."""
    head = head_of(path) or b""
    with _reading(path) as file:
        return _kept(path, file, head[:offset], _skip(file, offset), offset)


class Prints(NamedTuple):
    """Prints of the beginnings of a generation by their sizes, and how long it is, where it is no longer than these."""

    at: dict[int, str]
    length: int | None


def prints_at(path: Path, sizes: Sequence[int], print_of: Callable[[bytes, bytes], str]) -> Prints:
    """Prints of the beginnings of so many bytes, in rising order; of what it is too short for, none. Raises Unreadable."""
    found: dict[int, str] = {}
    with _reading(path) as file:
        at, head, tail = 0, b"", b""
        for size in sizes:
            if size > UNPACKED_BYTES_MAX:
                break
            while at < size and (chunk := file.read(min(_CHUNK_BYTES, size - at))):
                head = (head + chunk)[:_HEAD_BYTES] if len(head) < _HEAD_BYTES else head
                tail = (tail + chunk[-_TAIL_BYTES:])[-_TAIL_BYTES:]
                at += len(chunk)
            if at < size:
                break
            found[size] = print_of(head, tail)
        return Prints(found, at if not file.read(1) else None)


@contextmanager
def _reading(path: Path) -> Iterator[IO[bytes]]:
    try:
        with _opened(path) as file:
            yield file
    except _DAMAGED as error:
        raise Unreadable(f"{path.name} cannot be unpacked: {error}") from error


def _skip(file: IO[bytes], offset: int) -> bytes:
    """Go to an offset; returns the bytes before it, none where the file is shorter."""
    if offset > UNPACKED_BYTES_MAX:
        raise ValueError(f"more than {UNPACKED_BYTES_MAX >> 20} MB would have to be unpacked")
    tail, left = b"", offset
    while left:
        chunk = file.read(min(_CHUNK_BYTES, left))
        if not chunk:
            return b""
        tail = (tail + chunk[-_TAIL_BYTES:])[-_TAIL_BYTES:]
        left -= len(chunk)
    return tail


def _kept(path: Path, file: IO[bytes], head: bytes, tail: bytes, offset: int) -> Unpacked:
    """The rest of a file in memory, with what is known of the bytes before it."""
    status = path.stat()
    descriptor = os.memfd_create("streamgauge-log", os.MFD_CLOEXEC)
    with ExitStack() as unless_done:
        unless_done.callback(os.close, descriptor)
        os.pwrite(descriptor, head, 0)
        os.pwrite(descriptor, tail, offset - len(tail))
        more = _copy(file, descriptor, offset)
        unless_done.pop_all()
    return Unpacked(descriptor, status.st_dev, status.st_ino, more)


def _copy(file: IO[bytes], descriptor: int, offset: int) -> bool:
    end = offset + REST_BYTES_MAX
    while chunk := file.read(min(_CHUNK_BYTES, end - offset)):
        os.pwrite(descriptor, chunk, offset)
        offset += len(chunk)
    return offset == end and bool(file.read(1))


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    """A stream of unpacked bytes, whole reads only at its end shorter than asked for."""
    with path.open("rb") as raw:
        if path.name.endswith(".zst"):
            unpack = zstandard.ZstdDecompressor(max_window_size=_WINDOW_BYTES_MAX)
            with unpack.stream_reader(raw, read_across_frames=True, closefd=False) as file:
                yield file
            return
        if path.name.endswith(".bz2"):
            yield bz2.BZ2File(raw)
        elif path.name.endswith(".xz"):
            yield lzma.LZMAFile(raw)  # noqa: SIM115 - what it reads from is closed above
        else:
            yield cast("IO[bytes]", gzip.GzipFile(fileobj=raw))
