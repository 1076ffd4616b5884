"""Whether a file is one zstd frame of ours and nothing else, told from its headers alone (RFC 8878, 3.1.1)."""

from __future__ import annotations

import os

import zstandard

from tools.errors import ArchiveRefused

MAGIC = b"\x28\xb5\x2f\xfd"
WINDOW_BYTES_MAX = 8 << 20
"""What RFC 8878 asks every reader to take (3.1.1.1.2); level 3 needs 2 MiB."""
BLOCKS_MAX = 2_000_000
"""32 GiB in blocks of 16 KiB; most have 128."""
_HEADER_BYTES_MAX = 18
_BLOCK_HEADER_BYTES = 3
_CHECKSUM_BYTES = 4
_RLE, _RESERVED = 1, 3


def check(descriptor: int) -> None:
    """Raises ArchiveRefused where the frame is another, is cut, or is not all of the file; ZstdError, OSError."""
    head = os.pread(descriptor, _HEADER_BYTES_MAX, 0)
    frame = zstandard.get_frame_parameters(head)
    if not head.startswith(MAGIC) or frame.dict_id or not frame.has_checksum:
        raise ArchiveRefused("it is packed in another way than ours")
    if frame.window_size > WINDOW_BYTES_MAX:
        raise ArchiveRefused(f"unpacking it would take a window of {frame.window_size:,} bytes")
    end, size = _end(descriptor, zstandard.frame_header_size(head)), os.fstat(descriptor).st_size
    if end > size:
        raise ArchiveRefused("it is cut")
    if end < size:
        raise ArchiveRefused(f"{size - end:,} bytes lie behind its end")


def _end(descriptor: int, at: int) -> int:
    """Where the frame ends, in bytes from the file's beginning."""
    for _ in range(BLOCKS_MAX):
        header = os.pread(descriptor, _BLOCK_HEADER_BYTES, at)
        if len(header) < _BLOCK_HEADER_BYTES:
            raise ArchiveRefused("it is cut")
        value = int.from_bytes(header, "little")
        last, kind, size = value & 1, value >> 1 & 3, value >> 3
        if kind == _RESERVED:
            raise ArchiveRefused("it is packed in another way than ours")
        at += _BLOCK_HEADER_BYTES + (1 if kind == _RLE else size)
        if last:
            return at + _CHECKSUM_BYTES
    raise ArchiveRefused(f"it is packed in more than {BLOCKS_MAX:,} pieces")
