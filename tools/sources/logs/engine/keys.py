"""What lines of one template have in common, as a key: of all lines with the same key, one is judged.

First the line with each number as one digit; where that is new, the line with each word that holds a digit as its
shape, which lines with ids in letters and digits share too. What decides what a line means is part of the key: its
marks (levels), zeros and statuses, words of failure, and what it says of agents, memory and answers.
"""

from __future__ import annotations

import re
from collections.abc import Hashable

from tools.agent_runs import told
from tools.memory_figures import figure_of
from tools.outward_text import exposed
from tools.sources.logs.classify import tells_of_failure
from tools.sources.logs.digits import without_digits
from tools.sources.logs.engine.patterns import KEYED, Mark

READ_BYTES = 16 * 1024
_ALNUM = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_SHAPE = bytes.maketrans(_ALNUM, b"0" * len(_ALNUM))
_WORD = re.compile(rb"([A-Za-z0-9_+./:@%-]+)")
"""As in `templates`: what holds a digit of it is a variable there."""
_SEGMENT = re.compile(rb"([^/\s?\"]+)")
"""Of an access line's path."""
_STATUS = re.compile(rb"[\" \t]([5-9]\d\d)\b")
_KEYED, _STATUSES, _MEASURE = int(KEYED), int(Mark.STATUS), int(Mark.MEASURE)
_FIGURED = _STATUSES | _MEASURE
_SPREAD = 0x9E3779B97F4A7C1
"""So that marks move all bits of a key."""


def quick(line: bytes, mark: int) -> int:
    """The key of a line as it is, without escape sequences."""
    return hash(without_digits(line)) ^ _told(line, mark)


def thorough(line: bytes, mark: int) -> int:
    """The key of a line without the words that hold digits."""
    part = _SEGMENT if mark & _STATUSES else _WORD
    parts = part.split(without_digits(line))
    variable = [at for at in range(1, len(parts), 2) if b"0" in parts[at]]
    # Asked of all at once: hardly ever does one tell of a failure.
    telling = tells_of_failure(b" ".join([parts[at] for at in variable]))
    for at in variable:
        if not (telling and tells_of_failure(parts[at])):
            parts[at] = _shape(parts[at])
    return hash(b"".join(parts)) ^ _told(line, mark)


def _shape(word: bytes) -> bytes:
    if word == b"0":
        return b"#"
    shape = word.translate(_SHAPE)
    while b"00" in shape:
        shape = shape.replace(b"00", b"0")
    return b"*" + shape


def _told(line: bytes, mark: int) -> int:
    key = (mark & _KEYED) * _SPREAD
    return key ^ hash(_figures(line, mark)) if mark & _FIGURED else key


def _figures(line: bytes, mark: int) -> Hashable:
    statuses = tuple(_STATUS.findall(line)) if mark & _STATUSES else ()
    if not mark & _MEASURE:
        return statuses
    text = line.decode("utf-8", "replace")
    trouble = told(text)
    return statuses, trouble and trouble.trouble, figure_of(text) is None, exposed(text) is None
