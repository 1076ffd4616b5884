"""UTF-16, as Windows writes logs: known by the mark at a file's beginning, and read as UTF-8."""

from __future__ import annotations

import codecs
from collections.abc import Sequence
from typing import NamedTuple

BYTES = 2
"""Of one unit; a newline is one."""
_CODECS = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
_UNITS = {"utf-16-le": "<u2", "utf-16-be": ">u2"}
_NEWLINE = 10


class Lines(NamedTuple):
    """Whole lines as UTF-8, and where each began in the bytes as they were, and the last ended."""

    data: bytes
    places: Sequence[int]


def codec_of(head: bytes) -> str:
    """The codec of a file by its first bytes; "" where they are no mark of UTF-16."""
    return _CODECS.get(head[:BYTES], "")


def may_begin(head: bytes) -> bool:
    """Whether a file's only byte may be half of a mark."""
    return len(head) == 1 and any(mark.startswith(head) for mark in _CODECS)


def newlines(data: bytes, codec: str) -> list[int]:
    """Where newlines begin in whole units."""
    import numpy as np  # here as in blocks.py

    units = np.frombuffer(data, _UNITS[codec], len(data) // BYTES)
    return [int(at) * BYTES for at in np.flatnonzero(units == _NEWLINE)]


def decoded(data: bytes, codec: str) -> bytes:
    """Units as UTF-8; what is none becomes U+FFFD."""
    return data.decode(codec, "replace").encode("utf-8", "replace")


def lines(data: bytes, codec: str) -> Lines:
    """Whole lines, each with its newline."""
    ends = [at + BYTES for at in newlines(data, codec)]
    parts = (data[start:end] for start, end in zip([0, *ends], ends, strict=False))
    return Lines(b"".join(decoded(part, codec) for part in parts), [0, *ends])
