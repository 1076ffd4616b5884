"""Recordings: every record that detectors saw, in order, compressed, under a quota.

One file per agent, `recording/<agent>.jsonl.gz`, made of gzip members: a member is written whole or, after a
crash, is a torn tail that readers leave out. Beyond the quota a last record says that the rest is missing.
"""

from __future__ import annotations

import gzip
import os
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

QUOTA_BYTES = 256 * 1024 * 1024
"""For one session, over all agents (specification 1); each of the four gets a quarter."""

_READ_BYTES = 1 << 16


class Recording:
    """Appends records; nothing is on disk before `flush`. Records must be masked already."""

    def __init__(self, path: Path, quota_bytes: int = QUOTA_BYTES // 4) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._quota_bytes = quota_bytes
        self._lines: list[bytes] = []
        self._size = path.stat().st_size if path.exists() else 0
        self.partial = False

    def add(self, kind: str, record: object) -> None:
        """Add one record under its kind (`line`, `tick`, `poll`, …)."""
        if not self.partial:
            self._lines.append(msgspec.json.encode([kind, record]))

    def flush(self) -> None:
        """Write what was added as one gzip member. Raises OSError where the disk refuses."""
        if not self._lines or self.partial:
            return
        member = gzip.compress(b"\n".join(self._lines) + b"\n", compresslevel=3)
        self._lines.clear()
        if self._size + len(member) > self._quota_bytes:
            self.partial = True
            member = gzip.compress(msgspec.json.encode(["partial", None]) + b"\n")
        with self._path.open("ab") as file:
            start = file.tell()
            try:
                file.write(member)
                file.flush()
            except OSError:
                os.ftruncate(file.fileno(), start)
                raise
        self._size += len(member)


def read(path: Path) -> Iterator[tuple[str, msgspec.Raw]]:
    """Kind and encoded record of every whole member, in order; a torn tail is left out."""
    decoder = msgspec.json.Decoder(tuple[str, msgspec.Raw])
    for member in members(path):
        for line in member.splitlines():
            yield decoder.decode(line)


def members(path: Path, torn: Callable[[int], None] | None = None) -> Iterator[bytes]:
    """The records of every whole member, one a line, still encoded; a torn tail is left out.

    `torn` is told the byte after which nothing could be read, where that is not the end.
    """
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return
    with file:
        inflate, parts, rest = zlib.decompressobj(wbits=31), [], b""
        whole = 0
        while block := rest or file.read(_READ_BYTES):
            try:
                parts.append(inflate.decompress(block))
            except zlib.error:
                break
            rest = inflate.unused_data
            if inflate.eof:
                whole = file.tell() - len(rest)
                yield b"".join(parts)
                inflate, parts = zlib.decompressobj(wbits=31), []
        if torn is not None and whole < os.fstat(file.fileno()).st_size:
            torn(whole)
