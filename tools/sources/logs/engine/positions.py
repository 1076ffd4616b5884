"""Where something stands in columns of numbers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Flags = NDArray[np.bool_]
Ints = NDArray[np.int64]
Words = NDArray[np.uint64]

_WORD_BYTES = 8


def firsts(ordered: Ints) -> Ints:
    """Where each number stands for the first time, of one or more in order."""
    new = np.empty(len(ordered), np.bool_)
    new[0] = True
    np.not_equal(ordered[1:], ordered[:-1], out=new[1:])
    return np.flatnonzero(new)


def words(data: Bytes) -> Words:
    """The eight bytes from each place on, as one little-endian number; the view ends seven bytes before the block."""
    return np.ndarray((len(data) - 7,), np.dtype("<u8"), data, strides=(1,))
