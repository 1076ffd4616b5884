"""A tar of plain files in one zstd frame, read with suspicion from its beginning to its end, and written.

Blocks are read and made by the standard library; what they may say is decided here: plain files, and before one at
most a pax header (POSIX.1-2001) with its name and size. Nothing else that tars know is taken.
"""

from __future__ import annotations

import os
import tarfile
from collections.abc import Collection, Iterable, Iterator
from typing import IO, BinaryIO, ClassVar, Self, cast

import zstandard

from orchestrator.archive import members, zstd_frame
from orchestrator.archive.members import Member
from tools.errors import ArchiveRefused

_LEVEL = 3
"""Of zstd: 206 MB of logs in 0.7 s, as small as level 10, which takes five."""
_BLOCK = tarfile.BLOCKSIZE
_END = bytes(2 * _BLOCK)
_CHUNK_BYTES = 1 << 20
_PAX_BYTES_MAX = 4096
"""A name of the longest kind, a size, and what is around them."""
_PAX_KEYS = frozenset({"path", "size"})
_SIZE_CHARS_MAX = 16
_LATEST_S = 8**11 - 1
"""What a header can say of a time: from 1970 to 2242. A file of another time has the nearest."""


class PackedTar:
    """A tar.zst that is there. Its files lie one behind another: whoever wants one reads what is before it."""

    broken: ClassVar[tuple[type[Exception], ...]] = (
        zstandard.ZstdError,
        tarfile.TarError,
        EOFError,
        ValueError,
        OSError,
    )
    ratio_max: ClassVar[int] = 12_000
    """A line that is repeated and nothing else reaches 10,800, one with a time 80; a bomb of zstd 32,000."""

    def __init__(self, file: BinaryIO) -> None:
        """Raises ArchiveRefused, and what is in `broken`."""
        self._file = file
        self._tags: dict[str, bytes] = {}
        zstd_frame.check(file.fileno())

    def members(self) -> Iterator[Member]:
        """Its files, as `Container` says: the whole of it is unpacked for that."""
        walk = _Walk(self._file.fileno())
        for member in walk.members():
            yield member
            # Kept, for they lie at the end. Whoever takes the members refuses a second of a name, and a large one.
            if member.name.partition("/")[2] in members.TAGS and member.size <= members.TAG_BYTES_MAX:
                self._tags[member.name] = b"".join(walk.content())

    def each(self, names: Collection[str]) -> Iterator[tuple[str, Iterator[bytes]]]:
        """Files of these names in the order in which they lie, as `Container` says."""
        left = set(names)
        for name in [name for name in names if name in self._tags]:
            left.discard(name)
            yield name, iter((self._tags.pop(name),))
        if not left:
            return
        walk = _Walk(self._file.fileno())
        for member in walk.members():
            if member.name in left:
                left.discard(member.name)
                yield member.name, walk.content()
                if not left:
                    return
        raise EOFError(f"{min(left)} is there no more")

    def close(self) -> None:
        """Let go of it."""
        self._file.close()


class _Source:
    """The packed bytes from their beginning; others may read at other places at the same time."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._at = 0

    def read(self, size: int) -> bytes:
        data = os.pread(self._descriptor, size, self._at)
        self._at += len(data)
        return data


class _Walk:
    """One way through the tar; never more than a piece of it is in memory."""

    def __init__(self, descriptor: int) -> None:
        unpack = zstandard.ZstdDecompressor(max_window_size=zstd_frame.WINDOW_BYTES_MAX)
        self._stream = unpack.stream_reader(cast("IO[bytes]", _Source(descriptor)), closefd=False)
        self._left = 0
        self._padding = 0

    def members(self) -> Iterator[Member]:
        """The files; what of one's content nobody read is passed over. Raises ArchiveRefused, and what is in `broken`."""
        while (block := self._exactly(_BLOCK)) != _END[:_BLOCK]:
            member = self._member(block)
            self._left, self._padding = member.size, -member.size % _BLOCK
            yield member
            for _ in self.content():
                pass
            self._pad(self._padding)
        if self._exactly(_BLOCK) != _END[_BLOCK:] or self._stream.read(1):
            raise ArchiveRefused("it holds more than it lists")

    def content(self) -> Iterator[bytes]:
        """The content of the last member, as far as it was not read."""
        while self._left:
            piece = self._exactly(min(_CHUNK_BYTES, self._left))
            self._left -= len(piece)
            yield piece

    def _member(self, block: bytes) -> Member:
        info = tarfile.TarInfo.frombuf(block, "utf-8", "strict")
        more: dict[str, str] = {}
        if info.type == tarfile.XHDTYPE:
            if not 0 < info.size <= _PAX_BYTES_MAX:
                raise ArchiveRefused(f"it holds a header of {info.size:,} bytes")
            more = _records(self._exactly(info.size))
            self._pad(-info.size % _BLOCK)
            info = tarfile.TarInfo.frombuf(self._exactly(_BLOCK), "utf-8", "strict")
        name = more.get("path", info.name)
        if info.type != tarfile.REGTYPE:
            raise ArchiveRefused(f"{name!r} is no plain file")
        size = _number(more["size"]) if "size" in more else info.size
        if size < 0:
            raise ArchiveRefused(f"{name!r} has no size")
        return Member(name, size, min(max(int(info.mtime), 0), _LATEST_S))

    def _pad(self, size: int) -> None:
        if any(self._exactly(size)):
            raise ArchiveRefused("it holds more than it lists")

    def _exactly(self, size: int) -> bytes:
        data = self._stream.read(size)
        if len(data) != size:
            raise EOFError("it ends in the middle")
        return data


def _records(data: bytes) -> dict[str, str]:
    """The records `LENGTH KEY=VALUE` of a pax header. Raises ArchiveRefused for any that ours do not have, ValueError."""
    found: dict[str, str] = {}
    while data:
        digits = data.partition(b" ")[0]
        length = _number(digits.decode("ascii"))
        record, data = data[:length], data[length:]
        key, equals, value = record[len(digits) + 1 : -1].decode("utf-8").partition("=")
        if len(record) != length or not record.endswith(b"\n") or not equals:
            raise ArchiveRefused("it holds a header that is none")
        if key not in _PAX_KEYS or key in found:
            raise ArchiveRefused(f"it holds a header {key[:40]!r}, as no archive of ours does")
        found[key] = value
    return found


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= _SIZE_CHARS_MAX):
        raise ValueError(f"{text[:20]!r} is no size")
    return int(text)


class TarPacker:
    """Writes one."""

    def __init__(self, raw: BinaryIO) -> None:
        packer = zstandard.ZstdCompressor(level=_LEVEL, write_checksum=True)
        self._stream = packer.stream_writer(raw, closefd=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self._stream.write(_END)
            self._stream.flush(zstandard.FLUSH_FRAME)

    def add(self, member: Member, pieces: Iterable[bytes]) -> None:
        """Another file, as `Packer` says."""
        info = tarfile.TarInfo(member.name)
        info.size, info.mode = member.size, member.mode
        info.mtime = min(max(member.modified_s, 0), _LATEST_S)
        self._stream.write(info.tobuf(tarfile.PAX_FORMAT, "utf-8", "strict"))
        written = 0
        for piece in pieces:
            written += len(piece)
            if written > member.size:
                break
            self._stream.write(piece)
        if written != member.size:
            raise ArchiveRefused(f"{member.name} changed while it was archived. Try again.")
        self._stream.write(bytes(-member.size % _BLOCK))
