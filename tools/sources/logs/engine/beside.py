"""What is looked for beside the scan of all patterns: what has no word in it costs that scan more than all the others.

A message id is thirteen digits before a dash. Odd bytes are rare, and whether a block has any takes a few counts.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tools.sources.logs.engine.positions import Flags, Ints, Words, words

_DASH, _ZERO, _NINE = 45, 48, np.uint8(9)
_DIGITS = 13
_WORD = np.zeros(256, np.bool_)
_WORD[[*range(48, 58), *range(65, 91), 95, *range(97, 123)]] = True
_QUAD = 4
_HIGHS, _DIGIT_HIGHS = np.uint32(0xF0F0F0F0), np.uint32(0x30303030)
"""Of four bytes at once: the halves that tell a digit, or one of six signs behind the nine."""
_WORD_BYTES = 8
_DASHES, _ONES = np.uint64(0x2D2D2D2D2D2D2D2D), np.uint64(0x0101010101010101)
_WORD_HIGHS, _WORD_LOWS = np.uint64(0xF0F0F0F0F0F0F0F0), np.uint64(0x0F0F0F0F0F0F0F0F)
_WORD_ZEROS, _WORD_SIXES = np.uint64(0x3030303030303030), np.uint64(0x0606060606060606)
_DASH_BYTES = 6
_DASH_BITS = np.array([0x800000 << 8 * at for at in range(4)], np.uint64)
"""Of the eight bytes behind a pair, the third to the sixth."""
_DASH_PLACES = np.bitwise_or.reduce(_DASH_BITS)
_TAB, _NEWLINE, _RETURN, _SPACE = 9, 10, 13, 32
_DELETE = b"\x7f"


def message_ends(data: bytes) -> Ints:
    """Where message ids are known for such: behind the first digit after the dash."""
    cells = np.frombuffer(data, np.uint8)
    if len(cells) <= _DIGITS + 1:
        return np.empty(0, np.int64)
    found = _dashes(cells, _pairs(cells))
    found = found[(found >= _DIGITS) & (found < len(cells) - 1)]
    if not len(found):
        return found
    text = words(cells)
    digits = _are_digits(text[found - _DIGITS]) & _are_digits(text[found - _WORD_BYTES])
    found = found[digits & (cells[found] == _DASH) & _digit(cells[found + 1])]
    inside = _WORD[cells[np.maximum(found - _DIGITS - 1, 0)]] & (found > _DIGITS)
    ends: Ints = found[~inside] + 2
    return ends


def _pairs(cells: NDArray[np.uint8]) -> Ints:
    """Where two groups of four bytes that may be digits stand side by side: thirteen digits always hold such a pair."""
    count = len(cells) // _QUAD
    groups, flags = _scratch(count * _QUAD)
    quads, may = groups.view(np.uint32), flags[:count]
    np.bitwise_and(cells[: count * _QUAD].view(np.uint32), _HIGHS, out=quads)
    np.equal(quads, _DIGIT_HIGHS, out=may)
    pairs: Ints = np.flatnonzero(may[1:] & may[:-1]) * _QUAD
    return pairs


def _dashes(cells: NDArray[np.uint8], pairs: Ints) -> Ints:
    """Behind each pair the first byte that may be the dash after thirteen digits, in order.

    The first pair lies at most three bytes behind the first digit, so the dash is the third to sixth byte behind the pair,
    and no pair after it reaches the same dash.
    """
    inside = int(np.searchsorted(pairs, len(cells) - 2 * _WORD_BYTES, "right"))
    pairs, rest = pairs[:inside], pairs[inside:]
    behind = words(cells)[pairs + _WORD_BYTES] ^ _DASHES
    # The lowest bit that is left stands for a zero byte, unless there is one before the third.
    marked = (behind - _ONES) & ~behind & _DASH_PLACES
    some = np.flatnonzero(marked)
    lowest = marked[some]
    lowest &= ~lowest + np.uint64(1)
    place = np.searchsorted(_DASH_BITS, lowest) + (2 * _WORD_BYTES - _DASH_BYTES)
    last = (rest[:, None] + np.arange(2 * _WORD_BYTES - _DASH_BYTES, 2 * _WORD_BYTES - 2)).ravel()
    last = last[last < len(cells)]
    return np.concatenate((pairs[some] + place, last[cells[last] == _DASH]))


def may_be_odd(data: bytes) -> bool:
    """Whether a block may hold control characters, or escapes of what needs none."""
    cells = np.frombuffer(data, np.uint8)
    flags = _scratch(len(cells))[1]
    controls = int(np.count_nonzero(np.less(cells, _SPACE, out=flags)))
    for usual in (_NEWLINE, _TAB, _RETURN):
        controls -= int(np.count_nonzero(np.equal(cells, usual, out=flags))) if controls else 0
    return bool(controls) or _DELETE in data or has_odd_text(data)


def has_odd_text(data: bytes) -> bool:
    """The same of what is no single byte: a carriage return inside a line, C1 controls, escapes."""
    if b"\r" in data and _returns_inside(data):
        return True
    return (not data.isascii() and b"\xc2" in data) or (b"\\" in data and b"\\u00" in data)


def _returns_inside(data: bytes) -> bool:
    cells = np.frombuffer(data, np.uint8)
    numbers, found = _scratch(len(cells))
    returned = np.equal(cells, _RETURN, out=numbers.view(np.bool_))
    count = int(np.count_nonzero(returned))
    ended = np.equal(cells[1:], _NEWLINE, out=found[1:])
    ended &= returned[:-1]
    return count != int(np.count_nonzero(ended))


def _scratch(size: int) -> tuple[NDArray[np.uint8], Flags]:
    """Room for columns of bytes: what is taken from the system anew for each block costs more than the work in it."""
    room = _ROOM.get(0)
    if room is None or len(room[0]) < size:
        room = _ROOM[0] = np.empty(size, np.uint8), np.empty(size, np.bool_)
    return room[0][:size], room[1][:size]


_ROOM: dict[int, tuple[NDArray[np.uint8], Flags]] = {}


def _are_digits(text: Words) -> Flags:
    """Whether all eight bytes of a word are digits."""
    found: Flags = ((text & _WORD_HIGHS) == _WORD_ZEROS) & (
        ((text & _WORD_LOWS) + _WORD_SIXES) & _WORD_HIGHS == 0
    )
    return found


def _digit(cells: NDArray[np.uint8]) -> Flags:
    found: Flags = cells - np.uint8(_ZERO) <= _NINE
    return found
