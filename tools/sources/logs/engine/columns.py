"""Times that stand in the same columns of all lines of a file, read for a whole block at once.

Where they stand is learnt from lines whose time `parse` read: a column is trusted only where it gave that very time
on all of them. Date and hour go through `times` (years, zones and daylight saving are its matter), once for each
different hour; minutes, seconds and their fraction are read as digits.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import re2

from tools.sources.logs import times
from tools.sources.logs.engine.scanning import Ints
from tools.sources.logs.engine.table import Bytes, Flags, LineTable, Words

NONE = -1
_NEVER = -(1 << 60)
_WORD_BYTES = 8
_MS_DIGITS = 3
_BYTE = np.uint64(0xFF)
_HIGHS, _LOWS = np.uint64(0xF0F0F0F0F0F0F0F0), np.uint64(0x0F0F0F0F0F0F0F0F)
_ZEROS, _SIXES = np.uint64(0x3030303030303030), np.uint64(0x0606060606060606)
_MINUTE_SIGNS, _MINUTE_EXPECTED = np.uint64(0xF0F0FFF0F0), np.uint64(0x30303A3030)
_MINUTE_DIGITS, _MINUTE_SIXES = np.uint64(0x0F0F000F0F), np.uint64(0x0606000606)
_MINUTE_CARRIES = np.uint64(0x1010001010)
"""Of `MM:SS` as a little-endian word: which bits are known, and what tells a digit from the signs after 9."""
_SHARE = 0.9
_GUESSED_FROM = 8
_FRACTION_DIGITS_MAX = 6
_MARKER_BYTES = 8
_MARKER_ENDS = (b"[", b'"', b":", b"=")
_MARKED_WITHIN = 4096


def _table(signs: bytes) -> Flags:
    found = np.zeros(256, np.bool_)
    found[list(signs)] = True
    return found


_ZONES_NAMED = (b" UTC", b" GMT")
_DIGITS, _POINTS, _SIGNS = _table(b"0123456789"), _table(b".,"), _table(b"+-")


class Sample(NamedTuple):
    """A line, and the time that `parse` read in it."""

    line: bytes
    event_ms: int


class _Shape(NamedTuple):
    """How one kind of time is written: the width up to the hour, where minutes and seconds stand, its whole width."""

    pattern: re2._Regexp[bytes]
    hour: int
    minute: int
    second: int
    width: int
    base: Callable[[str, str, int], int | None]


def _from_head(text: str, zone: str, arrived_ms: int) -> int | None:
    return times.from_head(f"{text}:00:00{zone} ", arrived_ms)


def _from_common(text: str, zone: str, arrived_ms: int) -> int | None:
    return times.from_head(f"[{text}:00:00{zone}] ", arrived_ms)


def _from_klog(text: str, _zone: str, arrived_ms: int) -> int | None:
    return times.from_klog(f"{text}:00:00.000", arrived_ms)


_SHAPES = {
    "iso": _Shape(
        re2.compile(rb"(\d{4}[-/]\d\d[-/]\d\d[T ]\d\d:\d\d:\d\d)(?:([.,])(\d{1,9}))?(Z|[+-]\d\d:?\d\d| [+-](?:0\d|1[0-4]):?(?:00|15|30|45)| UTC| GMT)?"), 13, 14, 17, 19, _from_head
    ),
    "common": _Shape(re2.compile(rb"\[(\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d)()()( [+-]\d{4})"), 14, 15, 18, 20, _from_common),
    "syslog": _Shape(re2.compile(rb"^(?:<\d{1,3}>)?([A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d)()()()"), 9, 10, 13, 15, _from_head),
    "klog": _Shape(re2.compile(rb"^[IWEF](\d{4} \d\d:\d\d:\d\d)(\.)(\d{1,9})()"), 7, 8, 11, 13, _from_klog),
    "day": _Shape(re2.compile(rb"(\d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d)(?:([.])(\d{1,9}))?()"), 14, 15, 18, 20, _from_head),
}  # fmt: skip
_EPOCH = re2.compile(rb'"?\b(?:time|ts|timestamp|@timestamp|t)"?[:=]"?(1\d{9})(?:(\d{3})|\.(\d{1,9}))\b')


@dataclass(frozen=True, slots=True)
class Column:
    """Where a file's times stand: `at` bytes from a line's start, before its end, or behind a marker in it."""

    kind: str
    anchor: str
    at: int = 0
    marker: bytes = b""
    digits: int = 0
    """Of the fraction of a second."""
    zone: bytes = b""

    def read(self, table: LineTable, arrived_ms: int) -> Ints:
        """Each line's time in ms since the epoch; -1 where none stands there, or where the line is indented."""
        found = np.full(table.count, NONE, np.int64)
        width = self._width
        at = self._places(table)
        inside = (at >= table.starts) & (at + width <= table.tails) & ~table.indented
        # A word of eight bytes must lie in the block whole: the last lines are read byte by byte.
        quick = inside & (at + (width + _WORD_BYTES) <= len(table.bytes))
        if quick.any():
            heads = _Heads(table.bytes, at[quick], width + _WORD_BYTES)
            in_words = self._epoch_in_words if self.kind == "epoch" else self._in_words
            found[quick] = in_words(heads, arrived_ms)
            inside &= ~quick
        rows = np.flatnonzero(inside)
        if len(rows):
            cells = table.window(at[rows], width + _WORD_BYTES)
            found[rows] = self._epoch(cells) if self.kind == "epoch" else self._clock(cells, arrived_ms)
        return found

    def _in_words(self, heads: _Heads, arrived_ms: int) -> Ints:
        """The same as `_clock`, in words: several bytes are compared, and read as digits, at once."""
        shape = _SHAPES[self.kind]
        word = heads.word(shape.minute)
        good = (word & _MINUTE_SIGNS) == _MINUTE_EXPECTED
        good &= ((word & _MINUTE_DIGITS) + _MINUTE_SIXES) & _MINUTE_CARRIES == 0
        good &= heads.word(shape.minute - 1) & _BYTE == ord(":")
        twos = _twos(word & _MINUTE_DIGITS)
        minute, second = twos & _BYTE, (twos >> np.uint64(24)) & _BYTE
        good &= (minute < 60) & (second < 60)
        found = ((minute * np.uint64(60) + second) * np.uint64(1000)).view(np.int64)
        if self.digits:
            fraction, fine = self._fraction(heads.word(shape.width))
            found += fraction
            good &= fine
        if self.zone:
            mask = np.uint64((1 << 8 * min(len(self.zone), _WORD_BYTES)) - 1)
            zone = heads.word(self._width - len(self.zone))
            good &= zone & mask == np.uint64(int.from_bytes(self.zone[:_WORD_BYTES], "little"))
        good &= ~self._goes_on(heads.word(self._width))
        found += self._bases(heads, arrived_ms)
        good &= found >= 0
        found[~good] = NONE
        return found

    def _goes_on(self, word: Words) -> Flags:
        """Behind which times a fraction or a zone follows that is none of this column's: they are other times."""
        signs = [(word >> np.uint64(8 * at) & _BYTE).astype(np.uint8) for at in range(2)]
        found: Flags = np.zeros(len(word), np.bool_)
        if not self.digits:
            found |= _POINTS[signs[0]] & _DIGITS[signs[1]]
        if not self.zone:
            apart = signs[0] == ord(" ")
            found |= signs[0] == ord("Z")
            for name in _ZONES_NAMED:
                found |= (word & np.uint64(0xFFFFFFFF)) == np.uint64(int.from_bytes(name, "little"))
            rows = np.flatnonzero(_SIGNS[np.where(apart, signs[1], signs[0])])
            offset = word[rows] >> (apart[rows] * np.uint64(8) + np.uint64(8))
            found[rows] |= _DIGITS[offset & _BYTE] & _DIGITS[offset >> np.uint64(8) & _BYTE]
        return found

    def _epoch_in_words(self, heads: _Heads, _arrived_ms: int) -> Ints:
        head, tail = (
            heads.word(0),
            heads.word(2),
        )  # ten digits of seconds: the first eight, and the last eight
        good = _are_digits(head) & _are_digits(tail)
        seconds = _eight(head) * 100 + _eight(tail) % 100
        if self.digits:
            fraction, fine = self._fraction(heads.word(10))
            return np.where(good & fine, seconds * 1000 + fraction, NONE)
        last = heads.word(5)
        return np.where(good & _are_digits(last), seconds * 1000 + _eight(last) % 1000, NONE)

    def _fraction(self, word: Words) -> tuple[Ints, Flags]:
        """Thousandths of a second; `word` begins with the sign before them."""
        sign, digits = word & _BYTE, word >> np.uint64(8)
        good = (sign == ord(".")) | (sign == ord(","))
        known = np.uint64((1 << 8 * self.digits) - 1)
        highs, lows = digits & (_HIGHS & known), digits & (_LOWS & known)
        good &= (highs == _ZEROS & known) & ((lows + (_SIXES & known)) & _HIGHS == 0)
        if self.digits == _MS_DIGITS:
            thousandths = (_twos(lows) & _BYTE) * np.uint64(10) + (lows >> np.uint64(16))
            return thousandths.view(np.int64), good
        number = np.zeros(len(word), np.int64)
        for at in range(self.digits):
            number = number * 10 + ((lows >> np.uint64(8 * at)) & _BYTE).view(np.int64)
        return (number * 1000 + 10**self.digits // 2) // 10**self.digits, good

    def _bases(self, heads: _Heads, arrived_ms: int) -> Ints | int:
        """The time of each line's hour; one number where it is the same for all."""
        width = _SHAPES[self.kind].hour
        if width < _WORD_BYTES:
            first = last = heads.word(0) & np.uint64((1 << 8 * width) - 1)
            changed = first[1:] != first[:-1]
        else:
            first, last = heads.word(0), heads.word(width - _WORD_BYTES)
            changed = (first[1:] != first[:-1]) | (last[1:] != last[:-1])
        changes = (np.flatnonzero(changed) + 1).tolist()
        known: dict[tuple[int, int], int] = {}
        found = np.empty(len(first), np.int64) if changes else None
        for start, end in pairwise([0, *changes, len(first)]):
            key = int(first[start]), int(last[start])
            if key not in known:
                base = self._base(_hour(*key, width), arrived_ms)
                known[key] = _NEVER if base == NONE else base
            if found is None:
                return known[key]
            found[start:end] = known[key]
        assert found is not None
        return found

    @property
    def _width(self) -> int:
        fraction = self.digits + (1 if self.digits else 0)
        if self.kind == "epoch":
            return 13 if self.digits == 0 else 10 + fraction
        return _SHAPES[self.kind].width + fraction + len(self.zone)

    def _places(self, table: LineTable) -> Ints:
        if self.anchor == "start":
            return table.starts + self.at
        if self.anchor == "end":
            return table.tails - self.at
        return self._behind_marker(table)

    def _behind_marker(self, table: LineTable) -> Ints:
        """Behind the first marker of each line; -1 where it has none."""
        cells, width = table.bytes, len(self.marker)
        ends = np.flatnonzero(cells == self.marker[-1]) + 1
        ends = ends[ends >= width]
        for back, sign in enumerate(reversed(self.marker[:-1]), 2):
            ends = ends[cells[ends - back] == sign]
        if not len(ends):
            return np.full(table.count, NONE, np.int64)
        first = np.searchsorted(ends, table.starts + width)
        found = ends[np.minimum(first, len(ends) - 1)]
        limits = np.minimum(table.tails, table.starts + _MARKED_WITHIN)
        return np.where((first < len(ends)) & (found <= limits), found, NONE)

    def _epoch(self, cells: Bytes) -> Ints:
        seconds, good = _number(cells, 0, 10)
        if self.digits == 0:
            fraction, fine = _number(cells, 10, 13)
        else:
            fraction, fine = _thousandths(cells, 11, self.digits)
            fine &= cells[:, 10] == ord(".")
        return np.where(good & fine, seconds * 1000 + fraction, NONE)

    def _clock(self, cells: Bytes, arrived_ms: int) -> Ints:
        shape = _SHAPES[self.kind]
        minute, good = _number(cells, shape.minute, shape.minute + 2)
        second, fine = _number(cells, shape.second, shape.second + 2)
        good &= fine & (minute < 60) & (second < 60)
        good &= (cells[:, shape.minute - 1] == ord(":")) & (cells[:, shape.second - 1] == ord(":"))
        ms = (minute * 60 + second) * 1000
        if self.digits:
            fraction, fine = _thousandths(cells, shape.width + 1, self.digits)
            ms = ms + fraction
            good &= fine & ((cells[:, shape.width] == ord(".")) | (cells[:, shape.width] == ord(",")))
        if self.zone:
            zone = cells[:, self._width - len(self.zone) : self._width]
            good &= (zone == np.frombuffer(self.zone, np.uint8)).all(1)
        behind = np.ascontiguousarray(cells[:, self._width : self._width + _WORD_BYTES])
        good &= ~self._goes_on(behind.view("<u8").ravel())
        hours = cells[:, : shape.hour]
        if (hours == hours[0]).all():
            base = self._base(bytes(hours[0]), arrived_ms)
            return np.where(good & (base != NONE), base + ms, NONE)
        changes = np.flatnonzero((hours[1:] != hours[:-1]).any(axis=1)) + 1
        known: dict[bytes, int] = {}
        bases = np.empty(len(hours), np.int64)
        for start, end in pairwise([0, *changes.tolist(), len(hours)]):
            hour = bytes(hours[start])
            if hour not in known:
                known[hour] = self._base(hour, arrived_ms)
            bases[start:end] = known[hour]
        return np.where(good & (bases != NONE), bases + ms, NONE)

    def _base(self, hour: bytes, arrived_ms: int) -> int:
        found = _SHAPES[self.kind].base(hour.decode("latin-1"), self.zone.decode("latin-1"), arrived_ms)
        return NONE if found is None else found


class _Heads:
    """The first bytes from a place on in each line, and words of eight of them."""

    def __init__(self, data: Bytes, at: Ints, width: int) -> None:
        spans = np.ndarray((len(data) - width + 1,), f"V{width}", data, strides=(1,))
        self._bytes: Bytes = spans[at].view(np.uint8)
        self._count, self._width = len(at), width

    def word(self, offset: int) -> Words:
        """Of each line, the eight bytes at an offset as one little-endian number."""
        return np.ndarray((self._count,), "<u8", self._bytes, offset=offset, strides=(self._width,))


def _hour(first: int, last: int, width: int) -> bytes:
    """The text of two words that overlap, or of one that is shorter."""
    head, tail = (part.to_bytes(_WORD_BYTES, "little") for part in (first, last))
    return head[:width] if width < _WORD_BYTES else head + tail[2 * _WORD_BYTES - width :]


def learn(samples: Sequence[Sample], arrived_ms: int) -> Column | None:
    """The column that gives the time of nearly all samples, and of none a wrong one."""
    table = LineTable(memoryview(b"".join(sample.line + b"\n" for sample in samples)))
    event_ms = np.array([sample.event_ms for sample in samples], np.int64)
    best, most = None, _SHARE * len(samples)
    for guess in dict.fromkeys(guess for line, _ in samples[:_GUESSED_FROM] for guess in _guesses(line)):
        found = guess.read(table, arrived_ms)
        right = np.abs(found - event_ms) <= 1
        count = int(right.sum())
        if count >= most and bool((right | (found == NONE)).all()) and (best is None or count > most):
            best, most = guess, count
    return best


def _guesses(line: bytes) -> list[Column]:
    found: list[Column] = []
    for kind, shape in _SHAPES.items():
        match = shape.pattern.search(line[:_MARKED_WITHIN])
        if match is not None:
            digits = len(match.group(3) or b"")
            if digits <= _FRACTION_DIGITS_MAX:
                column = Column(kind, "start", digits=digits, zone=match.group(4) or b"")
                found += _anchored(column, line, match.start(1))
    match = _EPOCH.search(line[:_MARKED_WITHIN])
    if match is not None:
        digits = len(match.group(3) or b"")
        if digits <= _FRACTION_DIGITS_MAX:
            found += _anchored(Column("epoch", "start", digits=digits), line, match.start(1))
    return found


def _anchored(column: Column, line: bytes, start: int) -> list[Column]:
    marker = line[max(0, start - _MARKER_BYTES) : start].lstrip(b"0123456789")
    behind = [replace(column, anchor="marker", marker=marker)] if marker[-1:] in _MARKER_ENDS else []
    if column.kind == "common" and behind:  # addresses before it are of any length
        return behind
    return [replace(column, at=start), replace(column, anchor="end", at=len(line) - start), *behind]


def _are_digits(word: Words) -> Flags:
    found: Flags = (word & _HIGHS == _ZEROS) & (((word & _LOWS) + _SIXES) & _HIGHS == 0)
    return found


def _eight(word: Words) -> Ints:
    """A number of eight digits: neighbours are joined to numbers of two, four and eight."""
    twos = (word & _LOWS) * np.uint64(10 * 256 + 1) >> np.uint64(8)
    fours = (twos & np.uint64(0x00FF00FF00FF00FF)) * np.uint64(100 * 65536 + 1) >> np.uint64(16)
    found = (fours & np.uint64(0x0000FFFF0000FFFF)) * np.uint64(10000 * (1 << 32) + 1) >> np.uint64(32)
    return found.astype(np.int64)


def _twos(digits: Words) -> Words:
    """Of a word of digits as numbers, each two neighbours as one number, where the first of them stands."""
    found: Words = digits * np.uint64(10) + (digits >> np.uint64(8))
    return found


def _number(cells: Bytes, start: int, end: int) -> tuple[Ints, Flags]:
    digits = cells[:, start:end] - np.uint8(48)  # what is no digit becomes more than 9
    good = np.asarray((digits <= 9).all(axis=1))
    number = digits[:, 0].astype(np.int64)
    for at in range(1, end - start):
        number *= 10
        number += digits[:, at]
    return number, good


def _thousandths(cells: Bytes, start: int, digits: int) -> tuple[Ints, Flags]:
    number, good = _number(cells, start, start + digits)
    return (number * 1000 + 10**digits // 2) // 10**digits, good
