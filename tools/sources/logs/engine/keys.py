"""What lines of one template have in common, as a key: of all lines with the same key, one is judged.

First the line with each digit as one; where that is new, the line with each word that holds a digit as its shape,
which lines with ids in letters and digits share too; only names inside of one stay. What decides what a line means is
part of the key: its marks, zeros and statuses, numeric levels, words of failure, and what it says of agents, memory and
answers. Numbers keep their lengths, for a head, a date or a status is known by them; those of a long line decide where
it is cut.
"""

from __future__ import annotations

import re
from collections.abc import Hashable
from functools import lru_cache

from tools.agent_runs import told
from tools.memory_figures import figure_of
from tools.outward_text import exposed
from tools.sources.logs.classify import tells_of_failure
from tools.sources.logs.digits import without_digits
from tools.sources.logs.engine.patterns import KEYED, Mark

READ_BYTES = 16 * 1024
LONG_BYTES = 1500
"""From here on what a line says may be cut, and where depends on the lengths of its words."""
_ALNUM = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_SHAPE = bytes.maketrans(_ALNUM, b"x" * len(_ALNUM))
_CLASSES = bytes.maketrans(_ALNUM, b"0" * 10 + b"x" * 52)
HEAD_BYTES = 120
"""What a line says of itself stands there: time, level, name."""
NEAR_BYTES = 400
"""Within so many a level is looked for, and how long words are decides where it stands."""
RECORD, HOLDS_LINE = b'{"', b'"log"'
"""How a record begins, and the field in which Docker puts a line with a head."""
ID_BYTES = 12
"""Longer words with digits are ids."""
_WORD = re.compile(rb"([A-Za-z0-9_+./:@%-]+)")
"""As in `templates`: what holds a digit of it is a variable there."""
_SEGMENT = re.compile(rb"([^/\s?\"]+)")
"""Of an access line's path."""
_RUN = re.compile(rb"([A-Za-z0-9]+)")
_NAME, _HEXADECIMAL = re.compile(rb"[A-Z]*[a-z]*"), re.compile(rb"[A-Fa-f]*")
"""Letters that are the name of something, not of an id: `found:7` and `saved:7`, `INFO/worker-7` and `WARN/worker-7`."""
_NUMBER = re.compile(
    rb"[A-Z]?[0-9.:/TZ+-]+(?:ms|us|ns|[smhdx%]|[kKmMgG]i?[bB]|[kKmMgGbB]|[AaPp][Mm]|e[+-]?0+)?"
)
"""Also a date or a time, with the letter that klog puts before it."""
_STATUS = re.compile(rb"[\" \t]([5-9]\d\d)\b")
_LEVEL_WORDS = (
    b"evel",
    b"lvl",
    b"everity",
    b"riority",
    b"@l",
    b"at=",
    b"EVEL",
    b"LVL",
    b"EVERITY",
    b"RIORITY",
)
_LEVEL = re.compile(rb"[A-Za-z=@]{2,20}(?:_[A-Za-z]{0,9})?\\{0,7}\"?[ \t]*+[:=]?[ \t]*+\\{0,7}\"?(\d{1,3})")
"""A level as a number, behind its name; blanks are never given back, or many of them would be tried in all shares."""
_PRIORITY = b'"log":"<'
_BAD_NUMBER = re.compile(rb"\":[ \t]{0,9}-?0\d")
"""With it a record is no JSON."""
_ESCAPED = re.compile(rb"\\u[0-9a-fA-F]{4}")
_KEYED, _STATUSES = int(KEYED), int(Mark.STATUS)
_MEASURE, _AGENTS, _INSIDE = int(Mark.MEASURE), int(Mark.RUN), int(Mark.INSIDE)
_TOLD = _MEASURE | _AGENTS | _INSIDE
_SPREAD = 0x9E3779B97F4A7C1
"""So that marks move all bits of a key."""
_SHAPES_MAX = 8192
"""Words without their digits are few: times, ids of one length, sizes."""
_SHAPE_BYTES_MAX = 64
"""A longer word hardly comes again, and many of them would be kept."""


def quick(line: bytes, mark: int) -> int:
    """The key of a line as it is, without escape sequences."""
    return of(without_digits(line), told_by(line, mark))


def of(said: bytes, told: int) -> int:
    """The key of what a line says and of what is told apart beside it.

    Hashes are never put together by sums: those of equal parts would cancel out.
    """
    return hash((said, told))


def thorough(line: bytes, mark: int) -> int:
    """The key of a line without the words that hold digits."""
    return of(shaped(without_digits(line), mark), told_by(line, mark))


def shaped(said: bytes, mark: int) -> bytes:
    """A line without digits, with each word that held some as its shape."""
    parts = (_SEGMENT if mark & _STATUSES else _WORD).split(said)
    variable = [at for at in range(1, len(parts), 2) if b"0" in parts[at]]
    # Asked of all at once: hardly ever does one tell of a failure.
    telling = tells_of_failure(b" ".join([parts[at] for at in variable]))
    # Of words in the head, and in a line so long that it is cut, more is kept.
    long, place, done = len(said) > LONG_BYTES, 0, 0
    head_bytes, near_bytes = (0, 0) if is_record(said) else (HEAD_BYTES, NEAR_BYTES)
    for at in variable:
        word = parts[at]
        place += sum(map(len, parts[done:at])) if place < near_bytes else 0
        done = at
        if not (telling and tells_of_failure(word)):
            parts[at] = _shape(word, head=place < head_bytes, near=place < near_bytes, fixed=long)
    return b"".join(parts)


def is_record(line: bytes) -> bool:
    """Whether a line says what it is by the names of its fields, not by what its head looks like."""
    return line.startswith(RECORD) and line.rstrip().endswith(b"}") and HOLDS_LINE not in line


def is_number(word: bytes) -> bool:
    """Whether a word is kept as it is, but for the values of its digits: a number, a date, a size, a duration."""
    return _NUMBER.fullmatch(word) is not None


def _shape(word: bytes, *, head: bool, near: bool, fixed: bool) -> bytes:
    shape = _shape_of if len(word) > _SHAPE_BYTES_MAX else _known_shape
    return shape(word, head=head, near=near, fixed=fixed)


def _shape_of(word: bytes, *, head: bool, near: bool, fixed: bool) -> bytes:
    if is_number(word):
        return word
    short = head and len(word) < ID_BYTES
    table, begin = (_CLASSES, b"") if short else (_SHAPE, b"*")
    size = None if near or fixed else 1
    parts = _RUN.split(word)
    parts[1::2] = [run if _is_name(run) else run.translate(table)[:size] for run in parts[1::2]]
    return begin + b"".join(parts)


def _is_name(run: bytes) -> bool:
    return _NAME.fullmatch(run) is not None and _HEXADECIMAL.fullmatch(run) is None


_known_shape = lru_cache(maxsize=_SHAPES_MAX)(_shape_of)


def told_by(line: bytes, mark: int) -> int:
    """The part of a key that is not the words: marks, numeric levels, escapes, and what the figures say."""
    key = hash((mark & _KEYED) * _SPREAD)
    for word in _LEVEL_WORDS:
        at = line.find(word)
        while at >= 0:
            match = _LEVEL.match(line, at)
            if match is not None:
                key = hash((key, match.group(1)))
            at = line.find(word, at + 1)
    first = line[:1]
    if first == b"<":
        key = hash((key, line[:6]))
    elif first == b"{":
        if _BAD_NUMBER.search(line) is not None:
            key = hash((key, True))
        at = line.find(_PRIORITY)
        if at >= 0:
            key = hash((key, line[at : at + len(_PRIORITY) + 5]))
    if b"\\u" in line:
        key = hash((key, tuple(_ESCAPED.findall(line))))
    return hash((key, _figures(line, mark))) if mark & (_STATUSES | _TOLD) else key


def _figures(line: bytes, mark: int) -> Hashable:
    statuses = tuple(_STATUS.findall(line)) if mark & _STATUSES else ()
    if not mark & _TOLD:
        return statuses
    text = line.decode("utf-8", "replace")
    trouble = told(text) if mark & _AGENTS else None
    measured = bool(mark & _MEASURE) and figure_of(text) is not None
    shown = bool(mark & _INSIDE) and exposed(text) is not None
    return statuses, trouble and trouble.trouble, measured, shown
