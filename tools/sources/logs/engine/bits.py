"""A bit for each byte of a text, all of them in one whole number: words and numbers are told by a few sums.

The lowest bit is the first byte's. To add two such numbers carries a bit over a whole run of others, so what costs a
look at each byte elsewhere costs here a look at each sixty bytes.
"""

from __future__ import annotations

import numpy as np

from tools.sources.logs.engine.positions import Bytes, Flags, Ints

_MIRRORED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def of(flags: Bytes | Flags) -> int:
    """The bits of a column; what is not zero is set."""
    return int.from_bytes(np.packbits(flags, bitorder="little").tobytes(), "little")


def mirrored_of(flags: Bytes | Flags) -> int:
    """The same from the end, as `mirrored` gives it."""
    return int.from_bytes(np.packbits(flags, bitorder="big").tobytes(), "big")


def mirrored(bits: int, size: int) -> int:
    """The bits of so many bytes from the end: the last byte's is the lowest, but for what fills its eight."""
    return int.from_bytes(bits.to_bytes(_width(size), "little").translate(_MIRRORED), "big")


def column(bits: int, size: int) -> Bytes:
    """One byte for each bit: 0 or 1."""
    packed = np.frombuffer(bits.to_bytes(_width(size), "little"), np.uint8)
    return np.unpackbits(packed, count=size, bitorder="little")


def at(places: Ints, size: int) -> int:
    """The bits of some bytes, by their places."""
    flags = np.zeros(size, np.bool_)
    flags[places] = True
    return of(flags)


def onward(bits: int, through: int) -> int:
    """The bits, and from each that is in `through` on all bits of its run and the one behind it."""
    return (((bits & through) + through) ^ through) | bits


def _width(size: int) -> int:
    return (size + 7) // 8
