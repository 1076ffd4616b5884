"""The memory that a log line says its process takes: `heapUsed`, `rss`, `memory usage`, with a unit or in bytes."""

from __future__ import annotations

from typing import NamedTuple

from tools import linear

PATTERN = (
    r"(?:\b|_)(heap[_ -]?used|used[_ -]?heap|heap[_ -]?(?:size|usage)|heap[_ -]?alloc|rss|resident(?:[_ -]?set)?(?:[_ -]?size)?"
    r"|process_resident_memory_bytes|mem(?:ory)?[_ -]?(?:used|usage)|used[_ -]?mem(?:ory)?|working[_ -]?set)(?:[_ -]?(bytes|kb|mb|gb))?"
    r"[\"']?(?:\s?(?:is|at|of|now|[:=])){0,2}\s?[\"']?"
)
"""What stands before a figure (without case)."""
_FIGURE = linear.compile(rf"(?i){PATTERN}(\d+(?:\.\d+)?)\s?(bytes|[kmg]i?b\b|[kmg]\b)?")
_UNITS = {"": 1, "b": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}
_BARE_MIN = 1_000_000
"""A figure without a unit is bytes only from here on; a smaller one may be anything."""
_LARGEST = 1 << 50
_CHARACTERS_MAX = 4000


class Figure(NamedTuple):
    """What a line says: bytes, and whether of a heap (which is collected) or of the whole process."""

    bytes: int
    heap: bool


def figure_of(text: str) -> Figure | None:
    """The first figure of memory in use in a line; None where there is none or its unit cannot be told."""
    match = _FIGURE.search(text[:_CHARACTERS_MAX])
    if match is None:
        return None
    unit = (match.group(4) or match.group(2) or "").lower()
    value = float(match.group(3)) * _UNITS[unit[:1]]
    if (not unit and value < _BARE_MIN) or not 0 < value < _LARGEST:
        return None
    return Figure(round(value), "heap" in match.group(1).lower())


def measures(text: str) -> bool:
    """Whether lines like this one may differ in judgement by their figures alone."""
    return _FIGURE.search(text[:_CHARACTERS_MAX]) is not None
