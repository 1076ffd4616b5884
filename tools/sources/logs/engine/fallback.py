"""The same scan with re2, for machines without a wheel of hyperscan: several times slower, with the same result."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np
import re2

from tools.sources.logs.engine.patterns import TELLING, Mark, Pattern
from tools.sources.logs.engine.scanning import Hits, Ints, first_ids

_GROUP = 12
"""Expressions that are tried together: more of them make an automaton that is made again and again."""


class Buffers:
    """Each group of patterns goes over the block once, and on to the next line where it found something."""

    def __init__(self, patterns: tuple[Pattern, ...]) -> None:
        grouped: dict[int, list[str]] = defaultdict(list)
        for pattern in patterns:
            flags = "(?i:" if pattern.caseless else "(?:"
            grouped[int(pattern.mark)].append(f"{flags}{pattern.expression})")
        self._groups = [
            (mark, _compiled("|".join(parts[start : start + _GROUP])))
            for mark, parts in grouped.items()
            for start in range(0, len(parts), _GROUP)
        ]

    def scan(self, data: memoryview, newlines: Ints) -> Hits:
        """What the lines hold."""
        text = bytes(data)
        ends = newlines.tolist()
        marks: dict[int, int] = defaultdict(int)
        found: list[tuple[int, int, bool]] = []
        for mark, pattern in self._groups:
            at = 0
            while (match := pattern.search(text, at)) is not None:
                line = int(np.searchsorted(newlines, match.end() - 1))
                marks[line] |= mark
                if mark & TELLING:
                    found.append((line, match.end(), mark == Mark.MESSAGE))
                at = ends[line] + 1
                if at >= len(text):
                    break
        lines = sorted(marks)
        ids, ends, are_messages = (
            (np.array(column, np.int64) for column in zip(*found, strict=True))
            if found
            else (np.empty(0, np.int64),) * 3
        )
        return Hits(
            np.array(lines, np.int64),
            np.array([marks[line] for line in lines], np.int64),
            *first_ids(ids, ends, are_messages.astype(np.bool_)),
        )


def _compiled(expression: str) -> Any:
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    options.max_mem = 64 << 20
    return re2.compile(f"(?m){expression}".encode("latin-1"), options)
