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
_TAB, _NEWLINE, _RETURN, _SPACE = 9, 10, 13, 32
_DELETE = b"\x7f"


def message_ends(data: bytes) -> Ints:
    """Where message ids are known for such: behind the first digit after the dash."""
    cells = np.frombuffer(data, np.uint8)
    if len(cells) <= _DIGITS + 1:
        return np.empty(0, np.int64)
    numbers, digit, may = _scratch(len(cells))
    np.subtract(cells, np.uint8(_ZERO), out=numbers)
    np.less_equal(numbers, _NINE, out=digit)
    may = np.equal(cells[_DIGITS:-1], _DASH, out=may[: -_DIGITS - 1])
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
    cells = np.frombuffer(data, np.uint8)
    _, flags, found = _scratch(len(cells))
    controls = int(np.count_nonzero(np.less(cells, _SPACE, out=flags))) - lines
    if controls:
        controls -= int(np.count_nonzero(np.equal(cells, _TAB, out=flags)))
    if controls and b"\r" in data:
        returned = np.equal(cells[:-1], _RETURN, out=flags[:-1])
        returned &= np.equal(cells[1:], _NEWLINE, out=found[1:])
        controls -= int(np.count_nonzero(returned))
    if controls or _DELETE in data:
        return True
    return (not data.isascii() and b"\xc2" in data) or (b"\\" in data and b"\\u00" in data)


def _scratch(size: int) -> tuple[NDArray[np.uint8], Flags, Flags]:
    """Room for columns of bytes: what is taken from the system anew for each block costs more than the work in it."""
    room = _ROOM.get(0)
    if room is None or len(room[0]) < size:
        room = _ROOM[0] = np.empty(size, np.uint8), np.empty(size, np.bool_), np.empty(size, np.bool_)
    return room[0][:size], room[1][:size], room[2][:size]


_ROOM: dict[int, tuple[NDArray[np.uint8], Flags, Flags]] = {}


def _digit(cells: NDArray[np.uint8]) -> Flags:
    found: Flags = cells - np.uint8(_ZERO) <= _NINE
    return found
