"""What is looked for beside the scan of all patterns: what has no word in it costs that scan more than all the others.

A message id is thirteen digits before a dash. Odd bytes are rare, and whether a block has any takes a few counts.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tools.sources.logs.engine.table import places

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

_DASH, _ZERO, _NINE = 45, 48, np.uint8(9)
_DIGITS = 13
_WORD = np.zeros(256, np.bool_)
_WORD[[*range(48, 58), *range(65, 91), 95, *range(97, 123)]] = True
_BACK = np.arange(-_DIGITS, 0)
_SPACE = 32
_DELETE = b"\x7f"


def message_ends(data: bytes) -> Ints:
    """Where message ids are known for such: behind the first digit after the dash."""
    cells = np.frombuffer(data, np.uint8)
    digit, may = _digit(cells), cells[_DIGITS:-1] == _DASH
    # Of dashes there are many; bytes are compared by the dozen, and places made only of the few that are left.
    may &= digit[_DIGITS + 1 :]
    may &= digit[_DIGITS - 1 : -2]
    may &= digit[: -_DIGITS - 1]
    found = places(may) + _DIGITS
    if not len(found):
        return found
    found = found[_digit(cells[found[:, None] + _BACK]).all(axis=1)]
    inside = _WORD[cells[np.maximum(found - _DIGITS - 1, 0)]] & (found > _DIGITS)
    ends: Ints = found[~inside] + 2
    return ends


def may_be_odd(data: bytes, lines: int) -> bool:
    """Whether a block of so many lines may hold control characters, or escapes of what needs none."""
    controls = int(np.count_nonzero(np.frombuffer(data, np.uint8) < _SPACE)) - lines
    if controls:  # what is counted byte by byte is counted where there is any
        controls -= data.count(b"\t") + (data.count(b"\r\n") if b"\r" in data else 0)
    if controls or _DELETE in data:
        return True
    return (not data.isascii() and b"\xc2" in data) or (b"\\" in data and b"\\u00" in data)


def _digit(cells: NDArray[np.uint8]) -> Flags:
    found: Flags = cells - np.uint8(_ZERO) <= _NINE
    return found
