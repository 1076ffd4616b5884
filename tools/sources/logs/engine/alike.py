"""The keys of many lines at once: what of each line decides what it means, as in `keys`, in columns of bytes.

A line's key here says at least as much as `keys.thorough` does, so that lines with one key mean the same: each word
that holds digits is its shape, numbers keep their lengths, and digits that may tell by their value stay as they are.
Lines that `keys` reads by more than this (`is_alike`) are left to it.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import re2

from tools import agent_runs
from tools.sources.logs.classify import FAILURES_IN_WORDS
from tools.sources.logs.engine import keys
from tools.sources.logs.engine.patterns import Mark
from tools.sources.logs.engine.scanning import Ints
from tools.sources.logs.engine.table import Bytes, Flags, Words, words

LINE_BYTES_MAX = keys.LONG_BYTES
"""From here on what is kept of a line's words depends on its length."""
_APART, _RUNS = int(Mark.MEASURE | Mark.ODD), int(Mark.RUN)
_PAD = b"\n" * 8
"""Before the first line and behind the last: words of eight bytes are read there."""
_NEWLINE, _ZERO, _COLON, _SPACE, _POINT, _EQUALS = 10, 48, 58, 32, 46, 61
_NINE, _NINE_SIGN = np.uint8(9), ord("9")
_KEPT_BY = np.uint8(32)
"""As `digits.kept` does it: a digit that tells becomes a sign that is none."""
_WORD_BYTES = 8
_TAIL_BYTES = 32
"""A level's name ends at most so far before its number."""
_GAP_MAX = 24
_BLANKS_MAX = 9
_LEVEL = re2.compile(rb"evel|lvl|everity|riority|@l|EVEL|LVL|EVERITY|RIORITY|at=$")
_TELLS = re2.compile(rf"(?i){FAILURES_IN_WORDS}|evel|lvl|everity|riority|@l".encode())
_LEFT_TO_KEYS = (b"\\u", b'"log":"<')


def _table(signs: bytes) -> Flags:
    found = np.zeros(256, np.bool_)
    found[list(signs)] = True
    return found


_DIGITS = b"0123456789"
_LETTERS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_DIGIT, _ALNUM, _IN_NAME = _table(_DIGITS), _table(_DIGITS + _LETTERS), _table(_DIGITS + _LETTERS + b"_")
_IN_WORD = _table(_DIGITS + _LETTERS + b"_+./:@%-")
_IN_SEGMENT = ~_table(b'/ \t\n\r\f\v?"')
_IN_NUMBER = _table(_DIGITS + b".:/TZ+-")
_UPPER = _table(_LETTERS[:26])
_BEFORE_NUMBER, _BEFORE_ZERO = _table(b" #tT"), _table(b" \t\r\f\v\"':=\\")
_X = np.uint8(ord("x"))
_FIRST = np.arange(256, dtype=np.uint8)
"""The first sign of a word that is only its shape: one that stands in no line that is read here."""
_FIRST[:128] += 128
_FIRST[_ALNUM] = 1
for _at, _sign in enumerate(b"_+./:@%-"):
    _FIRST[_sign] = (2, 3, 4, 5, 6, 7, 8, 14)[_at]
_AS_IT_IS, _CLASSES, _SHAPED, _JOINED = range(4)
_DIGIT_BIT, _ALNUM_BIT, _WORD_BIT, _SEGMENT_BIT, _NUMBER_BIT, _E_BIT = (np.uint8(1 << at) for at in range(6))
_KINDS = (
    (_DIGIT * _DIGIT_BIT)
    | (_ALNUM * _ALNUM_BIT)
    | (_IN_WORD * _WORD_BIT)
    | (_IN_SEGMENT * _SEGMENT_BIT)
    | (_IN_NUMBER * _NUMBER_BIT)
    | (_table(b"e") * _E_BIT)
).tobytes()
"""What each byte is."""
_COUNTED = np.array(
    [
        (not kind & int(_NUMBER_BIT))
        + (bool(kind & int(_DIGIT_BIT)) << 21)
        + (bool(kind & int(_E_BIT)) << 42)
        for kind in range(64)
    ],
    np.int64,
)
_COUNT_MASK = (1 << 21) - 1
"""Three counts in one number: signs that are none of a number, digits, and `e`."""
_MASKS = np.array([(1 << 8 * width) - 1 for width in range(9)], np.uint64)


def is_alike(firsts: Bytes, lengths: Ints, marks: Ints) -> Flags:
    """Which lines may be read here, from their first byte, length and marks."""
    found: Flags = (lengths < LINE_BYTES_MAX) & ((marks & _APART) == 0) & (firsts != ord("<"))
    return found


def said_by(text: bytes, marks: Ints, *, access: bool) -> list[bytes | None]:
    """What lines mean, each the same for lines that mean the same; None for a line that `keys` must read.

    `text` are whole lines, without escape sequences and with the service's own name apart; `access`: lines of requests.
    """
    padded = b"".join((_PAD, text, _PAD))
    cells = np.frombuffer(padded, np.uint8)
    left = _left_to_keys(padded, cells, access=access)
    said = without_digits(cells)
    # One look at a table for each byte; what is asked of it later is a bit.
    kinds = np.frombuffer(said.tobytes().translate(_KINDS), np.uint8)
    inside = kinds & (_SEGMENT_BIT if access else _WORD_BIT)
    edges = np.flatnonzero(inside[1:] != inside[:-1]) + 1
    found = _Words(cells, said, kinds, (edges[::2], edges[1::2]))
    if access:
        found.keep_statuses()
    lines = found.shaped().tobytes().split(b"\n")[len(_PAD) : -len(_PAD) - 1]
    result: list[bytes | None] = list(lines)
    for line in left:
        result[line] = None
    if (marks & _RUNS).any() and agent_runs.is_about(text.decode("utf-8", "replace")):
        parts = text.split(b"\n")
        for line in np.flatnonzero(marks & _RUNS).tolist():
            if agent_runs.is_about(parts[line].decode("utf-8", "replace")):
                result[line] = None
    return result


def without_digits(cells: Bytes) -> Bytes:
    """What `digits.without_digits` makes of each line; newlines stand before the first and behind the last."""
    said = np.where(cells - np.uint8(_ZERO) <= _NINE, np.uint8(_ZERO), cells)
    telling = _telling(cells)
    said[telling] = cells[telling] - _KEPT_BY
    return said


class _Words:
    """The words of all lines that hold digits: where each begins and ends."""

    def __init__(self, cells: Bytes, said: Bytes, kinds: Bytes, spans: tuple[Ints, Ints]) -> None:
        self._cells, self._said, self._kinds = cells, said, kinds
        self._all_starts, self._all_ends = starts, ends = spans
        counts = np.cumsum(_COUNTED[kinds])
        held = counts[ends - 1] - counts[starts - 1]
        self._which = np.flatnonzero((held >> 21) & _COUNT_MASK)
        self._starts, self._ends = starts[self._which], ends[self._which]
        self._counts = counts
        self._holds_line = keys.HOLDS_LINE in cells.tobytes()

    def shaped(self) -> Bytes:
        """The text with each of the words as what is kept of it."""
        self._keep_levels()
        codes = self._codes()
        said, code = self._said, self._spread(codes)
        doubtful = np.where(code != _AS_IT_IS, said, np.uint8(_NEWLINE)).tobytes()
        if _TELLS.search(doubtful) is not None:
            for match in _TELLS.finditer(doubtful):
                self._keep_word(codes, match.start())
            code = self._spread(codes)
        # A digit whose value was kept is none any more.
        alnum = ((self._kinds & _ALNUM_BIT) != 0) & (said >= _ZERO)
        out = np.where((code == _CLASSES) & alnum & (said > _NINE_SIGN), _X, said)
        shapes = code >= _SHAPED
        if not shapes.any():
            return out
        out[shapes & alnum] = _X
        first = self._starts[codes >= _SHAPED]
        out[first] = _FIRST[said[first]]
        drop = (code == _JOINED) & alnum
        drop[1:] &= alnum[:-1]
        joined: Bytes = out[~drop]
        return joined

    def _codes(self) -> Bytes:
        """How much of each word is kept."""
        starts, ends = self._starts, self._ends
        lines = np.flatnonzero(self._said == _NEWLINE)
        of = np.searchsorted(lines, starts) - 1
        head = starts - lines[of] <= keys.HEAD_BYTES
        head &= ~self._are_records(lines)[of]
        codes = np.where(head, np.where(ends - starts < keys.ID_BYTES, _CLASSES, _SHAPED), _JOINED)
        codes[self._are_numbers()] = _AS_IT_IS
        return codes.astype(np.uint8)

    def _are_records(self, newlines: Ints) -> Flags:
        """As `keys.is_record`, of the line behind each newline; of none where one may hold a line of Docker's."""
        found: Flags = np.zeros(len(newlines), np.bool_)
        if self._holds_line:
            return found
        # Behind the last line there are newlines alone.
        cells, before, ends = self._cells, newlines[:-2], newlines[1:-1] - 1
        ends = ends - (cells[ends] == ord("\r"))
        begins = (cells[before + 1] == keys.RECORD[0]) & (cells[before + 2] == keys.RECORD[1])
        found[:-2] = begins & (cells[ends] == ord("}"))
        return found

    def _are_numbers(self) -> Flags:
        starts, ends, said = self._starts, self._ends, self._said
        behind_first = self._counts[ends - 1] - self._counts[starts]
        others = behind_first & _COUNT_MASK
        exponent = (others == 1) & (behind_first >> 42 == 1)
        inner_end = np.maximum(ends - 4, starts)
        inner = (self._counts[inner_end] - self._counts[starts]) & _COUNT_MASK
        first = said[starts]
        numeric = _IN_NUMBER[first]
        found: Flags = (others == 0) & numeric
        doubtful = np.flatnonzero(~found & (inner == 0) & (numeric | _UPPER[first]))
        if len(doubtful):
            widths = ends[doubtful] - starts[doubtful]
            tails = words(said)[ends[doubtful] - _WORD_BYTES] >> (
                np.uint64(8) * (_WORD_BYTES - np.minimum(widths, _WORD_BYTES)).astype(np.uint64)
            )
            different, index = np.unique(tails, return_inverse=True)
            longer = widths > _WORD_BYTES
            verdicts = np.array([_is_number(tail) for tail in different.tolist()], np.bool_)
            ends_well = np.array([_is_number_end(tail) for tail in different.tolist()], np.bool_)
            found[doubtful] = np.where(longer, ends_well[index], verdicts[index])
        found |= exponent & (numeric | _UPPER[first])
        return found

    def _keep_levels(self) -> None:
        """Keep the digits of what stands behind the name of a level."""
        which, starts, ends = self._which, self._all_starts, self._all_ends
        before = which - 1
        colon = (before > 0) & (ends[before] - starts[before] == 1) & (self._said[starts[before]] == _COLON)
        before = np.where(colon, before - 1, before)
        near = (before >= 0) & (self._starts - ends[np.maximum(before, 0)] <= _GAP_MAX)
        rows = np.flatnonzero(near)
        if not len(rows):
            return
        rows = rows[self._name_levels(starts[before[rows]], ends[before[rows]])]
        start, end = self._starts[rows], self._ends[rows]
        first = start + (self._said[start] == _COLON)
        number = _DIGIT[self._cells[first]]
        # Of a number three digits are read; a word with digits in it is kept whole.
        at = first[number, None] + np.arange(3)
        at = at[(at < end[number, None]) & _DIGIT[self._cells[at]]]
        self._said[at] = self._cells[at] - _KEPT_BY
        for from_, to in zip(start[~number].tolist(), end[~number].tolist(), strict=True):
            self._keep(from_, to)

    def _name_levels(self, starts: Ints, ends: Ints) -> Flags:
        text = words(self._said)
        key = self._said[ends].astype(np.uint64)
        for at in range(0, _TAIL_BYTES, _WORD_BYTES):
            width = np.clip(ends - at - starts, 0, _WORD_BYTES)
            word = text[np.maximum(ends - at - _WORD_BYTES, 0)]
            word = (
                word >> (np.uint64(8) * (_WORD_BYTES - width).astype(np.uint64) % np.uint64(64))
            ) & _MASKS[width]
            key = _mixed(key, word)
        _, first, index = np.unique(key, return_index=True, return_inverse=True)
        tails = (
            self._said[max(int(ends[at]) - _TAIL_BYTES, int(starts[at])) : int(ends[at]) + 1].tobytes()
            for at in first
        )
        found: Flags = np.array([_names_level(tail) for tail in tails], np.bool_)[index]
        return found

    def keep_statuses(self) -> None:
        """Keep an answer's status where it is a failure of the service."""
        cells = self._cells
        at = np.flatnonzero((cells >= ord("5")) & (cells <= ord("9")))
        before = cells[at - 1]
        at = at[(before == _SPACE) | (before == ord('"')) | (before == ord("\t"))]
        at = at[_DIGIT[cells[at + 1]] & _DIGIT[cells[at + 2]] & ~_IN_NAME[cells[at + 3]]]
        for offset in range(3):
            self._said[at + offset] = cells[at + offset] - _KEPT_BY

    def _keep_word(self, codes: Bytes, at: int) -> None:
        word = int(np.searchsorted(self._starts, at, "right")) - 1
        codes[word] = _AS_IT_IS
        start, end = int(self._starts[word]), int(self._ends[word])
        if _LEVEL.search(self._said[start:end].tobytes()) is not None:
            self._keep(start, end)

    def _keep(self, start: int, end: int) -> None:
        cells, said = self._cells[start:end], self._said[start:end]
        digits = _DIGIT[cells]
        said[digits] = cells[digits] - _KEPT_BY

    def _spread(self, codes: Bytes) -> Bytes:
        """The code of each byte's word, on every byte of it."""
        steps = np.zeros(len(self._said) + 1, np.uint8)
        # Neighbours never touch: a word ends with a byte of none.
        steps[self._starts] = codes
        steps[self._ends] -= codes
        found: Bytes = np.cumsum(steps[:-1], dtype=np.uint8)
        return found


def _telling(cells: Bytes) -> Ints:
    """Where digits stand that may tell by their value: what `digits.without_digits` keeps."""
    at = np.flatnonzero((cells == _ZERO) | (cells == ord("1")) | (cells == ord("4")))
    before = cells[at - 1]
    begins = ~_IN_NAME[before] | (before == ord("t")) | (before == ord("T"))
    rest = np.flatnonzero(~begins & ((before == ord("n")) | (before == ord("r")) | (before == ord("m"))))
    if len(rest):
        two, three, four = (cells[at[rest] - back] for back in (2, 3, 4))
        escaped = (before[rest] != ord("m")) & (two == ord("\\"))
        coloured = (before[rest] == ord("m")) & _DIGIT[two]
        opened = (three == ord("[")) | (_DIGIT[three] & (four == ord("[")))
        begins[rest] = escaped | (coloured & opened)
    at, before = at[begins], before[begins]
    digit, after = cells[at], cells[at + 1]
    ordinal = _BEFORE_NUMBER[before]
    zero = (digit == _ZERO) & (~_IN_NAME[after] | ordinal | (_BEFORE_ZERO[before] & ~_DIGIT[after]))
    one = (digit == ord("1")) & ordinal & ~_DIGIT[after]
    third = cells[at + 2]
    client = (after == _ZERO) & (third >= _ZERO) & (third <= ord("9"))
    client &= (third != ord("2")) & (third != ord("7")) & (third != ord("8"))
    client |= (after == ord("2")) & ((third == ord("2")) | (third == ord("9")))
    statuses = at[(digit == ord("4")) & client & ~_DIGIT[cells[np.minimum(at + 3, len(cells) - 1)]]]
    decimal = at[(digit == _ZERO) & (after == _POINT) & (third == _ZERO)]
    return np.concatenate((at[zero | one], statuses, statuses + 1, statuses + 2, *_decimals(cells, decimal)))


def _decimals(cells: Bytes, at: Ints) -> list[Ints]:
    """The zeros of `0.0`, `0.000`, where no other digit or point follows."""
    if not len(at):
        return []
    others = np.flatnonzero(cells != _ZERO)
    ends = others[np.searchsorted(others, at + 2)]
    whole = ~(_DIGIT[cells[ends]] | (cells[ends] == _POINT))
    spans = zip(at[whole].tolist(), ends[whole].tolist(), strict=True)
    return [at for start, end in spans for at in (np.array([start]), np.arange(start + 2, end))]


def _left_to_keys(text: bytes, cells: Bytes, *, access: bool) -> set[int]:
    """Lines by number that hold what is read in `keys` alone."""
    places = [at for needle in _LEFT_TO_KEYS if needle in text for at in _all(text, needle)]
    if b"\n{" in text:
        places += _bad_numbers(cells)
    if access and not text.isascii():
        places += np.flatnonzero(cells >= 128).tolist()
    if not places:
        return set()
    ends = np.flatnonzero(cells == _NEWLINE)
    return set((np.searchsorted(ends, places) - len(_PAD)).tolist())


def _bad_numbers(cells: Bytes) -> list[int]:
    """Numbers in records that begin with a zero they must not have: with one a line is no record."""
    zeros = np.flatnonzero((cells[1:-1] == _ZERO) & _DIGIT[cells[2:]] & ~_DIGIT[cells[:-2]]) + 1
    before = zeros - 1
    before -= cells[before] == ord("-")
    for _ in range(_BLANKS_MAX):
        blank = (cells[before] == _SPACE) | (cells[before] == ord("\t"))
        if not blank.any():
            break
        before -= blank
    found = zeros[(cells[before] == _COLON) & (cells[before - 1] == ord('"'))]
    return [int(at) for at in found]


def _all(text: bytes, needle: bytes) -> list[int]:
    found, at = [], text.find(needle)
    while at >= 0:
        found.append(at)
        at = text.find(needle, at + 1)
    return found


@cache
def _is_number(tail: int) -> bool:
    return keys.is_number(_bytes(tail))


@cache
def _is_number_end(tail: int) -> bool:
    """The same of a word of which only signs of numbers stand before these."""
    return keys.is_number(b"0" + _bytes(tail))


@cache
def _names_level(tail: bytes) -> bool:
    return _LEVEL.search(tail) is not None


def _bytes(word: int) -> bytes:
    return word.to_bytes(_WORD_BYTES, "little").rstrip(b"\0")


def _mixed(key: Words, word: Words) -> Words:
    mixed: Words = (key ^ word) * np.uint64(0x9E3779B97F4A7C15)
    mixed ^= mixed >> np.uint64(29)
    return mixed
