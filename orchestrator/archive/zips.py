"""A ZIP of plain files, read with suspicion, and written."""

from __future__ import annotations

import io
import stat
import zipfile
import zlib
from calendar import timegm
from collections.abc import Collection, Iterable, Iterator
from datetime import UTC, datetime
from typing import BinaryIO, ClassVar, Self

from orchestrator.archive import members
from orchestrator.archive.members import Member
from tools.errors import ArchiveRefused

_LEVEL = 1
"""Of deflate: 200 MB of logs in 0.9 s, a tenth larger than level 6, which takes three times as long."""
_PACKED = (".gz", ".zst", ".png")
_CHUNK_BYTES = 1 << 20
_ZIP64_BYTES = 1 << 30
_EARLIEST_S, _LATEST_S = 315_532_800, 4_354_819_198
"""What a ZIP can say of a time: from 1980-01-01 to 2107-12-31T23:59:58Z. A file of another time has the nearest."""
_METHODS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
_ENCRYPTED = 0x1
_ENTRY, _ENTRY_BYTES = b"PK\x01\x02", 46
"""What an entry of a ZIP's directory begins with, and how long it is at least (APPNOTE 4.3.12)."""


class PackedZip:
    """A ZIP that is there: each of its files can be read alone."""

    broken: ClassVar[tuple[type[Exception], ...]] = (
        zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError, OSError,
    )  # fmt: skip
    ratio_max: ClassVar[int] = 500
    """Repeated log lines reach some 200; a bomb of deflate 1,000."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._zip = zipfile.ZipFile(_Wary(file))

    def members(self) -> Iterator[Member]:
        """Its files as its directory tells them, as `Container` says."""
        for info in self._zip.infolist():
            kind = stat.S_IFMT(info.external_attr >> 16)
            if not info.filename or info.is_dir() or kind not in {0, stat.S_IFREG}:
                raise ArchiveRefused(f"{info.filename!r} is no plain file")
            if info.flag_bits & _ENCRYPTED or info.compress_type not in _METHODS:
                raise ArchiveRefused(f"{info.filename!r} is encrypted or packed in another way than ours")
            yield Member(info.filename, info.file_size, _modified_s(info))

    def each(self, names: Collection[str]) -> Iterator[tuple[str, Iterator[bytes]]]:
        """Files of these names, as `Container` says."""
        for name in names:
            yield name, self._pieces(name)

    def _pieces(self, name: str) -> Iterator[bytes]:
        with self._zip.open(name) as stream:
            while piece := stream.read(_CHUNK_BYTES):
                yield piece

    def close(self) -> None:
        """Let go of it."""
        self._zip.close()
        self._file.close()


class _Wary(io.BufferedReader):
    """The file under a ZIP, whose reader takes all of its directory into memory before anybody can count."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__(io.FileIO(file.fileno(), closefd=False))

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > members.TAG_BYTES_MAX:
            raise ArchiveRefused(f"its list of files is larger than {members.TAG_BYTES_MAX:,} bytes")
        data = super().read(size)
        # Pieces of files are shorter than a directory of so many.
        if len(data) > max(_CHUNK_BYTES, _ENTRY_BYTES * members.MEMBERS_MAX) and (
            data.count(_ENTRY) > members.MEMBERS_MAX
        ):
            raise ArchiveRefused(members.too_many())
        return data


def _modified_s(info: zipfile.ZipInfo) -> int:
    try:
        return timegm((*info.date_time, 0, 0, 0))
    except ValueError:
        return 0


class ZipPacker:
    """Writes one: deflated, but for what is packed already."""

    def __init__(self, raw: BinaryIO) -> None:
        self._zip = zipfile.ZipFile(raw, "w", allowZip64=True, compresslevel=_LEVEL)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._zip.close()

    def add(self, member: Member, pieces: Iterable[bytes]) -> None:
        """Another file, as `Packer` says; nobody counts its bytes."""
        with self._zip.open(_told(member), "w", force_zip64=member.size >= _ZIP64_BYTES) as target:
            for piece in pieces:
                target.write(piece)


def _told(member: Member) -> zipfile.ZipInfo:
    within_s = min(max(member.modified_s, _EARLIEST_S), _LATEST_S)
    info = zipfile.ZipInfo(member.name, datetime.fromtimestamp(within_s, tz=UTC).timetuple()[:6])
    info.compress_type = zipfile.ZIP_STORED if member.name.endswith(_PACKED) else zipfile.ZIP_DEFLATED
    info.external_attr = (stat.S_IFREG | member.mode) << 16
    return info
