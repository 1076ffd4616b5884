"""The keys of many lines at once: what of each line decides what it means, as in `keys`, in columns of bytes and bits.

A line's key here says at least as much as `keys.thorough` does, so that lines with one key mean the same: each word
that holds digits is its shape, numbers keep their lengths, and digits that may tell by their value stay as they are.
Lines that `keys` reads by more than this (`is_alike`) are left to it.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import re2

from tools import agent_runs, outward_text
from tools.sources.logs.classify import FAILURES_IN_WORDS
from tools.sources.logs.engine import bits, keys
from tools.sources.logs.engine.patterns import Mark
from tools.sources.logs.engine.scanning import Ints
from tools.sources.logs.engine.table import Bytes, Flags

LINE_BYTES_MAX = keys.LONG_BYTES
"""From here on what is kept of a line's words depends on its length."""
_APART, _RUNS, _INSIDE = int(Mark.MEASURE | Mark.ODD), int(Mark.RUN), int(Mark.INSIDE)
_PAD = b"\n" * 8
"""Before the first line and behind the last: what is asked of neighbours is asked of these."""
_NEWLINE, _ZERO, _COLON, _SPACE, _POINT, _TAB, _QUOTE = 10, 48, 58, 32, 46, 9, 34
_NINE = np.uint8(9)
_KEPT_BY = np.uint8(32)
"""As `digits.kept` does it: a digit that tells becomes a sign that is none."""
_BLANKS_MAX = 9
_NAME_MAX, _GAP_MAX, _LEVEL_DIGITS = 32, 40, 3
"""Between a level's name and its number: more letters, then blanks, quotes and the like."""
_SUFFIX_MAX = 3
_LEVEL = re2.compile(rb"(?i)evel|lvl|everity|riority|@l")
_TELLS = re2.compile(rf"(?i){FAILURES_IN_WORDS}|evel|lvl|everity|riority|@l".encode())
_ESCAPED, _PRIORITY = b"\\u", b'"log":"<'
_GONE, _HIDDEN, _LETTER = b"\0", 1, 2
"""What stands for a sign of a word that is only its shape: they are in no line that is read here."""


def _table(signs: bytes) -> Flags:
    found = np.zeros(256, np.bool_)
    found[list(signs)] = True
    return found


_DIGITS = b"0123456789"
_LETTERS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_DIGIT, _IN_NAME = _table(_DIGITS), _table(_DIGITS + _LETTERS + b"_")
_BEFORE_NUMBER, _BEFORE_ZERO = _table(b" #tT"), _table(b" \t\r\f\v\"':=\\")
_ALNUM, _WORD, _SEGMENT, _NUMBER, _UPPER, _BEGINS, _SUFFIX, _BEYOND_F = (np.uint8(1 << at) for at in range(8))
_KINDS = (
    (_table(_DIGITS + _LETTERS) * _ALNUM)
    | (_table(_DIGITS + _LETTERS + b"_+./:@%-") * _WORD)
    | (~_table(b'/ \t\n\r\f\v?"') * _SEGMENT)
    | (_table(_DIGITS + b".:/TZ+-") * _NUMBER)
    | (_table(_LETTERS[:26]) * _UPPER)
    | ((~_IN_NAME | _table(b"tTnrm")) * _BEGINS)
    | (_table(b"smhdx%kKMgGbBunAaPpi") * _SUFFIX)
    | (_table(_LETTERS[6:26] + _LETTERS[32:]) * _BEYOND_F)
).tobytes()
"""What each byte is. `_BEGINS`: behind it a digit may begin a number."""
_OF_KEPT = np.uint8(_SEGMENT)
_IN_LEVEL, _BEHIND_LEVEL = _table(_LETTERS + b"=@_"), _table(b'\\" \t:=')


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
    newlines = np.flatnonzero(cells == _NEWLINE)
    records = bool((cells[newlines[:-1] + 1] == keys.RECORD[0]).any())
    holds_line = records and keys.HOLDS_LINE in padded
    places = _left_to_keys(padded, cells, records=records, holds_line=holds_line)
    if access and not text.isascii():
        places += np.flatnonzero(cells >= 128).tolist()
    kinds = np.array(np.frombuffer(padded.translate(_KINDS), np.uint8))
    said = _without_digits(cells, kinds)
    if access:
        _keep_statuses(cells, said)
    _keep_levels(cells, said)
    printed = _printed(cells, newlines, records=records and not holds_line)
    shaped = _shaped(cells, said, kinds, _SEGMENT if access else _WORD, printed)
    lines: list[bytes | None] = [*shaped.split(b"\n")[len(_PAD) : -len(_PAD) - 1]]
    left = set((np.searchsorted(newlines, places) - len(_PAD)).tolist()) if places else set()
    left |= _saying(padded, newlines, np.flatnonzero(marks & _RUNS).tolist(), agent_runs.is_about)
    left |= _saying(padded, newlines, np.flatnonzero(marks & _INSIDE).tolist(), outward_text.may_answer)
    for line in left:
        lines[line] = None
    return lines


# --- digits ----------------------------------------------------------------------------------------------


def without_digits(cells: Bytes) -> Bytes:
    """What `digits.without_digits` makes of each line; newlines stand before the first and behind the last."""
    return _without_digits(cells, np.array(np.frombuffer(cells.tobytes().translate(_KINDS), np.uint8)))


def _without_digits(cells: Bytes, kinds: Bytes) -> Bytes:
    """The same; a digit that is kept is of no kind any more."""
    values = cells - np.uint8(_ZERO)
    said: Bytes = cells - values * (values <= _NINE)
    telling = _telling(cells, kinds)
    said[telling] = cells[telling] - _KEPT_BY
    kinds[telling] = _OF_KEPT
    return said


def _telling(cells: Bytes, kinds: Bytes) -> Ints:
    """Where digits stand that may tell by their value: what `digits.without_digits` keeps."""
    candidates = (cells == _ZERO) | (cells == ord("1")) | (cells == ord("4"))
    candidates[1:] &= (kinds[:-1] & _BEGINS) != 0
    at = np.flatnonzero(candidates)
    before = cells[at - 1]
    begins = ~_IN_NAME[before] | (before == ord("t")) | (before == ord("T"))
    rest = np.flatnonzero(~begins)
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
    ends = at + 2
    while (zeros := cells[ends] == _ZERO).any():
        ends += zeros
    whole = ~(_DIGIT[cells[ends]] | (cells[ends] == _POINT))
    spans = zip(at[whole].tolist(), ends[whole].tolist(), strict=True)
    return [at for start, end in spans for at in (np.array([start]), np.arange(start + 2, end))]


def _keep_statuses(cells: Bytes, said: Bytes) -> None:
    """Keep an answer's status where it is a failure of the service."""
    high = cells - np.uint8(ord("5")) <= ord("9") - ord("5")
    high[1:] &= (cells[:-1] == _SPACE) | (cells[:-1] == _QUOTE) | (cells[:-1] == _TAB)
    at = np.flatnonzero(high)
    at = at[_DIGIT[cells[at + 1]] & _DIGIT[cells[at + 2]] & ~_IN_NAME[cells[at + 3]]]
    for offset in range(3):
        said[at + offset] = cells[at + offset] - _KEPT_BY


def _keep_levels(cells: Bytes, said: Bytes) -> None:
    """Keep the digits of what stands behind the name of a level."""
    low = cells | 32
    of_e, of_l, of_t, of_v = (low == ord(sign) for sign in "eltv")
    # Of `evel`, `lvl`, `everity`, `riority`, `at=` and `@l` what stands nowhere else as often.
    maybe = cells == ord("@")
    maybe[1:] |= (of_v[1:] & (of_e | of_l)[:-1]) | (((low == ord("y")) | (cells == ord("=")))[1:] & of_t[:-1])
    at = np.flatnonzero(maybe)
    sign, after = low[at], low[at + 1]
    two, three, four = (low[at - back] for back in (2, 3, 4))
    named = of_v[at] & (after == ord("l")) & of_l[at - 1]
    named |= of_v[at] & (after == ord("e")) & (low[at + 2] == ord("l"))
    named |= (two == ord("i")) & (three == ord("r")) & ((four == ord("e")) | (four == ord("o")))
    named |= (sign == ord("=")) & (two == ord("a"))
    named |= (cells[at] == ord("@")) & (after == ord("l"))
    at = at[named] + 1
    for table, most in ((_IN_LEVEL, _NAME_MAX), (_BEHIND_LEVEL, _GAP_MAX)):
        for _ in range(most):
            inside = table[cells[at]]
            if not inside.any():
                break
            at += inside
    for _ in range(_LEVEL_DIGITS):
        at = at[_DIGIT[cells[at]]]
        said[at] = cells[at] - _KEPT_BY
        at = at + 1


# --- words -----------------------------------------------------------------------------------------------


def _shaped(cells: Bytes, said: Bytes, kinds: Bytes, of_word: np.uint8, printed: tuple[Ints, Ints]) -> bytes:
    """The text with each word that holds digits as what is kept of it; `printed`: where lines that are no records lie."""
    size, inside = len(said), kinds & of_word
    words, digits = bits.of(inside), bits.of(said == _ZERO)
    ends = bits.onward(digits & words, words) & ~words & ~_number_ends(said, kinds, words)
    if not ends:
        return said.tobytes()
    shapes = _up_to(ends, words, bits.mirrored_of(inside), size)
    shapes &= ~_telling_words(cells, said, inside, shapes)
    starts = words & ~(words << 1) & shapes
    in_head = bits.onward(starts & _begun(printed, keys.HEAD_BYTES, size), words)
    near = bits.onward(starts & _begun(printed, keys.NEAR_BYTES, size), words)
    ids = bits.onward(starts & _ids(words), words)
    # A digit whose value was kept is none any more.
    alnum = bits.of(((kinds & _ALNUM) != 0) & (said >= _ZERO)) & shapes
    shown = alnum & ~_names(kinds, alnum, digits)
    classes = shapes & in_head & ~ids
    letters = classes & shown & ~digits
    hidden = shown & ~classes
    gone = hidden & ~near & (alnum << 1)
    column = bits.column(hidden | letters, size)
    column -= np.uint8(1)
    column &= said
    column |= bits.column(hidden & ~gone, size) * np.uint8(_HIDDEN)
    column |= bits.column(letters, size) * np.uint8(_LETTER)
    return column.tobytes().translate(None, _GONE)


def _number_ends(said: Bytes, kinds: Bytes, words: int) -> int:
    """Behind which signs a word ends that `keys.is_number` takes for one, or nearly so: such a word stays as it is."""
    starts = words & ~(words << 1)
    numbers = bits.of(kinds & _NUMBER) & words
    first = (starts | ((starts & bits.of(kinds & _UPPER)) << 1)) & numbers
    behind = found = bits.onward(first, numbers) & ~numbers
    exponents = ((behind & bits.of(said == ord("e"))) << 1) & numbers
    found |= bits.onward(exponents, numbers) & ~numbers
    suffixes = bits.of(kinds & _SUFFIX) & words
    for _ in range(_SUFFIX_MAX):
        behind = (behind & suffixes) << 1
        found |= behind
    return found & ~words


def _printed(cells: Bytes, newlines: Ints, *, records: bool) -> tuple[Ints, Ints]:
    """Where the lines begin and end that are no records; `records`: some may be."""
    before, ends = newlines[len(_PAD) - 1 : -len(_PAD) - 1], newlines[len(_PAD) : -len(_PAD)]
    if records:
        # As `keys.is_record`, where no line holds one of Docker's.
        last = ends - 1
        last = last - (cells[last] == ord("\r"))
        record = (cells[before + 1] == keys.RECORD[0]) & (cells[before + 2] == keys.RECORD[1])
        others = ~(record & (cells[last] == ord("}")))
        before, ends = before[others], ends[others]
    return before + 1, ends


def _begun(printed: tuple[Ints, Ints], length: int, size: int) -> int:
    """The first bytes of lines, up to so many of each."""
    starts, ends = printed
    if not len(starts):
        return 0
    return bits.at(np.minimum(starts + length, ends), size) - bits.at(starts, size)


def _names(kinds: Bytes, alnum: int, digits: int) -> int:
    """Letters that `keys` takes for a name: they stay as they are."""
    size, upper = len(kinds), bits.of(kinds & _UPPER)
    others = (alnum & digits) | (upper & ((alnum & ~upper & ~digits) << 1))
    ends = bits.onward(bits.of(kinds & _BEYOND_F) & alnum, alnum) & ~bits.onward(others, alnum) & ~alnum
    return _up_to(ends, alnum, bits.mirrored(alnum, size), size)


def _up_to(ends: int, runs: int, backward: int, size: int) -> int:
    """The whole runs before some ends; `backward` are all runs from the end."""
    return bits.mirrored(bits.onward(bits.mirrored(ends >> 1 & runs, size), backward) & backward, size)


def _ids(words: int) -> int:
    """Where at least `keys.ID_BYTES` signs of a word follow."""
    found, width = words, 1
    while width < keys.ID_BYTES:
        step = min(width, keys.ID_BYTES - width)
        found &= found >> step
        width += step
    return found


def _telling_words(cells: Bytes, said: Bytes, inside: Bytes, shapes: int) -> int:
    """Words that may tell of a failure, or name a level: they stay as they are, of the latter with all digits."""
    size = len(said)
    # One sign behind each word keeps it apart from the next one.
    chosen = said & -bits.column(shapes | shapes << 1, size)
    if _TELLS.search(chosen.tobytes().translate(None, _GONE)) is None:
        return 0
    text = np.where(bits.column(shapes, size), said, np.uint8(_NEWLINE)).tobytes()
    outside = np.flatnonzero(inside == 0)
    found, end = np.zeros(size, np.bool_), 0
    for match in _TELLS.finditer(text):
        if match.start() < end:  # another one in the same word
            continue
        at = int(np.searchsorted(outside, match.start()))
        start, end = int(outside[at - 1]) + 1, int(outside[at])
        found[start:end] = True
        if _LEVEL.search(text, start, end) is not None:
            kept = start + np.flatnonzero(_DIGIT[cells[start:end]])
            said[kept] = cells[kept] - _KEPT_BY
    return bits.of(found)


# --- lines that are left to `keys` -----------------------------------------------------------------------


def _left_to_keys(text: bytes, cells: Bytes, *, records: bool, holds_line: bool) -> list[int]:
    """Places in lines that hold what is read in `keys` alone."""
    # To look for one sign is much quicker than for two.
    places = _all(text, _ESCAPED) if b"\\" in text else []
    places += _all(text, _PRIORITY) if holds_line else []
    return places + (_bad_numbers(cells) if records else [])


def _saying(padded: bytes, newlines: Ints, lines: list[int], says: Callable[[str], bool]) -> set[int]:
    """Which of the lines say something, where hardly any does: all are asked at once."""
    spans = ((newlines[at + len(_PAD) - 1] + 1, newlines[at + len(_PAD)]) for at in lines)
    texts = b"\n".join([padded[start:end] for start, end in spans]).decode("utf-8", "replace")
    if not says(texts):
        return set()
    return {at for at, text in zip(lines, texts.split("\n"), strict=True) if says(text)}


def _bad_numbers(cells: Bytes) -> list[int]:
    """Numbers in records that begin with a zero they must not have: with one a line is no record."""
    digits = cells - np.uint8(_ZERO) <= _NINE
    zeros = np.flatnonzero((cells[1:-1] == _ZERO) & digits[2:] & ~digits[:-2]) + 1
    before = zeros - 1
    before -= cells[before] == ord("-")
    for _ in range(_BLANKS_MAX):
        blank = (cells[before] == _SPACE) | (cells[before] == _TAB)
        if not blank.any():
            break
        before -= blank
    found = zeros[(cells[before] == _COLON) & (cells[before - 1] == _QUOTE)]
    return [int(at) for at in found]


def _all(text: bytes, needle: bytes) -> list[int]:
    found, at = [], text.find(needle)
    while at >= 0:
        found.append(at)
        at = text.find(needle, at + 1)
    return found
